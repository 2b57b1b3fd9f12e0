/*
 * Reading the body: whole, in memory, and no further than the limit, whether
 * its length is known or not.
 */


#include "ngx_http_seal_km_body.h"
#include "ngx_http_seal_km_body_state.h"


#define NGX_HTTP_SEAL_KM_BODY_SIZE  1024


static ngx_int_t ngx_http_seal_km_body_begin(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_reason_e *reason);
static seal_km_reason_e ngx_http_seal_km_body_refuse(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static void ngx_http_seal_km_body_init(ngx_http_request_t *r);
static void ngx_http_seal_km_body_read_handler(ngx_http_request_t *r);
static seal_km_reason_e ngx_http_seal_km_body_reason(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_uint_t ngx_http_seal_km_is_our_limit(ngx_http_request_t *r,
    ngx_int_t rc);
static seal_km_reason_e ngx_http_seal_km_body_collect(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static seal_km_reason_e ngx_http_seal_km_body_append(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_buf_t *b, size_t len);
static ngx_int_t ngx_http_seal_km_body_reserve(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, size_t size);


ngx_int_t
ngx_http_seal_km_read_body(ngx_http_request_t *r,
    ngx_http_seal_km_reason_pt handler, seal_km_reason_e *reason)
{
    ngx_http_seal_km_ctx_t   *ctx;
    ngx_http_seal_km_body_e   state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    ctx->body_handler = handler;

    state = ngx_http_seal_km_body_state(r, ngx_http_seal_km_body_init);

    if (ctx->body_error || state == NGX_HTTP_SEAL_KM_BODY_LOST) {
        *reason = ngx_http_seal_km_body_refuse(r, ctx);
        return NGX_DECLINED;
    }

    switch (state) {

    case NGX_HTTP_SEAL_KM_BODY_READ:
        r->main->count++;
        handler(r, ngx_http_seal_km_body_collect(r, ctx));
        return NGX_DONE;

    case NGX_HTTP_SEAL_KM_BODY_BEGUN:
        r->main->count++;
        r->request_body->post_handler = ngx_http_seal_km_body_init;
        ngx_http_seal_km_body_init(r);
        return NGX_DONE;

    default: /* NGX_HTTP_SEAL_KM_BODY_UNTOUCHED */
        return ngx_http_seal_km_body_begin(r, ctx, reason);
    }
}


static ngx_int_t
ngx_http_seal_km_body_begin(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_reason_e *reason)
{
    ngx_int_t  rc;

    /*
     * Unbuffered, for only so reading can stop at our own limit, and nothing
     * is written to a temporary file, whatever client_body_in_file_only says.
     */
    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_seal_km_body_init);

    *reason = ngx_http_seal_km_body_reason(r, rc);

    if (*reason != SEAL_KM_OK) {
        r->keepalive = 0;
        return NGX_DECLINED;
    }

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->body_error = rc;
        return rc;
    }

    return NGX_DONE;
}


/*
 * Why the body cannot be had: because nginx has refused it when it was read for
 * this request before, or because who had the request before has not left it.
 */

static seal_km_reason_e
ngx_http_seal_km_body_refuse(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    if (r == r->main && !r->discard_body) {
        /* what follows of the body cannot be told from a next request */
        r->keepalive = 0;
        r->read_event_handler = ngx_http_block_reading;

        if (r->connection->read->timer_set) {
            ngx_del_timer(r->connection->read);
        }
    }

    switch (ctx->body_error) {

    case 0:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "the body of a SEAL KM Request was read or discarded "
                      "before the request came here by an internal redirect");
        return SEAL_KM_INTERNAL_ERROR;

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return SEAL_KM_REQUEST_TOO_LARGE;

    default:
        return SEAL_KM_MALFORMED_REQUEST;
    }
}


static void
ngx_http_seal_km_body_init(ngx_http_request_t *r)
{
    seal_km_reason_e         reason;
    ngx_http_seal_km_ctx_t  *ctx;

    if (r->reading_body) {
        r->read_event_handler = ngx_http_seal_km_body_read_handler;
        ngx_http_seal_km_body_read_handler(r);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    reason = ngx_http_seal_km_is_body_read(r)
             ? ngx_http_seal_km_body_collect(r, ctx)
             : ngx_http_seal_km_body_refuse(r, ctx);

    ctx->body_handler(r, reason);
}


static void
ngx_http_seal_km_body_read_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               got;
    seal_km_reason_e         reason;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    do {
        rc = ngx_http_read_unbuffered_request_body(r);

        reason = ngx_http_seal_km_body_reason(r, rc);

        if (reason != SEAL_KM_OK) {
            break;
        }

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ctx->body_error = rc;
            ngx_http_finalize_request(r, rc);
            return;
        }

        got = (r->request_body->bufs != NULL);

        reason = ngx_http_seal_km_body_collect(r, ctx);

        if (reason != SEAL_KM_OK) {
            break;
        }

        /* what was taken makes room for more */

    } while (rc == NGX_AGAIN && got);

    if (rc == NGX_AGAIN && reason == SEAL_KM_OK) {
        return;
    }

    if (r->reading_body) {
        /* what follows of the body cannot be told from a next request */
        r->keepalive = 0;

        if (r->connection->read->timer_set) {
            ngx_del_timer(r->connection->read);
        }
    }

    r->read_event_handler = ngx_http_block_reading;

    ctx->body_handler(r, reason);
}


