/*
 * What operators get by a GET, without a token: metrics and readiness.
 */


#ifndef NGX_HTTP_SEAL_KM_PAGE_H
#define NGX_HTTP_SEAL_KM_PAGE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The beginning of such a content handler: GET and HEAD alone, and a body is
 * discarded.  NGX_OK: there is a page to be sent; else what the handler returns.
 */
ngx_int_t ngx_http_seal_km_begin_page(ngx_http_request_t *r);

/*
 * Sends b, of r->pool, as the whole response, which nobody is to keep.  Returns
 * what a content handler returns.
 */
ngx_int_t ngx_http_seal_km_send_page(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_buf_t *b);


#endif /* NGX_HTTP_SEAL_KM_PAGE_H */
