/*
 * What operators get by a GET, without a token: metrics and readiness.
 */


#include "ngx_http_seal_km_page.h"
#include "ngx_http_seal_km_headers.h"


ngx_int_t
ngx_http_seal_km_begin_page(ngx_http_request_t *r)
{
    static ngx_str_t  allow = ngx_string("GET, HEAD");

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return ngx_http_discard_request_body(r);
    }

    if (ngx_http_seal_km_add_header(r, "Allow", &allow) != NGX_OK
        || ngx_http_seal_km_forbid_storing(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_NOT_ALLOWED;
}


ngx_int_t
ngx_http_seal_km_send_page(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_buf_t *b)
{
    if (ngx_http_seal_km_set_form(r, status, type) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_seal_km_send(r, b);
}
