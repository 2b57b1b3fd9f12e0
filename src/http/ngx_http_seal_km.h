/*
 * Where src/protocol and src/redis meet a request: what the files of src/http
 * and ngx_http_seal_km_module.c share.
 */


#ifndef NGX_HTTP_SEAL_KM_H
#define NGX_HTTP_SEAL_KM_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "seal_km_binding.h"
#include "seal_km_claims.h"
#include "seal_km_extract.h"
#include "seal_km_query.h"
#include "seal_km_record_key.h"
#include "seal_km_response.h"
#include "seal_km_secret.h"
#include "seal_km_uri.h"

#include "ngx_http_seal_km_counters.h"
#include "ngx_http_seal_km_key_set.h"
#include "ngx_http_seal_km_limit_directives.h"
#include "ngx_http_seal_km_notify_directives.h"
#include "ngx_http_seal_km_policy.h"
#include "ngx_http_seal_km_ready_directives.h"
#include "ngx_http_seal_km_record_keys.h"
#include "ngx_http_seal_km_redis_conf.h"
#include "ngx_http_seal_km_token_cache.h"
#include "ngx_http_seal_km_value.h"
#include "ngx_http_seal_km_watch.h"
#include "ngx_http_seal_km_zone.h"


/* ngx_http_seal_km_interface.h */
typedef struct ngx_http_seal_km_interface_s  ngx_http_seal_km_interface_t;

/* what a location may speak: the values of seal_km_interface */
typedef enum {
    NGX_HTTP_SEAL_KM_INTERFACE_KM = 0,
    NGX_HTTP_SEAL_KM_INTERFACE_KIR,
    NGX_HTTP_SEAL_KM_INTERFACE_MAX
} ngx_http_seal_km_interface_e;


/* what the metrics tell of the module: the version in CHANGELOG.md */
#define NGX_HTTP_SEAL_KM_RELEASE  "0.1.0"


#if !(NGX_HTTP_SSL)
#error "SEAL KM is HTTP over TLS: build nginx --with-http_ssl_module"
#endif


typedef struct ngx_http_seal_km_loc_conf_s  ngx_http_seal_km_loc_conf_t;

/* ngx_http_seal_km_notify.c */
typedef struct ngx_http_seal_km_notices_s  ngx_http_seal_km_notices_t;


typedef struct {
    /* ngx_http_seal_km_key_files_t *, ngx_http_seal_km_key_source_t * */
    ngx_array_t                   key_files;
    ngx_array_t                   sources;
    ngx_array_t                   key_sets;  /* ngx_http_seal_km_key_set_t * */
    ngx_array_t                   pools;     /* of ..._redis_conf_t, distinct */
    ngx_array_t                   locations; /* ngx_http_seal_km_loc_conf_t * */
    ngx_array_t                   ready;     /* ngx_http_seal_km_ready_t * */
    ngx_array_t                   notifies;  /* ngx_http_seal_km_notify_t * */
    ngx_array_t                   zones;     /* ngx_shm_zone_t *, made */
    ngx_array_t                   zone_uses; /* ngx_http_seal_km_zone_use_t */
    seal_km_sha256_t             *sha256;
    ngx_http_seal_km_watched_t    watched;
    ngx_http_seal_km_notices_t   *notices;   /* NULL: nobody is notified */

    /* content handlers, and what a location speaks */
    ngx_http_handler_pt           handler;
    ngx_http_handler_pt           metrics_handler;
    const ngx_http_seal_km_interface_t
                            *interfaces[NGX_HTTP_SEAL_KM_INTERFACE_MAX];

    /* likewise of seal_km_ready */
    ngx_http_handler_pt           ready_handler;
    ngx_http_seal_km_probe_t   *(*create_probe)(ngx_conf_t *cf,
                                      ngx_http_seal_km_loc_conf_t *target);
} ngx_http_seal_km_main_conf_t;


/* what a worker has learnt of a location */
typedef struct {
    unsigned                      wants_left_out:1;  /* of an extract */
} ngx_http_seal_km_learnt_t;


/* read-only once the configuration is read */
struct ngx_http_seal_km_loc_conf_s {
    ngx_http_upstream_conf_t      upstream;
    u_char                       *file;      /* where seal_km_pass stands */
    ngx_uint_t                    line;

