/*
 * Getting an internal location's response into memory, for a worker and not for
 * a client: by a subrequest of a request that nobody has sent.
 */


#ifndef NGX_HTTP_SEAL_KM_FETCH_H
#define NGX_HTTP_SEAL_KM_FETCH_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct ngx_http_seal_km_fetched_s  ngx_http_seal_km_fetched_t;

typedef void (*ngx_http_seal_km_fetched_pt)(ngx_http_seal_km_fetched_t *fetch);


struct ngx_http_seal_km_fetched_s {
    /* set by the caller, with uri, args, ctx, limit and timeout */
    void                          *data;
    ngx_http_seal_km_fetched_pt    handler;

    ngx_http_request_t            *request;   /* NULL: none is under way */

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                      ident;

    ngx_str_t                      uri;
    ngx_str_t                      args;
    ngx_http_conf_ctx_t           *ctx;       /* of the server that has it */
    size_t                         limit;     /* of the body, in bytes */
    ngx_msec_t                     timeout;   /* from its start to its end */

    ngx_uint_t                     status;    /* of HTTP; 0: there was none */
    const char                    *error;     /* NULL: body is all of a 200 */
    u_char                        *body;
    size_t                         len;
    size_t                         size;

    ngx_event_t                    event;
    unsigned                       active:1;
    unsigned                       failed:1;
    unsigned                       ended:1;     /* the parent is to be waked */
    unsigned                       whole:1;
    unsigned                       too_large:1;
    unsigned                       given_up:1;  /* the worker exits */
    unsigned                       starved:1;   /* of error: we lacked memory,
                                                   or the like, ourselves */
};


/*
 * Starts a GET without body and without any header.  NGX_AGAIN: handler will be
 * called once, never before this returns, with status, error and body, which
 * are gone afterwards.  NGX_ERROR: it could not be started, for want of memory,
 * connections or the like.  Not to be called while fetch->active is set.
 */
ngx_int_t ngx_http_seal_km_start_fetch(ngx_http_seal_km_fetched_t *fetch);

/*
 * Whether somebody waits for the fetch that is under way, which nobody does at
 * first: a worker that exits gives up what nobody waits for.  The handler is
 * called then too, if the worker lives as long.
 */
void ngx_http_seal_km_need_fetch(ngx_http_seal_km_fetched_t *fetch,
    ngx_uint_t needed);

/* at the end of a worker: cleanses and frees what was fetched so far */
void ngx_http_seal_km_free_fetch(ngx_http_seal_km_fetched_t *fetch);


#endif /* NGX_HTTP_SEAL_KM_FETCH_H */
