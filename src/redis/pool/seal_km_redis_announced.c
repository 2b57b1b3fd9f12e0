/*
 * Where servers say that others are.
 */


#include "seal_km_redis_announced.h"
#include "seal_km_redis_host.h"


static ngx_int_t seal_km_redis_announced_resolve(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, in_port_t port);
static ngx_uint_t seal_km_redis_announced_is_host(seal_km_redis_pool_t *pool,
    ngx_str_t *host);
static ngx_uint_t seal_km_redis_announced_is_failing(
    seal_km_redis_pool_t *pool, seal_km_redis_name_address_t *address,
    in_port_t port);
static seal_km_redis_server_t *seal_km_redis_announced_find(
    seal_km_redis_pool_t *pool, ngx_str_t *host, in_port_t port);


ngx_int_t
seal_km_redis_announced(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, ngx_str_t *ip,
    ngx_int_t port, seal_km_redis_address_t *informant)
{
    seal_km_redis_address_t  *address;

    if (port < 1 || port > 65535
        || (host->len && !seal_km_redis_announced_is_unset(host)
            && !seal_km_redis_host_is_valid(host->data, host->len)))
    {
        return NGX_ERROR;
    }

    ngx_memzero(endpoint, sizeof(seal_km_redis_endpoint_t));

    address = &endpoint->address;
    address->sockaddr = &endpoint->sockaddr.sockaddr;
    address->host = *host;

    if (host->len == 0) {

        if (informant->sockaddr->sa_family == AF_UNIX) {
            return NGX_ERROR;
        }

        ngx_memcpy(&endpoint->sockaddr, informant->sockaddr,
                   informant->socklen);
        address->socklen = informant->socklen;
        address->host = informant->host;

    } else if (seal_km_redis_endpoint_parse(endpoint, host) != NGX_OK
               && seal_km_redis_announced_resolve(pool, endpoint, host,
                                                  (in_port_t) port)
                  != NGX_OK
               && seal_km_redis_endpoint_parse(endpoint, ip) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_inet_set_port(address->sockaddr, (in_port_t) port);

    address->name.data = endpoint->text;
    address->name.len = ngx_sock_ntop(address->sockaddr, address->socklen,
                                      endpoint->text, NGX_SOCKADDR_STRLEN, 1);

    return NGX_OK;
}


/*
 * The name of one server: one of its addresses will do, the one that is in use
 * unless that has just failed.
 */

static ngx_int_t
seal_km_redis_announced_resolve(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, in_port_t port)
{
    ngx_uint_t                     i, n, generation;
    seal_km_redis_name_address_t  *addresses;

    if (pool->names == NULL || seal_km_redis_announced_is_unset(host)) {
        return NGX_DECLINED;
    }

    generation = seal_km_redis_announced_is_host(pool, host) ? NGX_MAX_INT_T_VALUE
                                                        : pool->generation;

    if (seal_km_redis_names_get(pool->names, host, generation, &addresses, &n)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < n; i++) {
        if (!seal_km_redis_announced_is_failing(pool, &addresses[i], port)) {
            seal_km_redis_names_prefer(pool->names, host, i);
            break;
        }
    }

    ngx_memcpy(&endpoint->sockaddr, &addresses->sockaddr, addresses->socklen);
    endpoint->address.socklen = addresses->socklen;

    return NGX_OK;
}


/* the name of seal_km_pass, which may be announced, too */

static ngx_uint_t
seal_km_redis_announced_is_host(seal_km_redis_pool_t *pool, ngx_str_t *host)
{
    return pool->settings.host.len == host->len
           && ngx_strncasecmp(pool->settings.host.data, host->data, host->len)
              == 0;
}


/* whether a server there, however it is greeted, has failed last */

static ngx_uint_t
seal_km_redis_announced_is_failing(seal_km_redis_pool_t *pool,
    seal_km_redis_name_address_t *address, in_port_t port)
{
    ngx_sockaddr_t  sockaddr;

    ngx_memcpy(&sockaddr, &address->sockaddr, address->socklen);
    ngx_inet_set_port(&sockaddr.sockaddr, port);

    return seal_km_redis_servers_is_failing(&pool->servers,
                                            &sockaddr.sockaddr);
}


seal_km_redis_server_t *
seal_km_redis_announced_redirect(seal_km_redis_pool_t *pool, ngx_str_t *text,
    seal_km_redis_address_t *informant)
{
    u_char                    *p;
    ngx_int_t                  port, rc;
    ngx_str_t                  host, ip;
    seal_km_redis_endpoint_t   endpoint;

    /* an IPv6 address stands there without brackets */

    p = text->data + text->len;

    while (p > text->data && p[-1] != ':') {
        p--;
    }

    if (p == text->data) {
        return NULL;
    }

    port = ngx_atoi(p, text->data + text->len - p);

    host.data = text->data;
    host.len = p - 1 - text->data;
    ngx_str_null(&ip);

    rc = seal_km_redis_announced(pool, &endpoint, &host, &ip, port,
                                     informant);

    if (rc == NGX_DECLINED) {
        return seal_km_redis_announced_find(pool, &host, port);
    }

    if (rc != NGX_OK) {
        return NULL;
    }

    return seal_km_redis_pool_server(pool, &endpoint.address, 0);
}


ngx_uint_t
seal_km_redis_announced_is_unset(ngx_str_t *host)
{
    return host->len == 1 && host->data[0] == '?';
}


/*
 * A known server by the name that it was told with.  Of "?", a name that was
 * not set, only the port is known: that will do if no two have it.
 */

static seal_km_redis_server_t *
seal_km_redis_announced_find(seal_km_redis_pool_t *pool, ngx_str_t *host,
    in_port_t port)
{
    ngx_uint_t               any;
    ngx_queue_t             *q;
    seal_km_redis_server_t  *server, *found;

    any = seal_km_redis_announced_is_unset(host);
    found = NULL;

    for (q = ngx_queue_head(&pool->servers.queue);
         q != ngx_queue_sentinel(&pool->servers.queue);
         q = ngx_queue_next(q))
    {
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (server->greeting != 0
            || server->generation < pool->committed
            || ngx_inet_get_port(server->address.sockaddr) != port)
        {
            continue;
        }

        if (any) {
            if (found) {
                return NULL;
            }

            found = server;
            continue;
        }

        if (server->address.host.len == host->len
            && ngx_strncasecmp(server->address.host.data, host->data,
                               host->len)
               == 0)
        {
            return server;
        }
    }

    return found;
}
