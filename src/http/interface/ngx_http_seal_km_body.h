/*
 * Reading the body of a request.
 */


#ifndef NGX_HTTP_SEAL_KM_BODY_H
#define NGX_HTTP_SEAL_KM_BODY_H


#include "ngx_http_seal_km.h"


/*
 * Reads the body up to seal_km_max_request_size into ctx->body, never into a
 * file, and calls handler with SEAL_KM_OK, _REQUEST_TOO_LARGE or
 * _INTERNAL_ERROR; the handler then owns the reference that
 * ngx_http_read_client_request_body() took.  Returns what a content handler
 * returns, or NGX_DECLINED with *reason set if handler will not be called.
 * What nginx refuses of a body is nginx's to answer.
 */
ngx_int_t ngx_http_seal_km_read_body(ngx_http_request_t *r,
    ngx_http_seal_km_reason_pt handler, seal_km_reason_e *reason);


#endif /* NGX_HTTP_SEAL_KM_BODY_H */
