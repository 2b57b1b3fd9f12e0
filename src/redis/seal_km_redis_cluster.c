/*
 * Redis Cluster: 16384 slots, shared among masters.  The map of who serves
 * which slot is asked for (CLUSTER SLOTS) and mended by what nodes answer.
 */


#include "seal_km_redis_topology.h"


#define SEAL_KM_REDIS_SLOTS          16384
#define SEAL_KM_REDIS_HOPS_MAX       5

/* milliseconds: between two maps at least; how long a fault keeps us asking */
#define SEAL_KM_REDIS_MAP_INTERVAL   200
#define SEAL_KM_REDIS_MAP_TROUBLE    20000

/* how long a query rests that met a slot on its way */
#define SEAL_KM_REDIS_PAUSE          20


/* who serves a range of slots: the master first, then its replicas */
typedef struct seal_km_redis_shard_s  seal_km_redis_shard_t;

struct seal_km_redis_shard_s {
    seal_km_redis_shard_t        *next;
    ngx_uint_t                    n;
    seal_km_redis_server_t       *servers[1];
};


typedef struct {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_redis_pool_t         *pool;
    seal_km_redis_shard_t        *shards;
    seal_km_redis_command_t      *command;    /* CLUSTER SLOTS under way */
    int                           ident;

    ngx_uint_t                    asked;      /* seeds, since the last map */
    ngx_uint_t                    turn;       /* of seeds, and of replicas */
    ngx_msec_t                    mapped;     /* when the map was asked for */
    ngx_msec_t                    troubled;   /* when a node failed last */
    seal_km_redis_server_t       *server;     /* who is asked for the map */
    ngx_event_t                   timer;      /* the next map */
    ngx_event_t                   deadline;   /* of the one under way */
    ngx_event_t                   pause;      /* for those that rest */
    ngx_event_t                   sweep;      /* of nodes that have left */
    ngx_queue_t                   waiting;    /* queries: for a map */
    ngx_queue_t                   resting;    /* queries: for a moment */
    ngx_uint_t                    known;      /* there is a map */
    seal_km_redis_shard_t        *slots[SEAL_KM_REDIS_SLOTS];
} seal_km_redis_cluster_t;


static void *seal_km_redis_cluster_create(ngx_conf_t *cf,
    seal_km_redis_pool_t *pool);
static void seal_km_redis_cluster_start(void *state);
static void seal_km_redis_cluster_destroy(void *state);
static void seal_km_redis_cluster_resolved(void *state);
static void seal_km_redis_cluster_free_shards(seal_km_redis_shard_t *shard);
static ngx_int_t seal_km_redis_cluster_pick(seal_km_redis_query_t *query);
static void seal_km_redis_cluster_release(seal_km_redis_query_t *query,
    ngx_uint_t failed);
