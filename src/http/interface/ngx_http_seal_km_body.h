/*
 * Reading the body of a request, or discarding it.
 */


#ifndef NGX_HTTP_SEAL_KM_BODY_H
#define NGX_HTTP_SEAL_KM_BODY_H


#include "ngx_http_seal_km.h"


/*
 * Reads the body up to seal_km_max_request_size into ctx->body and calls handler
 * with SEAL_KM_OK, _REQUEST_TOO_LARGE or _INTERNAL_ERROR; the handler then owns a
 * reference to the request.  Returns what a content handler returns, or
 * NGX_DECLINED with *reason set if handler will not be called.
 *
 * Of a request that comes by an internal redirect the body may have been read
 * already, which does no harm, or be no longer to be had: then it is refused.
 * Read here it is written nowhere; where another module has had it read before,
 * nginx may have written it to a file.  What nginx refuses of a body is nginx's
 * to answer; where its error_page leads here again it is refused here, too.
 */
ngx_int_t ngx_http_seal_km_read_body(ngx_http_request_t *r,
    ngx_http_seal_km_reason_pt handler, seal_km_reason_e *reason);

/*
 * Discards the body.  One that nginx has refused when it was read or discarded
 * before is left as it is.  NGX_OK, or what a content handler is to return.
 */
ngx_int_t ngx_http_seal_km_discard_body(ngx_http_request_t *r);


#endif /* NGX_HTTP_SEAL_KM_BODY_H */
