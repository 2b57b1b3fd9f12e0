/*
 * Who serves which slot of a Redis Cluster.
 */


#include "seal_km_redis_map.h"


/* what a map is made of, while it is being read */
typedef struct {
    seal_km_redis_pool_t     *pool;
    seal_km_redis_address_t  *informant;
    seal_km_redis_map_e       holes;
} seal_km_redis_map_source_t;


static void seal_km_redis_map_free_shards(seal_km_redis_shard_t *shard);
static seal_km_redis_shard_t *seal_km_redis_map_create_shards(
    seal_km_redis_map_source_t *source, seal_km_redis_reply_t *reply);
static seal_km_redis_shard_t *seal_km_redis_map_create_shard(
    seal_km_redis_map_source_t *source, seal_km_redis_reply_t *range);
static ngx_uint_t seal_km_redis_map_is_range(seal_km_redis_reply_t *range);
static ngx_int_t seal_km_redis_map_node(seal_km_redis_map_source_t *source,
    seal_km_redis_reply_t *node, ngx_uint_t greeting,
    seal_km_redis_server_t **server);
static seal_km_redis_map_e seal_km_redis_map_hole(ngx_int_t rc,
    ngx_str_t *host);
static ngx_str_t seal_km_redis_map_ip(seal_km_redis_reply_t *node);


/*
 * No slot is there twice, so that there are no more ranges than slots, and
 * filling them in takes no longer than there are slots.
 */

