/*
 * seal_km_ready: whether the SKM-S at a location can serve.
 *
 * A probe asks as a request would: Redis, by a GET of a name that no record
 * has, and the keys, which are fetched where there are none.  One is under way
 * at a time, and its answer is that of all who ask within a second.  It goes by
 * the request of one of those who wait, the asker: nginx's balancers want one.
 * The asker is not watched: a prober that has no patience costs Redis no more
 * than any other one.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_page.h"


/* for so many milliseconds an answer is everybody's */
#define NGX_HTTP_SEAL_KM_READY_GOOD  1000

/* the name: behind the prefix of a record's name there is a ServiceID */
#define NGX_HTTP_SEAL_KM_READY_NAME  ":service"


/* the worst comes last */
typedef enum {
    NGX_HTTP_SEAL_KM_READY_STORE_OK = 0,
    NGX_HTTP_SEAL_KM_READY_STORE_TIMEOUT,
    NGX_HTTP_SEAL_KM_READY_STORE_DOWN,
    NGX_HTTP_SEAL_KM_READY_STORE_REFUSED
} ngx_http_seal_km_ready_store_e;


typedef enum {
    NGX_HTTP_SEAL_KM_READY_KEYS_OK = 0,
    NGX_HTTP_SEAL_KM_READY_KEYS_STALE,
    NGX_HTTP_SEAL_KM_READY_KEYS_NONE
} ngx_http_seal_km_ready_keys_e;


struct ngx_http_seal_km_probe_s {
    ngx_http_seal_km_loc_conf_t  *target;    /* whose readiness it is */
    ngx_queue_t                   waiters;
    ngx_event_t                   event;     /* there is something to do */

    ngx_http_request_t           *asker;     /* NULL: nothing is under way */
    ngx_uint_t                    pending;   /* questions */
    seal_km_redis_query_t        *others;    /* beside that of its context */
    ngx_uint_t                    nothers;

    ngx_msec_t                    answered;  /* when, if known */
    ngx_http_seal_km_ready_store_e      store;
    ngx_http_seal_km_ready_keys_e       keys;
    unsigned                      known:1;
    unsigned                      starved:1; /* of memory: nobody knows */
    unsigned                      telling:1; /* those who wait */
};


/* a request that waits; in a cleanup of it */
typedef struct {
    ngx_queue_t                   queue;
    ngx_http_request_t           *request;
    ngx_http_seal_km_probe_t     *probe;
    unsigned                      waiting:1;
} ngx_http_seal_km_prober_t;


static void ngx_http_seal_km_probe_cleanup(void *data);
static ngx_uint_t ngx_http_seal_km_probe_is_good(
    ngx_http_seal_km_probe_t *probe);
static ngx_int_t ngx_http_seal_km_await_probe(ngx_http_request_t *r,
    ngx_http_seal_km_probe_t *probe);
static void ngx_http_seal_km_forget_prober(void *data);
static void ngx_http_seal_km_start_probe(ngx_http_seal_km_probe_t *probe);
static void ngx_http_seal_km_ask_keys(ngx_http_seal_km_probe_t *probe,
    ngx_http_seal_km_ctx_t *ctx);
static void ngx_http_seal_km_ready_keys_handler(
    ngx_http_seal_km_key_waiter_t *waiter);
static ngx_http_seal_km_ready_keys_e ngx_http_seal_km_look_at_keys(
    ngx_http_seal_km_probe_t *probe);
static ngx_int_t ngx_http_seal_km_ask_store(ngx_http_seal_km_probe_t *probe,
    ngx_http_seal_km_ctx_t *ctx);
static ngx_int_t ngx_http_seal_km_ask_others(ngx_http_seal_km_probe_t *probe,
    ngx_str_t *base);
static void ngx_http_seal_km_ask(ngx_http_seal_km_probe_t *probe,
    seal_km_redis_query_t *query, ngx_str_t *name);
static void ngx_http_seal_km_ready_query_handler(
    seal_km_redis_query_t *query);
static void ngx_http_seal_km_note_store(ngx_http_seal_km_probe_t *probe,
    seal_km_redis_query_t *query);
static void ngx_http_seal_km_probe_step(ngx_http_seal_km_probe_t *probe);
static void ngx_http_seal_km_cancel_others(ngx_http_seal_km_probe_t *probe);
static void ngx_http_seal_km_probe_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_seal_km_send_readiness(ngx_http_request_t *r,
    ngx_http_seal_km_probe_t *probe);


