/*
 * The content handler: the way of a request through the checks, whatever the
 * location speaks: head, message, keys, token and request, record, response.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_body.h"
#include "ngx_http_seal_km_interface.h"


static seal_km_reason_e ngx_http_seal_km_check_head(ngx_http_request_t *r);
static ngx_uint_t ngx_http_seal_km_in_early_data(ngx_http_request_t *r);
static void ngx_http_seal_km_message_handler(ngx_http_request_t *r,
    seal_km_reason_e reason);
static void ngx_http_seal_km_judge(ngx_http_request_t *r,
    seal_km_reason_e reason);
static void ngx_http_seal_km_record_handler(ngx_http_request_t *r,
    seal_km_reason_e reason);
static void ngx_http_seal_km_finish(ngx_http_request_t *r,
    seal_km_reason_e reason);


ngx_int_t
ngx_http_seal_km_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    seal_km_reason_e              reason;
    ngx_http_seal_km_ctx_t       *ctx;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    ctx = ngx_http_seal_km_create_ctx(r);
    if (ctx == NULL) {
        /* out of memory: not even a refusal can be said */
        return NGX_ERROR;
    }

    reason = ngx_http_seal_km_check_head(r);

    if (reason == SEAL_KM_OK) {
        rc = conf->interface->read(r, ngx_http_seal_km_message_handler,
                                   &reason);

        return (rc == NGX_DECLINED) ? ngx_http_seal_km_respond(r, ctx, reason)
                                    : rc;
    }

    rc = ngx_http_seal_km_discard_body(r);

    return (rc == NGX_OK) ? ngx_http_seal_km_respond(r, ctx, reason) : rc;
}


/* rows 1 to 5: what the head of the request tells */

static seal_km_reason_e
ngx_http_seal_km_check_head(ngx_http_request_t *r)
{
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    if (r->connection->ssl == NULL) {
        if (conf->require_tls) {
            return SEAL_KM_TLS_REQUIRED;
        }

    } else if (ngx_http_seal_km_in_early_data(r)) {
        return SEAL_KM_EARLY_DATA;
    }

    return conf->interface->check_head(r);
}


static ngx_uint_t
ngx_http_seal_km_in_early_data(ngx_http_request_t *r)
{
    ngx_str_t  early;

    if (ngx_ssl_get_early_data(r->connection, r->pool, &early) != NGX_OK) {
        return 1;
    }

    return early.len != 0;
}


/* from here on the request holds a reference, which finish gives back */

static void
ngx_http_seal_km_message_handler(ngx_http_request_t *r,
    seal_km_reason_e reason)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    if (reason != SEAL_KM_OK) {
        ngx_http_seal_km_finish(r, reason);
        return;
    }

    /* now, however long it takes to judge it (clause 5.3.2: "upon receipt") */

    ngx_time_update();
    ctx->received = ngx_time();

    reason = ngx_http_seal_km_verify(r, ctx);

    switch (ngx_http_seal_km_await_keys(r, ctx, reason, ngx_http_seal_km_judge))
    {

    case NGX_AGAIN:
        if (ngx_http_seal_km_wait(r) == NGX_OK) {
            ngx_http_seal_km_count_wait(ctx, NGX_HTTP_SEAL_KM_WAITS_FOR_KEYS);
            return;
        }

        ngx_http_seal_km_stop_waiting(&ctx->waiter);
        reason = SEAL_KM_INTERNAL_ERROR;
        break;

    case NGX_ERROR:
        reason = SEAL_KM_INTERNAL_ERROR;
        break;

    default: /* NGX_DECLINED */
        break;
    }

    ngx_http_seal_km_judge(r, reason);
}


/* reason is what row 6 has come to */

static void
ngx_http_seal_km_judge(ngx_http_request_t *r, seal_km_reason_e reason)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    if (ctx->waiting) {
        ngx_http_seal_km_count_wake(ctx);
    }

    reason = ngx_http_seal_km_check(r, ctx, reason);

    if (reason == SEAL_KM_OK
        && ngx_http_seal_km_fetch_record(r, ctx,
                                         ngx_http_seal_km_record_handler,
                                         &reason)
           == NGX_AGAIN)
    {
        if (ngx_http_seal_km_wait(r) == NGX_OK) {
            return;
        }

        reason = SEAL_KM_INTERNAL_ERROR;
    }

    ngx_http_seal_km_finish(r, reason);
}


static void
ngx_http_seal_km_record_handler(ngx_http_request_t *r,
    seal_km_reason_e reason)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    if (reason == SEAL_KM_OK) {
        reason = ngx_http_seal_km_open_record(r, ctx);
    }

    ngx_http_seal_km_finish(r, reason);
}


ngx_int_t
ngx_http_seal_km_wait(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
        return NGX_OK;
    }

    /*
     * Where all came with the first packet ("listen ... deferred") nobody has
     * asked for more yet.  A stream of HTTP/2 or HTTP/3 has no socket.
     */

    if (r->http_version < NGX_HTTP_VERSION_20
        && ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_seal_km_finish(ngx_http_request_t *r, seal_km_reason_e reason)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    r->read_event_handler = ngx_http_block_reading;

    /* whatever it waited for, nothing may end it once more; the query ends
       when it is answered, for what it has brought goes into the answer */

    ngx_http_seal_km_stop_waiting(&ctx->waiter);

    if (r->main->discard_body && r->connection->read->ready) {
        /* what has come of the body meanwhile is not told of again */
        ngx_post_event(r->connection->read, &ngx_posted_events);
    }

    ngx_http_finalize_request(r, ngx_http_seal_km_respond(r, ctx, reason));
}
