/*
 * seal_km_metrics: what was counted of the locations of a zone, for Prometheus.
 */


#ifndef NGX_HTTP_SEAL_KM_METRICS_H
#define NGX_HTTP_SEAL_KM_METRICS_H


#include "ngx_http_seal_km.h"


/* the content handler of a location with seal_km_metrics */
ngx_int_t ngx_http_seal_km_metrics_handler(ngx_http_request_t *r);


/* ngx_http_seal_km_metrics_text.c */

/*
 * The metrics of the zone that r's location uses, in Prometheus' text format
 * 0.0.4: a buffer from r->pool.  NULL without memory.
 */
ngx_buf_t *ngx_http_seal_km_metrics_text(ngx_http_request_t *r);


#endif /* NGX_HTTP_SEAL_KM_METRICS_H */
