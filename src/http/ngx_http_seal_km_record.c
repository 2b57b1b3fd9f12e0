/*
 * What Redis has answered becomes a record: the only place between the store
 * and whoever delivers it.
 */


#include "ngx_http_seal_km.h"

#include "seal_km_jwe.h"


static seal_km_reason_e ngx_http_seal_km_decrypt_record(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static void ngx_http_seal_km_log_jwe(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_jwe_e result, seal_km_jwe_t *jwe);
static ngx_int_t ngx_http_seal_km_set_record_digest(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);


seal_km_reason_e
ngx_http_seal_km_open_record(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_reason_e              reason;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    ctx->record = ngx_http_seal_km_str(&ctx->query.value);

    if (conf->record_keys) {
        reason = ngx_http_seal_km_decrypt_record(r, ctx);

        if (reason != SEAL_KM_OK) {
            return reason;
        }
    }

    reason = seal_km_response_check_payload(conf->payload, ctx->record,
                                            &ctx->record_simple);

    if (reason == SEAL_KM_OK && conf->record_digest
        && ngx_http_seal_km_set_record_digest(r, ctx) != NGX_OK)
    {
        return SEAL_KM_INTERNAL_ERROR;
    }

    return reason;
}


/* in place: the record lies in what Redis has answered, and goes with that */

static seal_km_reason_e
ngx_http_seal_km_decrypt_record(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_str_t                 kid;
    seal_km_jwe_e                 result;
    seal_km_jwe_t                 jwe;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    result = seal_km_jwe_open(conf->record_keys,
                              ngx_http_seal_km_str(&ctx->query.key),
                              conf->record_plaintext,
                              (char *) ctx->query.value.data,
                              ctx->query.value.len, &jwe);

    switch (result) {

    case SEAL_KM_JWE_OPENED:
        kid.data = jwe.kid;
        kid.len = jwe.kid_len;

        /* the configuration's, which lives longer than the request */
        ctx->record_kid = seal_km_jwe_keys_find(conf->record_keys, kid)->kid;
        ctx->record = jwe.record;

        return SEAL_KM_OK;

    case SEAL_KM_JWE_PLAIN:
        return SEAL_KM_OK;

    default:
        ngx_http_seal_km_log_jwe(r, ctx, result, &jwe);

        return (result == SEAL_KM_JWE_NO_MEMORY) ? SEAL_KM_INTERNAL_ERROR
                                                 : SEAL_KM_RECORD_INVALID;
    }
}


/* a kid that is not among ours is anybody's text */

static void
ngx_http_seal_km_log_jwe(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx,
    seal_km_jwe_e result, seal_km_jwe_t *jwe)
{
    ngx_str_t      kid;
    seal_km_str_t  text;

    text.data = jwe->kid;
    text.len = jwe->kid_len;

    if (text.len == 0 || seal_km_str_has_control(text)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "record \"%V\" %s", &ctx->query.key,
                      seal_km_jwe_fault(result));
        return;
    }

    kid.data = (u_char *) jwe->kid;
    kid.len = jwe->kid_len;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "record \"%V\" %s, its \"kid\" is \"%V\"", &ctx->query.key,
                  seal_km_jwe_fault(result), &kid);
}


static ngx_int_t
ngx_http_seal_km_set_record_digest(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    char                         *text;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    text = ngx_pnalloc(r->pool, SEAL_KM_RECORD_DIGEST_SIZE);

    if (text == NULL
        || seal_km_record_digest(conf->record_digest, ctx->record, text) != 0)
    {
        return NGX_ERROR;
    }

    ctx->record_digest.data = text;
    ctx->record_digest.len = SEAL_KM_RECORD_DIGEST_SIZE;

    return NGX_OK;
}


void
ngx_http_seal_km_close_record(ngx_http_seal_km_ctx_t *ctx)
{
    ctx->record.data = NULL;
    ctx->record.len = 0;

    seal_km_redis_query_cancel(&ctx->query);
}
