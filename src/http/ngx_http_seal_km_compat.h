/*
 * What differs between releases of nginx, and between nginx and its kin (Angie,
 * freenginx): no other file asks for a version.
 */


#ifndef NGX_HTTP_SEAL_KM_COMPAT_H
#define NGX_HTTP_SEAL_KM_COMPAT_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <nginx.h>


/* whether a resolver has servers to ask; "resolver off" has none */

static ngx_inline ngx_uint_t
ngx_http_seal_km_resolves(ngx_resolver_t *resolver)
{
#ifdef angie_version
    return resolver && resolver->connections;
#else
    return resolver && resolver->connections.nelts;
#endif
}


/* whether nginx resolves a server of an upstream again while it runs */

static ngx_inline ngx_uint_t
ngx_http_seal_km_is_resolved(ngx_http_upstream_server_t *server)
{
#if (NGX_HTTP_UPSTREAM_ZONE && (nginx_version >= 1027003                      \
                                || defined(angie_version)))
    return server->host.len != 0;
#else
    return 0;
#endif
}


/*
 * Gives a server back to its balancer.  Angie's holds one for well again only
 * where it sees the connection that the answer came over, and ours is none of
 * its: it is shown one that is over, and looks no further.
 */

static ngx_inline void
ngx_http_seal_km_free_peer(ngx_peer_connection_t *peer, ngx_uint_t state,
    ngx_uint_t answered)
{
#ifdef angie_version
    ngx_event_t       read;
    ngx_connection_t  c;

    if (answered && peer->connection == NULL) {
        ngx_memzero(&read, sizeof(ngx_event_t));
        ngx_memzero(&c, sizeof(ngx_connection_t));

        read.eof = 1;
        c.read = &read;
        c.write = &read;

        peer->connection = &c;
        peer->free(peer, peer->data, state);
        peer->connection = NULL;
        return;
    }
#endif

    peer->free(peer, peer->data, state);
}


/* what nginx tells of a request at the end of a line of the error log */

static ngx_inline u_char *
ngx_http_seal_km_log_request(ngx_log_t *log, ngx_http_log_ctx_t *ctx,
    u_char *buf, size_t len)
{
#ifdef angie_version
    return ctx->request->log_handler(log, buf, buf + len, ctx);
#else
    return ctx->request->log_handler(ctx->request, ctx->current_request, buf,
                                     len);
#endif
}


/*
 * Makes h, and nothing else, what nginx knows as the response's Cache-Control;
 * h need not be in headers_out.headers.  What was known before is not sent.
 */

static ngx_inline ngx_int_t
ngx_http_seal_km_set_cache_control(ngx_http_request_t *r, ngx_table_elt_t *h)
{
#if (nginx_version >= 1023000)
    ngx_table_elt_t  *former;

    for (former = r->headers_out.cache_control; former; former = former->next) {
        former->hash = 0;
    }

    h->next = NULL;
    r->headers_out.cache_control = h;

#else
    ngx_uint_t         i;
    ngx_array_t       *known;
    ngx_table_elt_t  **former, **p;

    known = &r->headers_out.cache_control;

    if (known->elts == NULL
        && ngx_array_init(known, r->pool, 1, sizeof(ngx_table_elt_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    former = known->elts;

    for (i = 0; i < known->nelts; i++) {
        former[i]->hash = 0;
    }

    known->nelts = 0;

    p = ngx_array_push(known);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = h;
#endif

    return NGX_OK;
}


#endif /* NGX_HTTP_SEAL_KM_COMPAT_H */
