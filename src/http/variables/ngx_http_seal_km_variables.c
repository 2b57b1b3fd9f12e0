/*
 * $seal_km_*: what logs, maps and headers may know of a request.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_text.h"
#include "ngx_http_seal_km_interface.h"


typedef seal_km_str_t (*ngx_http_seal_km_value_pt)(
    ngx_http_seal_km_ctx_t *ctx);


static ngx_int_t ngx_http_seal_km_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static seal_km_str_t ngx_http_seal_km_error_code(ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_reason(ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_interface(ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_service_id(ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_identity_type(
    ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_identity(ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_user_uri(ngx_http_seal_km_ctx_t *ctx);
static ngx_int_t ngx_http_seal_km_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static seal_km_str_t ngx_http_seal_km_token_cache(ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_record_kid(ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_record_digest(
    ngx_http_seal_km_ctx_t *ctx);
static seal_km_str_t ngx_http_seal_km_text(const char *text);
static void ngx_http_seal_km_set_variable(ngx_http_variable_value_t *v,
    seal_km_str_t value);


static const seal_km_str_t  ngx_http_seal_km_nothing = { NULL, 0 };


/*
 * None is cacheable: what looks before the request is judged must not freeze
 * what it saw.  ngx_http_seal_km_watch.c sees to what is made of them.
 */

static ngx_http_variable_t  ngx_http_seal_km_variables[] = {

    { ngx_string("seal_km_error_code"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_error_code,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_reason"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_reason,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_interface"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_interface,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_service_id"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_service_id,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_identity_type"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_identity_type,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_identity"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_identity,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_user_uri"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_user_uri,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_token_cache"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_token_cache,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_record_kid"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_record_kid,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("seal_km_record_digest"), NULL,
      ngx_http_seal_km_variable,
      (uintptr_t) ngx_http_seal_km_record_digest,
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


/* data is the function that knows the value */

static ngx_int_t
ngx_http_seal_km_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_seal_km_value_pt  get = (ngx_http_seal_km_value_pt) data;

    ngx_http_seal_km_ctx_t  *ctx;

    ngx_http_seal_km_note_read();

    ctx = ngx_http_seal_km_get_ctx(r);

    ngx_http_seal_km_set_variable(v, ctx ? get(ctx)
                                         : ngx_http_seal_km_nothing);

    return NGX_OK;
}


static seal_km_str_t
ngx_http_seal_km_error_code(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->reason == SEAL_KM_REASON_MAX) {
        return ngx_http_seal_km_nothing;
    }

    return ngx_http_seal_km_text(seal_km_reason(ctx->reason)->error_code);
}


static seal_km_str_t
ngx_http_seal_km_reason(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->reason == SEAL_KM_REASON_MAX) {
        return ngx_http_seal_km_nothing;
    }

    return ngx_http_seal_km_text(ngx_http_seal_km_reason_word(ctx));
}


static seal_km_str_t
ngx_http_seal_km_interface(ngx_http_seal_km_ctx_t *ctx)
{
    ngx_str_t  name;

    name = ctx->conf->interface->name;

    return ngx_http_seal_km_str(&name);
}


static seal_km_str_t
ngx_http_seal_km_service_id(ngx_http_seal_km_ctx_t *ctx)
{
    return ctx->request.service_id;
}


/* of a malformed request it is not known that it asks for the service */

static seal_km_str_t
ngx_http_seal_km_identity_type(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->request.identity.data == NULL
        && (ctx->request.service_id.data == NULL || ctx->request.error))
    {
        return ngx_http_seal_km_nothing;
    }

    return ngx_http_seal_km_text(
                          seal_km_identity_name(ctx->request.identity_type));
}


static seal_km_str_t
ngx_http_seal_km_identity(ngx_http_seal_km_ctx_t *ctx)
{
    return ctx->request.identity;
}


static seal_km_str_t
ngx_http_seal_km_user_uri(ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_str_t  value;

    value = ngx_http_seal_km_str(&ctx->user_uri);

    return seal_km_str_has_control(value) ? ngx_http_seal_km_nothing : value;
}


static seal_km_str_t
ngx_http_seal_km_token_cache(ngx_http_seal_km_ctx_t *ctx)
{
    static const char  *states[] = { NULL, "OFF", "MISS", "HIT" };

    return ngx_http_seal_km_text(states[ctx->cache]);
}


/* of the record that was delivered, and of no other */

static seal_km_str_t
ngx_http_seal_km_record_kid(ngx_http_seal_km_ctx_t *ctx)
{
    return (ctx->reason == SEAL_KM_OK) ? ctx->record_kid
                                       : ngx_http_seal_km_nothing;
}


static seal_km_str_t
ngx_http_seal_km_record_digest(ngx_http_seal_km_ctx_t *ctx)
{
    return (ctx->reason == SEAL_KM_OK) ? ctx->record_digest
                                       : ngx_http_seal_km_nothing;
}


static seal_km_str_t
ngx_http_seal_km_text(const char *text)
{
    seal_km_str_t  value;

    value.data = text;
    value.len = text ? ngx_strlen(text) : 0;

    return value;
}


static ngx_int_t
ngx_http_seal_km_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *name = (ngx_str_t *) data;

    seal_km_str_t            claim;
    ngx_http_seal_km_ctx_t  *ctx;

    ngx_http_seal_km_note_read();

    ctx = ngx_http_seal_km_get_ctx(r);

    if (ctx == NULL || !ctx->verified) {
        v->not_found = 1;
        return NGX_OK;
    }

    claim.data = (char *) name->data + sizeof("seal_km_claim_") - 1;
    claim.len = name->len - (sizeof("seal_km_claim_") - 1);

    return ngx_http_seal_km_claim_value(r, ctx, claim, v);
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
