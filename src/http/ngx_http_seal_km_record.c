/*
 * What Redis has answered becomes a record: the only place between the store
 * and whoever delivers it.
 */


#include "ngx_http_seal_km.h"


seal_km_reason_e
ngx_http_seal_km_open_record(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    ctx->record = ngx_http_seal_km_str(&ctx->query.value);

    return seal_km_response_check_payload(conf->payload, ctx->record);
}


void
ngx_http_seal_km_close_record(ngx_http_seal_km_ctx_t *ctx)
{
    ctx->record.data = NULL;
    ctx->record.len = 0;

    seal_km_redis_query_cancel(&ctx->query);
}
