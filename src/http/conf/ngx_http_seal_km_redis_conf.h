/*
 * The values of seal_km_redis_*, and the connections that are made with them.
 */


#ifndef NGX_HTTP_SEAL_KM_REDIS_CONF_H
#define NGX_HTTP_SEAL_KM_REDIS_CONF_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "seal_km_redis.h"


/* seal_km_redis_mode */
typedef enum {
    NGX_HTTP_SEAL_KM_STANDALONE = 0,
    NGX_HTTP_SEAL_KM_SENTINEL,
    NGX_HTTP_SEAL_KM_CLUSTER
} ngx_http_seal_km_redis_mode_e;


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
    ngx_array_t                   *tallies;    /* ngx_http_seal_km_tally_t *,
                                                  of those who share pool */
} ngx_http_seal_km_redis_conf_t;


/* sets what ngx_pcalloc() has not, before directives are read */
void ngx_http_seal_km_init_redis_conf(ngx_http_seal_km_redis_conf_t *conf);

/* gives conf what it lacks: prev's value, else the default */
void ngx_http_seal_km_merge_redis_conf(ngx_http_seal_km_redis_conf_t *prev,
    ngx_http_seal_km_redis_conf_t *conf);

/*
 * NULL if the values of a merged conf with its upstream fit together, else what
 * does not, as the rest of a sentence that goes on with the location.
 */
const char *ngx_http_seal_km_check_redis_conf(
    ngx_http_seal_km_redis_conf_t *conf);


#endif /* NGX_HTTP_SEAL_KM_REDIS_CONF_H */
