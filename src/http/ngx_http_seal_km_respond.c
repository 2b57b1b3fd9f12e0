/*
 * Sending the response: success and failure alike, past nginx's own error
 * pages.  Its body is the interface's.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_headers.h"
#include "ngx_http_seal_km_interface.h"


static void ngx_http_seal_km_update_date(void);
static ngx_uint_t ngx_http_seal_km_is_keyless(ngx_http_seal_km_ctx_t *ctx);
static void ngx_http_seal_km_log_refusal(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row);
static ngx_buf_t *ngx_http_seal_km_create_body(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static ngx_int_t ngx_http_seal_km_set_headers(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row);
static ngx_int_t ngx_http_seal_km_set_retry_after(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row);
static ngx_int_t ngx_http_seal_km_add_challenge(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row);


ngx_int_t
ngx_http_seal_km_respond(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx,
    seal_km_reason_e reason)
{
    ngx_buf_t               *b;
    const seal_km_reason_t  *row;

    ctx->reason = reason;
    row = ngx_http_seal_km_get_conf(r)->interface->reason(reason);

    ngx_http_seal_km_update_date();

    ngx_http_seal_km_log_refusal(r, ctx, row);
    ngx_http_seal_km_notify(r, ctx);

    b = ngx_http_seal_km_create_body(r, ctx);

    /* the record is in the response now, and nowhere else */
    ngx_http_seal_km_close_record(ctx);

    if (b == NULL || ngx_http_seal_km_set_headers(r, ctx, row) != NGX_OK) {
        /* out of memory: not even a refusal can be said */
        return NGX_ERROR;
    }

    ngx_http_seal_km_count_response(ctx);

    return ngx_http_seal_km_send(r, b);
}


/*
 * Date/Time tells the time, in seconds: nginx has it of when the worker was woken
 * for this, but not where "timer_resolution" says when it looks at the clock.
 */

static void
ngx_http_seal_km_update_date(void)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->timer_resolution) {
        ngx_time_update();
    }
}


/* refused, but not for anything that is wrong with the token */

static ngx_uint_t
ngx_http_seal_km_is_keyless(ngx_http_seal_km_ctx_t *ctx)
{
    return ctx->keyless && ctx->reason == SEAL_KM_TOKEN_KEY;
}


static void
ngx_http_seal_km_log_refusal(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row)
{
    const char  *why;
    ngx_uint_t   level;

    switch (ctx->reason) {

    case SEAL_KM_OK:
        return;

    case SEAL_KM_STORE_UNAVAILABLE:
    case SEAL_KM_STORE_TIMEOUT:
    case SEAL_KM_STORE_ERROR:
    case SEAL_KM_PAYLOAD_INVALID:
    case SEAL_KM_RECORD_INVALID:
    case SEAL_KM_INTERNAL_ERROR:
        level = NGX_LOG_ERR;
        break;

    default:
        level = NGX_LOG_INFO;
        break;
    }

    if (ctx->reason == SEAL_KM_MALFORMED_REQUEST && ctx->request.error) {
        why = ctx->request.error;

    } else if (ngx_http_seal_km_is_keyless(ctx)) {
        why = "There is no usable key, for any token";

    } else {
        why = row->description;
    }

    ngx_log_error(level, r->connection->log, 0,
                  "%s refused, %s: %s",
                  ngx_http_seal_km_get_conf(r)->interface->request,
                  ngx_http_seal_km_reason_word(ctx), why);
}


/* in the request's arena, which is cleansed when the request ends */

static ngx_buf_t *
ngx_http_seal_km_create_body(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    size_t                        size;
    ngx_buf_t                    *b;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    size = conf->interface->response_size(r, ctx);

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->start = seal_km_arena_alloc(&ctx->arena, size);
    if (b->start == NULL) {
        return NULL;
    }

    b->pos = b->start;
    b->last = conf->interface->write_response(r, ctx, b->pos);
    b->end = b->start + size;
    b->temporary = 1;

    return b;
}


static ngx_int_t
ngx_http_seal_km_set_headers(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row)
{
    ngx_str_t                     type, allow;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    if (ctx->reason == SEAL_KM_OK) {
        type = conf->interface->content_type;
        return ngx_http_seal_km_set_form(r, row->status, &type);
    }

    type = conf->interface->refusal_type;

    if (ngx_http_seal_km_set_form(r, row->status, &type) != NGX_OK) {
        return NGX_ERROR;
    }

    if (row->status == 425) {
        /* no nginx has a text for it */
        ngx_str_set(&r->headers_out.status_line, "425 Too Early");
    }

    if (ctx->reason == SEAL_KM_METHOD_NOT_ALLOWED) {
        allow = conf->interface->allow;

        if (ngx_http_seal_km_add_header(r, "Allow", &allow) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_seal_km_set_retry_after(r, ctx, row) != NGX_OK) {
        return NGX_ERROR;
    }

    if (row->status == NGX_HTTP_UNAUTHORIZED
        || ctx->reason == SEAL_KM_INSUFFICIENT_SCOPE)
    {
        return ngx_http_seal_km_add_challenge(r, ctx, row);
    }

    return NGX_OK;
}


/* where the same request may be granted later */

static ngx_int_t
ngx_http_seal_km_set_retry_after(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row)
{
    ngx_str_t   value;
    ngx_uint_t  seconds;

    if (ctx->reason == SEAL_KM_RATE_LIMITED) {
        seconds = ctx->retry_after;

    } else if (ngx_http_seal_km_is_keyless(ctx)
               || row->status == NGX_HTTP_SERVICE_UNAVAILABLE)
    {
        seconds = 1;

    } else {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui", seconds) - value.data;

    return ngx_http_seal_km_add_header(r, "Retry-After", &value);
}


/*
 * RFC 6750, clause 3: a request without a token is told no error, and neither
 * is one whose token may be as good as any, for all that is known here.
 */

static ngx_int_t
ngx_http_seal_km_add_challenge(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, const seal_km_reason_t *row)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    value;
    const char  *error;

    static ngx_str_t  realm = ngx_string("Bearer realm=\"SEAL KM\"");

    if (!ctx->presented || ngx_http_seal_km_is_keyless(ctx)) {
        return ngx_http_seal_km_add_header(r, "WWW-Authenticate", &realm);
    }

    error = (ctx->reason == SEAL_KM_INSUFFICIENT_SCOPE)
            ? "insufficient_scope" : "invalid_token";

    len = realm.len
          + sizeof(", error=\"\"") - 1 + ngx_strlen(error)
          + sizeof(", error_description=\"\"") - 1
          + ngx_strlen(row->description)
          + sizeof(", scope=\"\"") - 1 + ctx->scope.len;

    value.data = ngx_pnalloc(r->pool, len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(value.data, "%V, error=\"%s\", error_description=\"%s\"",
                    &realm, error, row->description);

    if (ctx->scope.len) {
        p = ngx_sprintf(p, ", scope=\"%V\"", &ctx->scope);
    }

    value.len = p - value.data;

    return ngx_http_seal_km_add_header(r, "WWW-Authenticate", &value);
}
