/*
 * Servers and the pool that holds them.
 */


#include <openssl/crypto.h>

#include "seal_km_redis_server.h"


struct seal_km_redis_server_s {
    ngx_queue_t                   queue;
    seal_km_redis_address_t       address;
    ngx_sockaddr_t                sockaddr;
    ngx_uint_t                    n;
    seal_km_redis_connection_t    connections[1];
};


struct seal_km_redis_pool_s {
    seal_km_redis_settings_t      settings;
    ngx_queue_t                   servers;
};


static void seal_km_redis_pool_cleanup(void *data);
static seal_km_redis_server_t *seal_km_redis_server_create(
    seal_km_redis_pool_t *pool, seal_km_redis_address_t *address);
static seal_km_redis_connection_t *seal_km_redis_server_connection(
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
    ngx_queue_init(&pool->servers);

    return pool;
}


static void
seal_km_redis_pool_cleanup(void *data)
{
    ngx_uint_t               i;
    ngx_queue_t             *q;
    seal_km_redis_pool_t    *pool = data;
    seal_km_redis_server_t  *server;

    while (!ngx_queue_empty(&pool->servers)) {
        q = ngx_queue_head(&pool->servers);
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        ngx_queue_remove(q);

        for (i = 0; i < server->n; i++) {
            seal_km_redis_connection_destroy(&server->connections[i]);
        }

        ngx_free(server);
    }
}


seal_km_redis_settings_t *
seal_km_redis_pool_settings(seal_km_redis_pool_t *pool)
{
    return &pool->settings;
}


seal_km_redis_server_t *
seal_km_redis_pool_server(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *address)
{
    ngx_queue_t             *q;
    seal_km_redis_server_t  *server;

    for (q = ngx_queue_head(&pool->servers);
         q != ngx_queue_sentinel(&pool->servers);
         q = ngx_queue_next(q))
    {
        server = ngx_queue_data(q, seal_km_redis_server_t, queue);

        if (ngx_cmp_sockaddr(server->address.sockaddr, server->address.socklen,
                             address->sockaddr, address->socklen, 1)
            == NGX_OK)
        {
            return server;
        }
    }

    return seal_km_redis_server_create(pool, address);
}


static seal_km_redis_server_t *
seal_km_redis_server_create(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *address)
{
    size_t                   size;
    ngx_uint_t               i, n;
    seal_km_redis_server_t  *server;

    n = pool->settings.connections;
    size = offsetof(seal_km_redis_server_t, connections)
           + n * sizeof(seal_km_redis_connection_t);

    server = ngx_calloc(size + address->name.len, ngx_cycle->log);
    if (server == NULL) {
        return NULL;
    }

    /* the balancer's own copy may vanish: servers come and go */

    ngx_memcpy(&server->sockaddr, address->sockaddr, address->socklen);
    server->address.sockaddr = &server->sockaddr.sockaddr;
    server->address.socklen = address->socklen;
    server->address.name.len = address->name.len;
    server->address.name.data = (u_char *) server + size;
    ngx_memcpy(server->address.name.data, address->name.data,
               address->name.len);

    server->n = n;

    for (i = 0; i < n; i++) {
        seal_km_redis_connection_init(&server->connections[i], &pool->settings,
                                      &server->address);
    }

    ngx_queue_insert_tail(&pool->servers, &server->queue);

    return server;
}


seal_km_redis_command_t *
seal_km_redis_server_get(seal_km_redis_server_t *server, ngx_str_t *key,
    seal_km_redis_command_pt handler, void *data)
{
    seal_km_redis_connection_t  *rc;

    rc = seal_km_redis_server_connection(server);

    if (rc == NULL) {
        return NULL;
    }

    return seal_km_redis_connection_get(rc, key, handler, data);
}


/* a ready connection before one that is opening, then the shortest queue */

static seal_km_redis_connection_t *
seal_km_redis_server_connection(seal_km_redis_server_t *server)
{
    ngx_uint_t                   i;
    seal_km_redis_connection_t  *rc, *best;

    best = NULL;

    for (i = 0; i < server->n; i++) {
        rc = &server->connections[i];

        if (rc->state == SEAL_KM_REDIS_CLOSED && rc->failures == 0) {
            (void) seal_km_redis_connection_open(rc);
        }

        if (!seal_km_redis_connection_usable(rc)) {
            continue;
        }

        if (best == NULL
            || rc->state > best->state
            || (rc->state == best->state && rc->commands < best->commands))
        {
            best = rc;
        }
    }

    return best;
}
