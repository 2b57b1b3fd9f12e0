/*
 * What is counted of a request, in the zone of its location.  This is on the way
 * of each: "make metrics-cost" tells how many instructions it takes.
 */


#include "ngx_http_seal_km.h"


void
ngx_http_seal_km_count_request(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->tally) {
        ctx->started = ngx_http_seal_km_clock();
    }
}


void
ngx_http_seal_km_count_wait(ngx_http_seal_km_ctx_t *ctx,
    ngx_http_seal_km_waits_e what)
{
    if (ctx->tally) {
        ctx->waiting = 1;
        ctx->waits_for = what;
        ctx->tally->counters->gauges.waiting[what]++;
    }
}


void
ngx_http_seal_km_count_wake(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->waiting) {
        ctx->waiting = 0;
        ctx->tally->counters->gauges.waiting[ctx->waits_for]--;
    }
}


void
ngx_http_seal_km_count_query(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->tally) {
        ctx->asked = ngx_http_seal_km_clock();
    }
}


void
ngx_http_seal_km_count_answer(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->tally) {
        ngx_http_seal_km_observe(&ctx->tally->counters->store_time,
                                 ngx_http_seal_km_clock() - ctx->asked);
    }
}


void
ngx_http_seal_km_count_response(ngx_http_seal_km_ctx_t *ctx)
{
    ngx_http_seal_km_counters_t  *counters;

    if (ctx->tally == NULL) {
        return;
    }

    counters = ctx->tally->counters;

    counters->responses[ctx->reason]++;
    counters->token_cache[ctx->cache]++;

    if (ctx->reason == SEAL_KM_OK) {
        counters->records[ctx->record_kid.len ? NGX_HTTP_SEAL_KM_FORM_ENCRYPTED
                                              : NGX_HTTP_SEAL_KM_FORM_PLAIN]++;
    }

    ngx_http_seal_km_observe(&counters->request_time,
                             ngx_http_seal_km_clock() - ctx->started);
}
