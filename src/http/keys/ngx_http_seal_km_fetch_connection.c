/*
 * The connection that a fetch goes over.  It has a socket that is connected to
 * nothing, so that all that nginx does to connections works with it, and what
 * it is given to send is collected: whole, however the location buffers.
 */


#include "ngx_http_seal_km_fetch_connection.h"
#include "ngx_http_seal_km_compat.h"

#include <openssl/crypto.h>


#define NGX_HTTP_SEAL_KM_FETCH_POOL  1024
#define NGX_HTTP_SEAL_KM_FETCH_BODY  8192

/* of a buffer for what a client would have sent, where modules look for it */
#define NGX_HTTP_SEAL_KM_FETCH_SENT  64


static ngx_socket_t ngx_http_seal_km_fetch_socket(void);
static ngx_int_t ngx_http_seal_km_init_connection(ngx_connection_t *c,
    ngx_http_seal_km_fetched_t *fetch);
static ngx_chain_t *ngx_http_seal_km_fetch_send_chain(ngx_connection_t *c,
    ngx_chain_t *in, off_t limit);
static ngx_int_t ngx_http_seal_km_fetch_append(
    ngx_http_seal_km_fetched_t *fetch, u_char *data, size_t len);
static u_char *ngx_http_seal_km_fetch_log(ngx_log_t *log, u_char *buf,
    size_t len);


/* modules look at the address of a client, and at where it has connected to */

static struct sockaddr  ngx_http_seal_km_fetch_sockaddr = {
    .sa_family = AF_UNIX
};

static ngx_listening_t  ngx_http_seal_km_fetch_listening = {
    .fd = (ngx_socket_t) -1,
    .sockaddr = &ngx_http_seal_km_fetch_sockaddr,
    .socklen = sizeof(struct sockaddr),
    .addr_text = ngx_string("unix:"),
    .type = SOCK_STREAM
};


ngx_connection_t *
ngx_http_seal_km_open_fetch_connection(ngx_http_seal_km_fetched_t *fetch)
{
    ngx_socket_t       s;
    ngx_connection_t  *c;

    s = ngx_http_seal_km_fetch_socket();
    if (s == (ngx_socket_t) -1) {
        return NULL;
    }

    c = ngx_get_connection(s, ngx_cycle->log);

    if (c == NULL) {
        (void) ngx_close_socket(s);
        return NULL;
    }

    c->pool = ngx_create_pool(NGX_HTTP_SEAL_KM_FETCH_POOL, ngx_cycle->log);

    if (c->pool == NULL
        || ngx_http_seal_km_init_connection(c, fetch) != NGX_OK)
    {
        ngx_http_seal_km_close_fetch_connection(c);
        return NULL;
    }

    return c;
}


/* a datagram socket without a peer is never readable, and has no end */

static ngx_socket_t
ngx_http_seal_km_fetch_socket(void)
{
    ngx_socket_t  s;

    s = ngx_socket(AF_UNIX, SOCK_DGRAM, 0);

    if (s == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_socket_errno,
                      ngx_socket_n " failed");
        return s;
    }

    if (ngx_nonblocking(s) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_socket_errno,
                      ngx_nonblocking_n " failed");
        (void) ngx_close_socket(s);
        return (ngx_socket_t) -1;
    }

    return s;
}


