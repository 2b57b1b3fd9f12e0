/*
 * The setters of directives about records; conf is an
 * ngx_http_seal_km_loc_conf_t, and they return what one of nginx's does.
 */


#ifndef NGX_HTTP_SEAL_KM_RECORD_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_RECORD_DIRECTIVES_H


#include <ngx_config.h>
#include <ngx_core.h>


/* of seal_km_record_keys: reads the files; "off" alone: no record keys */
char *ngx_http_seal_km_set_record_keys(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_record_digest_key: reads the file */
char *ngx_http_seal_km_set_digest_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_SEAL_KM_RECORD_DIRECTIVES_H */