    /* what the location speaks, by its number and by its table */
    ngx_uint_t                    speaks;
    const ngx_http_seal_km_interface_t  *interface;

    ngx_array_t                  *uris;      /* seal_km_str_t: normal forms,
                                                and as spelt if different */
    ngx_str_t                     uri;       /* the canonical one, as spelt */
    ngx_str_t                     id;
    ngx_http_complex_value_t     *user_uri;
    ngx_array_t                  *versions;  /* seal_km_str_t */
    time_t                        window;
    ngx_flag_t                    require_tls;
    size_t                        max_request_size;

    ngx_http_seal_km_key_names_t *jwks;      /* NULL: no files */
    ngx_msec_t                    jwks_check;
    ngx_str_t                     jwks_request;
    ngx_msec_t                    jwks_cache;
    ngx_msec_t                    jwks_stale;
    ngx_msec_t                    jwks_cooldown;
    ngx_msec_t                    jwks_timeout;
    size_t                        jwks_max_size;
    ngx_http_seal_km_key_set_t   *key_set;
    ngx_uint_t                    algorithms;
    ngx_array_t                  *issuers;   /* seal_km_str_t; off: empty */
    ngx_array_t                  *audiences; /* seal_km_str_t; off: empty */
    ngx_array_t                  *scopes;    /* ngx_http_complex_value_t */
    time_t                        leeway;
    ngx_flag_t                    require_binding;
    ngx_str_t                     bind[SEAL_KM_IDENTITY_MAX];
    ngx_array_t                  *rules;     /* ngx_http_seal_km_rule_t */
    ngx_http_seal_km_limit_t     *limit;     /* NULL: none */
    ngx_http_seal_km_notify_t    *notify;    /* NULL: nobody is told */
    ngx_uint_t                    notify_rate;
    seal_km_claims_policy_t       claims;
    ngx_array_t                  *client_id_claims; /* off: empty */
    ngx_array_t                  *scope_claims;
    ngx_array_t                  *token_types;      /* NULL, empty: any */
    ngx_array_t                  *claim_sets; /* ..._claim_set_t, or NULL */
    seal_km_token_profile_t       profile;

    ngx_shm_zone_t               *zone;
    ngx_flag_t                    token_cache;
    ngx_shm_zone_t               *cache;     /* zone; NULL: no token cache */
    ngx_http_seal_km_tally_t     *tally;     /* of zone; NULL: no zone */
    u_char                        policy_id[SEAL_KM_SHA256_SIZE];
    seal_km_extract_names_t       names;     /* the claims that are needed */
    ngx_http_seal_km_learnt_t    *learnt;

    seal_km_jwe_keys_t           *record_keys;   /* NULL: not encrypted */
    ngx_flag_t                    record_plaintext;
    seal_km_record_digest_t      *record_digest; /* NULL: none */
    ngx_uint_t                    payload;

    /* where seal_km_metrics stands; NULL: it does not */
    u_char                       *metrics_file;
    ngx_uint_t                    metrics_line;

    ngx_http_seal_km_redis_conf_t redis;

    /* of a location with seal_km_pass: which it is, and if asked for its state */
    ngx_http_core_loc_conf_t     *core;
    ngx_http_core_srv_conf_t     *server;
    ngx_http_seal_km_probe_t     *probe;

    ngx_http_seal_km_ready_t     *ready;     /* of one that tells it */
};


/* what a step that had to wait calls when it has come to its end */
typedef void (*ngx_http_seal_km_reason_pt)(ngx_http_request_t *r,
    seal_km_reason_e reason);


