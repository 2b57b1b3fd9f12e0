/*
 * Who serves which slot of a Redis Cluster.
 */


#include "seal_km_redis_map.h"


static void seal_km_redis_map_free_shards(seal_km_redis_shard_t *shard);
static seal_km_redis_shard_t *seal_km_redis_map_create_shards(
    seal_km_redis_pool_t *pool, seal_km_redis_reply_t *reply,
    seal_km_redis_address_t *informant);
static seal_km_redis_shard_t *seal_km_redis_map_create_shard(
    seal_km_redis_pool_t *pool, seal_km_redis_reply_t *range,
    seal_km_redis_address_t *informant);
static ngx_uint_t seal_km_redis_map_is_range(seal_km_redis_reply_t *range);
static seal_km_redis_server_t *seal_km_redis_map_node(
    seal_km_redis_pool_t *pool, seal_km_redis_reply_t *node,
    seal_km_redis_address_t *informant, ngx_uint_t greeting);
static ngx_str_t seal_km_redis_map_ip(seal_km_redis_reply_t *node);


ngx_int_t
seal_km_redis_map_set(seal_km_redis_map_t *map, seal_km_redis_pool_t *pool,
    seal_km_redis_reply_t *reply, seal_km_redis_address_t *informant)
{
    ngx_uint_t              i;
    int64_t                 slot;
    seal_km_redis_reply_t  *range;
    seal_km_redis_shard_t  *shards, *shard;

    if (reply->type != SEAL_KM_REDIS_REPLY_ARRAY || reply->n == 0) {
        return NGX_ERROR;
    }

    seal_km_redis_pool_begin(pool);

    shards = seal_km_redis_map_create_shards(pool, reply, informant);
    if (shards == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(map->slots, sizeof(map->slots));

    /* the list runs against the order of the answer */

    i = reply->n;

    for (shard = shards; shard; shard = shard->next) {
        range = reply->elements[--i];

        for (slot = range->elements[0]->integer;
             slot <= range->elements[1]->integer;
             slot++)
        {
            map->slots[slot] = shard;
        }
    }

    seal_km_redis_map_free_shards(map->shards);
    map->shards = shards;

    seal_km_redis_pool_commit(pool);

    return NGX_OK;
}


void
seal_km_redis_map_move(seal_km_redis_map_t *map, ngx_uint_t slot,
    seal_km_redis_server_t *server)
{
    seal_km_redis_shard_t  *shard;

    shard = ngx_calloc(sizeof(seal_km_redis_shard_t), ngx_cycle->log);
    if (shard == NULL) {
        return;
    }

    shard->n = 1;
    shard->servers[0] = server;
    shard->next = map->shards;
    map->shards = shard;
    map->slots[slot] = shard;
}


void
seal_km_redis_map_free(seal_km_redis_map_t *map)
{
    seal_km_redis_map_free_shards(map->shards);

    ngx_memzero(map, sizeof(seal_km_redis_map_t));
}


static void
seal_km_redis_map_free_shards(seal_km_redis_shard_t *shard)
{
    seal_km_redis_shard_t  *next;

    while (shard) {
        next = shard->next;
        ngx_free(shard);
        shard = next;
    }
}


/* one for each range, the last one first; NULL: one of them is none */

static seal_km_redis_shard_t *
seal_km_redis_map_create_shards(seal_km_redis_pool_t *pool,
    seal_km_redis_reply_t *reply, seal_km_redis_address_t *informant)
{
    ngx_uint_t              i;
    seal_km_redis_shard_t  *shards, *shard;

    shards = NULL;

    for (i = 0; i < reply->n; i++) {
        shard = seal_km_redis_map_create_shard(pool, reply->elements[i],
                                               informant);
        if (shard == NULL) {
            seal_km_redis_map_free_shards(shards);
            return NULL;
        }

        shard->next = shards;
        shards = shard;
    }

    return shards;
}


static seal_km_redis_shard_t *
seal_km_redis_map_create_shard(seal_km_redis_pool_t *pool,
    seal_km_redis_reply_t *range, seal_km_redis_address_t *informant)
{
    ngx_uint_t               i, greeting;
    seal_km_redis_shard_t   *shard;
    seal_km_redis_server_t  *server;

    if (!seal_km_redis_map_is_range(range)) {
        return NULL;
    }

    shard = ngx_calloc(sizeof(seal_km_redis_shard_t)
                       + (range->n - 3) * sizeof(seal_km_redis_server_t *),
                       ngx_cycle->log);
    if (shard == NULL) {
        return NULL;
    }

    for (i = 2; i < range->n; i++) {
        greeting = (i == 2) ? 0 : SEAL_KM_REDIS_GREET_READONLY;

        server = seal_km_redis_map_node(pool, range->elements[i], informant,
                                        greeting);
        if (server) {
            shard->servers[shard->n++] = server;

        } else if (i == 2) {
            /* its name is being resolved: till then nobody serves the range */
            break;
        }
    }

    return shard;
}


/* first slot, last slot, the master, its replicas */

static ngx_uint_t
seal_km_redis_map_is_range(seal_km_redis_reply_t *range)
{
    seal_km_redis_reply_t  *from, *to;

    from = seal_km_redis_reply_element(range, 0, SEAL_KM_REDIS_REPLY_INTEGER);
    to = seal_km_redis_reply_element(range, 1, SEAL_KM_REDIS_REPLY_INTEGER);

    return from && to && range->n >= 3
           && from->integer >= 0 && to->integer < SEAL_KM_REDIS_SLOTS
           && from->integer <= to->integer;
}


/*
 * A node: endpoint, port, id, and since Redis 7 what else is known of it.  An
 * endpoint of nil or "" is where we have found who tells us, "?" is unknown.
 */

static seal_km_redis_server_t *
seal_km_redis_map_node(seal_km_redis_pool_t *pool, seal_km_redis_reply_t *node,
    seal_km_redis_address_t *informant, ngx_uint_t greeting)
{
    ngx_str_t                  host, ip;
    seal_km_redis_reply_t     *text, *port;
    seal_km_redis_endpoint_t   endpoint;

    text = seal_km_redis_reply_element(node, 0, SEAL_KM_REDIS_REPLY_STRING);
    port = seal_km_redis_reply_element(node, 1, SEAL_KM_REDIS_REPLY_INTEGER);

    if (port == NULL) {
        return NULL;
    }

    ip = seal_km_redis_map_ip(node);

    ngx_str_null(&host);

    if (text) {
        host.data = text->data;
        host.len = text->len;
    }

    if (host.len == 1 && host.data[0] == '?') {
        /* a name is preferred, and has not been set */
        host = ip;
    }

    if (seal_km_redis_pool_endpoint(pool, &endpoint, &host, &ip, port->integer,
                                    informant)
        != NGX_OK)
    {
        return NULL;
    }

    return seal_km_redis_pool_server(pool, &endpoint.address, greeting);
}


/* what a node is told to be reached at besides its endpoint; empty: nothing */

static ngx_str_t
seal_km_redis_map_ip(seal_km_redis_reply_t *node)
{
    ngx_str_t               ip;
    ngx_uint_t              i;
    seal_km_redis_reply_t  *more, *text;

    ngx_str_null(&ip);

    more = seal_km_redis_reply_element(node, 3, SEAL_KM_REDIS_REPLY_ARRAY);

    for (i = 0; more && i + 1 < more->n; i += 2) {

        if (!seal_km_redis_reply_is_string(more, i, "ip")) {
            continue;
        }

        text = seal_km_redis_reply_element(more, i + 1,
                                           SEAL_KM_REDIS_REPLY_STRING);
        if (text) {
            ip.data = text->data;
            ip.len = text->len;
        }
    }

    return ip;
}