static ngx_int_t seal_km_redis_cluster_error(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_cluster_redirect(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply, ngx_uint_t ask);
static void seal_km_redis_cluster_rest(seal_km_redis_query_t *query);
static void seal_km_redis_cluster_pause_handler(ngx_event_t *ev);
static void seal_km_redis_cluster_trouble(seal_km_redis_cluster_t *cluster);
static void seal_km_redis_cluster_schedule(seal_km_redis_cluster_t *cluster);
static void seal_km_redis_cluster_timer_handler(ngx_event_t *ev);
static ngx_int_t seal_km_redis_cluster_ask(seal_km_redis_cluster_t *cluster);
static seal_km_redis_server_t *seal_km_redis_cluster_next(
    seal_km_redis_cluster_t *cluster);
static void seal_km_redis_cluster_deadline_handler(ngx_event_t *ev);
static void seal_km_redis_cluster_sweep_handler(ngx_event_t *ev);
static void seal_km_redis_cluster_map_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_cluster_set_map(
    seal_km_redis_cluster_t *cluster, seal_km_redis_reply_t *reply);
static seal_km_redis_shard_t *seal_km_redis_cluster_create_shard(
    seal_km_redis_cluster_t *cluster, seal_km_redis_reply_t *range);
static seal_km_redis_server_t *seal_km_redis_cluster_node(
    seal_km_redis_cluster_t *cluster, seal_km_redis_reply_t *node,
    ngx_uint_t greeting);
static ngx_uint_t seal_km_redis_cluster_slot(ngx_str_t *key);
static ngx_uint_t seal_km_redis_crc16(u_char *p, size_t len);


const seal_km_redis_topology_t  seal_km_redis_cluster = {
    seal_km_redis_cluster_create,
    seal_km_redis_cluster_start,
    seal_km_redis_cluster_destroy,
    seal_km_redis_cluster_resolved,
    seal_km_redis_cluster_pick,
    seal_km_redis_cluster_release,
    seal_km_redis_cluster_error
};


static void *
seal_km_redis_cluster_create(ngx_conf_t *cf, seal_km_redis_pool_t *pool)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = ngx_pcalloc(cf->pool, sizeof(seal_km_redis_cluster_t));
    if (cluster == NULL) {
        return NULL;
    }

    cluster->pool = pool;
    cluster->ident = -1;

    ngx_queue_init(&cluster->waiting);
    ngx_queue_init(&cluster->resting);

    seal_km_redis_pool_event(cf, &cluster->timer,
                             seal_km_redis_cluster_timer_handler, cluster);
    cluster->timer.cancelable = 1;

    seal_km_redis_pool_event(cf, &cluster->deadline,
                             seal_km_redis_cluster_deadline_handler, cluster);

    seal_km_redis_pool_event(cf, &cluster->sweep,
                             seal_km_redis_cluster_sweep_handler, cluster);
    cluster->sweep.cancelable = 1;

    seal_km_redis_pool_event(cf, &cluster->pause,
                             seal_km_redis_cluster_pause_handler, cluster);

    return cluster;
}


static void
seal_km_redis_cluster_start(void *state)
{
    (void) seal_km_redis_cluster_ask(state);
}


static void
seal_km_redis_cluster_destroy(void *state)
{
    seal_km_redis_cluster_t  *cluster = state;

    if (cluster->timer.timer_set) {
        ngx_del_timer(&cluster->timer);
    }

    if (cluster->deadline.timer_set) {
        ngx_del_timer(&cluster->deadline);
    }

    if (cluster->pause.timer_set) {
        ngx_del_timer(&cluster->pause);
    }

    if (cluster->sweep.timer_set) {
        ngx_del_timer(&cluster->sweep);
    }

    seal_km_redis_cluster_free_shards(cluster->shards);
}


/* a map with the new addresses */

static void
seal_km_redis_cluster_resolved(void *state)
{
    seal_km_redis_cluster_schedule(state);
}


static void
seal_km_redis_cluster_free_shards(seal_km_redis_shard_t *shard)
{
    seal_km_redis_shard_t  *next;

    while (shard) {
        next = shard->next;
        ngx_free(shard);
        shard = next;
    }
}