/* what belongs to one request; lives as long as its pool */
typedef struct {
    ngx_http_request_t           *owner;     /* subrequests share the pool */
    ngx_http_seal_km_loc_conf_t  *conf;      /* of the store that is asked */
    seal_km_reason_e              reason;    /* SEAL_KM_REASON_MAX: none yet */
    const char                   *word;      /* in its place; NULL: none */

    ngx_http_seal_km_reason_pt    body_handler;
    seal_km_str_t                 body;
    u_char                       *body_buf;
    size_t                        body_size;
    ngx_int_t                     body_error; /* of nginx's, 0: none yet */

    time_t                        received;  /* when it was there whole */
    seal_km_arena_t               arena;     /* what all below points into */
    seal_km_request_t             request;
    const seal_km_query_fault_t  *query_fault; /* NULL: none */
    seal_km_str_t                 token_text; /* in the request's headers */
    seal_km_token_t               token;
    ngx_str_t                     user_uri;
    ngx_str_t                     scope;     /* demanded and not granted */
    ngx_uint_t                    retry_after; /* seconds, if rate_limited */
    ngx_http_seal_km_cache_e      cache;

    /* the location's, wherever an internal redirect leads */
    ngx_array_t                  *claim_sets;
    const seal_km_claim_path_t   *paths;

    ngx_http_seal_km_key_waiter_t waiter;
    ngx_http_seal_km_reason_pt    keys_handler;
    seal_km_reason_e              keys_reason; /* without new keys */
    ngx_uint_t                    key_changes; /* of the set, when judged */

    ngx_http_seal_km_tally_t     *tally;     /* the location's */
    uint64_t                      started;   /* nanoseconds, of some clock: */
    uint64_t                      asked;     /* and when the store was, */
    uint64_t                      answered;  /* and when it answered, or 0 */

    seal_km_redis_query_t         query;
    seal_km_str_t                 record;    /* what Payload is made of, */
    int                           record_simple; /* and as it is */
    seal_km_str_t                 record_kid;
    seal_km_str_t                 record_digest;

    unsigned                      keyless:1;   /* no key, for no token */
    unsigned                      echo:1;      /* the body was looked at */
    unsigned                      presented:1; /* there was a token */
    unsigned                      verified:1;  /* token holds its claims */
    unsigned                      tried:1;     /* the balancer was asked */
    unsigned                      waiting:1;   /* counted so, for waits_for */
    ngx_http_seal_km_waits_e      waits_for;
} ngx_http_seal_km_ctx_t;


extern ngx_module_t  ngx_http_seal_km_module;


#define ngx_http_seal_km_get_conf(r)                                          \
    ((ngx_http_seal_km_loc_conf_t *)                                          \
        ngx_http_get_module_loc_conf(r, ngx_http_seal_km_module))


static ngx_inline seal_km_str_t
ngx_http_seal_km_str(ngx_str_t *s)
{
    seal_km_str_t  str;

    str.data = (char *) s->data;
    str.len = s->len;

    return str;
}


/* ngx_http_seal_km_handler.c */

/* the content handler of a location with seal_km_pass */
ngx_int_t ngx_http_seal_km_handler(ngx_http_request_t *r);


/*
 * A client that goes away while its request waits for something ends it.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_wait(ngx_http_request_t *r);


/* ngx_http_seal_km_notify.c */

/* what a worker has told, and tells; goes with cf's pool.  NULL: no memory */
ngx_http_seal_km_notices_t *ngx_http_seal_km_create_notices(ngx_conf_t *cf,
    seal_km_sha256_t *sha256);

/* when a worker exits: nothing is told any more; before connections are closed */
void ngx_http_seal_km_stop_notices(ngx_http_seal_km_notices_t *notices);

/* tells of the refusal that ctx->reason is, if the location wants it */
void ngx_http_seal_km_notify(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);


/* ngx_http_seal_km_ready.c */

/* the content handler of a location with seal_km_ready */
ngx_int_t ngx_http_seal_km_ready_handler(ngx_http_request_t *r);

/* the probe of a location with seal_km_pass; NULL: no memory */
ngx_http_seal_km_probe_t *ngx_http_seal_km_create_probe(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *target);


/* ngx_http_seal_km_ctx.c */

/* a new context of the request, which goes with r->pool; NULL: no memory */
ngx_http_seal_km_ctx_t *ngx_http_seal_km_create_ctx(ngx_http_request_t *r);

/* when a worker ends: frees what it keeps for the arenas of requests to come */
void ngx_http_seal_km_free_arenas(void);

/* the request's context; NULL where our handler has not seen the request */
ngx_http_seal_km_ctx_t *ngx_http_seal_km_get_ctx(ngx_http_request_t *r);

/* the word for ctx->reason: that of seal_km_require, else the table's */
const char *ngx_http_seal_km_reason_word(ngx_http_seal_km_ctx_t *ctx);


/* ngx_http_seal_km_count.c */

/*
 * What is counted of a request: its start, waiting for something, the end of
 * that whatever it was (only where ctx->waiting), the store's time between asking
 * and its answer, which is waiting too, and the response for ctx->reason.
 */