ngx_uint_t
seal_km_redis_map_is_valid(seal_km_redis_reply_t *reply)
{
    ngx_uint_t                 i;
    seal_km_redis_reply_t     *range;
    seal_km_redis_slot_set_t   slots;

    if (reply->type == SEAL_KM_REDIS_REPLY_ERROR) {
        return 1;
    }

    if (reply->type != SEAL_KM_REDIS_REPLY_ARRAY) {
        return 0;
    }

    ngx_memzero(&slots, sizeof(seal_km_redis_slot_set_t));

    for (i = 0; i < reply->n; i++) {
        range = reply->elements[i];

        if (!seal_km_redis_map_is_range(range)
            || !seal_km_redis_slot_add(&slots, range->elements[0]->integer,
                                       range->elements[1]->integer))
        {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
seal_km_redis_map_set(seal_km_redis_map_t *map, seal_km_redis_pool_t *pool,
    seal_km_redis_reply_t *reply, seal_km_redis_address_t *informant)
{
    ngx_uint_t                   i;
    int64_t                      slot;
    seal_km_redis_reply_t       *range;
    seal_km_redis_shard_t       *shards, *shard;
    seal_km_redis_map_source_t   source;

    if (reply->type != SEAL_KM_REDIS_REPLY_ARRAY || reply->n == 0) {
        return NGX_ERROR;
    }

    source.pool = pool;
    source.informant = informant;
    source.holes = SEAL_KM_REDIS_MAP_WHOLE;

    seal_km_redis_pool_begin(pool);

    shards = seal_km_redis_map_create_shards(&source, reply);

    if (shards == NULL) {
        seal_km_redis_pool_abandon(pool);
        return NGX_ERROR;
    }

    seal_km_redis_map_free(map);

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

    map->shards = shards;
    map->holes = source.holes;

    seal_km_redis_pool_commit(pool);

    return NGX_OK;
}


/* a cluster that moves on and on, and has no map, must not make it grow */

void
seal_km_redis_map_move(seal_km_redis_map_t *map, ngx_uint_t slot,
    seal_km_redis_server_t *server)
{
    seal_km_redis_shard_t  *shard;

    for (shard = map->moved; shard; shard = shard->next) {
        if (shard->servers[0] == server) {
            map->slots[slot] = shard;
            return;
        }
    }

    shard = ngx_calloc(sizeof(seal_km_redis_shard_t), ngx_cycle->log);
    if (shard == NULL) {
        return;
    }

    shard->n = 1;
    shard->servers[0] = server;
    shard->next = map->moved;
    map->moved = shard;
    map->slots[slot] = shard;
}


void
seal_km_redis_map_free(seal_km_redis_map_t *map)
{
    seal_km_redis_map_free_shards(map->shards);
    seal_km_redis_map_free_shards(map->moved);

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


/* one for each range, the last one first; NULL: there is no room for them */

static seal_km_redis_shard_t *
seal_km_redis_map_create_shards(seal_km_redis_map_source_t *source,
    seal_km_redis_reply_t *reply)
{
    ngx_uint_t              i;
    seal_km_redis_shard_t  *shards, *shard;

    shards = NULL;

    for (i = 0; i < reply->n; i++) {
        shard = seal_km_redis_map_create_shard(source, reply->elements[i]);

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
seal_km_redis_map_create_shard(seal_km_redis_map_source_t *source,
    seal_km_redis_reply_t *range)
{
    ngx_int_t                rc;
    ngx_uint_t               i, greeting;
    seal_km_redis_shard_t   *shard;
    seal_km_redis_server_t  *server;

    shard = ngx_calloc(sizeof(seal_km_redis_shard_t)
                       + (range->n - 3) * sizeof(seal_km_redis_server_t *),
                       ngx_cycle->log);
    if (shard == NULL) {
        return NULL;
    }

    for (i = 2; i < range->n; i++) {
        greeting = (i == 2) ? 0 : SEAL_KM_REDIS_GREET_READONLY;

        rc = seal_km_redis_map_node(source, range->elements[i], greeting,
                                    &server);

        if (rc == NGX_ERROR) {
            ngx_free(shard);
            return NULL;
        }

        if (rc == NGX_OK) {
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
    ngx_uint_t  i;

    if (seal_km_redis_reply_element(range, 0, SEAL_KM_REDIS_REPLY_INTEGER)
        == NULL
        || seal_km_redis_reply_element(range, 1, SEAL_KM_REDIS_REPLY_INTEGER)
           == NULL
        || range->n < 3)
    {
        return 0;
    }

    for (i = 2; i < range->n; i++) {
        if (seal_km_redis_reply_element(range->elements[i], 1,
                                        SEAL_KM_REDIS_REPLY_INTEGER)
            == NULL)
        {
            return 0;
        }
    }

    return 1;
}


/*
 * A node: endpoint, port, id, and since Redis 7 what else is known of it.  An
 * endpoint of nil or "" is where we have found who tells us, "?" is unknown.
 * NGX_DECLINED: nobody can say where it is (yet); NGX_ERROR: there is no room
 * for it.
 */

static ngx_int_t
seal_km_redis_map_node(seal_km_redis_map_source_t *source,
    seal_km_redis_reply_t *node, ngx_uint_t greeting,
    seal_km_redis_server_t **server)
{
    int64_t                    port;
    ngx_int_t                  rc;
    ngx_str_t                  host, ip;
    seal_km_redis_reply_t     *text;
    seal_km_redis_map_e        hole;
    seal_km_redis_endpoint_t   endpoint;

    /* port 0, too, is none */
    port = node->elements[1]->integer;
    port = (port < 0 || port > 65535) ? 0 : port;

    text = seal_km_redis_reply_element(node, 0, SEAL_KM_REDIS_REPLY_STRING);
    ip = seal_km_redis_map_ip(node);

    ngx_str_null(&host);

    if (text) {
        host.data = text->data;
        host.len = text->len;
    }

    if (seal_km_redis_announced_is_unset(&host)) {
        /* a name is preferred, and has not been set */
        host = ip;
    }

    rc = seal_km_redis_announced(source->pool, &endpoint, &host, &ip,
                                 (ngx_int_t) port, source->informant);

    if (rc != NGX_OK) {

        if (greeting == 0) {
            hole = seal_km_redis_map_hole(rc, &host);
            source->holes = ngx_max(source->holes, hole);
        }

        return NGX_DECLINED;
    }

    *server = seal_km_redis_pool_server(source->pool, &endpoint.address,
                                        greeting);

    return *server ? NGX_OK : NGX_ERROR;
}


static seal_km_redis_map_e
seal_km_redis_map_hole(ngx_int_t rc, ngx_str_t *host)
{
    if (rc == NGX_DECLINED) {
        return SEAL_KM_REDIS_MAP_UNRESOLVED;
    }

    return host->len ? SEAL_KM_REDIS_MAP_NO_ADDRESS
                     : SEAL_KM_REDIS_MAP_NO_HOST;
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
