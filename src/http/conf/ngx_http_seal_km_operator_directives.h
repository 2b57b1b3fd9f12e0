/*
 * Directives of locations that are for the operator, not for clients.
 */


#ifndef NGX_HTTP_SEAL_KM_OPERATOR_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_OPERATOR_DIRECTIVES_H


#include "ngx_http_seal_km.h"


/* of seal_km_metrics */
char *ngx_http_seal_km_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Once a location has its values: "if" and "limit_except" in it answer as it
 * does, and whether it has what it needs.  NGX_CONF_OK, or NGX_CONF_ERROR after
 * that was logged.
 */
char *ngx_http_seal_km_merge_metrics(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf);


#endif /* NGX_HTTP_SEAL_KM_OPERATOR_DIRECTIVES_H */
