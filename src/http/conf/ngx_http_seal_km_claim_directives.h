/*
 * Directives that say where a SIM-S puts what is needed of its tokens; conf is
 * an ngx_http_seal_km_loc_conf_t, and setters return what nginx's do.
 */


#ifndef NGX_HTTP_SEAL_KM_CLAIM_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_CLAIM_DIRECTIVES_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_seal_km.h"


/* seal_km_claim_set: what a variable has in a location */
typedef struct {
    ngx_str_t               variable;    /* its name, without "$" */
    seal_km_claim_path_t    path;

    u_char                 *file;        /* where that is configured */
    ngx_uint_t              line;
} ngx_http_seal_km_claim_set_t;


/* of seal_km_token_type: types as they are compared; "any": an empty array */
char *ngx_http_seal_km_set_token_types(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* gives conf what it lacks: prev's, else that of Annex A */
char *ngx_http_seal_km_merge_claims(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf);

/* what the variable of that name has among sets; NULL: nothing */
ngx_http_seal_km_claim_set_t *ngx_http_seal_km_find_claim_set(
    ngx_array_t *sets, ngx_str_t *variable);

/* conf->profile and the paths of conf->names, of a location that is complete */
char *ngx_http_seal_km_fill_claims(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);


#endif /* NGX_HTTP_SEAL_KM_CLAIM_DIRECTIVES_H */
