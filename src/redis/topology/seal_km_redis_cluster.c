/*
 * Redis Cluster: 16384 slots, shared among masters.  The map of who serves
 * which slot is asked for (CLUSTER SLOTS) and mended by what nodes answer.
 */


#include "seal_km_redis_inquiry.h"
#include "seal_km_redis_map.h"


#define SEAL_KM_REDIS_HOPS_MAX       5

/* slots whose masters are asked for the map, before the seeds are */
#define SEAL_KM_REDIS_CLUSTER_PROBES 16

/* masters that are told apart: a cluster has no more nodes than a thousand */
#define SEAL_KM_REDIS_CLUSTER_MASTERS 1024

/* how many names are tried: one in 16384 is in a slot that stands alone */
#define SEAL_KM_REDIS_CLUSTER_NAMES  32768

/* milliseconds that a query rests that met a slot on its way */
#define SEAL_KM_REDIS_CLUSTER_PAUSE  20


typedef struct {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_redis_pool_t      *pool;
    ngx_queue_t                resting;    /* queries */
    int                        ident;

    ngx_event_t                pause;      /* for those that rest */
    ngx_uint_t                 turn;       /* where a round begins */
    seal_km_redis_inquiry_t    inquiry;
    seal_km_redis_map_e        holes;      /* that the log was told of */
    seal_km_redis_map_t        map;
} seal_km_redis_cluster_t;


static void *seal_km_redis_cluster_create(ngx_conf_t *cf,
    seal_km_redis_pool_t *pool);
static void seal_km_redis_cluster_start(void *state);
static void seal_km_redis_cluster_destroy(void *state);
static void seal_km_redis_cluster_resolved(void *state);
static ngx_int_t seal_km_redis_cluster_pick(seal_km_redis_query_t *query);
static void seal_km_redis_cluster_release(seal_km_redis_query_t *query,
    ngx_uint_t failed);
