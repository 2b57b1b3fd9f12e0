/*
 * How much of a request's body can still be had.  A request that comes by an
 * internal redirect (error_page, try_files, X-Accel-Redirect ...) may bring one
 * that another handler has begun to read, has passed on, or has discarded; nginx
 * says of each of these that it is there.
 */


#include "ngx_http_seal_km_body_state.h"


static ngx_uint_t ngx_http_seal_km_can_go_on(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt reader);
static ngx_uint_t ngx_http_seal_km_has_body(ngx_http_request_t *r);
static off_t ngx_http_seal_km_buffered_size(ngx_http_request_body_t *rb);


ngx_http_seal_km_body_e
ngx_http_seal_km_body_state(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt reader)
{
    off_t                     size;
    ngx_http_request_t       *m;
    ngx_http_request_body_t  *rb;

    m = r->main;
    rb = m->request_body;

    if (r != m && (r->request_body == NULL || r->request_body != rb)) {
        /* its maker has given it a body of its own, or none */
        return NGX_HTTP_SEAL_KM_BODY_READ;
    }

    if (rb == NULL) {

        /* of chunks the length is known only when they were read, or thrown away */

        if (m->discard_body
            || (m->headers_in.chunked && m->headers_in.content_length_n >= 0))
        {
            return NGX_HTTP_SEAL_KM_BODY_LOST;
        }

        return NGX_HTTP_SEAL_KM_BODY_UNTOUCHED;
    }

    if (m->reading_body) {
        return (r == m && ngx_http_seal_km_can_go_on(r, reader))
               ? NGX_HTTP_SEAL_KM_BODY_BEGUN : NGX_HTTP_SEAL_KM_BODY_LOST;
    }

    if (!ngx_http_seal_km_has_body(m)) {
        return NGX_HTTP_SEAL_KM_BODY_READ;
    }

    /* who reads unbuffered takes the buffers away */

    size = m->headers_in.content_length_n;

    if (size < 0) {
        /* chunked, as HTTP/2 leaves it */
        size = rb->received;
    }

    return (rb->rest == 0 && ngx_http_seal_km_buffered_size(rb) == size)
           ? NGX_HTTP_SEAL_KM_BODY_READ : NGX_HTTP_SEAL_KM_BODY_LOST;
}


/*
 * An upstream that reads unbuffered leaves the buffers where they are until it
 * has been connected to.
 */

static ngx_uint_t
ngx_http_seal_km_can_go_on(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt reader)
{
    return r->request_body_no_buffering
           && r->request_body->post_handler != reader
           && r->upstream
           && !r->upstream->request_sent;
}


ngx_uint_t
ngx_http_seal_km_is_body_read(ngx_http_request_t *r)
{
    return !ngx_http_seal_km_has_body(r) || r->request_body->rest == 0;
}


static ngx_uint_t
ngx_http_seal_km_has_body(ngx_http_request_t *r)
{
    return r->headers_in.content_length_n > 0 || r->headers_in.chunked;
}


static off_t
ngx_http_seal_km_buffered_size(ngx_http_request_body_t *rb)
{
    off_t         size;
    ngx_chain_t  *cl;

    size = 0;

    for (cl = rb->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    return size;
}
