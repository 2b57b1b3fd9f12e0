/*
 * The TLS context of connections to Redis.
 */


#ifndef NGX_HTTP_SEAL_KM_REDIS_SSL_H
#define NGX_HTTP_SEAL_KM_REDIS_SSL_H


#include "ngx_http_seal_km_redis_conf.h"


/*
 * Sets *ssl: NULL where conf wants no TLS, neither to servers nor to sentinels,
 * else a new context, which goes with cf's pool.  NGX_OK, or NGX_ERROR after
 * the error was logged, with the file's name if a file is at fault.
 */
ngx_int_t ngx_http_seal_km_set_redis_ssl(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, ngx_ssl_t **ssl);


#endif /* NGX_HTTP_SEAL_KM_REDIS_SSL_H */