static void seal_km_redis_cluster_late(seal_km_redis_query_t *query);
static ngx_int_t seal_km_redis_cluster_nil(seal_km_redis_query_t *query);
static ngx_int_t seal_km_redis_cluster_error(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_cluster_redirect(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply, ngx_uint_t ask);
static ngx_int_t seal_km_redis_cluster_target(seal_km_redis_reply_t *reply,
    ngx_str_t *target);
static ngx_uint_t seal_km_redis_cluster_is_redirection(
    seal_km_redis_reply_t *reply);
static void seal_km_redis_cluster_lost(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_cluster_rest(seal_km_redis_query_t *query);
static void seal_km_redis_cluster_pause_handler(ngx_event_t *ev);
static void seal_km_redis_cluster_begin(void *state);
static ngx_int_t seal_km_redis_cluster_seed(void *state, ngx_uint_t i,
    seal_km_redis_server_t **server);
static ngx_uint_t seal_km_redis_cluster_command(void *state, ngx_uint_t i,
    const char **argv, size_t *len);
static ngx_uint_t seal_km_redis_cluster_is_valid(void *state, ngx_uint_t i,
    seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_cluster_hear(void *state,
    seal_km_redis_question_t *question, ngx_uint_t left);
static void seal_km_redis_cluster_tell_holes(seal_km_redis_cluster_t *cluster,
    seal_km_redis_address_t *informant);
static void seal_km_redis_cluster_complain(void *state);
static ngx_uint_t seal_km_redis_cluster_slot(seal_km_redis_query_t *query);
static ngx_int_t seal_km_redis_cluster_names(void *state, ngx_str_t *base,
    ngx_array_t *names);
static ngx_uint_t seal_km_redis_cluster_masters(
    seal_km_redis_cluster_t *cluster, seal_km_redis_server_t **masters);
static ngx_uint_t seal_km_redis_cluster_take(seal_km_redis_cluster_t *cluster,
    ngx_str_t *name, seal_km_redis_server_t **masters, ngx_uint_t *n);


const seal_km_redis_topology_t  seal_km_redis_cluster = {
    seal_km_redis_cluster_create,
    seal_km_redis_cluster_start,
    seal_km_redis_cluster_destroy,
    seal_km_redis_cluster_resolved,
    seal_km_redis_cluster_pick,
    seal_km_redis_cluster_release,
    seal_km_redis_cluster_late,
    seal_km_redis_cluster_error,
    seal_km_redis_cluster_nil,
    seal_km_redis_cluster_names,
    NULL
};


static const seal_km_redis_asker_t  seal_km_redis_cluster_asker = {
    0,                                     /* nodes tell what has changed */
    0,
    seal_km_redis_cluster_begin,
    seal_km_redis_cluster_seed,
    seal_km_redis_cluster_command,
    seal_km_redis_cluster_is_valid,
    seal_km_redis_cluster_hear,
    seal_km_redis_cluster_complain
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

    ngx_queue_init(&cluster->resting);

    seal_km_redis_pool_event(cf, &cluster->pause,
                             seal_km_redis_cluster_pause_handler, cluster);

    seal_km_redis_inquiry_init(cf, &cluster->inquiry,
                               &seal_km_redis_cluster_asker, cluster, pool,
                               pool);

    return cluster;
}


static void
seal_km_redis_cluster_start(void *state)
{
    seal_km_redis_cluster_t  *cluster = state;

    (void) seal_km_redis_inquiry_begin(&cluster->inquiry);
}


static void
seal_km_redis_cluster_destroy(void *state)
{
    seal_km_redis_cluster_t  *cluster = state;

    seal_km_redis_inquiry_destroy(&cluster->inquiry);

    if (cluster->pause.timer_set) {
        ngx_del_timer(&cluster->pause);
    }

    seal_km_redis_map_free(&cluster->map);
}


/* a map with the new addresses */

static void
seal_km_redis_cluster_resolved(void *state)
{
    seal_km_redis_cluster_t  *cluster = state;

    seal_km_redis_inquiry_resolved(&cluster->inquiry);
}


static ngx_int_t
seal_km_redis_cluster_pick(seal_km_redis_query_t *query)
{
    seal_km_redis_shard_t     *shard;
    seal_km_redis_cluster_t   *cluster;
    seal_km_redis_settings_t  *settings;

    cluster = seal_km_redis_pool_state(query->pool);
    settings = seal_km_redis_pool_settings(query->pool);

    if (!cluster->inquiry.known) {
        return seal_km_redis_inquiry_wait(&cluster->inquiry, query);
    }

    shard = cluster->map.slots[seal_km_redis_cluster_slot(query)];

    if (shard && shard->n == 0 && settings->resolver) {
        seal_km_redis_inquiry_park(&cluster->inquiry, query);
        return NGX_AGAIN;
    }

    if (shard == NULL || shard->n == 0) {
        seal_km_redis_inquiry_trouble(&cluster->inquiry);
        return NGX_DECLINED;
    }

    if (seal_km_redis_choose(query, shard->servers, shard->n,
                             seal_km_redis_query_read(query))
        == NGX_OK)
    {
        return NGX_OK;
    }

    return seal_km_redis_inquiry_await(&cluster->inquiry, query);
}


static void
seal_km_redis_cluster_release(seal_km_redis_query_t *query, ngx_uint_t failed)
{
    seal_km_redis_cluster_t  *cluster;

    seal_km_redis_choose_release(query, failed);
    query->asking = 0;

    if (failed) {
        cluster = seal_km_redis_pool_state(query->pool);
        seal_km_redis_inquiry_trouble(&cluster->inquiry);
    }
}


/* one that hangs may have left the cluster, as the others know already */

static void
seal_km_redis_cluster_late(seal_km_redis_query_t *query)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = seal_km_redis_pool_state(query->pool);

    seal_km_redis_choose_late(query);
    seal_km_redis_inquiry_schedule(&cluster->inquiry);
}


/*
 * A replica knows nothing of a slot that is on its way: of a record that has
 * moved already it says that there is none, where its master would say ASK.
 */

static ngx_int_t
seal_km_redis_cluster_nil(seal_km_redis_query_t *query)
{
    seal_km_redis_shard_t    *shard;
    seal_km_redis_cluster_t  *cluster;

    if (query->server->greeting != SEAL_KM_REDIS_GREET_READONLY) {
        return NGX_OK;
    }

    cluster = seal_km_redis_pool_state(query->pool);

    shard = cluster->map.slots[seal_km_redis_cluster_slot(query)];

    if (shard == NULL || shard->n == 0) {
        return NGX_DECLINED;
    }

    query->server = shard->servers[0];
    query->chosen = 0;

    return NGX_AGAIN;
}


static ngx_int_t
seal_km_redis_cluster_error(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t                 rc;
    seal_km_redis_cluster_t  *cluster;

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

    } else if (seal_km_redis_cluster_is_redirection(reply)) {
        seal_km_redis_cluster_lost(query, reply);
        return NGX_OK;
    }

    rc = seal_km_redis_error(query, reply);

    if (rc != NGX_OK) {
        cluster = seal_km_redis_pool_state(query->pool);
        seal_km_redis_inquiry_trouble(&cluster->inquiry);
    }

    return rc;
}


static ngx_int_t
seal_km_redis_cluster_redirect(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply, ngx_uint_t ask)
{
    ngx_str_t                 target;
    seal_km_redis_server_t   *server;
    seal_km_redis_cluster_t  *cluster;

    if (seal_km_redis_cluster_target(reply, &target) != NGX_OK) {
        seal_km_redis_cluster_lost(query, reply);
        return NGX_OK;
    }

    cluster = seal_km_redis_pool_state(query->pool);

    server = seal_km_redis_announced_redirect(query->pool, &target,
                                              &query->server->address);
    query->server = server;
    query->asking = 0;

    if (server == NULL) {
        /* a name that only a new map can tell the address of */
        seal_km_redis_inquiry_park(&cluster->inquiry, query);
        return NGX_BUSY;
    }

    if (ask) {
        /* if that one fails it counts for who has sent us there */
        query->asking = 1;
        return NGX_AGAIN;
    }

    seal_km_redis_map_move(&cluster->map, seal_km_redis_cluster_slot(query),
                           server);

    query->chosen = 0;
    query->tried = 0;

    /* where one slot has moved, others may have */
    seal_km_redis_inquiry_schedule(&cluster->inquiry);

    return NGX_AGAIN;
}


/* "MOVED 3999 127.0.0.1:6381", and "ASK" likewise */

static ngx_int_t
seal_km_redis_cluster_target(seal_km_redis_reply_t *reply, ngx_str_t *target)
{
    u_char  *p, *last;

    last = reply->data + reply->len;

    p = ngx_strlchr(reply->data, last, ' ');
    p = p ? ngx_strlchr(p + 1, last, ' ') : NULL;

    if (p == NULL || p + 1 == last) {
        return NGX_ERROR;
    }

    target->data = p + 1;
    target->len = last - target->data;

    return NGX_OK;
}


static ngx_uint_t
seal_km_redis_cluster_is_redirection(seal_km_redis_reply_t *reply)
{
    return seal_km_redis_reply_is_error(reply, "MOVED")
           || seal_km_redis_reply_is_error(reply, "ASK")
           || seal_km_redis_reply_is_error(reply, "TRYAGAIN");
}


/* a redirection that is not followed is the answer; the log is told why */

static void
seal_km_redis_cluster_lost(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply)
{
    ngx_str_t    code, target;
    const char  *why;

    code = seal_km_redis_reply_error_code(reply);
    why = "no node of the cluster serves the slot after so many redirections, "
          "they do not agree";

    if (code.len == sizeof("TRYAGAIN") - 1) {
        why = "the slot is still on its way from one node to another";

    } else if (seal_km_redis_cluster_target(reply, &target) != NGX_OK) {
        why = "it names no node";

    } else if (target.data[0] == '?') {
        why = "it names a node that has no name: set "
              "\"cluster-announce-hostname\" on all nodes, or another "
              "\"cluster-preferred-endpoint-type\"";
    }

    ngx_log_error(NGX_LOG_ERR, query->log, 0,
                  "Redis answered GET with the error \"%V\": %s", &code, why);
}


static void
seal_km_redis_cluster_rest(seal_km_redis_query_t *query)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = seal_km_redis_pool_state(query->pool);

    query->server = NULL;
    query->asking = 0;
    seal_km_redis_query_park(query, &cluster->resting);

    if (!cluster->pause.timer_set) {
        ngx_add_timer(&cluster->pause, SEAL_KM_REDIS_CLUSTER_PAUSE);
    }
}


