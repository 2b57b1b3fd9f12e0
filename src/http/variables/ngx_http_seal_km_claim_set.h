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
 * NGX_OK where each variable has kept that meaning, whatever stands further
 * down; else NGX_ERROR, after it was logged.  For postconfiguration.
 */
ngx_int_t ngx_http_seal_km_check_claim_sets(ngx_conf_t *cf);

/*
 * 1 if the variable of that name is one of seal_km_claim_set's, and nothing else
 * has taken it over.  For postconfiguration.
 */
ngx_uint_t ngx_http_seal_km_is_claim_variable(ngx_conf_t *cf,
    ngx_str_t *name);


#endif /* NGX_HTTP_SEAL_KM_CLAIM_SET_H */
