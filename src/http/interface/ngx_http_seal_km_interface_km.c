/*
 * KM-UU: a client POSTs a SEAL KM Request, and gets a SEAL KM Response (TS
 * 33.434, clauses 5.3.2 and 5.3.3), whatever becomes of it.
 */


#include "ngx_http_seal_km_interface.h"
#include "ngx_http_seal_km_body.h"
#include "ngx_http_seal_km_headers.h"


static const char *ngx_http_seal_km_km_check_conf(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);
static seal_km_reason_e ngx_http_seal_km_km_check_head(ngx_http_request_t *r);
static ngx_uint_t ngx_http_seal_km_is_json(ngx_http_request_t *r);
static ngx_str_t ngx_http_seal_km_media_type(ngx_str_t *value);
static seal_km_reason_e ngx_http_seal_km_km_decode(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static seal_km_reason_e ngx_http_seal_km_km_check(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static size_t ngx_http_seal_km_km_response_size(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static u_char *ngx_http_seal_km_km_write_response(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, u_char *p);
static void ngx_http_seal_km_fill_response(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_response_t *response);


const ngx_http_seal_km_interface_t  ngx_http_seal_km_interface_km = {
    ngx_string("km"),
    "SEAL KM Request",
    ngx_string("POST"),
    ngx_string("application/json"),
    ngx_string("application/json"),
    seal_km_reason,
    ngx_http_seal_km_km_check_conf,
    ngx_http_seal_km_km_check_head,
    ngx_http_seal_km_read_body,
    ngx_http_seal_km_km_decode,
    ngx_http_seal_km_km_check,
    ngx_http_seal_km_km_response_size,
    ngx_http_seal_km_km_write_response
};


static const char *
ngx_http_seal_km_km_check_conf(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (conf->uris == NGX_CONF_UNSET_PTR) {
        return "seal_km_uri";
    }

    clcf = conf->core;

    if (clcf->client_max_body_size
        && clcf->client_max_body_size < (off_t) conf->max_request_size)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"client_max_body_size\" is below "
                      "\"seal_km_max_request_size\" and takes effect first, "
                      "in the location \"%V\" with \"seal_km_pass\" in %s:%ui",
                      &clcf->name, conf->file, conf->line);
    }

    return NULL;
}


static seal_km_reason_e
ngx_http_seal_km_km_check_head(ngx_http_request_t *r)
{
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    if (r->method != NGX_HTTP_POST) {
        return SEAL_KM_METHOD_NOT_ALLOWED;
    }

    if (!ngx_http_seal_km_is_json(r)) {
        return SEAL_KM_UNSUPPORTED_MEDIA_TYPE;
    }

    if (r->headers_in.content_length_n > (off_t) conf->max_request_size) {
        return SEAL_KM_REQUEST_TOO_LARGE;
    }

    return SEAL_KM_OK;
}


/*
 * There is a Content-Type, each one is application/json (nginx lets there be
 * several), and no Content-Encoding is another one than identity.
 */

static ngx_uint_t
ngx_http_seal_km_is_json(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    static ngx_str_t  type = ngx_string("Content-Type");
    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  encoding = ngx_string("Content-Encoding");
    static ngx_str_t  identity = ngx_string("identity");

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    i = 0;
    part = &r->headers_in.headers.part;

    while ((h = ngx_http_seal_km_next_header(&part, &i)) != NULL) {

        if (ngx_http_seal_km_is_word(h->key, &encoding)
            && !ngx_http_seal_km_is_word(h->value, &identity))
        {
            return 0;
        }

        if (ngx_http_seal_km_is_word(h->key, &type)
            && !ngx_http_seal_km_is_word(
                                  ngx_http_seal_km_media_type(&h->value),
                                  &json))
        {
            return 0;
        }
    }

    return 1;
}


/* a Content-Type without its parameters */

static ngx_str_t
ngx_http_seal_km_media_type(ngx_str_t *value)
{
    u_char     *p, *last;
    ngx_str_t   type;

    p = value->data;
    last = ngx_strlchr(p, p + value->len, ';');

    if (last == NULL) {
        last = p + value->len;
    }

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    type.data = p;
    type.len = last - p;

    return type;
}


static seal_km_reason_e
ngx_http_seal_km_km_decode(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_reason_e              reason;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    reason = seal_km_request_decode(&ctx->request, &ctx->arena, ctx->body,
                                    conf->uris->elts, conf->uris->nelts);

    /* even a 401 echoes what was readable and valid */
    ctx->echo = 1;

    if (reason != SEAL_KM_OK) {
        return reason;
    }

    return seal_km_request_check_version(&ctx->request, conf->versions->elts,
                                         conf->versions->nelts);
}


static seal_km_reason_e
ngx_http_seal_km_km_check(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_reason_e              reason;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    reason = seal_km_request_check_skms_uri(&ctx->request, conf->uris->elts,
                                            conf->uris->nelts);
    if (reason != SEAL_KM_OK) {
        return reason;
    }

    return seal_km_request_check_date_time(&ctx->request, ctx->received,
                                           conf->window);
}


static size_t
ngx_http_seal_km_km_response_size(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_response_t  response;

    ngx_http_seal_km_fill_response(r, ctx, &response);

    return seal_km_response_size(&response);
}


static u_char *
ngx_http_seal_km_km_write_response(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, u_char *p)
{
    seal_km_response_t  response;

    ngx_http_seal_km_fill_response(r, ctx, &response);

    return (u_char *) seal_km_response_write(&response, (char *) p);
}


/* the members of table 5.3.3-1, as far as they may be told */

static void
ngx_http_seal_km_fill_response(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_response_t *response)
{
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    ngx_memzero(response, sizeof(seal_km_response_t));

    if (ctx->verified) {
        response->user_uri = ngx_http_seal_km_str(&ctx->user_uri);
    }

    response->skms_uri = ngx_http_seal_km_str(&conf->uri);

    if (conf->id.len) {
        response->skms_id = ngx_http_seal_km_str(&conf->id);
    }

    if (ctx->echo) {
        response->service_id = ctx->request.service_id;
        response->identity_type = ctx->request.identity_type;
        response->identity = ctx->request.identity;
    }

    response->date_time = ngx_time();
    response->error_code = seal_km_reason(ctx->reason)->error_code;

    if (ctx->reason == SEAL_KM_OK) {
        response->payload_type = conf->payload;
        response->payload = ctx->record;
        response->simple = ctx->record_simple;
    }
}