static void
seal_km_redis_cluster_pause_handler(ngx_event_t *ev)
{
    seal_km_redis_cluster_t  *cluster;

    cluster = ev->data;

    seal_km_redis_query_wake(&cluster->resting);
}


/* each worker, and each round of it, begins somewhere else */

static void
seal_km_redis_cluster_begin(void *state)
{
    seal_km_redis_cluster_t  *cluster = state;

    cluster->turn = (ngx_uint_t) ngx_random();
}


/*
 * Masters that we know, by slots all over the map, then the seeds, and in the
 * end those, too, that requests have failed at: one that has left its cluster
 * knows nothing of it, and tells what has been.
 */

static ngx_int_t
seal_km_redis_cluster_seed(void *state, ngx_uint_t i,
    seal_km_redis_server_t **server)
{
    ngx_uint_t                n;
    seal_km_redis_shard_t    *shard;
    seal_km_redis_address_t  *seeds;
    seal_km_redis_cluster_t  *cluster = state;

    seeds = seal_km_redis_pool_seeds(cluster->pool, &n);

    if (i < SEAL_KM_REDIS_CLUSTER_PROBES) {
        i = cluster->turn
            + i * (SEAL_KM_REDIS_SLOTS / SEAL_KM_REDIS_CLUSTER_PROBES);
        shard = cluster->map.slots[i % SEAL_KM_REDIS_SLOTS];

        if (shard == NULL || shard->n == 0
            || seal_km_redis_server_is_left_out(shard->servers[0]))
        {
            return NGX_DECLINED;
        }

        *server = shard->servers[0];

        return NGX_OK;
    }

    i -= SEAL_KM_REDIS_CLUSTER_PROBES;

    if (i >= 2 * n) {
        return NGX_DONE;
    }

    *server = seal_km_redis_pool_server(cluster->pool,
                                        &seeds[(cluster->turn + i) % n], 0);

    if (*server == NULL
        || (i < n && seal_km_redis_server_is_left_out(*server)))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_uint_t
seal_km_redis_cluster_command(void *state, ngx_uint_t i, const char **argv,
    size_t *len)
{
    if (i > 0) {
        return 0;
    }

    argv[0] = "CLUSTER";
    len[0] = 7;
    argv[1] = "SLOTS";
    len[1] = 5;

    return 2;
}


static ngx_uint_t
seal_km_redis_cluster_is_valid(void *state, ngx_uint_t i,
    seal_km_redis_reply_t *reply)
{
    return seal_km_redis_map_is_valid(reply);
}


static ngx_int_t
seal_km_redis_cluster_hear(void *state, seal_km_redis_question_t *question,
    ngx_uint_t left)
{
    seal_km_redis_reply_t    *reply;
    seal_km_redis_cluster_t  *cluster = state;

    if (question == NULL) {
        return NGX_AGAIN;
    }

    reply = question->replies[0];

    if (seal_km_redis_map_set(&cluster->map, cluster->pool, reply,
                              &question->server->address)
        == NGX_OK)
    {
        seal_km_redis_cluster_tell_holes(cluster,
                                         &question->server->address);
        return NGX_OK;
    }

    if (reply->type == SEAL_KM_REDIS_REPLY_ERROR
        && seal_km_redis_inquiry_tells(&cluster->inquiry))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "Redis server \"%V\" does not tell its cluster's slots: "
                      "check \"seal_km_redis_mode\", and that the user has "
                      "+cluster|slots", &question->server->address.name);
    }

    return NGX_AGAIN;
}


