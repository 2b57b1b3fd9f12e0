/*
 * Rows 6 to 11: the token, which ngx_http_seal_km_verify.c has looked at, the
 * request, and whether they belong together.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_interface.h"


static seal_km_reason_e ngx_http_seal_km_check_scope(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static ngx_int_t ngx_http_seal_km_set_scope(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_str_t *scope, ngx_uint_t n);
static seal_km_reason_e ngx_http_seal_km_check_identity(
    ngx_http_seal_km_ctx_t *ctx, ngx_http_seal_km_loc_conf_t *conf);
static seal_km_reason_e ngx_http_seal_km_check_policy(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_http_seal_km_loc_conf_t *conf);
static ngx_int_t ngx_http_seal_km_set_user_uri(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);


seal_km_reason_e
ngx_http_seal_km_check(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx,
    seal_km_reason_e token)
{
    seal_km_reason_e              reason, request;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    /* decoded first, for even a 401 may echo the identity; judged second */

    request = conf->interface->decode(r, ctx);

    if (token != SEAL_KM_OK) {
        return token;
    }

    if (ngx_http_seal_km_set_user_uri(r, ctx) != NGX_OK) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    if (request != SEAL_KM_OK) {
        return request;
    }

    reason = ngx_http_seal_km_check_limit(r, ctx);
    if (reason != SEAL_KM_OK) {
        return reason;
    }

    reason = ngx_http_seal_km_check_scope(r, ctx);
    if (reason != SEAL_KM_OK) {
        return reason;
    }

    reason = conf->interface->check(r, ctx);
    if (reason != SEAL_KM_OK) {
        return reason;
    }

    reason = ngx_http_seal_km_check_identity(ctx, conf);
    if (reason != SEAL_KM_OK) {
        return reason;
    }

    return ngx_http_seal_km_check_policy(r, ctx, conf);
}


/* every scope demanded is evaluated: a refusal names them all */

static seal_km_reason_e
ngx_http_seal_km_check_scope(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    ngx_str_t                    *scope;
    ngx_uint_t                    i, n, granted;
    ngx_http_complex_value_t     *cv;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    n = conf->scopes->nelts;
    cv = conf->scopes->elts;

    if (n == 0) {
        return SEAL_KM_OK;
    }

    scope = ngx_palloc(r->pool, n * sizeof(ngx_str_t));
    if (scope == NULL) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    granted = 1;

    for (i = 0; i < n; i++) {
        if (ngx_http_seal_km_complex_value(r, &cv[i], &scope[i]) != NGX_OK) {
            return SEAL_KM_INTERNAL_ERROR;
        }

        if (!seal_km_claims_has_scope(&ctx->token,
                                      ngx_http_seal_km_str(&scope[i])))
        {
            granted = 0;
        }
    }

    if (granted) {
        return SEAL_KM_OK;
    }

    return (ngx_http_seal_km_set_scope(r, ctx, scope, n) == NGX_OK)
           ? SEAL_KM_INSUFFICIENT_SCOPE : SEAL_KM_INTERNAL_ERROR;
}


/*
 * The scope of a challenge (RFC 6750, clause 3): none where a word could not
 * stand there.
 */

static ngx_int_t
ngx_http_seal_km_set_scope(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx,
    ngx_str_t *scope, ngx_uint_t n)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i;

    len = 0;

    for (i = 0; i < n; i++) {
        if (!seal_km_claims_is_scope_token(ngx_http_seal_km_str(&scope[i]))) {
            return NGX_OK;
        }

        len += scope[i].len + 1;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->scope.data = p;
    ctx->scope.len = len - 1;

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, scope[i].data, scope[i].len);
        *p++ = ' ';
    }

    return NGX_OK;
}


static seal_km_reason_e
ngx_http_seal_km_check_identity(ngx_http_seal_km_ctx_t *ctx,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_str_t  *claim;

    if (ctx->request.identity_type == SEAL_KM_IDENTITY_SERVICE) {
        return SEAL_KM_OK;
    }

    claim = &conf->bind[ctx->request.identity_type];

    if (claim->data == NULL) {
        /* the default for a client */
        return seal_km_str_equal(ctx->token.client_id, ctx->request.identity)
               ? SEAL_KM_OK : SEAL_KM_IDENTITY_MISMATCH;
    }

    if (claim->len == 0) {
        /* off */
        return SEAL_KM_OK;
    }

    return seal_km_claims_check_identity(&ctx->token, (char *) claim->data,
                                         ctx->request.identity);
}


static seal_km_reason_e
ngx_http_seal_km_check_policy(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_seal_km_rule_t  *rule;

    if (conf->rules == NULL) {
        return SEAL_KM_OK;
    }

    switch (ngx_http_seal_km_check_rules(r, conf->rules, &rule)) {

    case NGX_OK:
        return SEAL_KM_OK;

    case NGX_DECLINED:
        ctx->word = rule->word;
        return SEAL_KM_POLICY;

    default: /* NGX_ERROR */
        return SEAL_KM_INTERNAL_ERROR;
    }
}


/* UserUri: seal_km_user_uri, else the token's sub, else its client_id */

static ngx_int_t
ngx_http_seal_km_set_user_uri(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_str_t                 uri;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    if (conf->user_uri) {
        if (ngx_http_seal_km_complex_value(r, conf->user_uri, &ctx->user_uri)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ctx->user_uri.len
            && seal_km_str_is_utf8(ngx_http_seal_km_str(&ctx->user_uri)))
        {
            return NGX_OK;
        }
    }

    uri = ctx->token.sub.len ? ctx->token.sub : ctx->token.client_id;

    ctx->user_uri.data = (u_char *) uri.data;
    ctx->user_uri.len = uri.len;

    return NGX_OK;
}
