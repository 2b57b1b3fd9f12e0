/*
 * The network source of keys, seal_km_jwks_request: the set that the SIM-S
 * publishes, fetched when there is need and renewed before it runs out.
 */


#ifndef NGX_HTTP_SEAL_KM_KEY_SOURCE_H
#define NGX_HTTP_SEAL_KM_KEY_SOURCE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "seal_km_jwks.h"
#include "seal_km_sha256.h"

#include "ngx_http_seal_km_fetch.h"


/* what the directives say; times in milliseconds */
typedef struct {
    ngx_str_t                        uri;       /* internal, with arguments */
    ngx_http_conf_ctx_t             *ctx;       /* of the server it is in */
    ngx_msec_t                       cache;
    ngx_msec_t                       stale;
    ngx_msec_t                       cooldown;
} ngx_http_seal_km_source_conf_t;


/*
 * Locations with the same settings share it.  Each worker has a copy of its
 * own, and changes it.
 */
typedef struct {
    ngx_http_seal_km_source_conf_t   conf;
    seal_km_algorithms_t             algorithms; /* that locations allow */
    seal_km_sha256_t                *sha256;

    seal_km_jwks_t                  *jwks;      /* in force; NULL: none */
    u_char                           digest[SEAL_KM_SHA256_SIZE]; /* of it */
    ngx_uint_t                       changes;   /* grows when keys change */
    ngx_msec_t                       fetched;   /* when jwks came */

    ngx_msec_t                       failed;    /* when the last one did */
    ngx_msec_t                       delay;     /* from then; 0: it did not */
    ngx_msec_t                       asked;     /* last one for a kid */
    unsigned                         was_asked:1;
    ngx_event_t                      timer;     /* renews it, unasked */

    ngx_http_seal_km_fetched_t       fetch;
    ngx_queue_t                      waiters;
} ngx_http_seal_km_key_source_t;


typedef struct ngx_http_seal_km_key_waiter_s  ngx_http_seal_km_key_waiter_t;

/* to be zeroed at first */
struct ngx_http_seal_km_key_waiter_s {
    ngx_queue_t                      queue;
    void                           (*handler)(
                                       ngx_http_seal_km_key_waiter_t *waiter);
    void                            *data;
    unsigned                         waiting:1;
};


/*
 * The source with these settings: one of all (an array of
 * ngx_http_seal_km_key_source_t *), or a new one.  NULL without memory.  Freed
 * with cf's pool.
 */
ngx_http_seal_km_key_source_t *ngx_http_seal_km_get_key_source(ngx_conf_t *cf,
    ngx_array_t *all, seal_km_sha256_t *sha256,
    ngx_http_seal_km_source_conf_t *conf);

/*
 * There is need of the keys: fetches them, or fetches them anew, where it is
 * time to, and drops those that are too old.  Nobody has to wait for it.
 */
void ngx_http_seal_km_look_at_key_source(
    ngx_http_seal_km_key_source_t *source);

/*
 * There is a token of a kid that no key has: one fetch each cooldown, whatever
 * clients send.  waited is set where the request has waited for a fetch: that
 * was the one.
 */
void ngx_http_seal_km_ask_for_kid(ngx_http_seal_km_key_source_t *source,
    ngx_uint_t waited);

/*
 * NGX_AGAIN: waiter->handler will be called once the fetch that is under way
 * has ended; NGX_DECLINED: there is none.
 */
ngx_int_t ngx_http_seal_km_wait_for_keys(ngx_http_seal_km_key_source_t *source,
    ngx_http_seal_km_key_waiter_t *waiter);

/* its handler will not be called; harmless where it does not wait */
void ngx_http_seal_km_stop_waiting(ngx_http_seal_km_key_waiter_t *waiter);


#endif /* NGX_HTTP_SEAL_KM_KEY_SOURCE_H */