static ngx_int_t
ngx_http_seal_km_init_connection(ngx_connection_t *c,
    ngx_http_seal_km_fetched_t *fetch)
{
    ngx_http_seal_km_fetch_conn_t  *fc;

    fc = ngx_pcalloc(c->pool, sizeof(ngx_http_seal_km_fetch_conn_t));
    if (fc == NULL) {
        return NGX_ERROR;
    }

    c->buffer = ngx_create_temp_buf(c->pool, NGX_HTTP_SEAL_KM_FETCH_SENT);
    if (c->buffer == NULL) {
        return NGX_ERROR;
    }

    fc->fetch = fetch;
    fc->log_ctx.connection = c;
    fc->hc.conf_ctx = fetch->ctx;
    fc->hc.addr_conf = &fc->addr_conf;
    fc->addr_conf.default_server = ngx_http_get_module_srv_conf(fetch->ctx,
                                                       ngx_http_core_module);

    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    fc->log = *ngx_cycle->log;
    fc->log.connection = c->number;
    fc->log.handler = ngx_http_seal_km_fetch_log;
    fc->log.data = &fc->log_ctx;
    fc->log.action = "fetching keys";

    c->data = &fc->hc;
    c->log = &fc->log;
    c->pool->log = &fc->log;
    c->read->log = &fc->log;
    c->write->log = &fc->log;

    c->recv = ngx_recv;
    c->send = ngx_send;
    c->recv_chain = ngx_recv_chain;
    c->send_chain = ngx_http_seal_km_fetch_send_chain;

    /* of no use with this kind of socket */
    c->sndlowat = 1;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    c->sockaddr = &ngx_http_seal_km_fetch_sockaddr;
    c->socklen = sizeof(struct sockaddr);
    c->local_sockaddr = &ngx_http_seal_km_fetch_sockaddr;
    c->local_socklen = sizeof(struct sockaddr);
    ngx_str_set(&c->addr_text, "unix:");
    c->listening = &ngx_http_seal_km_fetch_listening;

    c->start_time = ngx_current_msec;

    /* nobody waits for it yet */
    c->idle = 1;

    return NGX_OK;
}


void
ngx_http_seal_km_close_fetch_connection(ngx_connection_t *c)
{
    ngx_pool_t  *pool;

    pool = c->pool;

    /* what is logged of it may be in the pool */
    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


static ngx_chain_t *
ngx_http_seal_km_fetch_send_chain(ngx_connection_t *c, ngx_chain_t *in,
    off_t limit)
{
    ngx_http_request_t             *r;
    ngx_http_seal_km_fetch_conn_t  *fc;

    r = c->data;
    fc = (ngx_http_seal_km_fetch_conn_t *) r->http_connection;

    /* a subrequest's is NULL */

    if (fc == NULL) {
        fc = (ngx_http_seal_km_fetch_conn_t *) r->main->http_connection;
    }

    if (fc->fetch
        && ngx_http_seal_km_fetch_collect(fc->fetch, in) != NGX_OK)
    {
        return NGX_CHAIN_ERROR;
    }

    return NULL;
}


ngx_int_t
ngx_http_seal_km_fetch_collect(ngx_http_seal_km_fetched_t *fetch,
    ngx_chain_t *in)
{
    size_t      len;
    ngx_buf_t  *b;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ngx_buf_special(b)) {
            continue;
        }

        if (!ngx_buf_in_memory(b)) {
            fetch->failed = 1;
            return NGX_ERROR;
        }

        len = b->last - b->pos;

        if (ngx_http_seal_km_fetch_append(fetch, b->pos, len) != NGX_OK) {
            fetch->failed = 1;
            return NGX_ERROR;
        }

        fetch->request->connection->sent += len;

        b->pos = b->last;

        if (b->in_file) {
            b->file_pos = b->file_last;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_fetch_append(ngx_http_seal_km_fetched_t *fetch, u_char *data,
    size_t len)
{
    size_t   size;
    u_char  *body;

    if (len > fetch->limit - fetch->len) {
        fetch->too_large = 1;
        return NGX_ERROR;
    }

    if (len > fetch->size - fetch->len) {
        size = ngx_max(fetch->len + len, 2 * fetch->size);
        size = ngx_max(size, NGX_HTTP_SEAL_KM_FETCH_BODY);

        body = ngx_alloc(size, ngx_cycle->log);
        if (body == NULL) {
            fetch->starved = 1;
            return NGX_ERROR;
        }

        if (fetch->body) {
            ngx_memcpy(body, fetch->body, fetch->len);
            OPENSSL_cleanse(fetch->body, fetch->len);
            ngx_free(fetch->body);
        }

        fetch->body = body;
        fetch->size = size;
    }

    ngx_memcpy(fetch->body + fetch->len, data, len);
    fetch->len += len;

    return NGX_OK;
}


static u_char *
ngx_http_seal_km_fetch_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char              *p;
    ngx_http_log_ctx_t  *ctx;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    p = ngx_snprintf(buf, len, ", for seal_km_jwks_request");
    len -= p - buf;

    ctx = log->data;

    return ctx->request ? ngx_http_seal_km_log_request(log, ctx, p, len) : p;
}
