/*
 * The servers that share their settings.
 */


#include "seal_km_redis_names.h"
#include "seal_km_redis_topology.h"


struct seal_km_redis_pool_s {
    seal_km_redis_settings_t          settings;
    ngx_queue_t                       servers;
    ngx_uint_t                        generation; /* what is being asked for */
    ngx_uint_t                        committed;  /* older servers go */
    const seal_km_redis_topology_t   *topology;
    void                             *state;      /* the topology's */

    seal_km_redis_names_t            *names;      /* NULL: none is resolved */
    seal_km_redis_endpoint_t         *endpoints;  /* of settings.host */
    seal_km_redis_address_t          *seeds;
    ngx_uint_t                        nseeds;
    ngx_uint_t                        turn;
};


static void seal_km_redis_pool_cleanup(void *data);
static void seal_km_redis_pool_resolved(void *data);
static void seal_km_redis_pool_resolve_seeds(seal_km_redis_pool_t *pool);
static ngx_uint_t seal_km_redis_pool_has_seeds(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *seeds, ngx_uint_t n);
static ngx_int_t seal_km_redis_pool_resolve(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, in_port_t port);
static ngx_uint_t seal_km_redis_pool_is_host(seal_km_redis_pool_t *pool,
    ngx_str_t *host);
static ngx_uint_t seal_km_redis_pool_is_failing(seal_km_redis_pool_t *pool,
    seal_km_redis_name_address_t *address, in_port_t port);
static seal_km_redis_server_t *seal_km_redis_pool_find_name(
    seal_km_redis_pool_t *pool, ngx_str_t *host, in_port_t port);


