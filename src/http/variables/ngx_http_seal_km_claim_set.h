/*
 * Variables of seal_km_claim_set: claims of any name, and what is inside.
 */


#ifndef NGX_HTTP_SEAL_KM_CLAIM_SET_H
#define NGX_HTTP_SEAL_KM_CLAIM_SET_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "seal_km_extract.h"


/* what a variable has in a location */
typedef struct {
    ngx_str_t               variable;    /* its name, without "$" */
    seal_km_claim_path_t    path;
} ngx_http_seal_km_claim_set_t;


/*
 * Adds the variable of that name, which may be there already if it is one of
 * these.  Returns NGX_CONF_OK, or NGX_CONF_ERROR after an error was logged.
 */
char *ngx_http_seal_km_add_claim_variable(ngx_conf_t *cf, ngx_str_t *name);


#endif /* NGX_HTTP_SEAL_KM_CLAIM_SET_H */
