/*
 * Redis Sentinel: a master and its replicas, of whom sentinels tell.  A server
 * is asked only while a sentinel names it and its own ROLE confirms it.
 */


#include "seal_km_redis_inquiry.h"
#include "seal_km_redis_roles.h"
#include "seal_km_redis_sentinel_answer.h"
#include "seal_km_redis_subscriptions.h"


/* milliseconds between two rounds while all is well */
#define SEAL_KM_REDIS_SENTINEL_INTERVAL  1000

/*
 * Milliseconds: how long most sentinels are to be behind, before what they say
 * is taken for a new beginning.  They tell each other what is new every two
 * seconds.
 */
#define SEAL_KM_REDIS_SENTINEL_ANEW      5000

#define SEAL_KM_REDIS_REPLICAS_MAX       32


typedef struct {
    seal_km_redis_pool_t             *pool;
    seal_km_redis_pool_t             *sentinels;
    seal_km_redis_inquiry_t           inquiry;
    seal_km_redis_subscriptions_t     subscriptions;
    ngx_queue_t                       roles;   /* questions about them */

    /* the epoch of what is believed: a sentinel that is behind is not */
    ngx_uint_t                        epoch;
    ngx_msec_t                        behind;  /* 0, or most are since then */

    /* how many have answered in this round, and the best of them */
    ngx_uint_t                        heard;
    ngx_uint_t                        best;    /* its epoch */
    seal_km_redis_sentinel_answer_t   answer;

    /* the master first; none: not known */
    ngx_uint_t                        n;
    seal_km_redis_server_t           *servers[1 + SEAL_KM_REDIS_REPLICAS_MAX];
} seal_km_redis_sentinel_t;


static void *seal_km_redis_sentinel_create(ngx_conf_t *cf,
    seal_km_redis_pool_t *pool);
static void seal_km_redis_sentinel_start(void *state);
static void seal_km_redis_sentinel_destroy(void *state);
static void seal_km_redis_sentinel_resolved(void *state);
static void seal_km_redis_sentinel_switched(void *data);
static ngx_int_t seal_km_redis_sentinel_pick(seal_km_redis_query_t *query);
static void seal_km_redis_sentinel_release(seal_km_redis_query_t *query,
    ngx_uint_t failed);
static void seal_km_redis_sentinel_late(seal_km_redis_query_t *query);
static void seal_km_redis_sentinel_begin(void *state);
static ngx_int_t seal_km_redis_sentinel_seed(void *state, ngx_uint_t i,
    seal_km_redis_server_t **server);
static ngx_uint_t seal_km_redis_sentinel_command(void *state, ngx_uint_t i,
    const char **argv, size_t *len);