/* what we say of a body that nginx does not read on; OK: it says so itself */

static seal_km_reason_e
ngx_http_seal_km_body_reason(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    return ngx_http_seal_km_is_our_limit(r, rc) ? SEAL_KM_REQUEST_TOO_LARGE
                                                : SEAL_KM_OK;
}


/*
 * nginx refuses a chunk as soon as its size is beyond client_max_body_size.
 * Then it is beyond ours too, unless ours is the greater.
 */

static ngx_uint_t
ngx_http_seal_km_is_our_limit(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_seal_km_loc_conf_t  *conf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    conf = ngx_http_seal_km_get_conf(r);

    return rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
           && clcf->client_max_body_size >= (off_t) conf->max_request_size;
}


/* takes the buffers that nginx has read out of r->request_body */

static seal_km_reason_e
ngx_http_seal_km_body_collect(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    off_t                         len;
    ngx_buf_t                    *b;
    ngx_chain_t                  *cl;
    seal_km_reason_e              reason;
    ngx_http_seal_km_loc_conf_t  *conf;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return SEAL_KM_OK;
    }

    conf = ngx_http_seal_km_get_conf(r);

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        len = ngx_buf_size(b);

        if (len > (off_t) (conf->max_request_size - ctx->body.len)) {
            return SEAL_KM_REQUEST_TOO_LARGE;
        }

        reason = ngx_http_seal_km_body_append(r, ctx, b, (size_t) len);

        if (reason != SEAL_KM_OK) {
            return reason;
        }

        if (r->reading_body) {
            b->pos = b->last;
        }
    }

    if (r->reading_body) {
        r->request_body->bufs = NULL;
    }

    return SEAL_KM_OK;
}


static seal_km_reason_e
ngx_http_seal_km_body_append(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_buf_t *b, size_t len)
{
    ssize_t  n;

    if (len == 0) {
        return SEAL_KM_OK;
    }

    if (ngx_http_seal_km_body_reserve(r, ctx, ctx->body.len + len) != NGX_OK) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(ctx->body_buf + ctx->body.len, b->pos, len);

    } else {
        /* a module before us, such as mirror, has had the body read */

        n = ngx_read_file(b->file, ctx->body_buf + ctx->body.len, len,
                          b->file_pos);

        if (n < 0 || (size_t) n != len) {
            return SEAL_KM_INTERNAL_ERROR;
        }
    }

    ctx->body.data = (char *) ctx->body_buf;
    ctx->body.len += len;

    return SEAL_KM_OK;
}


static ngx_int_t
ngx_http_seal_km_body_reserve(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, size_t size)
{
    u_char  *buf;

    if (size <= ctx->body_size) {
        return NGX_OK;
    }

    if (!r->headers_in.chunked
        && r->headers_in.content_length_n >= (off_t) size)
    {
        /* row 5 has bounded it; of chunks it is what has come so far */
        size = (size_t) r->headers_in.content_length_n;

    } else {
        size = ngx_max(size, 2 * ctx->body_size);
        size = ngx_max(size, NGX_HTTP_SEAL_KM_BODY_SIZE);
    }

    buf = ngx_pnalloc(r->pool, size);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (ctx->body.len) {
        ngx_memcpy(buf, ctx->body_buf, ctx->body.len);
        (void) ngx_pfree(r->pool, ctx->body_buf);
    }

    ctx->body_buf = buf;
    ctx->body_size = size;

    return NGX_OK;
}


ngx_int_t
ngx_http_seal_km_discard_body(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    /* it is not asked for with "100 Continue" to be thrown away */
    r->expect_tested = 1;

    if (ctx->body_error) {
        return NGX_OK;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        /* out of memory: it stays where it is, and the connection ends with it */
        r->keepalive = 0;
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        ctx->body_error = rc;
    }

    return rc;
}
