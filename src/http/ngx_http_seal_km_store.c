/*
 * Rows 12 and 13: the record that a request asks for, out of Redis.
 */


#include "ngx_http_seal_km.h"


typedef struct {
    ngx_http_request_t          *request;
    ngx_http_seal_km_reason_pt   handler;
} ngx_http_seal_km_fetch_t;


static void ngx_http_seal_km_query_handler(seal_km_redis_query_t *query);
static seal_km_reason_e ngx_http_seal_km_store_reason(
    seal_km_redis_result_e result);


ngx_int_t
ngx_http_seal_km_fetch_record(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_http_seal_km_reason_pt handler,
    seal_km_reason_e *reason)
{
    size_t                        len;
    seal_km_str_t                 prefix;
    seal_km_redis_query_t        *query;
    ngx_http_seal_km_fetch_t     *fetch;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    query = &ctx->query;
    prefix = ngx_http_seal_km_str(&conf->redis.key_prefix);
    len = seal_km_record_key_size(&ctx->request, prefix);

    *reason = SEAL_KM_INTERNAL_ERROR;

    query->key.data = ngx_pnalloc(r->pool, len);
    fetch = ngx_palloc(r->pool, sizeof(ngx_http_seal_km_fetch_t));

    if (query->key.data == NULL || fetch == NULL) {
        return NGX_ERROR;
    }

    query->key.len = len;
    (void) seal_km_record_key_write(&ctx->request, prefix,
                                    (char *) query->key.data);

    if (ngx_http_seal_km_init_balancer(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    fetch->request = r;
    fetch->handler = handler;

    query->pool = conf->redis.pool;
    query->handler = ngx_http_seal_km_query_handler;
    query->data = fetch;
    query->log = r->connection->log;

    ngx_http_seal_km_count_query(ctx);

    if (seal_km_redis_query_start(query) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ngx_http_seal_km_count_answer(ctx);

    *reason = ngx_http_seal_km_store_reason(query->result);

    return NGX_ERROR;
}


/* an event of Redis' connection, or a timer, has brought us here */

static void
ngx_http_seal_km_query_handler(seal_km_redis_query_t *query)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_seal_km_fetch_t  *fetch;

    fetch = query->data;
    r = fetch->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_seal_km_count_answer(
                  ngx_http_get_module_ctx(r, ngx_http_seal_km_module));

    fetch->handler(r, ngx_http_seal_km_store_reason(query->result));

    /* r may be gone */

    ngx_http_run_posted_requests(c);
}


static seal_km_reason_e
ngx_http_seal_km_store_reason(seal_km_redis_result_e result)
{
    switch (result) {

    case SEAL_KM_REDIS_VALUE:
        return SEAL_KM_OK;

    case SEAL_KM_REDIS_NIL:
        return SEAL_KM_NOT_FOUND;

    case SEAL_KM_REDIS_UNAVAILABLE:
        return SEAL_KM_STORE_UNAVAILABLE;

    case SEAL_KM_REDIS_TIMEOUT:
        return SEAL_KM_STORE_TIMEOUT;

    default: /* SEAL_KM_REDIS_ERROR */
        return SEAL_KM_STORE_ERROR;
    }
}
