/*
 * The connection that a fetch goes over, which leads nowhere and collects what
 * it is given to send.
 */


#ifndef NGX_HTTP_SEAL_KM_FETCH_CONNECTION_H
#define NGX_HTTP_SEAL_KM_FETCH_CONNECTION_H


#include "ngx_http_seal_km_fetch.h"


/* what lives as long as the connection; hc comes first */
typedef struct {
    ngx_http_connection_t        hc;
    ngx_http_addr_conf_t         addr_conf;
    ngx_http_log_ctx_t           log_ctx;
    ngx_log_t                    log;
    ngx_http_seal_km_fetched_t  *fetch;      /* NULL: it has its response */
    ngx_event_t                  timer;      /* all has to end by then */
} ngx_http_seal_km_fetch_conn_t;


/*
 * A connection for a request of fetch->ctx's server, without handlers, whose
 * data is a ngx_http_seal_km_fetch_conn_t.  NULL after the error was logged.
 */
ngx_connection_t *ngx_http_seal_km_open_fetch_connection(
    ngx_http_seal_km_fetched_t *fetch);

/* closes it, and destroys its pool */
void ngx_http_seal_km_close_fetch_connection(ngx_connection_t *c);

/*
 * Adds what is in the chain to fetch->body, and takes it from there.  Where that
 * is NGX_ERROR, fetch->too_large or fetch->failed is set.
 */
ngx_int_t ngx_http_seal_km_fetch_collect(ngx_http_seal_km_fetched_t *fetch,
    ngx_chain_t *in);


#endif /* NGX_HTTP_SEAL_KM_FETCH_CONNECTION_H */
