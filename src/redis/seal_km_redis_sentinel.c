/*
 * Redis Sentinel: a master and its replicas, of whom sentinels tell.  A server
 * is asked only while a sentinel names it and its own ROLE confirms it.
 */


#include "seal_km_redis_greeting.h"
#include "seal_km_redis_topology.h"


/* milliseconds between two questions: while all is well, and while it is not */
#define SEAL_KM_REDIS_SENTINEL_INTERVAL  1000
#define SEAL_KM_REDIS_SENTINEL_HASTE     200
#define SEAL_KM_REDIS_SENTINEL_TROUBLE   20000

#define SEAL_KM_REDIS_REPLICAS_MAX       32


typedef struct seal_km_redis_sentinel_s  seal_km_redis_sentinel_t;


/* to one of the sentinels */
typedef struct {
    seal_km_redis_sentinel_t     *sentinel;
    ngx_uint_t                    seed;
    seal_km_redis_connection_t    connection;
} seal_km_redis_subscription_t;


struct seal_km_redis_sentinel_s {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_redis_pool_t         *pool;
    seal_km_redis_pool_t         *sentinels;
    seal_km_redis_command_t      *command;    /* the question under way */
    int                           ident;

    ngx_uint_t                    asked;      /* sentinels, in vain */
    ngx_uint_t                    turn;
    ngx_msec_t                    when;       /* the last question */
    ngx_msec_t                    troubled;   /* when a server failed last */
    seal_km_redis_server_t       *server;     /* the sentinel that is asked */
    ngx_event_t                   timer;
    ngx_event_t                   deadline;
    ngx_event_t                   sweep;
    ngx_queue_t                   waiting;    /* queries */

    seal_km_redis_subscription_t *subscriptions;   /* one to each sentinel */
    ngx_uint_t                    nsubscriptions;
    seal_km_redis_address_t      *seeds;           /* when these were made */

    /* the epoch of what is believed: a sentinel that is behind is not */
    ngx_uint_t                    epoch;

    /* the master first; none: not known */
    ngx_uint_t                    n;
    seal_km_redis_server_t       *servers[1 + SEAL_KM_REDIS_REPLICAS_MAX];

    /* what this sentinel says, till it has said all */
    ngx_uint_t                    nheard;
    seal_km_redis_server_t       *heard[1 + SEAL_KM_REDIS_REPLICAS_MAX];
};


static void *seal_km_redis_sentinel_create(ngx_conf_t *cf,
    seal_km_redis_pool_t *pool);