seal_km_redis_pool_t *
seal_km_redis_pool_create(ngx_conf_t *cf, seal_km_redis_settings_t *settings)
{
    ngx_pool_cleanup_t    *cln;
    seal_km_redis_pool_t  *pool;

    pool = ngx_pcalloc(cf->pool, sizeof(seal_km_redis_pool_t));
    if (pool == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = seal_km_redis_pool_cleanup;
    cln->data = pool;

    pool->settings = *settings;
    ngx_queue_init(&pool->servers);

    pool->topology = settings->topology;
    pool->seeds = settings->seeds;
    pool->nseeds = settings->nseeds;

    if (settings->resolver) {
        pool->names = seal_km_redis_names_create(cf, settings->resolver,
                                                 settings->resolver_timeout,
                                                 seal_km_redis_pool_resolved,
                                                 pool);
        if (pool->names == NULL) {
            return NULL;
        }
    }

    pool->state = pool->topology->create(cf, pool);

    return pool->state ? pool : NULL;
}


/* a name was resolved: perhaps that of seal_km_pass itself */

static void
seal_km_redis_pool_resolved(void *data)
{
    seal_km_redis_pool_t      *pool = data;
    seal_km_redis_endpoint_t  *former;

    former = pool->endpoints;

    if (pool->settings.host.len) {
        seal_km_redis_pool_resolve_seeds(pool);
    }

    pool->topology->resolved(pool->state);

    if (former && former != pool->endpoints) {
        ngx_free(former);
    }
}


static void
seal_km_redis_pool_resolve_seeds(seal_km_redis_pool_t *pool)
{
    ngx_str_t                     *host;
    ngx_uint_t                     i, n;
    seal_km_redis_address_t       *seeds;
    seal_km_redis_endpoint_t      *endpoints;
    seal_km_redis_name_address_t  *addresses;

    host = &pool->settings.host;

    if (seal_km_redis_names_get(pool->names, host, NGX_MAX_INT_T_VALUE,
                                &addresses, &n)
        != NGX_OK)
    {
        return;
    }

    endpoints = ngx_calloc(n * (sizeof(seal_km_redis_endpoint_t)
                                + sizeof(seal_km_redis_address_t)),
                           ngx_cycle->log);
    if (endpoints == NULL) {
        return;
    }

    seeds = (seal_km_redis_address_t *) (endpoints + n);

    for (i = 0; i < n; i++) {
        seal_km_redis_endpoint_init(&endpoints[i], host,
                                    &addresses[i].sockaddr.sockaddr,
                                    addresses[i].socklen, pool->settings.port);
        seeds[i] = endpoints[i].address;
    }

    if (seal_km_redis_pool_has_seeds(pool, seeds, n)) {
        ngx_free(endpoints);
        return;
    }

    pool->endpoints = endpoints;
    pool->seeds = seeds;
    pool->nseeds = n;
}


/* in whatever order: resolvers rotate it */

static ngx_uint_t
seal_km_redis_pool_has_seeds(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *seeds, ngx_uint_t n)
{
    ngx_uint_t  i, k;

    if (n != pool->nseeds) {
        return 0;
    }

    for (i = 0; i < n; i++) {

        for (k = 0; k < n; k++) {
            if (ngx_cmp_sockaddr(seeds[i].sockaddr, seeds[i].socklen,
                                 pool->seeds[k].sockaddr,
                                 pool->seeds[k].socklen, 1)
                == NGX_OK)
            {
                break;
            }
        }

        if (k == n) {
            return 0;
        }
    }

    return 1;
}


static void
seal_km_redis_pool_cleanup(void *data)
{
    ngx_queue_t           *q;
    seal_km_redis_pool_t  *pool = data;

    if (pool->names) {
        seal_km_redis_names_destroy(pool->names);
    }

    if (pool->state) {
        pool->topology->destroy(pool->state);
    }

    while (!ngx_queue_empty(&pool->servers)) {
        q = ngx_queue_head(&pool->servers);

        ngx_queue_remove(q);

        seal_km_redis_server_destroy(ngx_queue_data(q, seal_km_redis_server_t,
                                                    queue));
    }

    if (pool->endpoints) {
        ngx_free(pool->endpoints);
    }
}


void
seal_km_redis_pool_start(seal_km_redis_pool_t *pool)
{
    ngx_uint_t                     n;
    seal_km_redis_name_address_t  *addresses;

    pool->topology->start(pool->state);

    if (pool->settings.host.len) {
        /* of no generation: it is never forgotten */
        (void) seal_km_redis_names_get(pool->names, &pool->settings.host,
                                       NGX_MAX_INT_T_VALUE, &addresses, &n);
    }
}


seal_km_redis_settings_t *
seal_km_redis_pool_settings(seal_km_redis_pool_t *pool)
{
    return &pool->settings;
}


const seal_km_redis_topology_t *
seal_km_redis_pool_topology(seal_km_redis_pool_t *pool)
{
    return pool->topology;
}


void
seal_km_redis_pool_event(ngx_conf_t *cf, ngx_event_t *ev,
    ngx_event_handler_pt handler, void *data)
{
    ev->handler = handler;
    ev->data = data;

    /* cycle->log is that of the cycle before, which will be freed */
    ev->log = &cf->cycle->new_log;
}


void *
seal_km_redis_pool_state(seal_km_redis_pool_t *pool)
{
    return pool->state;
}


seal_km_redis_address_t *
seal_km_redis_pool_seeds(seal_km_redis_pool_t *pool, ngx_uint_t *n)
{
    *n = pool->nseeds;

    return pool->seeds;
}


seal_km_redis_server_t *
seal_km_redis_pool_server(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *address, ngx_uint_t greeting)
{
    ngx_queue_t             *q;
    seal_km_redis_server_t  *server;

    for (q = ngx_queue_head(&pool->servers);
         q != ngx_queue_sentinel(&pool->servers);
         q = ngx_queue_next(q))
    {
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (server->greeting == greeting
            && ngx_cmp_sockaddr(server->address.sockaddr,
                                server->address.socklen,
                                address->sockaddr, address->socklen, 1)
               == NGX_OK
            && server->address.host.len == address->host.len
            && ngx_strncmp(server->address.host.data, address->host.data,
                           address->host.len)
               == 0)
        {
            server->generation = pool->generation;
            server->used = ngx_time();
            return server;
        }
    }

    server = seal_km_redis_server_create(&pool->settings, address, greeting);

    if (server) {
        server->generation = pool->generation;
        server->used = ngx_time();
        ngx_queue_insert_tail(&pool->servers, &server->queue);
    }

    return server;
}


/*
 * A known server by the name that it was told with.  Of "?", a name that was
 * not set, only the port is known: that will do if no two have it.
 */

static seal_km_redis_server_t *
seal_km_redis_pool_find_name(seal_km_redis_pool_t *pool, ngx_str_t *host,
    in_port_t port)
{
    ngx_uint_t               any;
    ngx_queue_t             *q;
    seal_km_redis_server_t  *server, *found;

    any = (host->len == 1 && host->data[0] == '?');
    found = NULL;

    for (q = ngx_queue_head(&pool->servers);
         q != ngx_queue_sentinel(&pool->servers);
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


ngx_uint_t
seal_km_redis_pool_turn(seal_km_redis_pool_t *pool)
{
    if (++pool->turn == 0) {
        pool->turn = 1;
    }

    return pool->turn;
}


void
seal_km_redis_pool_begin(seal_km_redis_pool_t *pool)
{
    pool->generation++;
}


void
seal_km_redis_pool_commit(seal_km_redis_pool_t *pool)
{
    pool->committed = pool->generation;
}


ngx_uint_t
seal_km_redis_pool_sweep(seal_km_redis_pool_t *pool)
{
    ngx_uint_t               left;
    ngx_queue_t             *q, *next;
    seal_km_redis_server_t  *server;

    if (pool->names) {
        seal_km_redis_names_forget(pool->names, pool->committed);
    }

    left = 0;

    for (q = ngx_queue_head(&pool->servers);
         q != ngx_queue_sentinel(&pool->servers);
         q = next)
    {
        next = ngx_queue_next(q);
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (server->generation >= pool->committed) {
            continue;
        }

        /* this may ask for servers, but closes none */
        seal_km_redis_server_withdraw(server);

        next = ngx_queue_next(q);

        if (server->generation >= pool->committed) {
            continue;
        }

        if (seal_km_redis_server_waiters(server)) {
            left++;
            continue;
        }

        ngx_queue_remove(q);
        seal_km_redis_server_destroy(server);
    }

    return left;
}


void
seal_km_redis_pool_sweep_unused(seal_km_redis_pool_t *pool, time_t unused)
{
    time_t                   last;
    ngx_queue_t             *q, *next;
    seal_km_redis_server_t  *server;

    last = 0;

    for (q = ngx_queue_head(&pool->servers);
         q != ngx_queue_sentinel(&pool->servers);
         q = ngx_queue_next(q))
    {
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);
        last = ngx_max(last, server->used);
    }

    for (q = ngx_queue_head(&pool->servers);
         q != ngx_queue_sentinel(&pool->servers);
         q = next)
    {
        next = ngx_queue_next(q);
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (last - server->used > unused
            && seal_km_redis_server_waiters(server) == 0)
        {
            ngx_queue_remove(q);
            seal_km_redis_server_destroy(server);
        }
    }
}


ngx_int_t
seal_km_redis_pool_endpoint(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, ngx_str_t *ip,
    ngx_int_t port, seal_km_redis_address_t *informant)
{
    seal_km_redis_address_t  *address;

    if (port < 1 || port > 65535) {
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
               && seal_km_redis_pool_resolve(pool, endpoint, host,
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
seal_km_redis_pool_resolve(seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host, in_port_t port)
{
    ngx_uint_t                     i, n, generation;
    seal_km_redis_name_address_t  *addresses;

    /* "?" is a name that was not set */

    if (pool->names == NULL || host->len == 0
        || (host->len == 1 && host->data[0] == '?'))
    {
        return NGX_DECLINED;
    }

    generation = seal_km_redis_pool_is_host(pool, host) ? NGX_MAX_INT_T_VALUE
                                                        : pool->generation;

    if (seal_km_redis_names_get(pool->names, host, generation, &addresses, &n)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < n; i++) {
        if (!seal_km_redis_pool_is_failing(pool, &addresses[i], port)) {
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
seal_km_redis_pool_is_host(seal_km_redis_pool_t *pool, ngx_str_t *host)
{
    return pool->settings.host.len == host->len
           && ngx_strncasecmp(pool->settings.host.data, host->data, host->len)
              == 0;
}


/* whether a server there, however it is greeted, has failed last */

static ngx_uint_t
seal_km_redis_pool_is_failing(seal_km_redis_pool_t *pool,
    seal_km_redis_name_address_t *address, in_port_t port)
{
    ngx_queue_t             *q;
    seal_km_redis_server_t  *server;

    for (q = ngx_queue_head(&pool->servers);
         q != ngx_queue_sentinel(&pool->servers);
         q = ngx_queue_next(q))
    {
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (ngx_inet_get_port(server->address.sockaddr) == port
            && ngx_cmp_sockaddr(server->address.sockaddr,
                                server->address.socklen,
                                &address->sockaddr.sockaddr, address->socklen,
                                0)
               == NGX_OK
            && seal_km_redis_server_is_failing(server))
        {
            return 1;
        }
    }

    return 0;
}


seal_km_redis_server_t *
seal_km_redis_pool_redirect(seal_km_redis_pool_t *pool, ngx_str_t *text,
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

    rc = seal_km_redis_pool_endpoint(pool, &endpoint, &host, &ip, port,
                                     informant);

    if (rc == NGX_DECLINED) {
        return seal_km_redis_pool_find_name(pool, &host, port);
    }

    if (rc != NGX_OK) {
        return NULL;
    }

    return seal_km_redis_pool_server(pool, &endpoint.address, 0);
}