static ngx_uint_t seal_km_redis_sentinel_is_valid(void *state, ngx_uint_t i,
    seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_sentinel_hear(void *state,
    seal_km_redis_question_t *question, ngx_uint_t left);
static void seal_km_redis_sentinel_compare(seal_km_redis_sentinel_t *s,
    seal_km_redis_question_t *question);
static ngx_uint_t seal_km_redis_sentinel_most(seal_km_redis_sentinel_t *s);
static ngx_uint_t seal_km_redis_sentinel_enough(seal_km_redis_sentinel_t *s);
static ngx_uint_t seal_km_redis_sentinel_believed(seal_km_redis_sentinel_t *s);
static ngx_int_t seal_km_redis_sentinel_set(seal_km_redis_sentinel_t *s);
static ngx_int_t seal_km_redis_sentinel_set_master(
    seal_km_redis_sentinel_t *s, seal_km_redis_server_t **master);
static void seal_km_redis_sentinel_add_replicas(seal_km_redis_sentinel_t *s);
static void seal_km_redis_sentinel_complain(void *state);
static void seal_km_redis_sentinel_forget(seal_km_redis_sentinel_t *s);
static ngx_uint_t seal_km_redis_sentinel_is_denied(void *state);


const seal_km_redis_topology_t  seal_km_redis_sentinel = {
    seal_km_redis_sentinel_create,
    seal_km_redis_sentinel_start,
    seal_km_redis_sentinel_destroy,
    seal_km_redis_sentinel_resolved,
    seal_km_redis_sentinel_pick,
    seal_km_redis_sentinel_release,
    seal_km_redis_sentinel_late,
    seal_km_redis_error,
    NULL,
    NULL,
    seal_km_redis_sentinel_is_denied
};


static const seal_km_redis_asker_t  seal_km_redis_sentinel_asker = {
    SEAL_KM_REDIS_SENTINEL_INTERVAL,
    1,                                     /* any may be behind the others */
    seal_km_redis_sentinel_begin,
    seal_km_redis_sentinel_seed,
    seal_km_redis_sentinel_command,
    seal_km_redis_sentinel_is_valid,
    seal_km_redis_sentinel_hear,
    seal_km_redis_sentinel_complain
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

    s->sentinels = seal_km_redis_pool_create(cf,
                                seal_km_redis_pool_settings(pool)->sentinel);
    if (s->sentinels == NULL) {
        return NULL;
    }

    ngx_queue_init(&s->roles);

    s->subscriptions.handler = seal_km_redis_sentinel_switched;
    s->subscriptions.data = s;

    seal_km_redis_inquiry_init(cf, &s->inquiry, &seal_km_redis_sentinel_asker,
                               s, pool, s->sentinels);

    return s;
}


static void
seal_km_redis_sentinel_start(void *state)
{
    seal_km_redis_sentinel_t  *s = state;

    (void) seal_km_redis_inquiry_begin(&s->inquiry);
}


static void
seal_km_redis_sentinel_destroy(void *state)
{
    seal_km_redis_sentinel_t  *s = state;

    seal_km_redis_inquiry_destroy(&s->inquiry);
    seal_km_redis_roles_end(&s->roles);
    seal_km_redis_subscriptions_end(&s->subscriptions);
    seal_km_redis_sentinel_forget(s);

    seal_km_redis_pool_stop(s->sentinels);
}


/* the name of the sentinels, or one that they told */

static void
seal_km_redis_sentinel_resolved(void *state)
{
    ngx_uint_t                 i, n;
    seal_km_redis_address_t   *seeds;
    seal_km_redis_sentinel_t  *s = state;

    seeds = seal_km_redis_pool_seeds(s->pool, &n);

    if (s->subscriptions.connections && s->subscriptions.seeds != seeds) {

        /* what was heard of those that go is forgotten with them */

        seal_km_redis_inquiry_stop(&s->inquiry);
        seal_km_redis_sentinel_forget(s);
        seal_km_redis_subscriptions_end(&s->subscriptions);

        seal_km_redis_pool_begin(s->sentinels);

        for (i = 0; i < n; i++) {
            (void) seal_km_redis_pool_server(s->sentinels, &seeds[i], 0);
        }

        seal_km_redis_pool_commit(s->sentinels);

        (void) seal_km_redis_inquiry_begin(&s->inquiry);
        return;
    }

    seal_km_redis_inquiry_resolved(&s->inquiry);
}


/* a sentinel has published +switch-master: all are asked who is master now */

static void
seal_km_redis_sentinel_switched(void *data)
{
    seal_km_redis_sentinel_t  *s = data;

    seal_km_redis_inquiry_trouble(&s->inquiry);
    (void) seal_km_redis_inquiry_begin(&s->inquiry);
}


static ngx_int_t
seal_km_redis_sentinel_pick(seal_km_redis_query_t *query)
{
    seal_km_redis_sentinel_t  *s;

    s = seal_km_redis_pool_state(query->pool);

    if (s->n == 0) {
        return seal_km_redis_inquiry_wait(&s->inquiry, query);
    }

    if (seal_km_redis_choose(query, s->servers, s->n,
                             seal_km_redis_query_read(query))
        == NGX_OK)
    {
        return NGX_OK;
    }

    return seal_km_redis_inquiry_await(&s->inquiry, query);
}


static void
seal_km_redis_sentinel_release(seal_km_redis_query_t *query,
    ngx_uint_t failed)
{
    seal_km_redis_sentinel_t  *s;

    seal_km_redis_choose_release(query, failed);

    if (failed) {
        s = seal_km_redis_pool_state(query->pool);
        seal_km_redis_inquiry_trouble(&s->inquiry);
    }
}


/* of a master that hangs sentinels may know already that it is none any more */

static void
seal_km_redis_sentinel_late(seal_km_redis_query_t *query)
{
    seal_km_redis_sentinel_t  *s;

    s = seal_km_redis_pool_state(query->pool);

    seal_km_redis_choose_late(query);
    seal_km_redis_inquiry_schedule(&s->inquiry);
}


static void
seal_km_redis_sentinel_begin(void *state)
{
    ngx_uint_t                 n;
    seal_km_redis_address_t   *seeds;
    seal_km_redis_sentinel_t  *s = state;

    seal_km_redis_sentinel_forget(s);

    seeds = seal_km_redis_pool_seeds(s->pool, &n);

    seal_km_redis_subscriptions_keep(&s->subscriptions,
                                   seal_km_redis_pool_settings(s->sentinels),
                                   seeds, n);

    /* one that was made a replica by hand says so, and no sentinel does */
    seal_km_redis_roles_ask(&s->roles, s->servers, s->n,
                            seal_km_redis_pool_settings(s->pool)->timeout);
}


static ngx_int_t
seal_km_redis_sentinel_seed(void *state, ngx_uint_t i,
    seal_km_redis_server_t **server)
{
    ngx_uint_t                 n;
    seal_km_redis_address_t   *seeds;
    seal_km_redis_sentinel_t  *s = state;

    seeds = seal_km_redis_pool_seeds(s->pool, &n);

    if (i >= n) {
        return NGX_DONE;
    }

    *server = seal_km_redis_pool_server(s->sentinels, &seeds[i], 0);

    return *server ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
seal_km_redis_sentinel_command(void *state, ngx_uint_t i, const char **argv,
    size_t *len)
{
    seal_km_redis_sentinel_t  *s = state;

    return seal_km_redis_sentinel_answer_command(
                            seal_km_redis_pool_settings(s->pool), i, argv, len);
}


static ngx_uint_t
seal_km_redis_sentinel_is_valid(void *state, ngx_uint_t i,
    seal_km_redis_reply_t *reply)
{
    return seal_km_redis_sentinel_answer_is_valid(i, reply);
}


static ngx_int_t
seal_km_redis_sentinel_hear(void *state, seal_km_redis_question_t *question,
    ngx_uint_t left)
{
    ngx_int_t                  rc;
    seal_km_redis_sentinel_t  *s = state;

    if (question) {
        seal_km_redis_sentinel_compare(s, question);
    }

    if (s->heard == 0 || (left && !seal_km_redis_sentinel_enough(s))) {
        return NGX_AGAIN;
    }

    rc = seal_km_redis_sentinel_believed(s) ? seal_km_redis_sentinel_set(s)
                                            : NGX_DECLINED;

    seal_km_redis_sentinel_forget(s);

    return rc;
}


/*
 * Each failover has an epoch of its own.  A sentinel that was cut off may name
 * a master of old, which may be up again, and empty.
 */

static void
seal_km_redis_sentinel_compare(seal_km_redis_sentinel_t *s,
    seal_km_redis_question_t *question)
{
    ngx_int_t  epoch;

    if (!seal_km_redis_sentinel_answer_told(question, &epoch)) {

        if (seal_km_redis_inquiry_tells(&s->inquiry)) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "Redis sentinel \"%V\" does not tell the master "
                          "\"%V\": check \"seal_km_redis_mode\"",
                          &question->server->address.name,
                          &seal_km_redis_pool_settings(s->pool)->master_name);
        }

        return;
    }

    if (epoch == NGX_ERROR) {
        /* a user that may not ask for it: the word of one sentinel will do */
        epoch = s->epoch;
    }

    if (s->heard++ && (ngx_uint_t) epoch <= s->best) {
        return;
    }

    s->best = epoch;
    seal_km_redis_sentinel_answer_take(&s->answer, question);
}


