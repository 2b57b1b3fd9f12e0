/*
 * The addresses of seal_km_pass, for those who choose among them themselves:
 * sentinels, nodes of a cluster, and the servers of a name that is resolved
 * again.
 */


#ifndef NGX_HTTP_SEAL_KM_REDIS_SEEDS_H
#define NGX_HTTP_SEAL_KM_REDIS_SEEDS_H


#include "ngx_http_seal_km_redis_conf.h"


/*
 * NULL if conf's mode wants no seeds or finds some, else why it does not, as
 * the rest of a sentence that goes on with the location.
 */
const char *ngx_http_seal_km_check_seeds(ngx_http_seal_km_redis_conf_t *conf);

/*
 * Sets the seeds of settings, in cf's pool: the servers of the upstream that
 * are not down, or what nginx has resolved the name in seal_km_pass to.  The
 * addresses themselves stay the upstream's.  NGX_OK, or NGX_ERROR where memory
 * is out.
 */
ngx_int_t ngx_http_seal_km_set_seeds(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *uscf, seal_km_redis_settings_t *settings);

/*
 * The n-th address of uscf, from 0, in the order of its servers, without those
 * that are down, and those that nginx resolves later; with its host where with_host
 * is set.  NGX_OK, or NGX_DECLINED: there are not so many.
 */
ngx_int_t ngx_http_seal_km_nth_server(ngx_http_upstream_srv_conf_t *uscf,
    ngx_uint_t n, ngx_uint_t with_host, seal_km_redis_address_t *address);

/*
 * The host of a server of uscf as the configuration names it, without port; it
 * points into the configuration.
 */
ngx_str_t ngx_http_seal_km_server_host(ngx_http_upstream_srv_conf_t *uscf,
    ngx_http_upstream_server_t *server);

/* the host of a "host:port", without port and brackets; points into name */
ngx_str_t ngx_http_seal_km_without_port(ngx_str_t *name);


#endif /* NGX_HTTP_SEAL_KM_REDIS_SEEDS_H */