static void seal_km_redis_sentinel_start(void *state);
static void seal_km_redis_sentinel_destroy(void *state);
static void seal_km_redis_sentinel_resolved(void *state);
static void seal_km_redis_sentinel_unsubscribe(seal_km_redis_sentinel_t *s);
static void seal_km_redis_sentinel_subscribe(seal_km_redis_sentinel_t *s);
static void seal_km_redis_sentinel_push_handler(void *data,
    seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_sentinel_pick(seal_km_redis_query_t *query);
static void seal_km_redis_sentinel_release(seal_km_redis_query_t *query,
    ngx_uint_t failed);
static void seal_km_redis_sentinel_trouble(seal_km_redis_sentinel_t *s);
static void seal_km_redis_sentinel_schedule(seal_km_redis_sentinel_t *s,
    ngx_msec_t delay);
static void seal_km_redis_sentinel_timer_handler(ngx_event_t *ev);
static ngx_int_t seal_km_redis_sentinel_ask(seal_km_redis_sentinel_t *s);
static ngx_int_t seal_km_redis_sentinel_send(seal_km_redis_sentinel_t *s,
    const char *what, seal_km_redis_command_pt handler);
static void seal_km_redis_sentinel_deadline_handler(ngx_event_t *ev);
static void seal_km_redis_sentinel_master_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static void seal_km_redis_sentinel_epoch_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_sentinel_set_master(seal_km_redis_sentinel_t *s,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_sentinel_replicas_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static void seal_km_redis_sentinel_add_replica(seal_km_redis_sentinel_t *s,
    seal_km_redis_reply_t *replica);
static ngx_str_t seal_km_redis_sentinel_field(seal_km_redis_reply_t *fields,
    const char *name);
static seal_km_redis_server_t *seal_km_redis_sentinel_server(
    seal_km_redis_sentinel_t *s, ngx_str_t *host, ngx_str_t *port,
    ngx_uint_t greeting);
static void seal_km_redis_sentinel_settled(seal_km_redis_sentinel_t *s);
static void seal_km_redis_sentinel_next(seal_km_redis_sentinel_t *s);
static void seal_km_redis_sentinel_sweep_handler(ngx_event_t *ev);


const seal_km_redis_topology_t  seal_km_redis_sentinel = {
    seal_km_redis_sentinel_create,
    seal_km_redis_sentinel_start,
    seal_km_redis_sentinel_destroy,
    seal_km_redis_sentinel_resolved,
    seal_km_redis_sentinel_pick,
    seal_km_redis_sentinel_release,
    seal_km_redis_error
};


static void *
seal_km_redis_sentinel_create(ngx_conf_t *cf, seal_km_redis_pool_t *pool)
{
    seal_km_redis_sentinel_t  *s;

    s = ngx_pcalloc(cf->pool, sizeof(seal_km_redis_sentinel_t));
    if (s == NULL) {
        return NULL;
    }

    s->pool = pool;
    s->ident = -1;

    s->sentinels = seal_km_redis_pool_create(cf,
                                seal_km_redis_pool_settings(pool)->sentinel);
    if (s->sentinels == NULL) {
        return NULL;
    }

    ngx_queue_init(&s->waiting);

    seal_km_redis_pool_event(cf, &s->timer,
                             seal_km_redis_sentinel_timer_handler, s);
    s->timer.cancelable = 1;

    seal_km_redis_pool_event(cf, &s->deadline,
                             seal_km_redis_sentinel_deadline_handler, s);

    seal_km_redis_pool_event(cf, &s->sweep,
                             seal_km_redis_sentinel_sweep_handler, s);
    s->sweep.cancelable = 1;

    return s;
}


static void
seal_km_redis_sentinel_start(void *state)
{
    seal_km_redis_sentinel_t  *s = state;

    (void) seal_km_redis_sentinel_ask(s);
    seal_km_redis_sentinel_subscribe(s);
}


static void
seal_km_redis_sentinel_destroy(void *state)
{
    seal_km_redis_sentinel_t  *s = state;

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    if (s->deadline.timer_set) {
        ngx_del_timer(&s->deadline);
    }

    if (s->sweep.timer_set) {
        ngx_del_timer(&s->sweep);
    }

    seal_km_redis_sentinel_unsubscribe(s);
}


/* the name of the sentinels, or one that they told */

static void
seal_km_redis_sentinel_resolved(void *state)
{
    ngx_uint_t                 i, n;
    seal_km_redis_address_t   *seeds;
    seal_km_redis_sentinel_t  *s = state;

    seeds = seal_km_redis_pool_seeds(s->pool, &n);

    if (s->seeds != seeds) {
        seal_km_redis_sentinel_unsubscribe(s);
        seal_km_redis_sentinel_subscribe(s);

        seal_km_redis_pool_begin(s->sentinels);

        for (i = 0; i < n; i++) {
            (void) seal_km_redis_pool_server(s->sentinels, &seeds[i], 0);
        }

        seal_km_redis_pool_commit(s->sentinels);
    }

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    seal_km_redis_sentinel_schedule(s, 1);
}


static void
seal_km_redis_sentinel_unsubscribe(seal_km_redis_sentinel_t *s)
{
    ngx_uint_t  i;

    for (i = 0; i < s->nsubscriptions; i++) {
        seal_km_redis_connection_destroy(&s->subscriptions[i].connection);
    }

    if (s->subscriptions) {
        ngx_free(s->subscriptions);
    }

    s->subscriptions = NULL;
    s->nsubscriptions = 0;
}


/* to all of them: the one that is asked may be the one that is cut off */

static void
seal_km_redis_sentinel_subscribe(seal_km_redis_sentinel_t *s)
{
    ngx_uint_t                   i, n;
    seal_km_redis_address_t     *seeds;
    seal_km_redis_connection_t  *rc;

    seeds = seal_km_redis_pool_seeds(s->pool, &n);

    if (s->subscriptions == NULL) {
        s->subscriptions = ngx_calloc(n * sizeof(seal_km_redis_subscription_t),
                                      ngx_cycle->log);
        if (s->subscriptions == NULL) {
            return;
        }

        for (i = 0; i < n; i++) {
            s->subscriptions[i].sentinel = s;
            s->subscriptions[i].seed = i;

            rc = &s->subscriptions[i].connection;

            seal_km_redis_connection_init(rc,
                                   seal_km_redis_pool_settings(s->sentinels),
                                   &seeds[i], seal_km_redis_greet,
                                   SEAL_KM_REDIS_GREET_SUBSCRIBE);

            rc->push = seal_km_redis_sentinel_push_handler;
            rc->push_data = &s->subscriptions[i];
        }

        s->nsubscriptions = n;
        s->seeds = seeds;
    }

    for (i = 0; i < s->nsubscriptions; i++) {
        rc = &s->subscriptions[i].connection;

        /* as long as it is used it opens again by itself after a failure */

        (void) seal_km_redis_connection_usable(rc);

        if (rc->state == SEAL_KM_REDIS_CLOSED && rc->failures == 0) {
            (void) seal_km_redis_connection_open(rc);
        }
    }
}


/* whatever it says, this sentinel is asked first who is master now */

static void
seal_km_redis_sentinel_push_handler(void *data, seal_km_redis_reply_t *reply)
{
    seal_km_redis_sentinel_t      *s;
    seal_km_redis_subscription_t  *subscription = data;

    s = subscription->sentinel;

    if (seal_km_redis_reply_is_string(reply, 0, "message")) {
        seal_km_redis_sentinel_trouble(s);

        s->turn = subscription->seed;
        s->asked = 0;

        if (s->timer.timer_set) {
            ngx_del_timer(&s->timer);
        }

        seal_km_redis_sentinel_schedule(s, 1);
    }

    seal_km_redis_reply_free(reply);
}


static ngx_int_t
seal_km_redis_sentinel_pick(seal_km_redis_query_t *query)
{
    ngx_int_t                  i;
    seal_km_redis_sentinel_t  *s;

    s = seal_km_redis_pool_state(query->pool);

    if (s->n == 0) {
        if (query->tries || seal_km_redis_sentinel_ask(s) != NGX_OK) {
            return NGX_DECLINED;
        }

        seal_km_redis_query_park(query, &s->waiting);

        return NGX_AGAIN;
    }

    i = seal_km_redis_query_choose(query, s->n);

    if (i == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    query->server = s->servers[i];

    return NGX_OK;
}


static void
seal_km_redis_sentinel_release(seal_km_redis_query_t *query,
    ngx_uint_t failed)
{
    query->server = NULL;

    if (failed) {
        query->tries++;
        seal_km_redis_sentinel_trouble(seal_km_redis_pool_state(query->pool));
    }
}


static void
seal_km_redis_sentinel_trouble(seal_km_redis_sentinel_t *s)
{
    ngx_msec_t  past;

    s->troubled = ngx_current_msec ? ngx_current_msec : 1;

    past = ngx_current_msec - s->when;

    if (s->timer.timer_set
        && s->timer.timer.key - ngx_current_msec
           > SEAL_KM_REDIS_SENTINEL_HASTE)
    {
        /* set for quieter times */
        ngx_del_timer(&s->timer);
    }

    seal_km_redis_sentinel_schedule(s, past < SEAL_KM_REDIS_SENTINEL_HASTE
                                       ? SEAL_KM_REDIS_SENTINEL_HASTE - past
                                       : 1);
}


static void
seal_km_redis_sentinel_schedule(seal_km_redis_sentinel_t *s, ngx_msec_t delay)
{
    if (s->command || s->timer.timer_set || ngx_exiting) {
        return;
    }

    ngx_add_timer(&s->timer, delay);
}


static void
seal_km_redis_sentinel_timer_handler(ngx_event_t *ev)
{
    seal_km_redis_sentinel_t  *s;

    s = ev->data;

    if (!ngx_exiting) {
        (void) seal_km_redis_sentinel_ask(s);
        seal_km_redis_sentinel_subscribe(s);
    }
}


/* NGX_OK: a sentinel is being asked */

static ngx_int_t
seal_km_redis_sentinel_ask(seal_km_redis_sentinel_t *s)
{
    ngx_uint_t                n;
    seal_km_redis_address_t  *seeds;

    if (s->command) {
        return NGX_OK;
    }

    if (s->deadline.timer_set) {
        /* it has just been tried in vain */
        return NGX_ERROR;
    }

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    seeds = seal_km_redis_pool_seeds(s->pool, &n);

    while (s->asked < n) {
        s->server = seal_km_redis_pool_server(s->sentinels,
                                            &seeds[(s->turn + s->asked) % n],
                                            0);
        s->asked++;

        if (s->server
            && seal_km_redis_sentinel_send(s, "GET-MASTER-ADDR-BY-NAME",
                                       seal_km_redis_sentinel_master_handler)
               == NGX_OK)
        {
            s->when = ngx_current_msec;
            return NGX_OK;
        }
    }

    /*
     * No sentinel is left to ask.  Those that wait are told soon, but not from
     * here: we may be called by a query that has just begun.
     */

    s->asked = 0;
    ngx_add_timer(&s->deadline, 1);
    seal_km_redis_sentinel_trouble(s);

    return NGX_ERROR;
}


static ngx_int_t
seal_km_redis_sentinel_send(seal_km_redis_sentinel_t *s, const char *what,
    seal_km_redis_command_pt handler)
{
    size_t                     len[3];
    const char                *argv[3];
    seal_km_redis_settings_t  *settings;

    settings = seal_km_redis_pool_settings(s->pool);

    argv[0] = "SENTINEL";
    len[0] = 8;
    argv[1] = what;
    len[1] = ngx_strlen(what);
    argv[2] = (char *) settings->master_name.data;
    len[2] = settings->master_name.len;

    s->command = seal_km_redis_server_send(s->server, 3, argv, len,
                                           SEAL_KM_REDIS_TREE, handler, s);
    if (s->command == NULL) {
        return NGX_ERROR;
    }

    if (s->deadline.timer_set) {
        ngx_del_timer(&s->deadline);
    }

    ngx_add_timer(&s->deadline,
                  seal_km_redis_pool_settings(s->sentinels)->timeout);

    return NGX_OK;
}


static void
seal_km_redis_sentinel_deadline_handler(ngx_event_t *ev)
{
    ngx_queue_t               *q;
    seal_km_redis_query_t     *query;
    seal_km_redis_sentinel_t  *s;

    s = ev->data;

    if (s->command) {
        seal_km_redis_command_abandon(s->command);
        s->command = NULL;

        seal_km_redis_sentinel_next(s);
        return;
    }

    /* nobody could be asked */

    for (q = ngx_queue_head(&s->waiting);
         q != ngx_queue_sentinel(&s->waiting);
         q = ngx_queue_next(q))
    {
        query = ngx_queue_data(q, seal_km_redis_query_t, queue);
        query->tries = NGX_MAX_INT_T_VALUE;
    }

    seal_km_redis_query_wake(&s->waiting);
}


static void
seal_km_redis_sentinel_master_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t                  rc;
    seal_km_redis_sentinel_t  *s = data;

    s->command = NULL;

    rc = (end == SEAL_KM_REDIS_ANSWERED)
         ? seal_km_redis_sentinel_set_master(s, reply) : NGX_ERROR;

    seal_km_redis_reply_free(reply);

    if (s->deadline.timer_set) {
        ngx_del_timer(&s->deadline);
    }

    if (rc != NGX_OK
        || seal_km_redis_sentinel_send(s, "MASTER",
                                       seal_km_redis_sentinel_epoch_handler)
           != NGX_OK)
    {
        seal_km_redis_sentinel_next(s);
    }
}


/*
 * Each failover has an epoch of its own.  A sentinel that was cut off may name
 * a master of old, which may be up again, and empty: it is not believed.
 */

static void
seal_km_redis_sentinel_epoch_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t                  epoch;
    ngx_str_t                  text;
    seal_km_redis_settings_t  *settings;
    seal_km_redis_sentinel_t  *s = data;

    s->command = NULL;

    ngx_del_timer(&s->deadline);

    if (end != SEAL_KM_REDIS_ANSWERED) {
        seal_km_redis_sentinel_next(s);
        return;
    }

    text = seal_km_redis_sentinel_field(reply, "config-epoch");
    epoch = ngx_atoi(text.data, text.len);

    seal_km_redis_reply_free(reply);

    if (epoch == NGX_ERROR) {
        /* a user that may not ask for it: the word of one sentinel will do */
        epoch = s->epoch;
    }

    if ((ngx_uint_t) epoch < s->epoch) {
        seal_km_redis_sentinel_next(s);
        return;
    }

    s->epoch = epoch;

    settings = seal_km_redis_pool_settings(s->pool);

    if (settings->read == SEAL_KM_REDIS_READ_MASTER
        || seal_km_redis_sentinel_send(s, "REPLICAS",
                                      seal_km_redis_sentinel_replicas_handler)
           != NGX_OK)
    {
        seal_km_redis_sentinel_settled(s);
    }
}


static ngx_int_t
seal_km_redis_sentinel_set_master(seal_km_redis_sentinel_t *s,
    seal_km_redis_reply_t *reply)
{
    ngx_str_t                host, port;
    seal_km_redis_reply_t   *h, *p;
    seal_km_redis_server_t  *master;

    h = seal_km_redis_reply_element(reply, 0, SEAL_KM_REDIS_REPLY_STRING);
    p = seal_km_redis_reply_element(reply, 1, SEAL_KM_REDIS_REPLY_STRING);

    if (h == NULL || p == NULL) {

        if (!s->troubled) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "Redis sentinel \"%V\" does not tell the master "
                          "\"%V\": check \"seal_km_redis_mode\"",
                          &s->server->address.name,
                          &seal_km_redis_pool_settings(s->pool)->master_name);
        }

        return NGX_ERROR;
    }

    host.data = h->data;
    host.len = h->len;
    port.data = p->data;
    port.len = p->len;

    seal_km_redis_pool_begin(s->pool);

    master = seal_km_redis_sentinel_server(s, &host, &port,
                                           SEAL_KM_REDIS_GREET_MASTER);
    if (master == NULL) {
        return NGX_ERROR;
    }

    s->heard[0] = master;
    s->nheard = 1;

    return NGX_OK;
}