static ngx_int_t
seal_km_redis_cluster_pick(seal_km_redis_query_t *query)
{
    ngx_int_t                 i;
    seal_km_redis_shard_t    *shard;
    seal_km_redis_cluster_t  *cluster;

    cluster = seal_km_redis_pool_state(query->pool);

    if (!cluster->known) {
        if (query->tries) {
            return NGX_DECLINED;
        }

        if (seal_km_redis_cluster_ask(cluster) != NGX_OK) {
            return NGX_DECLINED;
        }

        seal_km_redis_query_park(query, &cluster->waiting);

        return NGX_AGAIN;
    }

    shard = cluster->slots[seal_km_redis_cluster_slot(&query->key)];

    if (shard == NULL) {
        seal_km_redis_cluster_trouble(cluster);
        return NGX_DECLINED;
    }

    i = seal_km_redis_query_choose(query, shard->n);

    if (i == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    query->server = shard->servers[i];

    return NGX_OK;
}


static void
seal_km_redis_cluster_release(seal_km_redis_query_t *query, ngx_uint_t failed)
{
    query->server = NULL;

    if (failed) {
        query->tries++;
        seal_km_redis_cluster_trouble(seal_km_redis_pool_state(query->pool));
    }
}


static ngx_int_t
seal_km_redis_cluster_error(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t  rc;

    if (query->hops < SEAL_KM_REDIS_HOPS_MAX) {

        if (seal_km_redis_reply_is_error(reply, "MOVED")) {
            query->hops++;
            return seal_km_redis_cluster_redirect(query, reply, 0);
        }

        if (seal_km_redis_reply_is_error(reply, "ASK")) {
            query->hops++;
            return seal_km_redis_cluster_redirect(query, reply, 1);
        }

        if (seal_km_redis_reply_is_error(reply, "TRYAGAIN")) {
            query->hops++;
            seal_km_redis_cluster_rest(query);
            return NGX_BUSY;
        }
    }

    rc = seal_km_redis_error(query, reply);

    if (rc != NGX_OK) {
        seal_km_redis_cluster_trouble(seal_km_redis_pool_state(query->pool));
    }

    return rc;
}


/* "MOVED 3999 127.0.0.1:6381", and "ASK" likewise */

static ngx_int_t
seal_km_redis_cluster_redirect(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply, ngx_uint_t ask)
{
    u_char                   *p, *last;
    ngx_str_t                 endpoint;
    ngx_uint_t                slot;
    seal_km_redis_shard_t    *shard;
    seal_km_redis_server_t   *server;
    seal_km_redis_cluster_t  *cluster;

    cluster = seal_km_redis_pool_state(query->pool);

    slot = seal_km_redis_cluster_slot(&query->key);
    last = reply->data + reply->len;

    p = ngx_strlchr(reply->data, last, ' ');
    p = p ? ngx_strlchr(p + 1, last, ' ') : NULL;

    if (p == NULL) {
        return NGX_OK;
    }

    endpoint.data = p + 1;
    endpoint.len = last - endpoint.data;

    server = seal_km_redis_pool_redirect(query->pool, &endpoint,
                                 &query->server->address);

    if (server == NULL) {
        /* a name that only a new map can tell the address of */
        query->server = NULL;
        seal_km_redis_query_park(query, &cluster->waiting);
        seal_km_redis_cluster_schedule(cluster);
        return NGX_BUSY;
    }

    query->server = server;

    if (ask) {
        query->asking = 1;
        return NGX_AGAIN;
    }

    shard = ngx_calloc(sizeof(seal_km_redis_shard_t), ngx_cycle->log);

    if (shard) {
        shard->n = 1;
        shard->servers[0] = server;
        shard->next = cluster->shards;
        cluster->shards = shard;
        cluster->slots[slot] = shard;
    }

    /* where one slot has moved, others may have */
    seal_km_redis_cluster_schedule(cluster);

    return NGX_AGAIN;
}


static void
seal_km_redis_cluster_rest(seal_km_redis_query_t *query)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = seal_km_redis_pool_state(query->pool);

    query->server = NULL;
    seal_km_redis_query_park(query, &cluster->resting);

    if (!cluster->pause.timer_set) {
        ngx_add_timer(&cluster->pause, SEAL_KM_REDIS_PAUSE);
    }
}


static void
seal_km_redis_cluster_pause_handler(ngx_event_t *ev)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = ev->data;

    seal_km_redis_query_wake(&cluster->resting);
}


/* a node has failed: the map is asked for until all is well again */

static void
seal_km_redis_cluster_trouble(seal_km_redis_cluster_t *cluster)
{
    cluster->troubled = ngx_current_msec ? ngx_current_msec : 1;

    seal_km_redis_cluster_schedule(cluster);
}


