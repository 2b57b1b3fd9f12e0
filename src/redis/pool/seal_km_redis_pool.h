/*
 * The servers that share their settings, as their topology wants them, and
 * the names that are resolved for them.
 */


#ifndef SEAL_KM_REDIS_POOL_H
#define SEAL_KM_REDIS_POOL_H


#include "seal_km_redis_endpoint.h"
#include "seal_km_redis_names.h"
#include "seal_km_redis_servers.h"


/* how a pool is made is for its own wing: others have the functions below */
struct seal_km_redis_pool_s {
    seal_km_redis_settings_t          settings;
    seal_km_redis_servers_t           servers;
    ngx_uint_t                        generation; /* what is being asked for */
    ngx_uint_t                        wanted;     /* servers, in that */
    ngx_uint_t                        committed;  /* older servers go */
    const seal_km_redis_topology_t   *topology;
    void                             *state;      /* the topology's */
    ngx_uint_t                        turn;       /* servers take turns */

    seal_km_redis_names_t            *names;      /* NULL: none is resolved */
    seal_km_redis_endpoint_t         *endpoints;  /* of settings.host */
    seal_km_redis_address_t          *seeds;
    ngx_uint_t                        nseeds;

    unsigned                          stopped:1;
};


/*
 * The server of that address, greeted so (SEAL_KM_REDIS_GREET_...), made and
 * kept in the pool at its first use.  NULL: out of memory, or more of them are
 * wanted than any topology has.
 */
seal_km_redis_server_t *seal_km_redis_pool_server(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *address, ngx_uint_t greeting);

/*
 * 1 if one of the servers, or of those that are asked about them, has failed us
 * last for a password, a user, a database or a permission.
 */
ngx_uint_t seal_km_redis_pool_is_denied(seal_km_redis_pool_t *pool);

/*
 * Servers of which any will do take turns: a number that goes up with each
 * call, never 0, by which to begin with another one.
 */
ngx_uint_t seal_km_redis_pool_turn(seal_km_redis_pool_t *pool);

/*
 * Between begin and commit all servers are asked for that are still wanted;
 * commit gives up the others.  Abandon, in its place, gives up nobody, and
 * forgets those that were not there before begin; nothing was sent to these.
 */
void seal_km_redis_pool_begin(seal_km_redis_pool_t *pool);
void seal_km_redis_pool_commit(seal_km_redis_pool_t *pool);
void seal_km_redis_pool_abandon(seal_km_redis_pool_t *pool);

/*
 * Closes the servers that were given up; what waits for them, sent or not, is
 * asked anew of whoever serves now.  Forgets the names that only they had.
 * Returns how many are left to be closed later.  Never to be called by what a
 * connection calls: it may be one of theirs.
 */
ngx_uint_t seal_km_redis_pool_sweep(seal_km_redis_pool_t *pool);

/*
 * Closes the servers that have not been asked for in so many milliseconds,
 * while others have, and that no command waits for.  Never to be called by what
 * a connection calls, either.
 */
void seal_km_redis_pool_sweep_unused(seal_km_redis_pool_t *pool,
    ngx_msec_t unused);

/*
 * Closes the connections over which servers are asked about the topology, where
 * nobody waits for an answer.  Never to be called by what they call, either.
 */
void seal_km_redis_pool_rest(seal_km_redis_pool_t *pool);

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