void ngx_http_seal_km_count_request(ngx_http_seal_km_ctx_t *ctx);
void ngx_http_seal_km_count_wait(ngx_http_seal_km_ctx_t *ctx,
    ngx_http_seal_km_waits_e what);
void ngx_http_seal_km_count_wake(ngx_http_seal_km_ctx_t *ctx);
void ngx_http_seal_km_count_query(ngx_http_seal_km_ctx_t *ctx);
void ngx_http_seal_km_count_answer(ngx_http_seal_km_ctx_t *ctx);
void ngx_http_seal_km_count_response(ngx_http_seal_km_ctx_t *ctx);


/* ngx_http_seal_km_check.c */

/*
 * Rows 6 to 11: token, request and whether they belong together.  token is what
 * row 6 has come to.  Fills ctx with whatever a response may tell.  Returns the
 * first fault, or SEAL_KM_OK.
 */
seal_km_reason_e ngx_http_seal_km_check(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_reason_e token);


/* ngx_http_seal_km_verify.c */

/*
 * Row 6: the access token, with the keys that are there.  On SEAL_KM_OK
 * ctx->token holds what is needed of its claims and ctx->verified is set.  With
 * SEAL_KM_TOKEN_KEY, ctx->keyless is set where the server has no key for any
 * token.  The time is what nginx has for it, which with timer_resolution may be
 * any: the caller has just called ngx_time_update().
 */
seal_km_reason_e ngx_http_seal_km_verify(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);

/*
 * Whether a token of which ngx_http_seal_km_verify() has just said that is
 * worth waiting for other keys.  NGX_AGAIN: handler will be called with what it
 * says with those; NGX_DECLINED: that is what it is; NGX_ERROR: for want of memory
 * nobody knows, and it is SEAL_KM_INTERNAL_ERROR.
 */
ngx_int_t ngx_http_seal_km_await_keys(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_reason_e reason,
    ngx_http_seal_km_reason_pt handler);

/*
 * Decodes the claims of a verified token of which only an extract is at hand.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_recall_claims(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);


/* ngx_http_seal_km_limit.c */

/*
 * Row 7a, of a request whose token was verified: SEAL_KM_OK, and it counts;
 * SEAL_KM_RATE_LIMITED, with ctx->retry_after; or SEAL_KM_INTERNAL_ERROR.
 */
seal_km_reason_e ngx_http_seal_km_check_limit(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);


/* ngx_http_seal_km_verify_conf.c */

/*
 * What the token cache has to know of each location: the claims that it needs
 * and its policy, as a hash.  To be called once the configuration is read, for
 * all of it names variables.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_init_verify(ngx_conf_t *cf);


/* ngx_http_seal_km_store.c */

/*
 * Row 12 and 13: asks Redis for the record.  NGX_AGAIN: handler will be called
 * with the outcome, and the record in ctx->query.value; else *reason says why
 * it could not be asked.
 */
ngx_int_t ngx_http_seal_km_fetch_record(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_http_seal_km_reason_pt handler,
    seal_km_reason_e *reason);


/* ngx_http_seal_km_record.c */

/*
 * Row 13: makes of what Redis has answered the record, ctx->record, and judges
 * whether it can be a Payload.  Returns SEAL_KM_OK or the fault.
 */
seal_km_reason_e ngx_http_seal_km_open_record(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);

/* cleanses and forgets the record; harmless when there is none */
void ngx_http_seal_km_close_record(ngx_http_seal_km_ctx_t *ctx);


/* ngx_http_seal_km_balancer.c */

/*
 * Makes ctx->query.balancer choose among the servers of ctx->conf through
 * their upstream's own balancer.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_init_balancer(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);


/* ngx_http_seal_km_respond.c */

/*
 * Sends the response for reason (SEAL_KM_OK: with ctx->record).  Returns what
 * is to be given to ngx_http_finalize_request().
 */
ngx_int_t ngx_http_seal_km_respond(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_reason_e reason);


/* ngx_http_seal_km_variables.c */

/* registers $seal_km_*; to be called before the configuration is read */
ngx_int_t ngx_http_seal_km_add_variables(ngx_conf_t *cf);


#endif /* NGX_HTTP_SEAL_KM_H */