static void
seal_km_redis_cluster_schedule(seal_km_redis_cluster_t *cluster)
{
    ngx_msec_t  past;

    if (cluster->command || cluster->timer.timer_set || ngx_exiting) {
        return;
    }

    past = ngx_current_msec - cluster->mapped;

    ngx_add_timer(&cluster->timer, past < SEAL_KM_REDIS_MAP_INTERVAL
                                   ? SEAL_KM_REDIS_MAP_INTERVAL - past : 1);
}


static void
seal_km_redis_cluster_timer_handler(ngx_event_t *ev)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = ev->data;

    if (!ngx_exiting) {
        (void) seal_km_redis_cluster_ask(cluster);
    }
}


/* NGX_OK: the map is being asked for */

static ngx_int_t
seal_km_redis_cluster_ask(seal_km_redis_cluster_t *cluster)
{
    size_t       len[2] = { 7, 5 };
    const char  *argv[2] = { "CLUSTER", "SLOTS" };

    if (cluster->command) {
        return NGX_OK;
    }

    if (cluster->deadline.timer_set) {
        /* it has just been tried in vain */
        return NGX_ERROR;
    }

    if (cluster->timer.timer_set) {
        ngx_del_timer(&cluster->timer);
    }

    cluster->mapped = ngx_current_msec;

    for ( ;; ) {
        cluster->server = seal_km_redis_cluster_next(cluster);

        if (cluster->server == NULL) {
            break;
        }

        cluster->command = seal_km_redis_server_send(cluster->server, 2, argv,
                                            len, SEAL_KM_REDIS_TREE,
                                            seal_km_redis_cluster_map_handler,
                                            cluster);
        if (cluster->command) {
            ngx_add_timer(&cluster->deadline,
                    seal_km_redis_pool_settings(cluster->pool)->timeout);
            return NGX_OK;
        }
    }

    /*
     * Nobody is left to ask.  Those that wait are told soon, but not from
     * here: we may be called by a query that has just begun.
     */

    cluster->asked = 0;
    ngx_add_timer(&cluster->deadline, 1);
    seal_km_redis_cluster_trouble(cluster);

    return NGX_ERROR;
}


/* the next one to ask for the map: the masters that we know, then the seeds */

static seal_km_redis_server_t *
seal_km_redis_cluster_next(seal_km_redis_cluster_t *cluster)
{
    ngx_uint_t                i, n, nseeds;
    seal_km_redis_shard_t    *shard;
    seal_km_redis_address_t  *seeds;

    n = 0;

    for (shard = cluster->shards; shard; shard = shard->next) {
        n++;
    }

    i = cluster->asked++;

    if (i < n) {
        i = (i + cluster->turn) % n;

        for (shard = cluster->shards; i; i--) {
            shard = shard->next;
        }

        if (shard->n) {
            return shard->servers[0];
        }

        return seal_km_redis_cluster_next(cluster);
    }

    seeds = seal_km_redis_pool_seeds(cluster->pool, &nseeds);
    i -= n;

    if (i >= nseeds) {
        return NULL;
    }

    i = (i + cluster->turn) % nseeds;

    return seal_km_redis_pool_server(cluster->pool, &seeds[i], 0);
}


static void
seal_km_redis_cluster_deadline_handler(ngx_event_t *ev)
{
    ngx_queue_t              *q;
    seal_km_redis_query_t    *query;
    seal_km_redis_cluster_t  *cluster;

    cluster = ev->data;

    if (cluster->command) {
        seal_km_redis_command_abandon(cluster->command);
        cluster->command = NULL;

        if (!ngx_exiting) {
            (void) seal_km_redis_cluster_ask(cluster);
        }

        return;
    }

    /* nobody could be asked */

    for (q = ngx_queue_head(&cluster->waiting);
         q != ngx_queue_sentinel(&cluster->waiting);
         q = ngx_queue_next(q))
    {
        query = ngx_queue_data(q, seal_km_redis_query_t, queue);
        query->tries = NGX_MAX_INT_T_VALUE;
    }

    seal_km_redis_query_wake(&cluster->waiting);
}


