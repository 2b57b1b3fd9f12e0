/*
 * The servers that share their settings.
 */


#include "seal_km_redis_topology.h"


/* more servers than any topology that is one has */
#define SEAL_KM_REDIS_SERVERS_MAX  4096


static void seal_km_redis_pool_cleanup(void *data);
static void seal_km_redis_pool_resolved(void *data);
static void seal_km_redis_pool_resolve_seeds(seal_km_redis_pool_t *pool);
static ngx_uint_t seal_km_redis_pool_has_seeds(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *seeds, ngx_uint_t n);
static ngx_uint_t seal_km_redis_pool_want(seal_km_redis_pool_t *pool,
    seal_km_redis_server_t *server);
static void seal_km_redis_pool_remove(seal_km_redis_pool_t *pool,
    seal_km_redis_server_t *server);


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
    seal_km_redis_servers_init(&pool->servers);

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
    seal_km_redis_pool_stop(data);
}


void
seal_km_redis_pool_stop(seal_km_redis_pool_t *pool)
{
    ngx_queue_t             *q;
    seal_km_redis_server_t  *server;

    /* when a worker ends, and again with the memory of its configuration */
    if (pool->stopped) {
        return;
    }

    pool->stopped = 1;

    if (pool->names) {
        seal_km_redis_names_destroy(pool->names);
    }

    if (pool->state) {
        pool->topology->destroy(pool->state);
    }

    while (!ngx_queue_empty(&pool->servers.queue)) {
        q = ngx_queue_head(&pool->servers.queue);
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        seal_km_redis_pool_remove(pool, server);
        seal_km_redis_server_destroy(server);
    }

    if (pool->endpoints) {
        ngx_free(pool->endpoints);
        pool->endpoints = NULL;
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
    seal_km_redis_server_t  *server;

    server = seal_km_redis_servers_find(&pool->servers, address, greeting);

    if (server) {
        return seal_km_redis_pool_want(pool, server) ? server : NULL;
    }

    if (pool->wanted >= SEAL_KM_REDIS_SERVERS_MAX) {
        return NULL;
    }

    server = seal_km_redis_server_create(&pool->settings, address, greeting);

    if (server) {
        server->generation = pool->generation;
        server->born = pool->generation;
        server->used = ngx_current_msec;

        seal_km_redis_servers_add(&pool->servers, server);
        pool->wanted++;
    }

    return server;
}


/* one that is there is wanted; 0: there are too many of them */

static ngx_uint_t
seal_km_redis_pool_want(seal_km_redis_pool_t *pool,
    seal_km_redis_server_t *server)
{
    if (server->generation != pool->generation) {

        if (pool->wanted >= SEAL_KM_REDIS_SERVERS_MAX) {
            return 0;
        }

        server->generation = pool->generation;
        pool->wanted++;
    }

    server->used = ngx_current_msec;

    return 1;
}


static void
seal_km_redis_pool_remove(seal_km_redis_pool_t *pool,
    seal_km_redis_server_t *server)
{
    if (server->generation == pool->generation) {
        pool->wanted--;
    }

    seal_km_redis_servers_remove(&pool->servers, server);
}


ngx_uint_t
seal_km_redis_pool_is_denied(seal_km_redis_pool_t *pool)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&pool->servers.queue);
         q != ngx_queue_sentinel(&pool->servers.queue);
         q = ngx_queue_next(q))
    {
        if (seal_km_redis_server_is_denied(
                          ngx_queue_data(q, seal_km_redis_server_t, queue)))
        {
            return 1;
        }
    }

    return pool->topology->is_denied && pool->topology->is_denied(pool->state);
}


ngx_int_t
seal_km_redis_pool_names(seal_km_redis_pool_t *pool, ngx_str_t *base,
    ngx_array_t *names)
{
    return pool->topology->names
           ? pool->topology->names(pool->state, base, names) : NGX_OK;
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
    pool->wanted = 0;
}


void
seal_km_redis_pool_commit(seal_km_redis_pool_t *pool)
{
    pool->committed = pool->generation;
}


void
seal_km_redis_pool_abandon(seal_km_redis_pool_t *pool)
{
    ngx_queue_t             *q, *next;
    seal_km_redis_server_t  *server;

    for (q = ngx_queue_head(&pool->servers.queue);
         q != ngx_queue_sentinel(&pool->servers.queue);
         q = next)
    {
        next = ngx_queue_next(q);
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (server->born == pool->generation) {
            seal_km_redis_pool_remove(pool, server);
            seal_km_redis_server_destroy(server);
        }
    }

    if (pool->names) {
        seal_km_redis_names_forget_born(pool->names, pool->generation);
    }
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

    for (q = ngx_queue_head(&pool->servers.queue);
         q != ngx_queue_sentinel(&pool->servers.queue);
         q = next)
    {
        next = ngx_queue_next(q);
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (server->generation >= pool->committed) {
            continue;
        }

        /* this may ask for servers, but removes none */
        seal_km_redis_server_withdraw(server);

        next = ngx_queue_next(q);

        if (server->generation >= pool->committed) {
            continue;
        }

        if (seal_km_redis_server_waiters(server)) {
            left++;
            continue;
        }

        seal_km_redis_pool_remove(pool, server);
        seal_km_redis_server_destroy(server);
    }

    return left;
}


void
seal_km_redis_pool_sweep_unused(seal_km_redis_pool_t *pool, ngx_msec_t unused)
{
    ngx_msec_t               least;
    ngx_queue_t             *q, *next;
    seal_km_redis_server_t  *server;

    least = NGX_MAX_INT_T_VALUE;

    for (q = ngx_queue_head(&pool->servers.queue);
         q != ngx_queue_sentinel(&pool->servers.queue);
         q = ngx_queue_next(q))
    {
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);
        least = ngx_min(least, ngx_current_msec - server->used);
    }

    for (q = ngx_queue_head(&pool->servers.queue);
         q != ngx_queue_sentinel(&pool->servers.queue);
         q = next)
    {
        next = ngx_queue_next(q);
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (ngx_current_msec - server->used - least > unused
            && seal_km_redis_server_waiters(server) == 0)
        {
            seal_km_redis_pool_remove(pool, server);
            seal_km_redis_server_destroy(server);
        }
    }
}


void
seal_km_redis_pool_rest(seal_km_redis_pool_t *pool)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&pool->servers.queue);
         q != ngx_queue_sentinel(&pool->servers.queue);
         q = ngx_queue_next(q))
    {
        seal_km_redis_server_rest(
                          ngx_queue_data(q, seal_km_redis_server_t, queue));
    }
}
