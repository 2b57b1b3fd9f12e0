/*
 * What every response of the module has, whatever a location speaks.
 */


#ifndef NGX_HTTP_SEAL_KM_HEADERS_H
#define NGX_HTTP_SEAL_KM_HEADERS_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* adds a header; name is a static text.  NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_seal_km_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/*
 * Cache-Control: no-store, and nothing else, whatever other modules make of it.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_forbid_storing(ngx_http_request_t *r);

/*
 * Status and Content-Type, no-store, and nothing that a condition or a range in
 * the request might change.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_set_form(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type);

/*
 * Sends the head, and then b, of r->pool, as the whole body.  Returns what a
 * content handler returns.
 */
ngx_int_t ngx_http_seal_km_send(ngx_http_request_t *r, ngx_buf_t *b);


#endif /* NGX_HTTP_SEAL_KM_HEADERS_H */