static ngx_uint_t
seal_km_redis_sentinel_most(seal_km_redis_sentinel_t *s)
{
    ngx_uint_t  n;

    (void) seal_km_redis_pool_seeds(s->pool, &n);

    return 2 * s->heard > n;
}


/*
 * One that hangs holds up nobody.  But where few have answered, these may be
 * the ones that are behind, and some time is left to the others.
 */

static ngx_uint_t
seal_km_redis_sentinel_enough(seal_km_redis_sentinel_t *s)
{
    ngx_msec_t  past, patience;

    past = ngx_current_msec - s->inquiry.when;
    patience = SEAL_KM_REDIS_PATIENCE;

    if (!seal_km_redis_sentinel_most(s)) {
        patience = ngx_max(patience,
                     seal_km_redis_pool_settings(s->sentinels)->timeout / 2);
    }

    return past >= patience;
}


/*
 * Sentinels that were made anew count their epochs from the beginning.  That
 * these are such, and not behind, shows when most of them stay so.
 */

static ngx_uint_t
seal_km_redis_sentinel_believed(seal_km_redis_sentinel_t *s)
{
    if (!s->inquiry.running && s->n) {
        /* one that is late: others have been heard since it was asked */
        return s->best > s->epoch;
    }

    if (s->best >= s->epoch) {
        s->behind = 0;
        return 1;
    }

    if (!seal_km_redis_sentinel_most(s)) {
        return 0;
    }

    if (s->behind == 0) {
        s->behind = ngx_current_msec ? ngx_current_msec : 1;
        return 0;
    }

    if (ngx_current_msec - s->behind < SEAL_KM_REDIS_SENTINEL_ANEW) {
        return 0;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "Redis sentinels of \"%V\" have begun anew, with epoch %ui "
                  "after %ui",
                  &seal_km_redis_pool_settings(s->pool)->master_name, s->best,
                  s->epoch);

    s->behind = 0;

    return 1;
}


