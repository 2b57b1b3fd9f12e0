/*
 * Getting an internal location's response into memory, for a worker and not for
 * a client.
 *
 * nginx makes subrequests of requests.  One of a client's would be no good
 * parent: what is fetched serves others as well, so it must not end when that
 * client goes away, and neither must the client's connection have to wait for
 * it, nor anything that the client has sent get into it.  So the parent is a
 * request of our own.
 */


#include "ngx_http_seal_km_fetch_connection.h"

#include <openssl/crypto.h>


static ngx_int_t ngx_http_seal_km_fetch_request(ngx_connection_t *c,
    ngx_http_seal_km_fetched_t *fetch);
static ngx_int_t ngx_http_seal_km_init_request(ngx_http_request_t *r,
    ngx_http_seal_km_fetched_t *fetch);
static ngx_int_t ngx_http_seal_km_set_request_line(ngx_http_request_t *r,
    ngx_http_seal_km_fetched_t *fetch);
static void ngx_http_seal_km_fetch_event_handler(ngx_event_t *ev);
static void ngx_http_seal_km_fetch_timeout_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_seal_km_fetch_done(ngx_http_request_t *sr,
    void *data, ngx_int_t rc);
static ngx_uint_t ngx_http_seal_km_fetch_is_starved(ngx_http_request_t *sr,
    ngx_int_t rc);
static ngx_uint_t ngx_http_seal_km_fetch_is_whole(ngx_http_request_t *sr);
static void ngx_http_seal_km_fetch_wake(ngx_http_request_t *r);
static void ngx_http_seal_km_fetch_end(ngx_http_request_t *r);
static void ngx_http_seal_km_fetch_leave(ngx_http_request_t *r);
static void ngx_http_seal_km_fetch_cleanup(void *data);
static void ngx_http_seal_km_fetch_deliver(ngx_http_seal_km_fetched_t *fetch);
static void ngx_http_seal_km_fetch_posted(ngx_event_t *ev);
static void ngx_http_seal_km_fetch_idle(ngx_connection_t *c);
static void ngx_http_seal_km_free_body(ngx_http_seal_km_fetched_t *fetch);


ngx_int_t
ngx_http_seal_km_start_fetch(ngx_http_seal_km_fetched_t *fetch)
{
    ngx_connection_t  *c;

    fetch->ident = -1;
    fetch->status = 0;
    fetch->error = "was broken off";
    fetch->body = NULL;
    fetch->len = 0;
    fetch->size = 0;
    fetch->failed = 0;
    fetch->ended = 0;
    fetch->whole = 0;
    fetch->too_large = 0;
    fetch->given_up = 0;
    fetch->starved = 0;

    c = ngx_http_seal_km_open_fetch_connection(fetch);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->read->handler = ngx_http_seal_km_fetch_event_handler;
    c->write->handler = ngx_http_seal_km_fetch_event_handler;

    if (ngx_http_seal_km_fetch_request(c, fetch) != NGX_OK) {
        ngx_http_seal_km_close_fetch_connection(c);
        return NGX_ERROR;
    }

    fetch->active = 1;

    ngx_http_run_posted_requests(c);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_seal_km_fetch_request(ngx_connection_t *c,
    ngx_http_seal_km_fetched_t *fetch)
{
    ngx_http_cleanup_t             *cln;
    ngx_http_request_t             *r, *sr;
    ngx_http_post_subrequest_t     *ps;
    ngx_http_seal_km_fetch_conn_t  *fc;

    fc = c->data;

    r = ngx_http_create_request(c);
    if (r == NULL) {
        return NGX_ERROR;
    }

    c->data = r;

    /* no log takes it for a request of a client's */
    r->logged = 1;

    cln = ngx_http_cleanup_add(r, 0);
    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));

    if (cln == NULL || ps == NULL
        || ngx_http_seal_km_init_request(r, fetch) != NGX_OK)
    {
        goto failed;
    }

    ps->handler = ngx_http_seal_km_fetch_done;
    ps->data = fetch;

    if (ngx_http_subrequest(r, &fetch->uri,
                            fetch->args.len ? &fetch->args : NULL, &sr, ps, 0)
        != NGX_OK)
    {
        goto failed;
    }

    cln->handler = ngx_http_seal_km_fetch_cleanup;
    cln->data = fc;

    fc->timer.handler = ngx_http_seal_km_fetch_timeout_handler;
    fc->timer.data = c;
    fc->timer.log = c->log;

    ngx_add_timer(&fc->timer, fetch->timeout);

    fetch->request = r;

    return NGX_OK;

