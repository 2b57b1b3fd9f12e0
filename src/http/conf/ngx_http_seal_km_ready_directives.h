/*
 * seal_km_ready: where it stands, and whom it asks about.
 */


#ifndef NGX_HTTP_SEAL_KM_READY_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_READY_DIRECTIVES_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* whether an SKM-S can serve: what a worker has found out, see ..._ready.c */
typedef struct ngx_http_seal_km_probe_s  ngx_http_seal_km_probe_t;


/* one seal_km_ready */
typedef struct {
    ngx_str_t                        uri;
    ngx_http_core_srv_conf_t        *server;
    u_char                          *file;      /* where it stands */
    ngx_uint_t                       line;
    ngx_http_seal_km_probe_t        *probe;     /* the location's */
} ngx_http_seal_km_ready_t;


/* the setter: makes smcf->ready_handler the location's */
char *ngx_http_seal_km_set_ready(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Once the configuration is read: finds the location of each seal_km_ready, and
 * has the main configuration's create_probe make its probe, one for all who
 * ask.  NGX_OK, or NGX_ERROR after the error was logged.
 */
ngx_int_t ngx_http_seal_km_find_ready(ngx_conf_t *cf);


#endif /* NGX_HTTP_SEAL_KM_READY_DIRECTIVES_H */
