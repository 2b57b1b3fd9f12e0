/*
 * How much of a request's body can still be had.
 */


#ifndef NGX_HTTP_SEAL_KM_BODY_STATE_H
#define NGX_HTTP_SEAL_KM_BODY_STATE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef enum {
    /* nobody has begun to read it */
    NGX_HTTP_SEAL_KM_BODY_UNTOUCHED = 0,

    /* all of it, if there is one, is in r->request_body */
    NGX_HTTP_SEAL_KM_BODY_READ,

    /* all that was read is in r->request_body, and reading can go on */
    NGX_HTTP_SEAL_KM_BODY_BEGUN,

    /* some of it was taken, or discarded, or reading it has failed */
    NGX_HTTP_SEAL_KM_BODY_LOST
} ngx_http_seal_km_body_e;


/*
 * What a content handler finds of the body of r, which may have come to it by
 * an internal redirect, or be a subrequest.  What was begun with reader as its
 * handler is lost: reader knows what became of it.
 */
ngx_http_seal_km_body_e ngx_http_seal_km_body_state(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt reader);

/*
 * Of the main request, after nginx has said that its body is read: whether that
 * is so.  It says so of one that was discarded, too.
 */
ngx_uint_t ngx_http_seal_km_is_body_read(ngx_http_request_t *r);


#endif /* NGX_HTTP_SEAL_KM_BODY_STATE_H */
