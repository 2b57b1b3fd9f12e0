/*
 * The variables of seal_km_claim_set.  nginx knows a variable by its name,
 * whatever the location; what it has there is looked up when it is read.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_set.h"
#include "ngx_http_seal_km_claim_text.h"
#include "ngx_http_seal_km_watch.h"


static ngx_int_t ngx_http_seal_km_claim_set_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


char *
ngx_http_seal_km_add_claim_variable(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t            *copy;
    ngx_http_variable_t  *v;

    v = ngx_http_add_variable(cf, name, NGX_HTTP_VAR_CHANGEABLE
                                        |NGX_HTTP_VAR_NOCACHEABLE);
    if (v == NULL) {
        return NGX_CONF_ERROR;
    }

    if (v->get_handler == ngx_http_seal_km_claim_set_variable) {
        return NGX_CONF_OK;
    }

    if (v->get_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_claim_set\" wants a variable of its "
                           "own, \"$%V\" is set elsewhere too", name);
        return NGX_CONF_ERROR;
    }

    copy = ngx_palloc(cf->pool, sizeof(ngx_str_t));
    if (copy == NULL) {
        return NGX_CONF_ERROR;
    }

    *copy = v->name;

    v->get_handler = ngx_http_seal_km_claim_set_variable;
    v->data = (uintptr_t) copy;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_seal_km_claim_set_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *name = (ngx_str_t *) data;

    ngx_uint_t                     i;
    ngx_http_seal_km_ctx_t        *ctx;
    ngx_http_seal_km_claim_set_t  *set;

    ngx_http_seal_km_note_read();

    ctx = ngx_http_seal_km_get_ctx(r);

    v->not_found = 1;

    if (ctx == NULL || !ctx->verified || ctx->claim_sets == NULL) {
        return NGX_OK;
    }

    set = ctx->claim_sets->elts;

    for (i = 0; i < ctx->claim_sets->nelts; i++) {
        if (set[i].variable.len == name->len
            && ngx_strncasecmp(set[i].variable.data, name->data, name->len)
               == 0)
        {
            return ngx_http_seal_km_claim_path_value(r, ctx, i, v);
        }
    }

    return NGX_OK;
}