failed:

    ngx_http_free_request(r, 0);

    return NGX_ERROR;
}


/*
 * What nginx would have made of "GET <uri> HTTP/1.0" without a header, but of
 * no client.  Its body is as empty as that which nginx gives to subrequests of
 * auth_request: modules look for what is in it without looking for it first.
 */

static ngx_int_t
ngx_http_seal_km_init_request(ngx_http_request_t *r,
    ngx_http_seal_km_fetched_t *fetch)
{
#if (NGX_STAT_STUB)
    /* it was counted as a client's */
    (void) ngx_atomic_fetch_add(ngx_stat_reading, -1);
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
    r->stat_reading = 0;
#endif

    if (ngx_list_init(&r->headers_in.headers, r->pool, 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->request_body = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    if (r->request_body == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_seal_km_set_request_line(r, fetch) != NGX_OK) {
        return NGX_ERROR;
    }

    r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;

    r->method = NGX_HTTP_GET;
    r->method_name = ngx_http_core_get_method;
    ngx_str_set(&r->http_protocol, "HTTP/1.0");

    r->uri = fetch->uri;
    r->args = fetch->args;
    ngx_http_set_exten(r);

    /* nothing of it is still to be read, or to be asked for */
    r->expect_tested = 1;

    r->write_event_handler = ngx_http_seal_km_fetch_wake;

    /* no part of it stays in a file, and nothing slows it down */
    r->main_filter_need_in_memory = 1;
    r->limit_rate_set = 1;
    r->limit_rate_after_set = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_set_request_line(ngx_http_request_t *r,
    ngx_http_seal_km_fetched_t *fetch)
{
    u_char  *p;
    size_t   len;

    len = sizeof("GET ? HTTP/1.0") - 1 + fetch->uri.len + fetch->args.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->request_line.data = p;

    p = ngx_cpymem(p, "GET ", 4);

    r->unparsed_uri.data = p;
    p = ngx_cpymem(p, fetch->uri.data, fetch->uri.len);

    if (fetch->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, fetch->args.data, fetch->args.len);
    }

    r->unparsed_uri.len = p - r->unparsed_uri.data;

    p = ngx_cpymem(p, " HTTP/1.0", 9);
    r->request_line.len = p - r->request_line.data;

    return NGX_OK;
}


/* as for any connection; it matters when a worker has to exit */

static void
ngx_http_seal_km_fetch_event_handler(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_request_t             *r;
    ngx_http_seal_km_fetch_conn_t  *fc;

    c = ev->data;
    r = c->data;

    ngx_http_set_log_request(c->log, r);

    if (c->close) {
        fc = (ngx_http_seal_km_fetch_conn_t *) r->main->http_connection;

        if (fc->fetch) {
            fc->fetch->given_up = 1;
        }

        ngx_http_seal_km_fetch_end(r->main);
        ngx_http_run_posted_requests(c);
        return;
    }

    if (ev->delayed && ev->timedout) {
        ev->delayed = 0;
        ev->timedout = 0;
    }

    if (ev->write) {
        r->write_event_handler(r);

    } else {
        r->read_event_handler(r);
    }

    ngx_http_run_posted_requests(c);
}


/* a SIM-S that sends a byte now and then is within all of nginx's own times */

static void
ngx_http_seal_km_fetch_timeout_handler(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_request_t             *r;
    ngx_http_seal_km_fetch_conn_t  *fc;

    c = ev->data;
    r = c->data;

    fc = (ngx_http_seal_km_fetch_conn_t *) r->main->http_connection;

    ngx_http_set_log_request(c->log, r);

    if (fc->fetch) {
        fc->fetch->error = "took longer than \"seal_km_jwks_timeout\"";

    } else {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "what went on in the background took longer than "
                      "\"seal_km_jwks_timeout\"");
    }

    ngx_http_seal_km_fetch_end(r->main);

    ngx_http_run_posted_requests(c);
}


/*
 * The subrequest is at its end, or will be when all of it has been written, or
 * goes on with an error_page of the location: then this is called again.
 */

static ngx_int_t
ngx_http_seal_km_fetch_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_seal_km_fetched_t  *fetch = data;

    fetch->status = (rc >= NGX_HTTP_OK) ? (ngx_uint_t) rc
                                        : sr->headers_out.status;
    if (rc == NGX_ERROR) {
        fetch->failed = 1;
    }

    if (!fetch->too_large && ngx_http_seal_km_fetch_is_starved(sr, rc)) {
        fetch->starved = 1;
    }

    fetch->whole = ngx_http_seal_km_fetch_is_whole(sr);
    fetch->ended = 1;

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE && !sr->header_sent
        && rc != NGX_HTTP_CLOSE
        && rc != NGX_HTTP_REQUEST_TIME_OUT
        && rc != NGX_HTTP_CLIENT_CLOSED_REQUEST)
    {
        return rc;
    }

    /* no end to the connection: our request wants to know */

    sr->connection->error = 0;

    return NGX_OK;
}


