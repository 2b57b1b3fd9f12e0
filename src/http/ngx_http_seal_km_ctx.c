/*
 * What belongs to one request: from its making until after the log has read it.
 */


#include "ngx_http_seal_km.h"


static void ngx_http_seal_km_cleanup(void *data);
static void ngx_http_seal_km_forget(void *data);


/* the worker's: memory that no request has at present */
static seal_km_arena_cache_t  ngx_http_seal_km_arena_cache;


void
ngx_http_seal_km_free_arenas(void)
{
    seal_km_arena_cache_free(&ngx_http_seal_km_arena_cache);
}


/*
 * The context lies in a cleanup of the pool: an internal redirect, as one to
 * an error_page of nginx's own, wipes r->ctx.
 */

ngx_http_seal_km_ctx_t *
ngx_http_seal_km_create_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_cleanup_t           *http_cln;
    ngx_http_seal_km_ctx_t       *ctx, *former;
    ngx_http_seal_km_loc_conf_t  *conf;

    former = ngx_http_seal_km_get_ctx(r);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_seal_km_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    http_cln = ngx_http_cleanup_add(r, 0);
    if (http_cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_seal_km_ctx_t));

    conf = ngx_http_seal_km_get_conf(r);

    ctx->owner = r;
    ctx->conf = conf;
    ctx->tally = conf->tally;
    ctx->claim_sets = conf->claim_sets;
    ctx->paths = conf->names.paths;
    ctx->reason = SEAL_KM_REASON_MAX;

    seal_km_arena_init(&ctx->arena, &ngx_http_seal_km_arena_cache);

    if (former) {
        /* an error_page has led here once more */
        ctx->body_error = former->body_error;
    }

    ngx_http_seal_km_count_request(ctx);

    cln->handler = ngx_http_seal_km_cleanup;

    http_cln->handler = ngx_http_seal_km_forget;
    http_cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_seal_km_module);

    return ctx;
}


/* after the log: variables read the context till then */

static void
ngx_http_seal_km_cleanup(void *data)
{
    ngx_http_seal_km_ctx_t  *ctx = data;

    ngx_http_seal_km_close_record(ctx);
    seal_km_token_free(&ctx->token);
    seal_km_arena_free(&ctx->arena);
}


/* when the request ends, however: nothing may wake it any more */

static void
ngx_http_seal_km_forget(void *data)
{
    ngx_http_seal_km_ctx_t  *ctx = data;

    ngx_http_seal_km_stop_waiting(&ctx->waiter);
    ngx_http_seal_km_close_record(ctx);

    if (ctx->waiting) {
        ngx_http_seal_km_count_wake(ctx);
    }
}


ngx_http_seal_km_ctx_t *
ngx_http_seal_km_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {

        for (cln = r->pool->cleanup; cln; cln = cln->next) {
            if (cln->handler != ngx_http_seal_km_cleanup) {
                continue;
            }

            ctx = cln->data;

            if (ctx->owner == r) {
                return ctx;
            }
        }

        return NULL;
    }

    return ctx;
}


const char *
ngx_http_seal_km_reason_word(ngx_http_seal_km_ctx_t *ctx)
{
    if (ctx->reason == SEAL_KM_POLICY && ctx->word) {
        return ctx->word;
    }

    return seal_km_reason(ctx->reason)->word;
}
