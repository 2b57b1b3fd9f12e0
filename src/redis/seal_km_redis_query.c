/*
 * One GET from its start to its end, over as many servers as it takes, within
 * one deadline, which moves only where a server could not be connected to.  A
 * PUBLISH goes the same way, but is not sent twice.
 */


#include "seal_km_redis_topology.h"


/* how often a query is sent again that was never written */
#define SEAL_KM_REDIS_UNSENT_MAX  32


static ngx_int_t seal_km_redis_query_send(seal_km_redis_query_t *query);
static seal_km_redis_command_t *seal_km_redis_query_command(
    seal_km_redis_query_t *query);
static void seal_km_redis_query_count(seal_km_redis_query_t *query);
static void seal_km_redis_query_command_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_query_answered(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_query_again(seal_km_redis_query_t *query);
static ngx_int_t seal_km_redis_query_elsewhere(seal_km_redis_query_t *query);
static ngx_int_t seal_km_redis_query_send_anew(seal_km_redis_query_t *query);
static void seal_km_redis_query_extend(seal_km_redis_query_t *query);
static void seal_km_redis_query_set_timer(seal_km_redis_query_t *query,
    ngx_msec_t time);
static void seal_km_redis_query_timeout_handler(ngx_event_t *ev);
static void seal_km_redis_query_late(seal_km_redis_query_t *query);
static void seal_km_redis_query_detach(seal_km_redis_query_t *query,
    ngx_uint_t failed);
static void seal_km_redis_query_served(seal_km_redis_query_t *query);
static void seal_km_redis_query_release(seal_km_redis_query_t *query,
    ngx_uint_t failed);
static void seal_km_redis_query_finish(seal_km_redis_query_t *query);


ngx_int_t
seal_km_redis_query_start(seal_km_redis_query_t *query)
{
    seal_km_redis_settings_t  *settings;

    settings = seal_km_redis_pool_settings(query->pool);

    query->start = ngx_current_msec;

    if (seal_km_redis_query_send(query) != NGX_AGAIN) {
        return NGX_ERROR;
    }

    query->timer.handler = seal_km_redis_query_timeout_handler;
    query->timer.data = query;
    query->timer.log = query->log;

    seal_km_redis_query_set_timer(query, settings->timeout);

    return NGX_AGAIN;
}


/* whoever is late at half of the time is told of while there still is some */

static void
seal_km_redis_query_set_timer(seal_km_redis_query_t *query, ngx_msec_t time)
{
    query->deadline = ngx_current_msec + time;

    ngx_add_timer(&query->timer, query->late ? time : time / 2);
}


/*
 * NGX_AGAIN: sent, or parked; NGX_ERROR: no server takes it, and the result
 * says why
 */

static ngx_int_t
seal_km_redis_query_send(seal_km_redis_query_t *query)
{
    ngx_int_t                        rc;
    const seal_km_redis_topology_t  *topology;

    topology = seal_km_redis_pool_topology(query->pool);

    for ( ;; ) {

        if (query->server == NULL) {
            rc = topology->pick(query);

            if (rc == NGX_AGAIN) {
                return NGX_AGAIN;
            }

            if (rc != NGX_OK) {
                query->result = SEAL_KM_REDIS_UNAVAILABLE;
                return NGX_ERROR;
            }
        }

        query->answered = 0;
        query->command = seal_km_redis_query_command(query);

        if (query->command) {
            seal_km_redis_query_count(query);
            return NGX_AGAIN;
        }

        seal_km_redis_query_release(query, 1);
    }
}


static void
seal_km_redis_query_count(seal_km_redis_query_t *query)
{
    seal_km_redis_settings_t  *settings;

    settings = seal_km_redis_pool_settings(query->pool);

    if (query->sent && settings->count) {
        settings->count(settings->count_data, SEAL_KM_REDIS_COUNT_RETRIES, 1);
    }

    query->sent = 1;
}


/* NULL: the server takes none */

static seal_km_redis_command_t *
seal_km_redis_query_command(seal_km_redis_query_t *query)
{
    int          argc;
    size_t       len[3];
    ngx_uint_t   flags;
    const char  *argv[3];

    argc = 2;
    argv[0] = "GET";
    len[0] = 3;
    argv[1] = (char *) query->key.data;
    len[1] = query->key.len;

    flags = SEAL_KM_REDIS_RECORD
            | (query->asking ? SEAL_KM_REDIS_ASKING : 0)
            | (query->suspect ? SEAL_KM_REDIS_SUSPECT : 0);

    if (query->message.data) {
        argc = 3;
        argv[0] = "PUBLISH";
        len[0] = 7;
        argv[2] = (char *) query->message.data;
        len[2] = query->message.len;

        flags = SEAL_KM_REDIS_KIND_INTEGER;
    }

    return seal_km_redis_server_send(query->server, argc, argv, len, flags,
                                     seal_km_redis_query_command_handler,
                                     query);
}


seal_km_redis_read_e
seal_km_redis_query_read(seal_km_redis_query_t *query)
{
    /* what is published at a replica is heard there only */

    return query->message.data
           ? SEAL_KM_REDIS_READ_MASTER
           : seal_km_redis_pool_settings(query->pool)->read;
}


void
seal_km_redis_query_park(seal_km_redis_query_t *query, ngx_queue_t *queue)
{
    query->parked = 1;
    ngx_queue_insert_tail(queue, &query->queue);
}


void
seal_km_redis_query_wake(ngx_queue_t *queue)
{
    ngx_queue_t             parked, *q;
    seal_km_redis_query_t  *query;

    if (ngx_queue_empty(queue)) {
        return;
    }

    /* those that park again find the queue empty */

    ngx_queue_init(&parked);
    ngx_queue_add(&parked, queue);
    ngx_queue_init(queue);

    while (!ngx_queue_empty(&parked)) {
        q = ngx_queue_head(&parked);
        query = ngx_queue_data(q, seal_km_redis_query_t, queue);

        ngx_queue_remove(q);
        query->parked = 0;

        if (seal_km_redis_query_send(query) != NGX_AGAIN) {
            seal_km_redis_query_finish(query);
        }
    }
}


static void
seal_km_redis_query_command_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t               rc;
    seal_km_redis_query_t  *query = data;

    query->command = NULL;

    if (query->message.data
        && (end == SEAL_KM_REDIS_LOST || end == SEAL_KM_REDIS_SPOILT))
    {
        /* it may have been heard, and is not to be heard twice */
        seal_km_redis_query_release(query, 0);
        query->result = SEAL_KM_REDIS_UNAVAILABLE;
        seal_km_redis_query_finish(query);
        return;
    }

    switch (end) {

    case SEAL_KM_REDIS_ANSWERED:
        rc = seal_km_redis_query_answered(query, reply);
        break;

    case SEAL_KM_REDIS_GARBLED:
        seal_km_redis_query_release(query, 1);
        query->result = SEAL_KM_REDIS_ERROR;
        rc = NGX_OK;
        break;

    case SEAL_KM_REDIS_LOST:
        if (query->suspect && query->lost == 0) {
            /* it was among those that another one died of */
            query->lost = 1;
        }

        query->suspect = 1;
        rc = seal_km_redis_query_again(query);
        break;

    case SEAL_KM_REDIS_SPOILT:
        /* within its time: each round shows who is to blame for it */
        query->suspect = 1;
        rc = seal_km_redis_query_send_anew(query);
        break;

    default: /* SEAL_KM_REDIS_UNSENT */
        rc = seal_km_redis_query_elsewhere(query);
        break;
    }

    if (rc != NGX_AGAIN) {
        seal_km_redis_query_finish(query);
    }
}


