/*
 * seal_km_metrics: the handler of its location.
 */


#include "ngx_http_seal_km_metrics.h"
#include "ngx_http_seal_km_headers.h"


static ngx_int_t ngx_http_seal_km_refuse_method(ngx_http_request_t *r);


ngx_int_t
ngx_http_seal_km_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    static ngx_str_t  type =
                      ngx_string("text/plain; version=0.0.4; charset=utf-8");

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_seal_km_refuse_method(r);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_http_seal_km_metrics_text(r);

    if (b == NULL || ngx_http_seal_km_forbid_storing(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;
    r->headers_out.content_type = type;
    r->headers_out.content_type_lowcase = NULL;

    /* the type is known by its first word, and nobody adds a charset */
    r->headers_out.content_type_len = sizeof("text/plain") - 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_seal_km_refuse_method(ngx_http_request_t *r)
{
    static ngx_str_t  allow = ngx_string("GET, HEAD");

    if (ngx_http_seal_km_add_header(r, "Allow", &allow) != NGX_OK
        || ngx_http_seal_km_forbid_storing(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_NOT_ALLOWED;
}
