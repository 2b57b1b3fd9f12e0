/*
 * Evaluating what an operator wrote with variables, one value without a trace
 * in the next.
 */


#ifndef NGX_HTTP_SEAL_KM_CAPTURES_H
#define NGX_HTTP_SEAL_KM_CAPTURES_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* $1, $2, … as the location's own expression has set them */
typedef struct {
    int                          *captures;
    ngx_uint_t                    n;
    u_char                       *data;
} ngx_http_seal_km_captures_t;


/*
 * Between keep and restore a map with a regular expression, say over a claim,
 * may set $1 to something else.  That must not outlast it: another value, say
 * the scope that is demanded, may be made of the location's $1.
 */
void ngx_http_seal_km_keep_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept);
void ngx_http_seal_km_restore_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept);

/* as ngx_http_complex_value(), between keep and restore */
ngx_int_t ngx_http_seal_km_complex_value(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv, ngx_str_t *value);

/* as ngx_http_get_flushed_variable(), between keep and restore */
ngx_http_variable_value_t *ngx_http_seal_km_flushed_variable(
    ngx_http_request_t *r, ngx_uint_t index);


#endif /* NGX_HTTP_SEAL_KM_CAPTURES_H */
