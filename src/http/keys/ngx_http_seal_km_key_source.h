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

#include "ngx_http_seal_km_counters.h"
#include "ngx_http_seal_km_fetch.h"


/* what the directives say; times in milliseconds */
typedef struct {
    ngx_str_t                        uri;       /* internal, with arguments */
    ngx_http_conf_ctx_t             *ctx;       /* of the server it is in */
    ngx_msec_t                       cache;
    ngx_msec_t                       stale;
    ngx_msec_t                       cooldown;
    ngx_msec_t                       timeout;   /* of one fetch as a whole */
    size_t                           max_size;  /* of a set */
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
    ngx_msec_t                       cooled;    /* cooldown from then on */
    unsigned                         cooling:1; /* it may have begun */
    unsigned                         asked:1;   /* for a token, now */
    unsigned                         starved:1; /* memory, or the like, was
                                                   why the last one failed */
    ngx_event_t                      timer;     /* renews it, unasked */

    ngx_array_t                      tallies;   /* of those who use it:
                                                   ngx_http_seal_km_tally_t * */
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
    ngx_http_seal_km_key_source_t   *source;    /* NULL: it does not wait */
};


/*
 * The source with these settings: one of all (an array of
 * ngx_http_seal_km_key_source_t *), or a new one.  NULL without memory.  Freed
 * with cf's pool.
 */
ngx_http_seal_km_key_source_t *ngx_http_seal_km_get_key_source(ngx_conf_t *cf,
    ngx_array_t *all, seal_km_sha256_t *sha256,
    ngx_http_seal_km_source_conf_t *conf);

/* drops the keys where they are too old to stay in force */
void ngx_http_seal_km_drop_stale_keys(ngx_http_seal_km_key_source_t *source);

/*
 * There is need of the keys: fetches them, or fetches them anew, where it is
 * time to.  Nobody has to wait for it.
 */
void ngx_http_seal_km_look_at_key_source(
    ngx_http_seal_km_key_source_t *source);

/*
 * There is a token that no known key verifies; keyless is set where there is no
 * key at all.  One fetch each cooldown, whatever clients send.  NGX_AGAIN:
 * waiter->handler will be called once a fetch has ended, which takes no longer
 * than conf.timeout; NGX_DECLINED: what there is has to do.
 */
ngx_int_t ngx_http_seal_km_wait_for_keys(ngx_http_seal_km_key_source_t *source,
    ngx_uint_t keyless, ngx_http_seal_km_key_waiter_t *waiter);

/*
 * What was fetched for a token has no key for it: the next such token waits for
 * the cooldown to be over.
 */
void ngx_http_seal_km_cool_down(ngx_http_seal_km_key_source_t *source);

/* its handler will not be called; harmless where it does not wait */
void ngx_http_seal_km_stop_waiting(ngx_http_seal_km_key_waiter_t *waiter);


#endif /* NGX_HTTP_SEAL_KM_KEY_SOURCE_H */