static void
seal_km_redis_cluster_map_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t                 rc;
    seal_km_redis_cluster_t  *cluster = data;

    cluster->command = NULL;

    if (cluster->deadline.timer_set) {
        ngx_del_timer(&cluster->deadline);
    }

    rc = (end == SEAL_KM_REDIS_ANSWERED)
         ? seal_km_redis_cluster_set_map(cluster, reply) : NGX_ERROR;

    seal_km_redis_reply_free(reply);

    if (rc != NGX_OK) {
        if (!ngx_exiting) {
            (void) seal_km_redis_cluster_ask(cluster);
        }

        return;
    }

    cluster->known = 1;
    cluster->asked = 0;
    cluster->turn++;

    seal_km_redis_query_wake(&cluster->waiting);

    if (ngx_exiting) {
        return;
    }

    /* not from here: one of those that left may be who has told us */

    if (!cluster->sweep.timer_set) {
        ngx_add_timer(&cluster->sweep, 1);
    }

    if (cluster->troubled
        && ngx_current_msec - cluster->troubled < SEAL_KM_REDIS_MAP_TROUBLE)
    {
        seal_km_redis_cluster_schedule(cluster);
        return;
    }

    cluster->troubled = 0;
}


static void
seal_km_redis_cluster_sweep_handler(ngx_event_t *ev)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = ev->data;

    if (!ngx_exiting && seal_km_redis_pool_sweep(cluster->pool)) {
        ngx_add_timer(&cluster->sweep, SEAL_KM_REDIS_MAP_INTERVAL);
    }
}


/* a map that cannot be read leaves the old one in force */

static ngx_int_t
seal_km_redis_cluster_set_map(seal_km_redis_cluster_t *cluster,
    seal_km_redis_reply_t *reply)
{
    ngx_uint_t              i;
    int64_t                 slot, last;
    seal_km_redis_reply_t  *range, *from, *to;
    seal_km_redis_shard_t  *shards, *shard;

    if (reply->type != SEAL_KM_REDIS_REPLY_ARRAY || reply->n == 0) {

        if (reply->type == SEAL_KM_REDIS_REPLY_ERROR && !cluster->troubled) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "Redis server \"%V\" does not tell its cluster's "
                          "slots: check \"seal_km_redis_mode\", and that the "
                          "user has +cluster|slots",
                          &cluster->server->address.name);
        }

        return NGX_ERROR;
    }

    seal_km_redis_pool_begin(cluster->pool);

    shards = NULL;

    for (i = 0; i < reply->n; i++) {
        range = reply->elements[i];

        shard = seal_km_redis_cluster_create_shard(cluster, range);

        if (shard == NULL) {
            seal_km_redis_cluster_free_shards(shards);
            return NGX_ERROR;
        }

        shard->next = shards;
        shards = shard;
    }

    ngx_memzero(cluster->slots, sizeof(cluster->slots));

    /* the list runs against the order of the answer */

    for (shard = shards; shard; shard = shard->next) {
        range = reply->elements[--i];

        from = seal_km_redis_reply_element(range, 0,
                                           SEAL_KM_REDIS_REPLY_INTEGER);
        to = seal_km_redis_reply_element(range, 1,
                                         SEAL_KM_REDIS_REPLY_INTEGER);

        last = to->integer;

        for (slot = from->integer; slot <= last && shard->n; slot++) {
            cluster->slots[slot] = shard;
        }
    }

    seal_km_redis_cluster_free_shards(cluster->shards);
    cluster->shards = shards;

    seal_km_redis_pool_commit(cluster->pool);

    return NGX_OK;
}


/* a range: first slot, last slot, the master, its replicas */

