/*
 * The content handler: rows 1 to 5 of the checks, and the way of a request
 * through the others: body, token and request, record, response.
 */


#include "ngx_http_seal_km.h"


static seal_km_reason_e ngx_http_seal_km_check_head(ngx_http_request_t *r);
static ngx_uint_t ngx_http_seal_km_in_early_data(ngx_http_request_t *r);
static ngx_uint_t ngx_http_seal_km_is_json(ngx_http_request_t *r);
static ngx_uint_t ngx_http_seal_km_is_word(ngx_str_t text, ngx_str_t *word);
static ngx_str_t ngx_http_seal_km_media_type(ngx_str_t *value);
static void ngx_http_seal_km_body_handler(ngx_http_request_t *r,
    seal_km_reason_e reason);
static void ngx_http_seal_km_judge(ngx_http_request_t *r,
    seal_km_reason_e reason);
static void ngx_http_seal_km_wait(ngx_http_request_t *r);
static void ngx_http_seal_km_finish(ngx_http_request_t *r,
    seal_km_reason_e reason);


ngx_int_t
ngx_http_seal_km_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    seal_km_reason_e         reason;
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_seal_km_create_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reason = ngx_http_seal_km_check_head(r);

    if (reason == SEAL_KM_OK) {
        return ngx_http_seal_km_read_body(r, ngx_http_seal_km_body_handler);
    }

    /* the body is not asked for with "100 Continue" to be thrown away */
    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_seal_km_respond(r, ctx, reason);
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

    if (r->method != NGX_HTTP_POST) {
        return SEAL_KM_METHOD_NOT_ALLOWED;
    }

    if (!ngx_http_seal_km_is_json(r)) {
        return SEAL_KM_UNSUPPORTED_MEDIA_TYPE;
    }

    if (r->headers_in.content_length_n > (off_t) conf->max_request_size) {
        return SEAL_KM_REQUEST_TOO_LARGE;
    }

    return SEAL_KM_OK;
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


/*
 * There is a Content-Type, each one is application/json (nginx lets there be
 * several), and no Content-Encoding is another one than identity.
 */

static ngx_uint_t
ngx_http_seal_km_is_json(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    static ngx_str_t  type = ngx_string("content-type");
    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  encoding = ngx_string("content-encoding");
    static ngx_str_t  identity = ngx_string("identity");

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 1;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_http_seal_km_is_word(h[i].key, &encoding)
            && !ngx_http_seal_km_is_word(h[i].value, &identity))
        {
            return 0;
        }

        if (ngx_http_seal_km_is_word(h[i].key, &type)
            && !ngx_http_seal_km_is_word(
                                  ngx_http_seal_km_media_type(&h[i].value),
                                  &json))
        {
            return 0;
        }
    }
}


static ngx_uint_t
ngx_http_seal_km_is_word(ngx_str_t text, ngx_str_t *word)
{
    return text.len == word->len
           && ngx_strncasecmp(text.data, word->data, word->len) == 0;
}


/* a Content-Type without its parameters */

static ngx_str_t
ngx_http_seal_km_media_type(ngx_str_t *value)
{
    u_char     *p, *last;
    ngx_str_t   type;

    p = value->data;
    last = ngx_strlchr(p, p + value->len, ';');

    if (last == NULL) {
        last = p + value->len;
    }

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    type.data = p;
    type.len = last - p;

    return type;
}


/* from here on the request holds a reference, which finish gives back */

static void
ngx_http_seal_km_body_handler(ngx_http_request_t *r, seal_km_reason_e reason)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    if (reason == SEAL_KM_OK
        && ngx_http_seal_km_await_keys(r, ctx, ngx_http_seal_km_judge)
           == NGX_AGAIN)
    {
        ngx_http_seal_km_wait(r);
        return;
    }

    ngx_http_seal_km_judge(r, reason);
}


static void
ngx_http_seal_km_judge(ngx_http_request_t *r, seal_km_reason_e reason)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    if (reason == SEAL_KM_OK) {
        reason = ngx_http_seal_km_check(r, ctx);
    }

    if (reason == SEAL_KM_OK
        && ngx_http_seal_km_fetch_record(r, ctx, ngx_http_seal_km_finish,
                                         &reason)
           == NGX_AGAIN)
    {
        ngx_http_seal_km_wait(r);
        return;
    }

    ngx_http_seal_km_finish(r, reason);
}


/* a client that goes away while Redis or the SIM-S is asked ends its request */

static void
ngx_http_seal_km_wait(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
        return;
    }

    /*
     * Where all came with the first packet ("listen ... deferred") nobody has
     * asked for more yet.  A stream of HTTP/2 or HTTP/3 has no socket.
     */

    if (r->http_version < NGX_HTTP_VERSION_20
        && ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        ngx_http_seal_km_finish(r, SEAL_KM_INTERNAL_ERROR);
    }
}


static void
ngx_http_seal_km_finish(ngx_http_request_t *r, seal_km_reason_e reason)
{
    ngx_http_seal_km_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_finalize_request(r, ngx_http_seal_km_respond(r, ctx, reason));
}