static ngx_int_t
seal_km_redis_query_answered(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t                        rc;
    const seal_km_redis_topology_t  *topology;

    query->answered = 1;

    if (reply->type == SEAL_KM_REDIS_REPLY_STRING) {
        query->reply = reply;
        query->value.data = reply->data;
        query->value.len = reply->len;
        query->result = SEAL_KM_REDIS_VALUE;

        seal_km_redis_query_served(query);
        return NGX_OK;
    }

    if (reply->type == SEAL_KM_REDIS_REPLY_INTEGER) {
        seal_km_redis_reply_free(reply);
        query->result = SEAL_KM_REDIS_VALUE;

        seal_km_redis_query_served(query);
        return NGX_OK;
    }

    topology = seal_km_redis_pool_topology(query->pool);

    if (reply->type == SEAL_KM_REDIS_REPLY_NIL) {
        rc = topology->nil ? topology->nil(query) : NGX_OK;
        query->result = SEAL_KM_REDIS_NIL;

    } else {
        rc = topology->error(query, reply);
        query->result = SEAL_KM_REDIS_ERROR;
    }

    seal_km_redis_reply_free(reply);

    query->suspect = 0;

    switch (rc) {

    case NGX_DECLINED:
        seal_km_redis_query_release(query, 1);
        return seal_km_redis_query_send(query);

    case NGX_AGAIN:
        return seal_km_redis_query_send(query);

    case NGX_BUSY:
        return NGX_AGAIN;

    default: /* NGX_OK */
        break;
    }

    seal_km_redis_query_served(query);

    return NGX_OK;
}


/*
 * A connection that a server closes may die with a command on it, which tells
 * nothing of the server: it is asked once more, then another one is, and that
 * is all: a GET can be repeated, but not for ever.
 */

static ngx_int_t
seal_km_redis_query_again(seal_km_redis_query_t *query)
{
    switch (query->lost++) {

    case 0:
        return seal_km_redis_query_send_anew(query);

    case 1:
        seal_km_redis_query_release(query, 1);
        return seal_km_redis_query_send(query);

    default:
        seal_km_redis_query_release(query, 1);
        query->result = SEAL_KM_REDIS_UNAVAILABLE;
        return NGX_ERROR;
    }
}


