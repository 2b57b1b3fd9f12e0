/*
 * seal_km_metrics: the handler of its location.
 */


#include "ngx_http_seal_km_metrics.h"
#include "ngx_http_seal_km_page.h"


ngx_int_t
ngx_http_seal_km_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t   rc;
    ngx_buf_t  *b;

    static ngx_str_t  type =
                      ngx_string("text/plain; version=0.0.4; charset=utf-8");

    rc = ngx_http_seal_km_begin_page(r);
    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_http_seal_km_metrics_text(r);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_seal_km_send_page(r, NGX_HTTP_OK, &type, b);
}
