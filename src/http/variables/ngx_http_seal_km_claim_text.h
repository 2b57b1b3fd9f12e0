/*
 * The texts of claims as values of variables.
 */


#ifndef NGX_HTTP_SEAL_KM_CLAIM_TEXT_H
#define NGX_HTTP_SEAL_KM_CLAIM_TEXT_H


#include "ngx_http_seal_km.h"


/*
 * Set *v to the claim of that name, or to what is at the end of the path of
 * that index, of the location's names, in a token that was verified.  NGX_OK,
 * also where there is no such claim, or NGX_ERROR.  The value lives as long as
 * the request.
 */
ngx_int_t ngx_http_seal_km_claim_value(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t name,
    ngx_http_variable_value_t *v);
ngx_int_t ngx_http_seal_km_claim_path_value(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_uint_t i, ngx_http_variable_value_t *v);


#endif /* NGX_HTTP_SEAL_KM_CLAIM_TEXT_H */