static void
seal_km_redis_sentinel_replicas_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    ngx_uint_t                 i;
    seal_km_redis_sentinel_t  *s = data;

    s->command = NULL;

    if (s->deadline.timer_set) {
        ngx_del_timer(&s->deadline);
    }

    if (end == SEAL_KM_REDIS_ANSWERED
        && reply->type == SEAL_KM_REDIS_REPLY_ARRAY)
    {
        for (i = 0; i < reply->n; i++) {
            seal_km_redis_sentinel_add_replica(s, reply->elements[i]);
        }
    }

    seal_km_redis_reply_free(reply);

    seal_km_redis_sentinel_settled(s);
}


/* those that are down, or have lost their master, are left out */

static void
seal_km_redis_sentinel_add_replica(seal_km_redis_sentinel_t *s,
    seal_km_redis_reply_t *replica)
{
    ngx_str_t                host, port, flags, link;
    seal_km_redis_server_t  *server;

    host = seal_km_redis_sentinel_field(replica, "ip");
    port = seal_km_redis_sentinel_field(replica, "port");
    flags = seal_km_redis_sentinel_field(replica, "flags");
    link = seal_km_redis_sentinel_field(replica, "master-link-status");

    if (s->nheard > SEAL_KM_REDIS_REPLICAS_MAX
        || host.len == 0
        || link.len != 2 || ngx_strncmp(link.data, "ok", 2) != 0
        || ngx_strnstr(flags.data, "down", flags.len) != NULL
        || ngx_strnstr(flags.data, "disconnected", flags.len) != NULL)
    {
        return;
    }

    server = seal_km_redis_sentinel_server(s, &host, &port,
                                           SEAL_KM_REDIS_GREET_REPLICA);
    if (server) {
        s->heard[s->nheard++] = server;
    }
}


