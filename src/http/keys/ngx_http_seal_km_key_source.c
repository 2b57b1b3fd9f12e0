/*
 * The network source of keys, seal_km_jwks_request: the set that the SIM-S
 * publishes, fetched when there is need and renewed before it runs out.
 */


#include "ngx_http_seal_km_key_source.h"

#include <openssl/crypto.h>


/* requests that may wait for keys, of all sources: each has a connection */
#define NGX_HTTP_SEAL_KM_WAITERS_MAX  1000

/* the first pause after a fetch that failed */
#define NGX_HTTP_SEAL_KM_DELAY_MIN    1000

/* the shortest time, in milliseconds, after which keys are renewed unasked */
#define NGX_HTTP_SEAL_KM_RENEWAL_MIN  500


static ngx_http_seal_km_key_source_t *ngx_http_seal_km_create_key_source(
    ngx_conf_t *cf, ngx_http_seal_km_source_conf_t *conf);
static ngx_uint_t ngx_http_seal_km_is_pausing(
    ngx_http_seal_km_key_source_t *source);
static ngx_uint_t ngx_http_seal_km_is_cooling(
    ngx_http_seal_km_key_source_t *source);
static void ngx_http_seal_km_fetch_keys(
    ngx_http_seal_km_key_source_t *source);
static void ngx_http_seal_km_fetch_handler(ngx_http_seal_km_fetched_t *fetch);
static void ngx_http_seal_km_wake_waiters(
    ngx_http_seal_km_key_source_t *source);
static void ngx_http_seal_km_plan_renewal(
    ngx_http_seal_km_key_source_t *source);
static void ngx_http_seal_km_renewal_handler(ngx_event_t *ev);
static const char *ngx_http_seal_km_take_keys(
    ngx_http_seal_km_key_source_t *source, seal_km_str_t text);
static void ngx_http_seal_km_fetch_failed(
    ngx_http_seal_km_key_source_t *source, const char *error,
    ngx_uint_t status);
static void ngx_http_seal_km_count_fetch(
    ngx_http_seal_km_key_source_t *source, ngx_http_seal_km_fetch_e result);
static void ngx_http_seal_km_source_notice(void *data, const char *text);
static void ngx_http_seal_km_key_source_cleanup(void *data);


/* of this worker */
static ngx_uint_t  ngx_http_seal_km_waiters;


ngx_http_seal_km_key_source_t *
ngx_http_seal_km_get_key_source(ngx_conf_t *cf, ngx_array_t *all,
    seal_km_sha256_t *sha256, ngx_http_seal_km_source_conf_t *conf)
{
    ngx_uint_t                       i;
    ngx_http_seal_km_source_conf_t  *have;
    ngx_http_seal_km_key_source_t  **source;

    source = all->elts;

    for (i = 0; i < all->nelts; i++) {
        have = &source[i]->conf;

        if (have->uri.len == conf->uri.len
            && ngx_strncmp(have->uri.data, conf->uri.data, conf->uri.len) == 0
            && have->ctx == conf->ctx
            && have->cache == conf->cache
            && have->stale == conf->stale
            && have->cooldown == conf->cooldown
            && have->timeout == conf->timeout
            && have->max_size == conf->max_size)
        {
            return source[i];
        }
    }

    source = ngx_array_push(all);
    if (source == NULL) {
        return NULL;
    }

    *source = ngx_http_seal_km_create_key_source(cf, conf);

    if (*source) {
        (*source)->sha256 = sha256;
    }

    return *source;
}


