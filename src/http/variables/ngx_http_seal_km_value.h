/*
 * Evaluating what an operator wrote with variables for this module: it is true
 * of this request now, whatever was read before and by whom, and leaves no
 * trace in what is evaluated next.
 */


#ifndef NGX_HTTP_SEAL_KM_VALUE_H
#define NGX_HTTP_SEAL_KM_VALUE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * As ngx_http_complex_value(); the text lies in r->pool.  NGX_ERROR, too, where a
 * variable in it cannot be evaluated.
 */
ngx_int_t ngx_http_seal_km_complex_value(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv, ngx_str_t *value);

/*
 * As ngx_http_get_flushed_variable(): NULL where it cannot be evaluated.  The
 * value is good until the next one is evaluated.
 */
ngx_http_variable_value_t *ngx_http_seal_km_flushed_variable(
    ngx_http_request_t *r, ngx_uint_t index);


#endif /* NGX_HTTP_SEAL_KM_VALUE_H */
