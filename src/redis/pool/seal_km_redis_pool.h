/*
 * The servers that share their settings, as their topology wants them, and
 * the names that are resolved for them.
 */


#ifndef SEAL_KM_REDIS_POOL_H
#define SEAL_KM_REDIS_POOL_H


#include "seal_km_redis_endpoint.h"
#include "seal_km_redis_server.h"


/*
 * The server of that address, greeted so (SEAL_KM_REDIS_GREET_...), made and
 * kept in the pool at its first use.  NULL: out of memory.
 */
seal_km_redis_server_t *seal_km_redis_pool_server(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *address, ngx_uint_t greeting);

/*
 * Sets endpoint->address to where informant says that a server is.  A host
 * that is a name is resolved where the pool has a resolver; till it is, and
 * where there is none, ip is its address, which is empty if it was not told.
 * An empty host is where informant was reached itself.  NGX_OK; NGX_DECLINED
 * if the address of a name is not known (yet); NGX_ERROR if it is none.
 */
ngx_int_t seal_km_redis_pool_endpoint(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, ngx_str_t *ip,
    ngx_int_t port, seal_km_redis_address_t *informant);

/*
 * The server that "host:port" names, as informant says it in a redirection:
 * NULL if the address of a name is not known, or out of memory.
 */
seal_km_redis_server_t *seal_km_redis_pool_redirect(
    seal_km_redis_pool_t *pool, ngx_str_t *text,
    seal_km_redis_address_t *informant);

/*
 * Servers of which any will do take turns: a number that goes up with each
 * call, never 0, by which to begin with another one.
 */
ngx_uint_t seal_km_redis_pool_turn(seal_km_redis_pool_t *pool);

/*
 * Between begin and commit all servers are asked for that are still wanted;
 * commit gives up the others.  Without a commit nobody is given up.
 */
void seal_km_redis_pool_begin(seal_km_redis_pool_t *pool);
void seal_km_redis_pool_commit(seal_km_redis_pool_t *pool);

/*
 * Closes the servers that were given up, once no command waits for them: what
 * was sent may be answered yet, what waits for a connection to be ready goes
 * elsewhere.  Forgets the names that only they had.  Returns how many are left
 * to be closed later.  Never to be called by what a connection calls: it may be
 * one of theirs.
 */
ngx_uint_t seal_km_redis_pool_sweep(seal_km_redis_pool_t *pool);

/*
 * Closes the servers that have not been asked for in so many seconds, while
 * others have, and that no command waits for.  Never to be called by what a
 * connection calls, either.
 */
void seal_km_redis_pool_sweep_unused(seal_km_redis_pool_t *pool,
    time_t unused);

/* Prepares a zeroed event of a topology, while the configuration is read. */
void seal_km_redis_pool_event(ngx_conf_t *cf, ngx_event_t *ev,
    ngx_event_handler_pt handler, void *data);

/* what the pool's topology keeps */
void *seal_km_redis_pool_state(seal_km_redis_pool_t *pool);

/*
 * The servers that the configuration names: as nginx has resolved them, or,
 * where the pool has a resolver for the name of seal_km_pass, as that did.
 */
seal_km_redis_address_t *seal_km_redis_pool_seeds(seal_km_redis_pool_t *pool,
    ngx_uint_t *n);


#endif /* SEAL_KM_REDIS_POOL_H */
