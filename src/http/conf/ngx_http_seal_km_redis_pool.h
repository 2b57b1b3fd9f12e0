/*
 * The connections of a location: shared with those whose settings are equal.
 */


#ifndef NGX_HTTP_SEAL_KM_REDIS_POOL_H
#define NGX_HTTP_SEAL_KM_REDIS_POOL_H


#include "ngx_http_seal_km_redis_conf.h"


/*
 * Sets conf->pool: that of an equal conf among pools (an array of
 * ngx_http_seal_km_redis_conf_t *), or a new one, and then conf is added to
 * pools.  conf is merged, checked and has its upstream; cf is of its location,
 * whose resolver is taken.  NGX_OK, or NGX_ERROR after the error was logged.
 */
ngx_int_t ngx_http_seal_km_set_redis_pool(ngx_conf_t *cf, ngx_array_t *pools,
    ngx_http_seal_km_redis_conf_t *conf);


#endif /* NGX_HTTP_SEAL_KM_REDIS_POOL_H */
