/*
 * Variables of seal_km_claim_set: claims of any name, and what is inside.
 */


#ifndef NGX_HTTP_SEAL_KM_CLAIM_SET_H
#define NGX_HTTP_SEAL_KM_CLAIM_SET_H


#include <ngx_config.h>
#include <ngx_core.h>


/* the setter: adds the variable, and what it has at this level */
char *ngx_http_seal_km_set_claim_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * 1 if some seal_km_claim_set sets the variable of that name, in lower case;
 * known once the configuration is read, as long as nginx has not forgotten the
 * names of variables.
 */
ngx_uint_t ngx_http_seal_km_is_claim_variable(ngx_conf_t *cf,
    ngx_str_t *name);


#endif /* NGX_HTTP_SEAL_KM_CLAIM_SET_H */