ngx_http_seal_km_probe_t *
ngx_http_seal_km_create_probe(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *target)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_seal_km_probe_t  *probe;

    probe = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_probe_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (probe == NULL || cln == NULL) {
        return NULL;
    }

    probe->target = target;
    ngx_queue_init(&probe->waiters);

    probe->event.handler = ngx_http_seal_km_probe_handler;
    probe->event.data = probe;
    probe->event.log = &cf->cycle->new_log;

    cln->handler = ngx_http_seal_km_probe_cleanup;
    cln->data = probe;

    return probe;
}


static void
ngx_http_seal_km_probe_cleanup(void *data)
{
    ngx_http_seal_km_probe_t  *probe = data;

    if (probe->event.posted) {
        ngx_delete_posted_event(&probe->event);
    }
}


ngx_int_t
ngx_http_seal_km_ready_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_seal_km_probe_t  *probe;

    rc = ngx_http_seal_km_begin_page(r);

    if (rc != NGX_OK) {
        return rc;
    }

    probe = ngx_http_seal_km_get_conf(r)->ready->probe;

    /* with timer_resolution the time may be any */
    ngx_time_update();

    if (ngx_http_seal_km_probe_is_good(probe)) {
        return ngx_http_seal_km_send_readiness(r, probe);
    }

    return ngx_http_seal_km_await_probe(r, probe);
}


static ngx_uint_t
ngx_http_seal_km_probe_is_good(ngx_http_seal_km_probe_t *probe)
{
    return probe->known
           && ngx_current_msec - probe->answered < NGX_HTTP_SEAL_KM_READY_GOOD;
}


