/*
 * KM-S: a VAL server GETs key information, with the operation
 * RetrieveKeyMgmtInfo of SS_KeyInfoRetrieval (TS 29.549, clauses 5.7.1 and
 * 7.6.1), and what is refused is told as ProblemDetails.
 */


#include "ngx_http_seal_km_interface.h"
#include "ngx_http_seal_km_body.h"
#include "ngx_http_seal_km_headers.h"

#include "seal_km_accept.h"
#include "seal_km_key_info.h"
#include "seal_km_problem.h"


static const char *ngx_http_seal_km_kir_check_conf(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);
static seal_km_reason_e ngx_http_seal_km_kir_check_head(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_seal_km_accepts_json(ngx_http_request_t *r);
static ngx_int_t ngx_http_seal_km_kir_read(ngx_http_request_t *r,
    ngx_http_seal_km_reason_pt handler, seal_km_reason_e *reason);
static seal_km_reason_e ngx_http_seal_km_kir_decode(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static seal_km_reason_e ngx_http_seal_km_kir_check(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static size_t ngx_http_seal_km_kir_response_size(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static u_char *ngx_http_seal_km_kir_write_response(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, u_char *p);
static const seal_km_query_fault_t *ngx_http_seal_km_fault(
    ngx_http_seal_km_ctx_t *ctx);
static void ngx_http_seal_km_fill_key_info(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_key_info_t *info);


const ngx_http_seal_km_interface_t  ngx_http_seal_km_interface_kir = {
    ngx_string("ss-kir"),
    "key retrieval",
    ngx_string("GET"),
    ngx_string("application/json"),
    ngx_string("application/problem+json"),
    seal_km_reason_retrieval,
    ngx_http_seal_km_kir_check_conf,
    ngx_http_seal_km_kir_check_head,
    ngx_http_seal_km_kir_read,
    ngx_http_seal_km_kir_decode,
    ngx_http_seal_km_kir_check,
    ngx_http_seal_km_kir_response_size,
    ngx_http_seal_km_kir_write_response
};


/* what names the server, and bodies, means nothing here */

static const char *
ngx_http_seal_km_kir_check_conf(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    return NULL;
}


static seal_km_reason_e
ngx_http_seal_km_kir_check_head(ngx_http_request_t *r)
{
    if (r->method != NGX_HTTP_GET) {
        return SEAL_KM_METHOD_NOT_ALLOWED;
    }

    if (!ngx_http_seal_km_accepts_json(r)) {
        return SEAL_KM_NOT_ACCEPTABLE;
    }

    return SEAL_KM_OK;
}


/* there is no Accept, or one of them (nginx lets there be several) allows it */

static ngx_uint_t
ngx_http_seal_km_accepts_json(ngx_http_request_t *r)
{
    ngx_uint_t        i, named;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    static ngx_str_t  accept = ngx_string("Accept");

    i = 0;
    named = 0;
    part = &r->headers_in.headers.part;

    while ((h = ngx_http_seal_km_next_header(&part, &i)) != NULL) {

        if (!ngx_http_seal_km_is_word(h->key, &accept)) {
            continue;
        }

        if (seal_km_accept_has_json(ngx_http_seal_km_str(&h->value))) {
            return 1;
        }

        named = 1;
    }

    return !named;
}


static ngx_int_t
ngx_http_seal_km_kir_read(ngx_http_request_t *r,
    ngx_http_seal_km_reason_pt handler, seal_km_reason_e *reason)
{
    ngx_int_t  rc;

    rc = ngx_http_seal_km_discard_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;

    handler(r, SEAL_KM_OK);

    return NGX_DONE;
}


static seal_km_reason_e
ngx_http_seal_km_kir_decode(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    return seal_km_query_decode(&ctx->request, &ctx->query_fault, &ctx->arena,
                                ngx_http_seal_km_str(&r->args));
}


/* rows 9 and 10 are about what no query has */

static seal_km_reason_e
ngx_http_seal_km_kir_check(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx)
{
    return SEAL_KM_OK;
}


static size_t
ngx_http_seal_km_kir_response_size(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_key_info_t  info;

    if (ctx->reason != SEAL_KM_OK) {
        return seal_km_problem_size(seal_km_reason_retrieval(ctx->reason),
                                    ngx_http_seal_km_fault(ctx));
    }

    ngx_http_seal_km_fill_key_info(r, ctx, &info);

    return seal_km_key_info_size(&info);
}


static u_char *
ngx_http_seal_km_kir_write_response(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, u_char *p)
{
    seal_km_key_info_t  info;

    if (ctx->reason != SEAL_KM_OK) {
        return (u_char *) seal_km_problem_write(
                                      seal_km_reason_retrieval(ctx->reason),
                                      ngx_http_seal_km_fault(ctx), (char *) p);
    }

    ngx_http_seal_km_fill_key_info(r, ctx, &info);

    return (u_char *) seal_km_key_info_write(&info, (char *) p);
}


/* a query that was not judged, for the token is bad, is nobody's business */

static const seal_km_query_fault_t *
ngx_http_seal_km_fault(ngx_http_seal_km_ctx_t *ctx)
{
    return (ctx->reason == SEAL_KM_MALFORMED_REQUEST) ? ctx->query_fault
                                                      : NULL;
}


static void
ngx_http_seal_km_fill_key_info(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_key_info_t *info)
{
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    /* 29.549 demands userUri: of an invoker of CAPIF there is its issuer */

    info->user_uri = ctx->user_uri.len ? ngx_http_seal_km_str(&ctx->user_uri)
                                       : ctx->token.iss;

    info->skms_id.data = NULL;
    info->skms_id.len = 0;

    if (conf->id.len) {
        info->skms_id = ngx_http_seal_km_str(&conf->id);
    }

    info->service_id = ctx->request.service_id;
    info->target_type = ctx->request.identity_type;
    info->target = ctx->request.identity;
    info->form = conf->payload;
    info->record = ctx->record;
    info->simple = ctx->record_simple;
}
