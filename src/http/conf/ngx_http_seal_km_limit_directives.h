/*
 * seal_km_limit: the directive.
 */


#ifndef NGX_HTTP_SEAL_KM_LIMIT_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_LIMIT_DIRECTIVES_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "seal_km_sha256.h"


/* one seal_km_limit; rate and burst as ngx_http_seal_km_fill_bucket() has them */
typedef struct {
    uint64_t                   rate;
    uint64_t                   burst;
    ngx_http_complex_value_t  *key;      /* NULL: the default */
    ngx_str_t                  text;     /* as key= has it */
    u_char                     id[SEAL_KM_SHA256_SIZE];   /* of the above */
    u_char                    *file;     /* where it stands */
    ngx_uint_t                 line;
    unsigned                   has_burst:1;
    unsigned                   looked_at:1;
} ngx_http_seal_km_limit_t;


/*
 * The setter of seal_km_limit.  The offset is that of an
 * ngx_http_seal_km_limit_t *, NGX_CONF_UNSET_PTR before; "off" makes it NULL.
 */
char *ngx_http_seal_km_set_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_SEAL_KM_LIMIT_DIRECTIVES_H */