/* fields: name, value, name, value, … */

static ngx_str_t
seal_km_redis_sentinel_field(seal_km_redis_reply_t *fields, const char *name)
{
    ngx_str_t               value;
    ngx_uint_t              i;
    seal_km_redis_reply_t  *text;

    /* terminated as it is, for ngx_strnstr() */
    ngx_str_set(&value, "");

    if (fields->type != SEAL_KM_REDIS_REPLY_ARRAY) {
        return value;
    }

    for (i = 0; i + 1 < fields->n; i += 2) {

        if (!seal_km_redis_reply_is_string(fields, i, name)) {
            continue;
        }

        text = seal_km_redis_reply_element(fields, i + 1,
                                           SEAL_KM_REDIS_REPLY_STRING);
        if (text) {
            value.data = text->data;
            value.len = text->len;
        }

        break;
    }

    return value;
}


static seal_km_redis_server_t *
seal_km_redis_sentinel_server(seal_km_redis_sentinel_t *s, ngx_str_t *host,
    ngx_str_t *port, ngx_uint_t greeting)
{
    ngx_str_t                  ip;
    seal_km_redis_endpoint_t   endpoint;

    ngx_str_null(&ip);

    if (seal_km_redis_pool_endpoint(s->pool, &endpoint, host, &ip,
                                   ngx_atoi(port->data, port->len),
                                   &s->server->address)
        != NGX_OK)
    {
        if (seal_km_redis_pool_settings(s->pool)->resolver == NULL
            && !s->troubled)
        {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "Redis sentinel \"%V\" tells \"%V\", which is no "
                          "IP address, and no \"resolver\" is defined",
                          &s->server->address.name,
                          host);
        }

        return NULL;
    }

    return seal_km_redis_pool_server(s->pool, &endpoint.address, greeting);
}


