/*
 * What a location speaks: all that hangs on the form of its messages, as one
 * table of functions.  What is the same whatever is spoken (TLS, token, scope,
 * binding, rules, record, log, cleansing) asks no table which one it is.
 */


#ifndef NGX_HTTP_SEAL_KM_INTERFACE_H
#define NGX_HTTP_SEAL_KM_INTERFACE_H


#include "ngx_http_seal_km.h"


struct ngx_http_seal_km_interface_s {

    /* what seal_km_interface calls it, and what a log calls a request of it */
    ngx_str_t          name;
    const char        *request;

    /* the methods of Allow in a 405 */
    ngx_str_t          allow;

    /* of a response with a record, and of a refusal */
    ngx_str_t          content_type;
    ngx_str_t          refusal_type;

    /* how it says a reason: a row of the one table, with its own status */
    const seal_km_reason_t *(*reason)(seal_km_reason_e reason);

    /*
     * When the configuration of a location is read: the directive that it lacks
     * for this interface, or NULL.  What does not fit together is warned of.
     */
    const char      *(*check_conf)(ngx_conf_t *cf,
                                   ngx_http_seal_km_loc_conf_t *conf);

    /* what the head of the request tells: rows 3 to 5, or what is in their place */
    seal_km_reason_e (*check_head)(ngx_http_request_t *r);

    /*
     * Reads what the message consists of beside its head, or discards it, and
     * calls handler with the outcome; the handler then owns a reference to the
     * request.  Returns what a content handler returns; or NGX_DECLINED, when
     * the handler will not be called and there is no reference, and what was
     * refused is *reason.
     */
    ngx_int_t        (*read)(ngx_http_request_t *r,
                             ngx_http_seal_km_reason_pt handler,
                             seal_km_reason_e *reason);

    /*
     * Decodes the request into ctx->request, with ctx->echo set if a refusal
     * may echo it.  Returns the fault of row 7, if there is one: told to those
     * only who have a valid token.
     */
    seal_km_reason_e (*decode)(ngx_http_request_t *r,
                               ngx_http_seal_km_ctx_t *ctx);

    /* rows 9 and 10: is it for this server, and of now? */
    seal_km_reason_e (*check)(ngx_http_request_t *r,
                              ngx_http_seal_km_ctx_t *ctx);

    /* room for the body of the response for ctx->reason, in bytes */
    size_t           (*response_size)(ngx_http_request_t *r,
                                      ngx_http_seal_km_ctx_t *ctx);

    /* writes the body to p, which has that room; returns its end */
    u_char          *(*write_response)(ngx_http_request_t *r,
                                       ngx_http_seal_km_ctx_t *ctx,
                                       u_char *p);
};


/* KM-UU: SEAL KM Request and Response (TS 33.434, clauses 5.3.2 and 5.3.3) */
extern const ngx_http_seal_km_interface_t  ngx_http_seal_km_interface_km;

/* KM-S: SS_KeyInfoRetrieval (TS 29.549, clauses 5.7.1 and 7.6.1) */
extern const ngx_http_seal_km_interface_t  ngx_http_seal_km_interface_kir;


#endif /* NGX_HTTP_SEAL_KM_INTERFACE_H */
