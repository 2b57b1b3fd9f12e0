/*
 * The directives seal_km_redis_*: their values, and the connections that are
 * made with them.
 */


#ifndef NGX_HTTP_SEAL_KM_REDIS_CONF_H
#define NGX_HTTP_SEAL_KM_REDIS_CONF_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "seal_km_redis.h"


typedef struct {
    ngx_str_t               key_prefix;
    ngx_str_t               user;
    ngx_str_t               password;
    ngx_int_t               database;
    ngx_int_t               connections;
    ngx_msec_t              connect_timeout;
    ngx_msec_t              timeout;

    ngx_flag_t              ssl;
    ngx_flag_t              ssl_verify;
    ngx_int_t               ssl_verify_depth;
    ngx_str_t               ssl_trusted_certificate;
    ngx_str_t               ssl_crl;
    ngx_str_t               ssl_name;
    ngx_flag_t              ssl_server_name;
    ngx_str_t               ssl_certificate;
    ngx_str_t               ssl_certificate_key;
    ngx_array_t            *ssl_passwords;
    ngx_uint_t              ssl_protocols;
    ngx_str_t               ssl_ciphers;
    ngx_flag_t              ssl_session_reuse;

    ngx_uint_t              mode;
    ngx_str_t               master_name;
    ngx_uint_t              read;
    ngx_str_t               sentinel_user;
    ngx_str_t               sentinel_password;
    ngx_flag_t              sentinel_ssl;

    ngx_http_upstream_srv_conf_t  *upstream;   /* of seal_km_pass */
    ngx_resolver_t                *resolver;   /* NULL: resolves nothing */
    ngx_msec_t                     resolver_timeout;
    seal_km_redis_pool_t          *pool;
} ngx_http_seal_km_redis_conf_t;


/* sets what ngx_pcalloc() has not, before directives are read */
void ngx_http_seal_km_init_redis_conf(ngx_http_seal_km_redis_conf_t *conf);

void ngx_http_seal_km_merge_redis_conf(ngx_http_seal_km_redis_conf_t *prev,
    ngx_http_seal_km_redis_conf_t *conf);

/*
 * NULL if the values fit together, else what does not, as the rest of a
 * sentence that goes on with the location.
 */
const char *ngx_http_seal_km_check_redis_conf(
    ngx_http_seal_km_redis_conf_t *conf);

/* the host of a "host:port", without port and brackets */
ngx_str_t ngx_http_seal_km_without_port(ngx_str_t *name);

/*
 * Sets conf->pool: that of an equal conf among pools (an array of
 * ngx_http_seal_km_redis_conf_t *), or a new one.  NGX_OK, or NGX_ERROR after
 * the error was logged.
 */
ngx_int_t ngx_http_seal_km_set_redis_pool(ngx_conf_t *cf, ngx_array_t *pools,
    ngx_http_seal_km_redis_conf_t *conf);

/* setters of seal_km_redis_password and seal_km_redis_password_file */
char *ngx_http_seal_km_set_password(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_seal_km_set_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* setter of seal_km_redis_mode */
char *ngx_http_seal_km_set_redis_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* setter of seal_km_redis_ssl_protocols */
char *ngx_http_seal_km_set_ssl_protocols(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* setter of seal_km_redis_ssl_password_file */
char *ngx_http_seal_km_set_ssl_password_file(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);


#endif /* NGX_HTTP_SEAL_KM_REDIS_CONF_H */
