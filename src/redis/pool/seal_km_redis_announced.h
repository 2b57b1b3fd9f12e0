/*
 * Where servers say that others are: by an address, by a name, or not at all.
 */


#ifndef SEAL_KM_REDIS_ANNOUNCED_H
#define SEAL_KM_REDIS_ANNOUNCED_H


#include "seal_km_redis_pool.h"


/*
 * Sets endpoint->address to where informant says that a server is.  A host
 * that is a name is resolved where the pool has a resolver; till it is, and
 * where there is none, ip is its address, which is empty if it was not told.
 * An empty host is where informant was reached itself.  NGX_OK; NGX_DECLINED
 * if the address of a name is not known (yet); NGX_ERROR if it is none.
 */
ngx_int_t seal_km_redis_announced(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, ngx_str_t *ip,
    ngx_int_t port, seal_km_redis_address_t *informant);

/*
 * The server that "host:port" names, as informant says it in a redirection:
 * NULL if the address of a name is not known, or as of
 * seal_km_redis_pool_server().
 */
seal_km_redis_server_t *seal_km_redis_announced_redirect(
    seal_km_redis_pool_t *pool, ngx_str_t *text,
    seal_km_redis_address_t *informant);

/* 1 of "?", which a node is called that wants a name and has none */
ngx_uint_t seal_km_redis_announced_is_unset(ngx_str_t *host);


#endif /* SEAL_KM_REDIS_ANNOUNCED_H */
