/*
 * Headers of a request, and what every response of the module has, whatever a
 * location speaks.
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
 * Whether text is that word, in any case; where it is spelt as word is that costs
 * less.
 */
ngx_uint_t ngx_http_seal_km_is_word(ngx_str_t text, ngx_str_t *word);

/*
 * The next header of a list, such as r->headers_in.headers, or NULL; *part is its
 * first part, and *i is 0, before the first call.
 */
ngx_table_elt_t *ngx_http_seal_km_next_header(ngx_list_part_t **part,
    ngx_uint_t *i);

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
