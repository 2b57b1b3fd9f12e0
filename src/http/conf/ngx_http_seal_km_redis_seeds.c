/*
 * The addresses of seal_km_pass, for those who choose among them themselves:
 * sentinels, nodes of a cluster, and the servers of a name that is resolved
 * again.
 */


#include "ngx_http_seal_km_redis_seeds.h"
#include "ngx_http_seal_km_compat.h"

#include <nginx.h>


static ngx_int_t ngx_http_seal_km_add_peers(ngx_array_t *seeds,
    ngx_http_upstream_srv_conf_t *uscf);
static ngx_int_t ngx_http_seal_km_add_servers(ngx_array_t *seeds,
    ngx_http_upstream_srv_conf_t *uscf);
static ngx_int_t ngx_http_seal_km_add_seed(ngx_array_t *seeds,
    struct sockaddr *sockaddr, socklen_t socklen, ngx_str_t *name,
    ngx_str_t *host);


/*
 * Sentinels and nodes of a cluster are asked at the addresses that there are
 * when the configuration is read: what nginx's balancer finds out later never
 * comes here, and of a server that it will resolve there is but the port.
 */

const char *
ngx_http_seal_km_check_seeds(ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_uint_t                   i, n;
    ngx_http_upstream_server_t  *server;

    if (conf->mode == NGX_HTTP_SEAL_KM_STANDALONE
        || conf->upstream->servers == NULL)
    {
        return NULL;
    }

    n = 0;
    server = conf->upstream->servers->elts;

    for (i = 0; i < conf->upstream->servers->nelts; i++) {

        if (server[i].down) {
            continue;
        }

        if (ngx_http_seal_km_is_resolved(&server[i])) {
            return "\"seal_km_redis_mode\" \"sentinel\" or \"cluster\" with "
                   "an upstream that has a server with \"resolve\"";
        }

        n += server[i].naddrs;
    }

    if (n == 0) {
        return "\"seal_km_redis_mode\" \"sentinel\" or \"cluster\" with an "
               "upstream whose servers are all \"down\"";
    }

    return NULL;
}


ngx_int_t
ngx_http_seal_km_set_seeds(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *uscf,
    seal_km_redis_settings_t *settings)
{
    ngx_int_t    rc;
    ngx_array_t  seeds;

    if (ngx_array_init(&seeds, cf->pool, 4, sizeof(seal_km_redis_address_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (uscf->servers) {
        rc = ngx_http_seal_km_add_servers(&seeds, uscf);

    } else {
        rc = ngx_http_seal_km_add_peers(&seeds, uscf);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    settings->seeds = seeds.elts;
    settings->nseeds = seeds.nelts;

    return NGX_OK;
}


ngx_int_t
ngx_http_seal_km_nth_server(ngx_http_upstream_srv_conf_t *uscf, ngx_uint_t n,
    ngx_uint_t with_host, seal_km_redis_address_t *address)
{
    ngx_addr_t                    *addr;
    ngx_uint_t                     i;
    ngx_http_upstream_server_t    *server;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *peers;

    ngx_str_null(&address->host);

    if (uscf->servers == NULL) {
        peers = uscf->peer.data;

        for (peer = peers->peer; peer && n; peer = peer->next) {
            n--;
        }

        if (peer == NULL) {
            return NGX_DECLINED;
        }

        address->sockaddr = peer->sockaddr;
        address->socklen = peer->socklen;
        address->name = peer->name;

        if (with_host) {
            address->host = ngx_http_seal_km_without_port(&uscf->host);
        }

        return NGX_OK;
    }

    server = uscf->servers->elts;

    for (i = 0; i < uscf->servers->nelts; i++) {

        if (server[i].down || ngx_http_seal_km_is_resolved(&server[i])) {
            continue;
        }

        if (n >= server[i].naddrs) {
            n -= server[i].naddrs;
            continue;
        }

        addr = &server[i].addrs[n];

        address->sockaddr = addr->sockaddr;
        address->socklen = addr->socklen;
        address->name = addr->name;

        if (with_host) {
            address->host = ngx_http_seal_km_server_host(uscf, &server[i]);

            if (addr->sockaddr->sa_family == AF_UNIX) {
                /* a path is no name */
                ngx_str_set(&address->host, "localhost");
            }
        }

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* what nginx has resolved a name in seal_km_pass to */

static ngx_int_t
ngx_http_seal_km_add_peers(ngx_array_t *seeds,
    ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_str_t                      host;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *peers;

    peers = uscf->peer.data;
    host = ngx_http_seal_km_without_port(&uscf->host);

    for (peer = peers->peer; peer; peer = peer->next) {
        if (ngx_http_seal_km_add_seed(seeds, peer->sockaddr, peer->socklen,
                                      &peer->name, &host)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* of an upstream, or of an address in seal_km_pass, which makes one */

static ngx_int_t
ngx_http_seal_km_add_servers(ngx_array_t *seeds,
    ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_str_t                    host;
    ngx_addr_t                  *addr;
    ngx_uint_t                   i, n;
    ngx_http_upstream_server_t  *server;

    server = uscf->servers->elts;

    for (i = 0; i < uscf->servers->nelts; i++) {

        if (server[i].down) {
            continue;
        }

        host = ngx_http_seal_km_server_host(uscf, &server[i]);

        for (n = 0; n < server[i].naddrs; n++) {
            addr = &server[i].addrs[n];

            if (ngx_http_seal_km_add_seed(seeds, addr->sockaddr, addr->socklen,
                                          &addr->name, &host)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_add_seed(ngx_array_t *seeds, struct sockaddr *sockaddr,
    socklen_t socklen, ngx_str_t *name, ngx_str_t *host)
{
    seal_km_redis_address_t  *seed;

    seed = ngx_array_push(seeds);
    if (seed == NULL) {
        return NGX_ERROR;
    }

    seed->sockaddr = sockaddr;
    seed->socklen = socklen;
    seed->name = *name;
    seed->host = *host;

    if (sockaddr->sa_family == AF_UNIX) {
        /* a path is no name */
        ngx_str_set(&seed->host, "localhost");
    }

    return NGX_OK;
}


ngx_str_t
ngx_http_seal_km_server_host(ngx_http_upstream_srv_conf_t *uscf,
    ngx_http_upstream_server_t *server)
{
    /* an address in seal_km_pass makes a server without a name */

    return ngx_http_seal_km_without_port(server->name.len ? &server->name
                                                          : &uscf->host);
}


ngx_str_t
ngx_http_seal_km_without_port(ngx_str_t *name)
{
    u_char     *p, *last;
    ngx_str_t   host;

    host = *name;
    last = name->data + name->len;

    if (name->len && name->data[0] == '[') {
        p = ngx_strlchr(name->data, last, ']');

        if (p) {
            host.data = name->data + 1;
            host.len = p - host.data;
        }

        return host;
    }

    p = ngx_strlchr(name->data, last, ':');

    if (p) {
        host.len = p - name->data;
    }

    return host;
}
