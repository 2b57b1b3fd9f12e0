/*
 * The network source of keys, seal_km_jwks_request: the set that the SIM-S
 * publishes, fetched when there is need and renewed before it runs out.
 */


#include "ngx_http_seal_km_key_source.h"

#include <openssl/crypto.h>


/* bytes of a set: no SIM-S publishes as much */
#define NGX_HTTP_SEAL_KM_SET_MAX    (256 * 1024)

/* the first pause after a fetch that failed */
#define NGX_HTTP_SEAL_KM_DELAY_MIN  1000

/* the shortest time, in milliseconds, after which keys are renewed unasked */
#define NGX_HTTP_SEAL_KM_RENEWAL_MIN  500


static ngx_http_seal_km_key_source_t *ngx_http_seal_km_create_key_source(
    ngx_conf_t *cf, ngx_http_seal_km_source_conf_t *conf);
static void ngx_http_seal_km_drop_stale_keys(
    ngx_http_seal_km_key_source_t *source);
static ngx_uint_t ngx_http_seal_km_is_pausing(
    ngx_http_seal_km_key_source_t *source);
static void ngx_http_seal_km_fetch_keys(
    ngx_http_seal_km_key_source_t *source);
static void ngx_http_seal_km_fetch_handler(ngx_http_seal_km_fetched_t *fetch);
static void ngx_http_seal_km_plan_renewal(
    ngx_http_seal_km_key_source_t *source);
static void ngx_http_seal_km_renewal_handler(ngx_event_t *ev);
static const char *ngx_http_seal_km_take_keys(
    ngx_http_seal_km_key_source_t *source, seal_km_str_t text);
static void ngx_http_seal_km_fetch_failed(
    ngx_http_seal_km_key_source_t *source, const char *error,
    ngx_uint_t status);
static void ngx_http_seal_km_source_notice(void *data, const char *text);
static void ngx_http_seal_km_key_source_cleanup(void *data);


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
            && have->cooldown == conf->cooldown)
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

    cln->handler = ngx_http_seal_km_key_source_cleanup;
    cln->data = source;

    source->conf = *conf;

    fetch = &source->fetch;

    fetch->data = source;
    fetch->handler = ngx_http_seal_km_fetch_handler;
    fetch->uri = conf->uri;
    fetch->ctx = conf->ctx;
    fetch->limit = NGX_HTTP_SEAL_KM_SET_MAX;

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
ngx_http_seal_km_look_at_key_source(ngx_http_seal_km_key_source_t *source)
{
    ngx_msec_t  age, cache;

    ngx_http_seal_km_drop_stale_keys(source);

    age = ngx_current_msec - source->fetched;
    cache = source->conf.cache;

    /* renewed when four fifths of its time are over, while it is in force */

    if (source->jwks == NULL || age >= cache - cache / 5) {
        ngx_http_seal_km_fetch_keys(source);
    }
}


void
ngx_http_seal_km_ask_for_kid(ngx_http_seal_km_key_source_t *source,
    ngx_uint_t waited)
{
    if (ngx_http_seal_km_is_pausing(source)
        || (source->was_asked
            && ngx_current_msec - source->asked < source->conf.cooldown))
    {
        return;
    }

    source->was_asked = 1;
    source->asked = ngx_current_msec;

    if (!waited) {
        ngx_http_seal_km_fetch_keys(source);
    }
}


static void
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

    if (ngx_http_seal_km_start_fetch(&source->fetch) != NGX_AGAIN) {
        ngx_http_seal_km_fetch_failed(source, "could not be started", 0);
        ngx_http_seal_km_plan_renewal(source);
    }
}


static void
ngx_http_seal_km_fetch_handler(ngx_http_seal_km_fetched_t *fetch)
{
    const char                     *error;
    ngx_queue_t                     waiters, *q;
    seal_km_str_t                   text;
    ngx_http_seal_km_key_source_t  *source;
    ngx_http_seal_km_key_waiter_t  *waiter;

    source = fetch->data;

    error = fetch->error;

    if (error == NULL) {
        text.data = fetch->body ? (char *) fetch->body : "";
        text.len = fetch->len;

        error = ngx_http_seal_km_take_keys(source, text);
    }

    if (error) {
        ngx_http_seal_km_fetch_failed(source, error, fetch->status);
    }

    ngx_http_seal_km_plan_renewal(source);

    /* any of them may start another fetch, and wait for that */

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
    if (!ngx_exiting) {
        ngx_http_seal_km_look_at_key_source(ev->data);
    }
}


/* what is wrong with the text, NULL if nothing is and its keys are in force */

static const char *
ngx_http_seal_km_take_keys(ngx_http_seal_km_key_source_t *source,
    seal_km_str_t text)
{
    u_char           digest[SEAL_KM_SHA256_SIZE];
    const char      *error;
    seal_km_jwks_t  *jwks;

    if (seal_km_sha256(source->sha256, &text, 1, digest) != 0) {
        return "memory is out";
    }

    if (source->jwks
        && ngx_memcmp(digest, source->digest, SEAL_KM_SHA256_SIZE) == 0)
    {
        goto done;
    }

    jwks = seal_km_jwks_create();
    if (jwks == NULL) {
        return "memory is out";
    }

    if (seal_km_jwks_add(jwks, text, ngx_http_seal_km_source_notice, source,
                         &error)
        != 0)
    {
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

    source->failed = ngx_current_msec;

    source->delay = source->delay ? 2 * source->delay
                                  : NGX_HTTP_SEAL_KM_DELAY_MIN;
    source->delay = ngx_min(source->delay, source->conf.cooldown);
}


ngx_int_t
ngx_http_seal_km_wait_for_keys(ngx_http_seal_km_key_source_t *source,
    ngx_http_seal_km_key_waiter_t *waiter)
{
    if (!source->fetch.active) {
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(&source->waiters, &waiter->queue);
    waiter->waiting = 1;

    return NGX_AGAIN;
}


void
ngx_http_seal_km_stop_waiting(ngx_http_seal_km_key_waiter_t *waiter)
{
    if (waiter->waiting) {
        ngx_queue_remove(&waiter->queue);
        waiter->waiting = 0;
    }
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

    seal_km_jwks_free(source->jwks);
}