/*
 * Nothing was written, so nothing is lost but time: it may have waited behind
 * what the connection died of.  A server that keeps closing what it has accepted
 * is given up, too.
 */

static ngx_int_t
seal_km_redis_query_elsewhere(seal_km_redis_query_t *query)
{
    ngx_int_t                rc;
    seal_km_redis_server_t  *server;

    server = query->server;

    if (query->unsent++ == SEAL_KM_REDIS_UNSENT_MAX) {
        seal_km_redis_query_release(query, 1);
        rc = seal_km_redis_query_send(query);

    } else {
        rc = seal_km_redis_query_send_anew(query);
    }

    if (rc == NGX_AGAIN && query->server != server) {
        seal_km_redis_query_extend(query);
    }

    return rc;
}


/*
 * Another server gets as much time as the first one had, but however many of
 * them are tried the query does not take longer than one that connects slowly
 * and answers slowly.
 */

static void
seal_km_redis_query_extend(seal_km_redis_query_t *query)
{
    ngx_msec_t                 past, most;
    seal_km_redis_settings_t  *settings;

    settings = seal_km_redis_pool_settings(query->pool);

    past = ngx_current_msec - query->start;
    most = settings->connect_timeout + settings->timeout;
    most = (past < most) ? most - past : 1;

    ngx_del_timer(&query->timer);
    seal_km_redis_query_set_timer(query, ngx_min(settings->timeout, most));
}


/*
 * Once more to the same server, if it is still the one: while the query waited
 * another one may have become the master, or have taken the slot, and the
 * former, back again, may be empty.  Whom the balancer chose stays: it knows of
 * no such change.
 */

static ngx_int_t
seal_km_redis_query_send_anew(seal_km_redis_query_t *query)
{
    if (!query->balanced) {
        seal_km_redis_pool_topology(query->pool)->release(query, 0);
    }

    return seal_km_redis_query_send(query);
}


static void
seal_km_redis_query_timeout_handler(ngx_event_t *ev)
{
    seal_km_redis_query_t  *query;

    query = ev->data;

    if (!query->late) {
        query->late = 1;
        seal_km_redis_query_late(query);
        return;
    }

    seal_km_redis_query_detach(query, 1);

    query->result = SEAL_KM_REDIS_TIMEOUT;
    seal_km_redis_query_finish(query);
}


/*
 * The rest of its time, even if a busy worker has come too late for that: then
 * it has its turn among the timers that are over.  A connection that was not made
 * in its time comes first, and leaves the query another server.
 */

static void
seal_km_redis_query_late(seal_km_redis_query_t *query)
{
    const seal_km_redis_topology_t  *topology;

    topology = seal_km_redis_pool_topology(query->pool);

    if (query->command && topology->late) {
        topology->late(query);
    }

    ngx_add_timer(&query->timer, query->deadline - ngx_current_msec);
}


/* from whatever it waits for */

static void
seal_km_redis_query_detach(seal_km_redis_query_t *query, ngx_uint_t failed)
{
    if (query->parked) {
        ngx_queue_remove(&query->queue);
        query->parked = 0;
    }

    if (query->command) {
        seal_km_redis_command_abandon(query->command);
        query->command = NULL;
    }

    seal_km_redis_query_release(query, failed);
}


static void
seal_km_redis_query_served(seal_km_redis_query_t *query)
{
    if (query->balanced) {
        query->balancer.answered(query->balancer.data);
    }

    seal_km_redis_query_release(query, 0);
}


static void
seal_km_redis_query_release(seal_km_redis_query_t *query, ngx_uint_t failed)
{
    if (query->server) {
        seal_km_redis_pool_topology(query->pool)->release(query, failed);
        query->unsent = 0;
    }
}


static void
seal_km_redis_query_finish(seal_km_redis_query_t *query)
{
    if (query->timer.timer_set) {
        ngx_del_timer(&query->timer);
    }

    query->handler(query);
}


ngx_uint_t
seal_km_redis_query_is_denied(seal_km_redis_query_t *query)
{
    switch (query->result) {

    case SEAL_KM_REDIS_UNAVAILABLE:
        return query->denied || seal_km_redis_pool_is_denied(query->pool);

    case SEAL_KM_REDIS_ERROR:
        return query->denied;

    default:
        return 0;
    }
}


void
seal_km_redis_query_cancel(seal_km_redis_query_t *query)
{
    if (query->timer.timer_set) {
        ngx_del_timer(&query->timer);
    }

    seal_km_redis_query_detach(query, 0);

    seal_km_redis_reply_free(query->reply);
    query->reply = NULL;
    ngx_str_null(&query->value);
}