/* what keeps slots from being served for ever is said once */

static void
seal_km_redis_cluster_tell_holes(seal_km_redis_cluster_t *cluster,
    seal_km_redis_address_t *informant)
{
    const char                *why;
    seal_km_redis_map_e        holes;
    seal_km_redis_settings_t  *settings;

    settings = seal_km_redis_pool_settings(cluster->pool);
    holes = cluster->map.holes;

    if (holes == SEAL_KM_REDIS_MAP_UNRESOLVED && settings->resolver) {
        /* it is being found out, and the log is told if it cannot be */
        holes = SEAL_KM_REDIS_MAP_WHOLE;
    }

    if (holes == cluster->holes) {
        return;
    }

    cluster->holes = holes;

    switch (holes) {

    case SEAL_KM_REDIS_MAP_UNRESOLVED:
        why = "by names, and no \"resolver\" is defined";
        break;

    case SEAL_KM_REDIS_MAP_NO_HOST:
        why = "by an empty host, which means nothing where it is told over a "
              "Unix socket: set \"cluster-announce-ip\" on them, or name one "
              "of them by its address in \"seal_km_pass\"";
        break;

    case SEAL_KM_REDIS_MAP_NO_ADDRESS:
        why = "by what is no host, or no port";
        break;

    default: /* SEAL_KM_REDIS_MAP_WHOLE */
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "Redis server \"%V\" names nodes of its cluster %s",
                  &informant->name, why);
}


