/*
 * $seal_km_*: what logs, maps and headers may know of a request.
 */


#include "ngx_http_seal_km.h"


static ngx_int_t ngx_http_seal_km_error_code_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_seal_km_reason_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_seal_km_service_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_seal_km_identity_type_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_seal_km_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_seal_km_user_uri_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_seal_km_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_seal_km_token_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_seal_km_ctx_t *ngx_http_seal_km_read_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_seal_km_claim_cleanup(ngx_http_request_t *r,
    char *buffer);
static void ngx_http_seal_km_set_variable(ngx_http_variable_value_t *v,
    seal_km_str_t value);


/*
 * None is cacheable: a map or a log that looks before the request is judged
 * must not freeze what it saw.
 */

static ngx_http_variable_t  ngx_http_seal_km_variables[] = {

    { ngx_string("seal_km_error_code"), NULL,
      ngx_http_seal_km_error_code_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_reason"), NULL,
      ngx_http_seal_km_reason_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_service_id"), NULL,
      ngx_http_seal_km_service_id_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_identity_type"), NULL,
      ngx_http_seal_km_identity_type_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_identity"), NULL,
      ngx_http_seal_km_identity_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_user_uri"), NULL,
      ngx_http_seal_km_user_uri_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_token_cache"), NULL,
      ngx_http_seal_km_token_cache_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_claim_"), NULL,
      ngx_http_seal_km_claim_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_seal_km_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_seal_km_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_error_code_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char              *code;
    seal_km_str_t            value;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    if (ctx && ctx->reason != SEAL_KM_REASON_MAX) {
        code = seal_km_reason(ctx->reason)->error_code;

        if (code) {
            value.data = code;
            value.len = ngx_strlen(code);
        }
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_reason_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    seal_km_str_t            value;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    if (ctx && ctx->reason != SEAL_KM_REASON_MAX) {
        value.data = ngx_http_seal_km_reason_word(ctx);
        value.len = ngx_strlen(value.data);
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_service_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    seal_km_str_t            value;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    if (ctx) {
        value = ctx->request.service_id;
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_identity_type_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    seal_km_str_t            value;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    /* of a malformed request it is not known that it asks for the service */

    if (ctx
        && (ctx->request.identity.data
            || (ctx->request.service_id.data && ctx->request.error == NULL)))
    {
        value.data = seal_km_identity_name(ctx->request.identity_type);
        value.len = ngx_strlen(value.data);
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    seal_km_str_t            value;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    if (ctx) {
        value = ctx->request.identity;
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_user_uri_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    seal_km_str_t            value;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    if (ctx) {
        value = ngx_http_seal_km_str(&ctx->user_uri);

        if (seal_km_str_has_control(value)) {
            value.data = NULL;
        }
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t               *name = (ngx_str_t *) data;

    int                      rc;
    char                    *buffer;
    seal_km_str_t            claim, value;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    if (ctx && ctx->verified) {
        claim.data = (char *) name->data + sizeof("seal_km_claim_") - 1;
        claim.len = name->len - (sizeof("seal_km_claim_") - 1);

        rc = seal_km_claims_text(&ctx->token, claim, &value, &buffer);

        if (rc > 0) {
            if (ngx_http_seal_km_recall_claims(r, ctx) != NGX_OK) {
                return NGX_ERROR;
            }

            rc = seal_km_claims_text(&ctx->token, claim, &value, &buffer);
        }

        if (rc != 0) {
            return NGX_ERROR;
        }

        if (buffer && ngx_http_seal_km_claim_cleanup(r, buffer) != NGX_OK) {
            seal_km_secret_free(buffer);
            return NGX_ERROR;
        }
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


/* the text of a claim that is no string lives as long as the request */

static ngx_int_t
ngx_http_seal_km_claim_cleanup(ngx_http_request_t *r, char *buffer)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = seal_km_secret_free;
    cln->data = buffer;

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_token_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    seal_km_str_t            value;
    ngx_http_seal_km_ctx_t  *ctx;

    static const seal_km_str_t  states[] = {
        { NULL, 0 },
        { "OFF", 3 },
        { "MISS", 4 },
        { "HIT", 3 }
    };

    ctx = ngx_http_seal_km_read_ctx(r);

    value.data = NULL;

    if (ctx && ctx->cache != NGX_HTTP_SEAL_KM_CACHE_NONE) {
        value = states[ctx->cache];
    }

    ngx_http_seal_km_set_variable(v, value);

    return NGX_OK;
}


const char *
ngx_http_seal_km_reason_word(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->reason == SEAL_KM_POLICY && ctx->word) {
        return ctx->word;
    }

    return seal_km_reason(ctx->reason)->word;
}


static ngx_http_seal_km_ctx_t *
ngx_http_seal_km_read_ctx(ngx_http_request_t *r)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_get_ctx(r);

    ngx_http_seal_km_note_read(r, ctx);

    return ctx;
}


static void
ngx_http_seal_km_set_variable(ngx_http_variable_value_t *v,
    seal_km_str_t value)
{
    if (value.data == NULL) {
        v->not_found = 1;
        return;
    }

    v->data = (u_char *) value.data;
    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}