static seal_km_redis_shard_t *
seal_km_redis_cluster_create_shard(seal_km_redis_cluster_t *cluster,
    seal_km_redis_reply_t *range)
{
    ngx_uint_t               i, greeting;
    seal_km_redis_reply_t   *from, *to;
    seal_km_redis_shard_t   *shard;
    seal_km_redis_server_t  *server;

    from = seal_km_redis_reply_element(range, 0, SEAL_KM_REDIS_REPLY_INTEGER);
    to = seal_km_redis_reply_element(range, 1, SEAL_KM_REDIS_REPLY_INTEGER);

    if (from == NULL || to == NULL || range->n < 3
        || from->integer < 0 || to->integer >= SEAL_KM_REDIS_SLOTS
        || from->integer > to->integer)
    {
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

        server = seal_km_redis_cluster_node(cluster, range->elements[i],
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


/*
 * A node: endpoint, port, id, and since Redis 7 what else is known of it.  An
 * endpoint of nil or "" is where we have found who tells us, "?" is unknown.
 */

static seal_km_redis_server_t *
seal_km_redis_cluster_node(seal_km_redis_cluster_t *cluster,
    seal_km_redis_reply_t *node, ngx_uint_t greeting)
{
    ngx_uint_t                 i;
    ngx_str_t                  host, ip;
    seal_km_redis_reply_t     *text, *port, *more;
    seal_km_redis_endpoint_t   endpoint;

    text = seal_km_redis_reply_element(node, 0, SEAL_KM_REDIS_REPLY_STRING);
    port = seal_km_redis_reply_element(node, 1, SEAL_KM_REDIS_REPLY_INTEGER);
    more = seal_km_redis_reply_element(node, 3, SEAL_KM_REDIS_REPLY_ARRAY);

    if (port == NULL) {
        return NULL;
    }

    ngx_str_null(&host);
    ngx_str_null(&ip);

    if (text) {
        host.data = text->data;
        host.len = text->len;
    }

    for (i = 0; more && i + 1 < more->n; i += 2) {
        if (seal_km_redis_reply_is_string(more, i, "ip")) {
            text = seal_km_redis_reply_element(more, i + 1,
                                               SEAL_KM_REDIS_REPLY_STRING);
            if (text) {
                ip.data = text->data;
                ip.len = text->len;
            }
        }
    }

    if (host.len == 1 && host.data[0] == '?') {
        /* a name is preferred, and has not been set */
        host = ip;
    }

    if (seal_km_redis_pool_endpoint(cluster->pool, &endpoint, &host, &ip,
                                 port->integer,
                                 &cluster->server->address)
        != NGX_OK)
    {
        return NULL;
    }

    return seal_km_redis_pool_server(cluster->pool, &endpoint.address,
                                     greeting);
}


/* of a key with a non-empty {...} only what is inside the first one counts */

static ngx_uint_t
seal_km_redis_cluster_slot(ngx_str_t *key)
{
    u_char  *open, *close, *last;

    last = key->data + key->len;

    open = ngx_strlchr(key->data, last, '{');

    if (open) {
        close = ngx_strlchr(open + 1, last, '}');

        if (close && close > open + 1) {
            return seal_km_redis_crc16(open + 1, close - open - 1)
                   % SEAL_KM_REDIS_SLOTS;
        }
    }

    return seal_km_redis_crc16(key->data, key->len) % SEAL_KM_REDIS_SLOTS;
}


/* CRC-16/XMODEM: polynomial 0x1021, as the cluster specification demands */

static ngx_uint_t
seal_km_redis_crc16(u_char *p, size_t len)
{
    ngx_uint_t  crc, i;

    crc = 0;

    while (len--) {
        crc ^= (ngx_uint_t) *p++ << 8;

        for (i = 0; i < 8; i++) {
            crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
        }

        crc &= 0xffff;
    }

    return crc;
}