static ngx_http_seal_km_key_source_t *
ngx_http_seal_km_create_key_source(ngx_conf_t *cf,
    ngx_http_seal_km_source_conf_t *conf)
{
    u_char                         *p, *last;
    ngx_pool_cleanup_t             *cln;
    ngx_http_seal_km_fetched_t     *fetch;
    ngx_http_seal_km_key_source_t  *source;

    source = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_key_source_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (source == NULL || cln == NULL) {
        return NULL;
    }

    if (ngx_array_init(&source->tallies, cf->pool, 1,
                       sizeof(ngx_http_seal_km_tally_t *))
        != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_http_seal_km_key_source_cleanup;
    cln->data = source;

    source->conf = *conf;

    fetch = &source->fetch;

    fetch->data = source;
    fetch->handler = ngx_http_seal_km_fetch_handler;
    fetch->uri = conf->uri;
    fetch->ctx = conf->ctx;
    fetch->limit = conf->max_size;
    fetch->timeout = conf->timeout;

    last = conf->uri.data + conf->uri.len;
    p = ngx_strlchr(conf->uri.data, last, '?');

    if (p) {
        fetch->uri.len = p - conf->uri.data;
        fetch->args.data = p + 1;
        fetch->args.len = last - (p + 1);
    }

    ngx_queue_init(&source->waiters);

    return source;
}


void
ngx_http_seal_km_drop_stale_keys(ngx_http_seal_km_key_source_t *source)
{
    ngx_msec_t  age;

    age = ngx_current_msec - source->fetched;

    if (source->jwks == NULL
        || age < source->conf.cache
        || age < source->conf.stale)
    {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "\"seal_km_jwks_request\" \"%V\": the keys are no longer in "
                  "force, they could not be renewed for too long",
                  &source->conf.uri);

    seal_km_jwks_free(source->jwks);

    source->jwks = NULL;
    ngx_memzero(source->digest, SEAL_KM_SHA256_SIZE);
    source->changes++;
}


void
ngx_http_seal_km_look_at_key_source(ngx_http_seal_km_key_source_t *source)
{
    ngx_msec_t  age, cache;

    if (ngx_exiting) {
        /* whoever waits for keys gets them, but nobody needs them later */
        return;
    }

    age = ngx_current_msec - source->fetched;
    cache = source->conf.cache;

    /* renewed when four fifths of its time are over, while it is in force */

    if (source->jwks == NULL || age >= cache - cache / 5) {
        ngx_http_seal_km_fetch_keys(source);
    }
}


ngx_int_t
ngx_http_seal_km_wait_for_keys(ngx_http_seal_km_key_source_t *source,
    ngx_uint_t keyless, ngx_http_seal_km_key_waiter_t *waiter)
{
    ngx_uint_t  room;

    if (!keyless && ngx_http_seal_km_is_cooling(source)) {
        return NGX_DECLINED;
    }

    room = (ngx_http_seal_km_waiters < NGX_HTTP_SEAL_KM_WAITERS_MAX);

    if (room || !ngx_exiting) {
        ngx_http_seal_km_fetch_keys(source);
    }

    if (!source->fetch.active) {
        return NGX_DECLINED;
    }

    if (!keyless) {
        /* the cooldown begins when it ends, whoever still waits then */
        source->asked = 1;
    }

    if (!room) {
        return NGX_DECLINED;
    }

    ngx_http_seal_km_waiters++;

    ngx_queue_insert_tail(&source->waiters, &waiter->queue);
    waiter->source = source;

    ngx_http_seal_km_need_fetch(&source->fetch, 1);

    return NGX_AGAIN;
}


void
ngx_http_seal_km_stop_waiting(ngx_http_seal_km_key_waiter_t *waiter)
{
    ngx_http_seal_km_key_source_t  *source;

    source = waiter->source;

    if (source == NULL) {
        return;
    }

    waiter->source = NULL;
    ngx_queue_remove(&waiter->queue);
    ngx_http_seal_km_waiters--;

    if (ngx_queue_empty(&source->waiters)) {
        ngx_http_seal_km_need_fetch(&source->fetch, 0);
    }
}


void
ngx_http_seal_km_cool_down(ngx_http_seal_km_key_source_t *source)
{
    source->cooling = 1;
    source->cooled = ngx_current_msec;
}


static ngx_uint_t
ngx_http_seal_km_is_cooling(ngx_http_seal_km_key_source_t *source)
{
    if (source->cooling
        && ngx_current_msec - source->cooled >= source->conf.cooldown)
    {
        source->cooling = 0;
    }

    return source->cooling;
}


/* one at a time, and after one that failed no other one at once */

static ngx_uint_t
ngx_http_seal_km_is_pausing(ngx_http_seal_km_key_source_t *source)
{
    return source->fetch.active
           || (source->delay
               && ngx_current_msec - source->failed < source->delay);
}


static void
ngx_http_seal_km_fetch_keys(ngx_http_seal_km_key_source_t *source)
{
    if (ngx_http_seal_km_is_pausing(source)) {
        return;
    }

    source->starved = 0;

    if (ngx_http_seal_km_start_fetch(&source->fetch) != NGX_AGAIN) {
        source->starved = 1;
        ngx_http_seal_km_fetch_failed(source, "could not be started", 0);
        ngx_http_seal_km_plan_renewal(source);
    }
}


static void
ngx_http_seal_km_fetch_handler(ngx_http_seal_km_fetched_t *fetch)
{
    const char                     *error;
    seal_km_str_t                   text;
    ngx_http_seal_km_key_source_t  *source;

    source = fetch->data;

    error = fetch->error;

    if (error == NULL) {
        text.data = fetch->body ? (char *) fetch->body : "";
        text.len = fetch->len;

        error = ngx_http_seal_km_take_keys(source, text);
    }

    if (error == NULL) {
        ngx_http_seal_km_count_fetch(source, NGX_HTTP_SEAL_KM_FETCH_OK);

    } else if (!fetch->given_up) {
        source->starved |= fetch->starved;
        ngx_http_seal_km_fetch_failed(source, error, fetch->status);
    }

    ngx_http_seal_km_plan_renewal(source);

    if (source->asked) {
        source->asked = 0;

        /* without memory nothing was found out: the pause will do */

        if (!source->starved) {
            ngx_http_seal_km_cool_down(source);
        }
    }

    ngx_http_seal_km_wake_waiters(source);
}


/* any of them may start another fetch, for others to wait for */

static void
ngx_http_seal_km_wake_waiters(ngx_http_seal_km_key_source_t *source)
{
    ngx_queue_t                     waiters, *q;
    ngx_http_seal_km_key_waiter_t  *waiter;

    ngx_queue_init(&waiters);

    if (!ngx_queue_empty(&source->waiters)) {
        ngx_queue_add(&waiters, &source->waiters);
        ngx_queue_init(&source->waiters);
    }

    while (!ngx_queue_empty(&waiters)) {
        q = ngx_queue_head(&waiters);
        waiter = ngx_queue_data(q, ngx_http_seal_km_key_waiter_t, queue);

        ngx_http_seal_km_stop_waiting(waiter);
        waiter->handler(waiter);
    }
}


/*
 * A worker that nobody asks would keep keys that the SIM-S has withdrawn: what
 * was needed once is renewed without being asked for.
 */

static void
ngx_http_seal_km_plan_renewal(ngx_http_seal_km_key_source_t *source)
{
    ngx_msec_t  cache, delay;

    cache = source->conf.cache;

    if (source->jwks == NULL || cache == 0 || ngx_exiting) {
        return;
    }

    delay = source->delay ? source->delay : cache - cache / 5;
    delay = ngx_max(delay, NGX_HTTP_SEAL_KM_RENEWAL_MIN);

    if (source->timer.timer_set) {
        ngx_del_timer(&source->timer);
    }

    source->timer.handler = ngx_http_seal_km_renewal_handler;
    source->timer.data = source;
    source->timer.log = ngx_cycle->log;
    source->timer.cancelable = 1;

    ngx_add_timer(&source->timer, delay);
}


static void
ngx_http_seal_km_renewal_handler(ngx_event_t *ev)
{
    ngx_http_seal_km_drop_stale_keys(ev->data);
    ngx_http_seal_km_look_at_key_source(ev->data);
}


/* what is wrong with the text, NULL if nothing is and its keys are in force */

static const char *
ngx_http_seal_km_take_keys(ngx_http_seal_km_key_source_t *source,
    seal_km_str_t text)
{
    int              rc;
    u_char           digest[SEAL_KM_SHA256_SIZE];
    const char      *error;
    seal_km_jwks_t  *jwks;

    if (seal_km_sha256(source->sha256, &text, 1, digest) != 0) {
        source->starved = 1;
        return "memory is out";
    }

    if (source->jwks
        && ngx_memcmp(digest, source->digest, SEAL_KM_SHA256_SIZE) == 0)
    {
        goto done;
    }

    jwks = seal_km_jwks_create();
    if (jwks == NULL) {
        source->starved = 1;
        return "memory is out";
    }

    rc = seal_km_jwks_add(jwks, text, ngx_http_seal_km_source_notice, source,
                          &error);

    if (rc != 0) {
        source->starved = (rc == -2);
        seal_km_jwks_free(jwks);
        return error;
    }

    if ((seal_km_jwks_algorithms(jwks) & source->algorithms) == 0) {
        seal_km_jwks_free(jwks);
        return "has no usable key for any of seal_km_algorithms";
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "\"seal_km_jwks_request\" \"%V\": new keys are in force",
                  &source->conf.uri);

    seal_km_jwks_free(source->jwks);

    source->jwks = jwks;
    ngx_memcpy(source->digest, digest, SEAL_KM_SHA256_SIZE);
    source->changes++;

done:

    source->fetched = ngx_current_msec;
    source->delay = 0;

    return NULL;
}


static void
ngx_http_seal_km_fetch_failed(ngx_http_seal_km_key_source_t *source,
    const char *error, ngx_uint_t status)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "\"seal_km_jwks_request\" \"%V\" %s, status %ui: %s",
                  &source->conf.uri, error, status,
                  source->jwks ? "the former keys stay in force"
                               : "there are no keys of it");

    ngx_http_seal_km_count_fetch(source, NGX_HTTP_SEAL_KM_FETCH_FAILED);

    source->failed = ngx_current_msec;

    source->delay = source->delay ? 2 * source->delay
                                  : NGX_HTTP_SEAL_KM_DELAY_MIN;
    source->delay = ngx_min(source->delay, source->conf.cooldown);
}


static void
ngx_http_seal_km_count_fetch(ngx_http_seal_km_key_source_t *source,
    ngx_http_seal_km_fetch_e result)
{
    ngx_http_seal_km_add(&source->tallies,
                         offsetof(ngx_http_seal_km_counters_t, fetches)
                         + result * sizeof(ngx_http_seal_km_counter_t), 1);
}


/* what the SIM-S publishes beside its signing keys is its own matter */

static void
ngx_http_seal_km_source_notice(void *data, const char *text)
{
    ngx_http_seal_km_key_source_t  *source = data;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "\"seal_km_jwks_request\" \"%V\": %s", &source->conf.uri,
                  text);
}


static void
ngx_http_seal_km_key_source_cleanup(void *data)
{
    ngx_http_seal_km_key_source_t  *source = data;

    if (source->timer.timer_set) {
        ngx_del_timer(&source->timer);
    }

    ngx_http_seal_km_free_fetch(&source->fetch);
    seal_km_jwks_free(source->jwks);
}