/*
 * Whether it is nginx that could not go on, most often for want of memory, and not
 * the SIM-S: a 500 that the upstream has not sent; an error in the middle, for of
 * an end that comes too early, or late, nginx makes none once there is a header;
 * or a downstream that fails, for there is nobody who could close a fetch.
 */

static ngx_uint_t
ngx_http_seal_km_fetch_is_starved(ngx_http_request_t *sr, ngx_int_t rc)
{
    ngx_http_upstream_t  *u;

    u = sr->upstream;

    if (rc == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        return u == NULL
               || u->headers_in.status_n != NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return rc == NGX_ERROR
           || (u != NULL && u->pipe != NULL && u->pipe->downstream_error);
}


/* an upstream that has sent too little is told from others in its log only */

static ngx_uint_t
ngx_http_seal_km_fetch_is_whole(ngx_http_request_t *sr)
{
    ngx_event_pipe_t     *p;
    ngx_http_upstream_t  *u;

    u = sr->upstream;

    if (u == NULL || !u->header_sent) {
        return 1;
    }

#if (NGX_HTTP_CACHE)
    if (sr->cached) {
        return 1;
    }
#endif

    if (!u->buffering) {
        return u->length == 0 || u->length == -1;
    }

    p = u->pipe;

    return p == NULL
           || p->upstream_done
           || (p->upstream_eof && p->length == -1);
}


/* nginx wakes the parent of a subrequest that is done */

static void
ngx_http_seal_km_fetch_wake(ngx_http_request_t *r)
{
    ngx_http_seal_km_fetched_t     *fetch;
    ngx_http_seal_km_fetch_conn_t  *fc;

    fc = (ngx_http_seal_km_fetch_conn_t *) r->http_connection;
    fetch = fc->fetch;

    fetch->ended = 0;

    /* postpone_output: what is too little to be sent waits in r->out */

    (void) ngx_http_seal_km_fetch_collect(fetch, r->out);

    if (fetch->too_large) {
        fetch->error = "is too large";

    } else if (fetch->failed || fetch->status == 0) {
        fetch->error = "failed";

    } else if (fetch->status != NGX_HTTP_OK) {
        fetch->error = "was not answered with 200";

    } else if (!fetch->whole) {
        fetch->error = "was cut short";

    } else {
        fetch->error = NULL;
    }

    if (r->count > 1) {
        ngx_http_seal_km_fetch_leave(r);

    } else {
        ngx_http_seal_km_fetch_end(r);
    }
}


/*
 * Something goes on in the background, such as the update of a cached response
 * (proxy_cache_background_update): it is not to be cut off by what it does for
 * the next fetch, and this one has all that it wants.
 */

static void
ngx_http_seal_km_fetch_leave(ngx_http_request_t *r)
{
    ngx_http_seal_km_fetched_t     *fetch;
    ngx_http_seal_km_fetch_conn_t  *fc;

    fc = (ngx_http_seal_km_fetch_conn_t *) r->http_connection;
    fetch = fc->fetch;

    fc->fetch = NULL;

    r->write_event_handler = ngx_http_request_empty_handler;

    /* for whoever is the last: there is no client, and nothing to linger for */
    r->connection->read->eof = 1;

    ngx_http_seal_km_fetch_idle(r->connection);

    ngx_http_finalize_request(r, NGX_DONE);

    ngx_http_seal_km_fetch_deliver(fetch);
}


static void
ngx_http_seal_km_fetch_end(ngx_http_request_t *r)
{
    ngx_http_seal_km_fetch_conn_t  *fc;

    fc = (ngx_http_seal_km_fetch_conn_t *) r->http_connection;

    /* nothing that the server does after the requests of clients */

    r->post_action = 1;
    r->uri_changes = 0;

    if (fc->fetch == NULL) {
        /*
         * What is left in the background has the only reference, and gives it
         * back while nginx goes through the request's cleanups: another one
         * keeps the request until nginx is through with them.
         */
        r->count++;
    }

    /* there is no response to end with: this takes all that is left with it */

    ngx_http_finalize_request(r, NGX_ERROR);
}


static void
ngx_http_seal_km_fetch_cleanup(void *data)
{
    ngx_http_seal_km_fetch_conn_t  *fc = data;

#if (NGX_STAT_STUB)
    /* nginx is about to count down a connection that it has not counted */
    (void) ngx_atomic_fetch_add(ngx_stat_active, 1);
#endif

    if (fc->timer.timer_set) {
        ngx_del_timer(&fc->timer);
    }

    if (fc->fetch) {

        if (fc->fetch->ended) {
            /* the parent should have been waked, and there was no memory to */
            fc->fetch->starved = 1;
        }

        ngx_http_seal_km_fetch_deliver(fc->fetch);
    }
}


static void
ngx_http_seal_km_fetch_deliver(ngx_http_seal_km_fetched_t *fetch)
{
    fetch->request = NULL;

    /*
     * Not from here: what is waked may open connections, and find that of this
     * request free, while nginx still looks at it.
     */

    fetch->event.handler = ngx_http_seal_km_fetch_posted;
    fetch->event.data = fetch;
    fetch->event.log = ngx_cycle->log;

    ngx_post_event(&fetch->event, &ngx_posted_events);
}


static void
ngx_http_seal_km_fetch_posted(ngx_event_t *ev)
{
    ngx_http_seal_km_fetched_t  done, *fetch;

    fetch = ev->data;
    done = *fetch;

    fetch->active = 0;

    fetch->handler(fetch);

    /* the handler may have started another one, with a body of its own */

    if (fetch->body == done.body) {
        fetch->body = NULL;
    }

    ngx_http_seal_km_free_body(&done);
}


void
ngx_http_seal_km_need_fetch(ngx_http_seal_km_fetched_t *fetch,
    ngx_uint_t needed)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = fetch->request;

    if (r == NULL) {
        return;
    }

    /* what is idle nginx closes when a worker begins to exit */

    c = r->connection;

    if (needed) {
        c->idle = 0;
        c->close = 0;

    } else {
        ngx_http_seal_km_fetch_idle(c);
    }
}


/* what is idle nginx closes when a worker begins to exit; later we have to */

static void
ngx_http_seal_km_fetch_idle(ngx_connection_t *c)
{
    c->idle = 1;

    if (ngx_exiting) {
        /* not from here, which may be anywhere in nginx */

        c->close = 1;
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


void
ngx_http_seal_km_free_fetch(ngx_http_seal_km_fetched_t *fetch)
{
    if (fetch->event.posted) {
        ngx_delete_posted_event(&fetch->event);
    }

    ngx_http_seal_km_free_body(fetch);
}


/* a SIM-S may publish a secret key, foolishly */

static void
ngx_http_seal_km_free_body(ngx_http_seal_km_fetched_t *fetch)
{
    if (fetch->body) {
        OPENSSL_cleanse(fetch->body, fetch->len);
        ngx_free(fetch->body);
        fetch->body = NULL;
    }
}