static ngx_int_t
ngx_http_seal_km_await_probe(ngx_http_request_t *r,
    ngx_http_seal_km_probe_t *probe)
{
    ngx_http_cleanup_t         *cln;
    ngx_http_seal_km_prober_t  *prober;

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_seal_km_prober_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    prober = cln->data;

    prober->request = r;
    prober->probe = probe;
    prober->waiting = 1;

    cln->handler = ngx_http_seal_km_forget_prober;

    if (probe->asker && ngx_http_seal_km_wait(r) != NGX_OK) {
        prober->waiting = 0;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_queue_insert_tail(&probe->waiters, &prober->queue);

    r->main->count++;

    if (probe->asker == NULL && !probe->event.posted) {
        ngx_http_seal_km_start_probe(probe);
    }

    return NGX_DONE;
}


/* when a request ends, however; where it is the asker another one has to ask */

static void
ngx_http_seal_km_forget_prober(void *data)
{
    ngx_http_seal_km_probe_t   *probe;
    ngx_http_seal_km_prober_t  *prober = data;

    if (!prober->waiting) {
        return;
    }

    prober->waiting = 0;
    ngx_queue_remove(&prober->queue);

    probe = prober->probe;

    if (probe->asker != prober->request) {
        return;
    }

    ngx_http_seal_km_cancel_others(probe);
    probe->asker = NULL;

    if (!ngx_queue_empty(&probe->waiters) && !probe->event.posted) {
        ngx_post_event(&probe->event, &ngx_posted_events);
    }
}


static void
ngx_http_seal_km_start_probe(ngx_http_seal_km_probe_t *probe)
{
    ngx_queue_t                *q;
    ngx_http_request_t         *r;
    ngx_http_seal_km_ctx_t     *ctx;
    ngx_http_seal_km_prober_t  *prober;

    q = ngx_queue_head(&probe->waiters);
    prober = ngx_queue_data(q, ngx_http_seal_km_prober_t, queue);
    r = prober->request;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    probe->asker = r;
    probe->others = NULL;
    probe->nothers = 0;
    probe->store = NGX_HTTP_SEAL_KM_READY_STORE_OK;
    probe->starved = 0;
    probe->pending = 1;

    ctx = ngx_http_seal_km_create_ctx(r);

    if (ctx) {
        ctx->conf = probe->target;

        ngx_http_seal_km_ask_keys(probe, ctx);
    }

    if (ctx == NULL || ngx_http_seal_km_ask_store(probe, ctx) != NGX_OK) {
        probe->starved = 1;
    }

    ngx_http_seal_km_probe_step(probe);
}


/* as a request does: they are renewed in time, and waited for if there is none */

static void
ngx_http_seal_km_ask_keys(ngx_http_seal_km_probe_t *probe,
    ngx_http_seal_km_ctx_t *ctx)
{
    ngx_http_seal_km_key_source_t  *source;

    source = probe->target->key_set->source;

    if (source == NULL) {
        return;
    }

    ngx_http_seal_km_look_at_key_source(source);

    if (ngx_http_seal_km_look_at_keys(probe)
        != NGX_HTTP_SEAL_KM_READY_KEYS_NONE)
    {
        return;
    }

    ctx->waiter.handler = ngx_http_seal_km_ready_keys_handler;
    ctx->waiter.data = probe;

    if (ngx_http_seal_km_wait_for_keys(source, 1, &ctx->waiter) == NGX_AGAIN) {
        probe->pending++;
    }
}


static void
ngx_http_seal_km_ready_keys_handler(ngx_http_seal_km_key_waiter_t *waiter)
{
    ngx_http_seal_km_probe_step(waiter->data);
}


static ngx_http_seal_km_ready_keys_e
ngx_http_seal_km_look_at_keys(ngx_http_seal_km_probe_t *probe)
{
    ngx_http_seal_km_key_set_t     *set;
    ngx_http_seal_km_key_source_t  *source;

    set = probe->target->key_set;

    if (ngx_http_seal_km_update_key_set(set) != NGX_OK) {
        probe->starved = 1;
        return NGX_HTTP_SEAL_KM_READY_KEYS_NONE;
    }

    if ((set->algorithms & probe->target->algorithms) == 0) {
        return NGX_HTTP_SEAL_KM_READY_KEYS_NONE;
    }

    source = set->source;

    if (source && source->jwks
        && ngx_current_msec - source->fetched >= source->conf.cache)
    {
        return NGX_HTTP_SEAL_KM_READY_KEYS_STALE;
    }

    return NGX_HTTP_SEAL_KM_READY_KEYS_OK;
}


static ngx_int_t
ngx_http_seal_km_ask_store(ngx_http_seal_km_probe_t *probe,
    ngx_http_seal_km_ctx_t *ctx)
{
    ngx_str_t  name, *prefix;

    prefix = &probe->target->redis.key_prefix;

    name.len = prefix->len + sizeof(NGX_HTTP_SEAL_KM_READY_NAME) - 1;
    name.data = ngx_pnalloc(probe->asker->pool, name.len);

    if (name.data == NULL
        || ngx_http_seal_km_init_balancer(probe->asker, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_sprintf(name.data, "%V" NGX_HTTP_SEAL_KM_READY_NAME, prefix);

    ngx_http_seal_km_ask(probe, &ctx->query, &name);

    return NGX_OK;
}


/* the masters of a cluster; who serves what is known once one has answered */

static ngx_int_t
ngx_http_seal_km_ask_others(ngx_http_seal_km_probe_t *probe, ngx_str_t *base)
{
    ngx_str_t    *name;
    ngx_uint_t    i;
    ngx_pool_t   *pool;
    ngx_array_t   names;

    pool = probe->asker->pool;

    if (ngx_array_init(&names, pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || seal_km_redis_pool_names(probe->target->redis.pool, base, &names)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (names.nelts == 0) {
        return NGX_OK;
    }

    probe->others = ngx_pcalloc(pool,
                                names.nelts * sizeof(seal_km_redis_query_t));
    if (probe->others == NULL) {
        return NGX_ERROR;
    }

    probe->nothers = names.nelts;

    name = names.elts;

    for (i = 0; i < names.nelts; i++) {
        ngx_http_seal_km_ask(probe, &probe->others[i], &name[i]);
    }

    return NGX_OK;
}


static void
ngx_http_seal_km_ask(ngx_http_seal_km_probe_t *probe,
    seal_km_redis_query_t *query, ngx_str_t *name)
{
    query->key = *name;
    query->pool = probe->target->redis.pool;
    query->handler = ngx_http_seal_km_ready_query_handler;
    query->data = probe;
    query->log = probe->asker->connection->log;

    if (seal_km_redis_query_start(query) == NGX_AGAIN) {
        probe->pending++;
        return;
    }

    ngx_http_seal_km_note_store(probe, query);
}


static void
ngx_http_seal_km_ready_query_handler(seal_km_redis_query_t *query)
{
    ngx_http_seal_km_probe_t  *probe;

    probe = query->data;

    ngx_http_seal_km_note_store(probe, query);

    if (probe->nothers == 0
        && probe->store == NGX_HTTP_SEAL_KM_READY_STORE_OK
        && ngx_http_seal_km_ask_others(probe, &query->key) != NGX_OK)
    {
        probe->starved = 1;
    }

    ngx_http_seal_km_probe_step(probe);
}


static void
ngx_http_seal_km_note_store(ngx_http_seal_km_probe_t *probe,
    seal_km_redis_query_t *query)
{
    ngx_http_seal_km_ready_store_e  store;

    switch (query->result) {

    case SEAL_KM_REDIS_VALUE:
    case SEAL_KM_REDIS_NIL:
        store = NGX_HTTP_SEAL_KM_READY_STORE_OK;
        break;

    case SEAL_KM_REDIS_TIMEOUT:
        store = NGX_HTTP_SEAL_KM_READY_STORE_TIMEOUT;
        break;

    default:
        store = seal_km_redis_query_is_denied(query)
                ? NGX_HTTP_SEAL_KM_READY_STORE_REFUSED
                : NGX_HTTP_SEAL_KM_READY_STORE_DOWN;
        break;
    }

    probe->store = ngx_max(probe->store, store);
}


/* one question is answered; with the last of them the probe is over */

static void
ngx_http_seal_km_probe_step(ngx_http_seal_km_probe_t *probe)
{
    if (--probe->pending) {
        return;
    }

    ngx_http_seal_km_cancel_others(probe);

    probe->keys = ngx_http_seal_km_look_at_keys(probe);
    probe->answered = ngx_current_msec;
    probe->known = !probe->starved;
    probe->telling = 1;
    probe->asker = NULL;

    /* not from here, which may be anywhere, and its own handler first of all */

    if (!probe->event.posted) {
        ngx_post_event(&probe->event, &ngx_posted_events);
    }
}


static void
ngx_http_seal_km_cancel_others(ngx_http_seal_km_probe_t *probe)
{
    ngx_uint_t  i;

    for (i = 0; i < probe->nothers; i++) {
        seal_km_redis_query_cancel(&probe->others[i]);
    }

    probe->nothers = 0;
}


static void
ngx_http_seal_km_probe_handler(ngx_event_t *ev)
{
    ngx_queue_t                *q;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_seal_km_probe_t   *probe;
    ngx_http_seal_km_prober_t  *prober;

    probe = ev->data;

    while (probe->telling && !ngx_queue_empty(&probe->waiters)) {
        q = ngx_queue_head(&probe->waiters);
        prober = ngx_queue_data(q, ngx_http_seal_km_prober_t, queue);

        /* the queue is not empty.  NOLINTNEXTLINE(*core.NullDereference) */
        ngx_queue_remove(q);
        prober->waiting = 0;

        r = prober->request;
        c = r->connection;

        ngx_http_set_log_request(c->log, r);

        r->read_event_handler = ngx_http_block_reading;

        ngx_http_finalize_request(r, probe->starved
                                     ? NGX_HTTP_INTERNAL_SERVER_ERROR
                                     : ngx_http_seal_km_send_readiness(r, probe));

        ngx_http_run_posted_requests(c);
    }

    probe->telling = 0;

    if (probe->asker == NULL && !ngx_queue_empty(&probe->waiters)) {
        /* who has asked has gone */
        ngx_http_seal_km_start_probe(probe);
    }
}


static ngx_int_t
ngx_http_seal_km_send_readiness(ngx_http_request_t *r,
    ngx_http_seal_km_probe_t *probe)
{
    ngx_buf_t   *b;
    ngx_uint_t   ready;

    static const char  *stores[] = { "ok", "timeout", "down", "refused" };
    static const char  *keys[] = { "ok", "stale", "none" };
    static ngx_str_t    type = ngx_string("application/json");

    ready = (probe->store == NGX_HTTP_SEAL_KM_READY_STORE_OK
             && probe->keys != NGX_HTTP_SEAL_KM_READY_KEYS_NONE);

    b = ngx_create_temp_buf(r->pool, sizeof("{\"status\":\"not_ready\","
                                 "\"checks\":{\"store\":\"refused\","
                                 "\"keys\":\"stale\"}}"));
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"status\":\"%s\",\"checks\":"
                          "{\"store\":\"%s\",\"keys\":\"%s\"}}",
                          ready ? "ready" : "not_ready", stores[probe->store],
                          keys[probe->keys]);

    return ngx_http_seal_km_send_page(r, ready ? NGX_HTTP_OK
                                               : NGX_HTTP_SERVICE_UNAVAILABLE,
                                      &type, b);
}