/* what the best one says is so; results as of hear() */

static ngx_int_t
seal_km_redis_sentinel_set(seal_km_redis_sentinel_t *s)
{
    ngx_int_t                rc;
    seal_km_redis_server_t  *master;

    seal_km_redis_pool_begin(s->pool);

    rc = seal_km_redis_sentinel_set_master(s, &master);

    if (rc != NGX_OK) {
        return rc;
    }

    if (s->n == 0 || s->servers[0] != master) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "Redis master of \"%V\" is \"%V\"",
                      &seal_km_redis_pool_settings(s->pool)->master_name,
                      &master->address.name);
    }

    s->epoch = s->best;
    s->servers[0] = master;
    s->n = 1;

    seal_km_redis_sentinel_add_replicas(s);

    seal_km_redis_pool_commit(s->pool);

    return NGX_OK;
}


static ngx_int_t
seal_km_redis_sentinel_set_master(seal_km_redis_sentinel_t *s,
    seal_km_redis_server_t **master)
{
    ngx_int_t                  rc;
    ngx_str_t                  host;
    seal_km_redis_endpoint_t   endpoint;

    rc = seal_km_redis_sentinel_answer_master(&s->answer, s->pool, &endpoint,
                                              &host);

    if (rc == NGX_DECLINED) {

        if (seal_km_redis_pool_settings(s->pool)->resolver) {
            return NGX_BUSY;
        }

        if (seal_km_redis_inquiry_tells(&s->inquiry)) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "Redis sentinel \"%V\" tells \"%V\", which is no "
                          "IP address, and no \"resolver\" is defined",
                          &s->answer.who->address.name, &host);
        }
    }

    if (rc == NGX_ERROR && seal_km_redis_inquiry_tells(&s->inquiry)) {
        /* not what it is: it may be anything */
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "Redis sentinel \"%V\" tells a master at what is no "
                      "host, or no port", &s->answer.who->address.name);
    }

    if (rc != NGX_OK) {
        return NGX_DECLINED;
    }

    *master = seal_km_redis_pool_server(s->pool, &endpoint.address,
                                        SEAL_KM_REDIS_GREET_MASTER);

    return *master ? NGX_OK : NGX_DECLINED;
}


static void
seal_km_redis_sentinel_add_replicas(seal_km_redis_sentinel_t *s)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    seal_km_redis_server_t    *server;
    seal_km_redis_endpoint_t   endpoint;

    for (i = 0; s->n <= SEAL_KM_REDIS_REPLICAS_MAX; i++) {

        rc = seal_km_redis_sentinel_answer_replica(&s->answer, s->pool, i,
                                                   &endpoint);
        if (rc == NGX_DONE) {
            break;
        }

        if (rc != NGX_OK) {
            continue;
        }

        server = seal_km_redis_pool_server(s->pool, &endpoint.address,
                                           SEAL_KM_REDIS_GREET_REPLICA);
        if (server) {
            s->servers[s->n++] = server;
        }
    }
}


static void
seal_km_redis_sentinel_complain(void *state)
{
    ngx_uint_t                 n;
    seal_km_redis_sentinel_t  *s = state;

    (void) seal_km_redis_pool_seeds(s->pool, &n);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "no Redis sentinel of %ui has told the master \"%V\"", n,
                  &seal_km_redis_pool_settings(s->pool)->master_name);
}


static void
seal_km_redis_sentinel_forget(seal_km_redis_sentinel_t *s)
{
    seal_km_redis_sentinel_answer_free(&s->answer);
    s->heard = 0;
}


static ngx_uint_t
seal_km_redis_sentinel_is_denied(void *state)
{
    seal_km_redis_sentinel_t  *s = state;

    return seal_km_redis_pool_is_denied(s->sentinels);
}
