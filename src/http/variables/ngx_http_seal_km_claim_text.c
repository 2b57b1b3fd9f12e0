/*
 * An extract of the token cache may lack the text of a claim: then the claims
 * are decoded once more.
 */


#include "ngx_http_seal_km_claim_text.h"


static ngx_int_t ngx_http_seal_km_set_claim_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int rc, seal_km_str_t text, char *buffer);


ngx_int_t
ngx_http_seal_km_claim_value(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t name,
    ngx_http_variable_value_t *v)
{
    int             rc;
    char           *buffer;
    seal_km_str_t   text;

    rc = seal_km_claims_text(&ctx->token, name, &text, &buffer);

    if (rc > 0) {
        if (ngx_http_seal_km_recall_claims(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = seal_km_claims_text(&ctx->token, name, &text, &buffer);
    }

    return ngx_http_seal_km_set_claim_text(r, v, rc, text, buffer);
}


ngx_int_t
ngx_http_seal_km_claim_path_value(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_uint_t i, ngx_http_variable_value_t *v)
{
    int             rc;
    char           *buffer;
    seal_km_str_t   text;

    rc = seal_km_claims_path_text(&ctx->token, ctx->paths, i, &text, &buffer);

    if (rc > 0) {
        if (ngx_http_seal_km_recall_claims(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = seal_km_claims_path_text(&ctx->token, ctx->paths, i, &text,
                                      &buffer);
    }

    return ngx_http_seal_km_set_claim_text(r, v, rc, text, buffer);
}


/* the text of a claim that is no string lives as long as the request */

static ngx_int_t
ngx_http_seal_km_set_claim_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int rc, seal_km_str_t text, char *buffer)
{
    ngx_pool_cleanup_t  *cln;

    if (rc != 0) {
        return NGX_ERROR;
    }

    if (buffer) {
        cln = ngx_pool_cleanup_add(r->pool, 0);

        if (cln == NULL) {
            seal_km_secret_free(buffer);
            return NGX_ERROR;
        }

        cln->handler = seal_km_secret_free;
        cln->data = buffer;
    }

    if (text.data == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = (u_char *) text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
