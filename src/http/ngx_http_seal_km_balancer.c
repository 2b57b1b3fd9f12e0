/*
 * The servers of seal_km_pass, chosen by nginx's own upstream balancers.  They
 * say which address comes next; the connection is never theirs.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_compat.h"
#include "ngx_http_seal_km_redis_seeds.h"


static ngx_int_t ngx_http_seal_km_balancer_get(void *data,
    seal_km_redis_address_t *address);
static ngx_int_t ngx_http_seal_km_balancer_choose(ngx_http_request_t *r);
static void ngx_http_seal_km_balancer_close(ngx_peer_connection_t *peer);
static ngx_int_t ngx_http_seal_km_balancer_name(ngx_http_request_t *r);
static ngx_str_t ngx_http_seal_km_balancer_host(
    ngx_http_upstream_srv_conf_t *uscf, ngx_peer_connection_t *peer);
static ngx_int_t ngx_http_seal_km_balancer_state(ngx_http_request_t *r);
static void ngx_http_seal_km_balancer_answered(void *data);
static void ngx_http_seal_km_balancer_free(void *data, ngx_uint_t failed);


ngx_int_t
ngx_http_seal_km_init_balancer(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    ngx_http_upstream_t           *u;
    ngx_http_upstream_srv_conf_t  *uscf;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    uscf = ctx->conf->upstream.upstream;

    u = r->upstream;
    u->conf = &ctx->conf->upstream;
    u->upstream = uscf;
    u->peer.start_time = ngx_current_msec;

    if (uscf->peer.init(r, uscf) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->query.balancer.get = ngx_http_seal_km_balancer_get;
    ctx->query.balancer.answered = ngx_http_seal_km_balancer_answered;
    ctx->query.balancer.free = ngx_http_seal_km_balancer_free;
    ctx->query.balancer.data = r;

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_balancer_get(void *data, seal_km_redis_address_t *address)
{
    ngx_http_request_t      *r = data;
    ngx_http_upstream_t     *u;
    ngx_http_seal_km_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    if (ctx->tried && u->peer.tries == 0) {
        return NGX_DECLINED;
    }

    if (ngx_http_seal_km_balancer_state(r) != NGX_OK) {
        return NGX_DECLINED;
    }

    ctx->tried = 1;

    if (ngx_http_seal_km_balancer_choose(r) != NGX_OK) {
        return NGX_DECLINED;
    }

    address->sockaddr = u->peer.sockaddr;
    address->socklen = u->peer.socklen;
    address->name = *u->state->peer;
    ngx_str_set(&address->host, "");

    if (ctx->conf->redis.ssl) {
        address->host = ngx_http_seal_km_balancer_host(u->upstream, &u->peer);
    }

    return NGX_OK;
}


/* NGX_OK: u->peer is the server; it has to be given back */

static ngx_int_t
ngx_http_seal_km_balancer_choose(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    rc = u->peer.get(&u->peer, u->peer.data);

    if (rc == NGX_DONE) {
        ngx_http_seal_km_balancer_close(&u->peer);
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {

        if (ngx_http_seal_km_balancer_name(r) == NGX_OK) {
            return NGX_OK;
        }

        u->peer.free(&u->peer, u->peer.data, 0);
        u->peer.sockaddr = NULL;
    }

    u->state->response_time = ngx_current_msec - u->start_time;

    if (rc == NGX_BUSY) {
        /* where no server could be chosen nginx names the upstream */
        (void) ngx_http_seal_km_balancer_name(r);

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "no live Redis servers in upstream \"%V\"",
                      &u->upstream->host);
    }

    return NGX_ERROR;
}


/*
 * The keepalive module gives away a connection that another module has used,
 * out of its cache, and leaves it without anyone to hear that it is closed.
 */

static void
ngx_http_seal_km_balancer_close(ngx_peer_connection_t *peer)
{
    ngx_connection_t  *c;

    c = peer->connection;

    peer->connection = NULL;
    peer->cached = 0;

    if (c == NULL) {
        return;
    }

    if (c->ssl) {
        /* a quiet shutdown is done at once: nobody would wait for another */
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }

    if (c->pool) {
        ngx_destroy_pool(c->pool);
    }

    ngx_close_connection(c);
}


/*
 * For $upstream_addr, which the access log reads when the server may be gone:
 * one that was resolved lies in shared memory, and is freed.
 */

static ngx_int_t
ngx_http_seal_km_balancer_name(ngx_http_request_t *r)
{
    ngx_str_t            *name;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->peer.name == NULL) {
        return NGX_ERROR;
    }

    name = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->len = u->peer.name->len;
    name->data = ngx_pstrdup(r->pool, u->peer.name);

    if (name->data == NULL) {
        return NGX_ERROR;
    }

    u->state->peer = name;

    return NGX_OK;
}


/*
 * The host of the address as the configuration names it, for certificates: of
 * seal_km_pass itself, or of the "server" in an upstream.  Of an address that
 * a "resolve" brought only the address is known.
 */

static ngx_str_t
ngx_http_seal_km_balancer_host(ngx_http_upstream_srv_conf_t *uscf,
    ngx_peer_connection_t *peer)
{
    ngx_str_t                    host;
    ngx_uint_t                   i, n;
    ngx_http_upstream_server_t  *server;

    if (peer->sockaddr->sa_family == AF_UNIX) {
        /* a path is no name: as nginx has it for its own upstreams */
        ngx_str_set(&host, "localhost");
        return host;
    }

    if (uscf->servers == NULL) {
        return ngx_http_seal_km_without_port(&uscf->host);
    }

    server = uscf->servers->elts;

    for (i = 0; i < uscf->servers->nelts; i++) {
        for (n = 0; n < server[i].naddrs; n++) {
            if (ngx_cmp_sockaddr(server[i].addrs[n].sockaddr,
                                 server[i].addrs[n].socklen,
                                 peer->sockaddr, peer->socklen, 1)
                == NGX_OK)
            {
                return ngx_http_seal_km_server_host(uscf, &server[i]);
            }
        }
    }

    return ngx_http_seal_km_without_port(peer->name);
}


/* for $upstream_addr and its kin, and for balancers that look at times */

static ngx_int_t
ngx_http_seal_km_balancer_state(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (r->upstream_states == NULL) {
        r->upstream_states = ngx_array_create(r->pool, 1,
                                           sizeof(ngx_http_upstream_state_t));
        if (r->upstream_states == NULL) {
            return NGX_ERROR;
        }
    }

    u->state = ngx_array_push(r->upstream_states);
    if (u->state == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(u->state, sizeof(ngx_http_upstream_state_t));

    u->state->connect_time = (ngx_msec_t) -1;
    u->state->header_time = (ngx_msec_t) -1;
    u->state->response_time = (ngx_msec_t) -1;

    u->start_time = ngx_current_msec;

    return NGX_OK;
}


static void
ngx_http_seal_km_balancer_answered(void *data)
{
    ngx_http_request_t   *r = data;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    u->state->header_time = ngx_current_msec - u->start_time;
}


static void
ngx_http_seal_km_balancer_free(void *data, ngx_uint_t failed)
{
    ngx_http_request_t   *r = data;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    u->state->response_time = ngx_current_msec - u->start_time;

    ngx_http_seal_km_free_peer(&u->peer, failed ? NGX_PEER_FAILED : 0,
                               u->state->header_time != (ngx_msec_t) -1);
    u->peer.sockaddr = NULL;
}