/* all that was asked has been told */

static void
seal_km_redis_sentinel_settled(seal_km_redis_sentinel_t *s)
{
    ngx_uint_t  n;

    if (s->n == 0 || s->servers[0] != s->heard[0]) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "Redis master of \"%V\" is \"%V\"",
                      &seal_km_redis_pool_settings(s->pool)->master_name,
                      &s->heard[0]->address.name);
    }

    ngx_memcpy(s->servers, s->heard, sizeof(s->heard));
    s->n = s->nheard;

    seal_km_redis_pool_commit(s->pool);

    /* who has answered is asked first the next time */

    (void) seal_km_redis_pool_seeds(s->pool, &n);

    if (s->asked > 1) {
        s->turn = (s->turn + s->asked - 1) % n;
    }

    s->asked = 0;

    seal_km_redis_query_wake(&s->waiting);

    if (ngx_exiting) {
        return;
    }

    if (!s->sweep.timer_set) {
        ngx_add_timer(&s->sweep, 1);
    }

    if (s->troubled
        && ngx_current_msec - s->troubled < SEAL_KM_REDIS_SENTINEL_TROUBLE)
    {
        seal_km_redis_sentinel_schedule(s, SEAL_KM_REDIS_SENTINEL_HASTE);
        return;
    }

    s->troubled = 0;
    seal_km_redis_sentinel_schedule(s, SEAL_KM_REDIS_SENTINEL_INTERVAL);
}


/* this sentinel did not answer: the next one is asked */

static void
seal_km_redis_sentinel_next(seal_km_redis_sentinel_t *s)
{
    if (ngx_exiting) {
        return;
    }

    (void) seal_km_redis_sentinel_ask(s);
}


static void
seal_km_redis_sentinel_sweep_handler(ngx_event_t *ev)
{
    seal_km_redis_sentinel_t  *s;

    s = ev->data;

    if (!ngx_exiting
        && seal_km_redis_pool_sweep(s->pool)
           + seal_km_redis_pool_sweep(s->sentinels))
    {
        ngx_add_timer(&s->sweep, SEAL_KM_REDIS_SENTINEL_HASTE);
    }
}