static void
seal_km_redis_cluster_complain(void *state)
{
    ngx_uint_t                n;
    seal_km_redis_cluster_t  *cluster = state;

    (void) seal_km_redis_pool_seeds(cluster->pool, &n);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "no Redis server of %ui, and of those that they have named, "
                  "has told the slots of its cluster", n);
}


static ngx_uint_t
seal_km_redis_cluster_slot(seal_km_redis_query_t *query)
{
    return seal_km_redis_slot(query->key.data, query->key.len);
}


/*
 * Whose slot a name is in, it shows when it is hashed.  With a hash tag in base
 * all names are in one slot, and so are all records that begin with the tag.
 */

static ngx_int_t
seal_km_redis_cluster_names(void *state, ngx_str_t *base, ngx_array_t *names)
{
    u_char                   *p;
    size_t                    len;
    ngx_str_t                *name, text;
    ngx_uint_t                i, n;
    seal_km_redis_server_t   *masters[SEAL_KM_REDIS_CLUSTER_MASTERS];
    seal_km_redis_cluster_t  *cluster = state;

    n = seal_km_redis_cluster_masters(cluster, masters);

    (void) seal_km_redis_cluster_take(cluster, base, masters, &n);

    if (seal_km_redis_slot_is_tagged(base->data, base->len)) {
        return NGX_OK;
    }

    text.data = NULL;
    len = base->len + 1 + NGX_INT_T_LEN;

    for (i = 1; n > 0 && i < SEAL_KM_REDIS_CLUSTER_NAMES; i++) {

        if (text.data == NULL) {
            text.data = ngx_pnalloc(names->pool, len);
            if (text.data == NULL) {
                return NGX_ERROR;
            }
        }

        p = ngx_sprintf(text.data, "%V:%ui", base, i);
        text.len = p - text.data;

        if (!seal_km_redis_cluster_take(cluster, &text, masters, &n)) {
            continue;
        }

        name = ngx_array_push(names);
        if (name == NULL) {
            return NGX_ERROR;
        }

        *name = text;
        text.data = NULL;
    }

    return NGX_OK;
}


/* all that serve a slot, each once */

static ngx_uint_t
seal_km_redis_cluster_masters(seal_km_redis_cluster_t *cluster,
    seal_km_redis_server_t **masters)
{
    ngx_uint_t               i, k, n;
    seal_km_redis_shard_t   *shard;
    seal_km_redis_server_t  *former;

    n = 0;
    former = NULL;

    for (i = 0; i < SEAL_KM_REDIS_SLOTS; i++) {
        shard = cluster->map.slots[i];

        if (shard == NULL || shard->n == 0 || shard->servers[0] == former) {
            continue;
        }

        former = shard->servers[0];

        for (k = 0; k < n; k++) {
            if (masters[k] == former) {
                break;
            }
        }

        if (k == n && n < SEAL_KM_REDIS_CLUSTER_MASTERS) {
            masters[n++] = former;
        }
    }

    return n;
}


/* takes who serves that name off the list: 1 if it was there */

static ngx_uint_t
seal_km_redis_cluster_take(seal_km_redis_cluster_t *cluster, ngx_str_t *name,
    seal_km_redis_server_t **masters, ngx_uint_t *n)
{
    ngx_uint_t              i;
    seal_km_redis_shard_t  *shard;

    shard = cluster->map.slots[seal_km_redis_slot(name->data, name->len)];

    if (shard == NULL || shard->n == 0) {
        return 0;
    }

    for (i = 0; i < *n; i++) {
        if (masters[i] == shard->servers[0]) {
            masters[i] = masters[--*n];
            return 1;
        }
    }

    return 0;
}
