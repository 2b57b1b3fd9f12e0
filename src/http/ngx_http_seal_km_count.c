/*
 * What is counted of a request, in the zone of its location.  This is on the way
 * of each: "make metrics-cost" tells how many instructions it takes.
 */


#include "ngx_http_seal_km.h"


/* to decrypt, check and write a record of that size takes its time */
#define NGX_HTTP_SEAL_KM_LARGE  16384


static uint64_t ngx_http_seal_km_clock(void);


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
    ctx->waiting = 0;
    ctx->tally->counters->gauges.waiting[ctx->waits_for]--;
}


void
ngx_http_seal_km_count_query(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->tally) {
        ctx->waiting = 1;
        ctx->waits_for = NGX_HTTP_SEAL_KM_WAITS_FOR_STORE;
        ctx->tally->counters->gauges.waiting[NGX_HTTP_SEAL_KM_WAITS_FOR_STORE]++;

        ctx->asked = ngx_http_seal_km_clock();
    }
}


void
ngx_http_seal_km_count_answer(ngx_http_seal_km_ctx_t *ctx)
{
    uint64_t                      now;
    ngx_http_seal_km_counters_t  *counters;

    if (ctx->tally) {
        now = ngx_http_seal_km_clock();
        counters = ctx->tally->counters;

        /* a request that is over, and does not wait any more, has no answer */
        ctx->waiting = 0;
        counters->gauges.waiting[NGX_HTTP_SEAL_KM_WAITS_FOR_STORE]--;

        ctx->answered = now;
        ngx_http_seal_km_observe(&counters->store_time, now - ctx->asked);
    }
}


void
ngx_http_seal_km_count_response(ngx_http_seal_km_ctx_t *ctx)
{
    uint64_t                      now;
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

    now = ctx->answered;

    /* of a small record the response is made at once */

    if (now == 0 || ctx->query.value.len > NGX_HTTP_SEAL_KM_LARGE) {
        now = ngx_http_seal_km_clock();
    }

    ngx_http_seal_km_observe(&counters->request_time, now - ctx->started);
}


/*
 * Nanoseconds, since whenever, of which only differences tell something: nginx's
 * own time has milliseconds, and Redis answers in less.  To read the system's
 * clock is the larger part of what it costs to count; on the stack ts would have
 * the compiler guard that, each time.
 */

static uint64_t
ngx_http_seal_km_clock(void)
{
    static struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}
