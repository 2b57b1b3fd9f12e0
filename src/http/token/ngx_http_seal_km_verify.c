/*
 * Row 6: the access token, verified now or found to have been.
 */


#include "ngx_http_seal_km.h"


static void ngx_http_seal_km_look_at_source(ngx_http_seal_km_loc_conf_t *conf,
    seal_km_reason_e reason);
static ngx_uint_t ngx_http_seal_km_lacks_key(seal_km_reason_e reason);
static void ngx_http_seal_km_keys_handler(
    ngx_http_seal_km_key_waiter_t *waiter);
static seal_km_reason_e ngx_http_seal_km_verify_again(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx);
static seal_km_reason_e ngx_http_seal_km_find_token(ngx_http_request_t *r,
    seal_km_str_t *token);
static seal_km_reason_e ngx_http_seal_km_verify_cached(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t token);
static ngx_int_t ngx_http_seal_km_cache_key(ngx_http_request_t *r,
    seal_km_str_t token, u_char *key);
static ngx_int_t ngx_http_seal_km_use_extract(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t extract);
static void ngx_http_seal_km_keep_token(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, u_char *key);
static seal_km_reason_e ngx_http_seal_km_verify_anew(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t token);
static void ngx_http_seal_km_log_fault(ngx_http_request_t *r,
    seal_km_token_fault_t *fault);
static double ngx_http_seal_km_now(void);
static seal_km_reason_e ngx_http_seal_km_check_binding(
    ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx);


seal_km_reason_e
ngx_http_seal_km_verify(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_str_t                 token;
    seal_km_reason_e              reason;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    reason = ngx_http_seal_km_find_token(r, &token);

    ctx->presented = (reason != SEAL_KM_TOKEN_MISSING);

    if (reason != SEAL_KM_OK) {
        return reason;
    }

    ctx->token_text = token;

    if (ngx_http_seal_km_update_key_set(conf->key_set) != NGX_OK) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    ctx->key_changes = conf->key_set->changes;

    if (conf->cache) {
        reason = ngx_http_seal_km_verify_cached(r, ctx, token);

    } else {
        ctx->cache = NGX_HTTP_SEAL_KM_CACHE_OFF;
        reason = ngx_http_seal_km_verify_anew(r, ctx, token);
    }

    ngx_http_seal_km_look_at_source(conf, reason);

    if (reason == SEAL_KM_OK) {
        reason = ngx_http_seal_km_check_binding(r, ctx);
    }

    if (reason == SEAL_KM_OK && ctx->token.type_refused) {
        reason = SEAL_KM_TOKEN_TYPE;
    }

    ctx->verified = (reason == SEAL_KM_OK);
    ctx->keyless = (reason == SEAL_KM_TOKEN_KEY
                    && (conf->key_set->algorithms & conf->algorithms) == 0);

    return reason;
}


/* a token that no key can save, rows 6.1 to 6.3, is no need of keys */

static void
ngx_http_seal_km_look_at_source(ngx_http_seal_km_loc_conf_t *conf,
    seal_km_reason_e reason)
{
    if (conf->key_set->source
        && reason != SEAL_KM_TOKEN_MALFORMED
        && reason != SEAL_KM_TOKEN_ALGORITHM)
    {
        ngx_http_seal_km_look_at_key_source(conf->key_set->source);
    }
}


ngx_int_t
ngx_http_seal_km_await_keys(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_reason_e reason,
    ngx_http_seal_km_reason_pt handler)
{
    ngx_int_t                    rc;
    ngx_http_seal_km_key_set_t  *set;

    set = ngx_http_seal_km_get_conf(r)->key_set;

    if (!ngx_http_seal_km_lacks_key(reason)) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    if (set->source) {
        ctx->keys_handler = handler;
        ctx->keys_reason = reason;
        ctx->waiter.handler = ngx_http_seal_km_keys_handler;
        ctx->waiter.data = r;

        rc = ngx_http_seal_km_wait_for_keys(set->source, set->algorithms == 0,
                                            &ctx->waiter);
    }

    if (rc == NGX_DECLINED && ngx_http_seal_km_is_key_set_starved(set)) {
        return NGX_ERROR;
    }

    return rc;
}


/* the SIM-S may have another key by now, whatever kid the token has, or none */

static ngx_uint_t
ngx_http_seal_km_lacks_key(seal_km_reason_e reason)
{
    return reason == SEAL_KM_TOKEN_KEY || reason == SEAL_KM_TOKEN_SIGNATURE;
}


static void
ngx_http_seal_km_keys_handler(ngx_http_seal_km_key_waiter_t *waiter)
{
    ngx_connection_t        *c;
    seal_km_reason_e         reason;
    ngx_http_request_t      *r;
    ngx_http_seal_km_ctx_t  *ctx;

    r = waiter->data;
    c = r->connection;

    ctx = ngx_http_get_module_ctx(r, ngx_http_seal_km_module);

    ngx_http_set_log_request(c->log, r);

    reason = ngx_http_seal_km_verify_again(r, ctx);

    ctx->keys_handler(r, reason);

    /* r may be gone */

    ngx_http_run_posted_requests(c);
}


/* the same keys would say the same again */

static seal_km_reason_e
ngx_http_seal_km_verify_again(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    seal_km_reason_e             reason;
    ngx_http_seal_km_key_set_t  *set;

    set = ngx_http_seal_km_get_conf(r)->key_set;

    reason = ctx->keys_reason;

    if (ngx_http_seal_km_update_key_set(set) != NGX_OK) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    if (set->changes != ctx->key_changes) {
        ngx_time_update();
        reason = ngx_http_seal_km_verify(r, ctx);
    }

    if (!ngx_http_seal_km_lacks_key(reason)) {
        return reason;
    }

    if (ngx_http_seal_km_is_key_set_starved(set)) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    if (set->algorithms) {
        ngx_http_seal_km_cool_down(set->source);
    }

    return reason;
}


static seal_km_reason_e
ngx_http_seal_km_find_token(ngx_http_request_t *r, seal_km_str_t *token)
{
    seal_km_str_t     value;
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    value.data = h ? (char *) h->value.data : NULL;
    value.len = h ? h->value.len : 0;

    return seal_km_token_find(value, token);
}


/* a hit tells that signature, issuer and audience are right, and no more */

static seal_km_reason_e
ngx_http_seal_km_verify_cached(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t token)
{
    u_char                        key[SEAL_KM_KEYED_HASH_SIZE];
    double                        now;
    seal_km_str_t                 extract;
    seal_km_reason_e              reason;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    ctx->cache = NGX_HTTP_SEAL_KM_CACHE_MISS;
    now = ngx_http_seal_km_now();

    if (ngx_http_seal_km_cache_key(r, token, key) != NGX_OK) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    extract = ngx_http_seal_km_cache_find(conf->cache->data, key, now);

    if (extract.data
        && ngx_http_seal_km_use_extract(r, ctx, extract) == NGX_OK)
    {
        ctx->cache = NGX_HTTP_SEAL_KM_CACHE_HIT;
        return seal_km_claims_check_time(&ctx->token, conf->leeway, now);
    }

    reason = ngx_http_seal_km_verify_anew(r, ctx, token);

    if (reason == SEAL_KM_OK) {
        ngx_http_seal_km_keep_token(r, ctx, key);
    }

    return reason;
}


/* what comes before the token is always of one size */

static ngx_int_t
ngx_http_seal_km_cache_key(ngx_http_request_t *r, seal_km_str_t token,
    u_char *key)
{
    u_char                        id[2 * SEAL_KM_SHA256_SIZE], *p;
    seal_km_str_t                 parts[2];
    ngx_http_seal_km_zone_t      *zone;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);
    zone = conf->cache->data;

    p = ngx_cpymem(id, conf->key_set->generation, SEAL_KM_SHA256_SIZE);
    ngx_memcpy(p, conf->policy_id, SEAL_KM_SHA256_SIZE);

    parts[0].data = (char *) id;
    parts[0].len = sizeof(id);

    parts[1] = token;

    return (seal_km_keyed_hash(zone->hash, parts, 2, key) == 0)
           ? NGX_OK : NGX_ERROR;
}


/*
 * Makes ctx->token of an extract.  NGX_DECLINED where it lacks a claim, and
 * the location has asked for such a claim before.
 */

static ngx_int_t
ngx_http_seal_km_use_extract(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t extract)
{
    u_char                       *p;
    seal_km_token_t               token;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    p = ngx_pnalloc(r->pool, extract.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, extract.data, extract.len);
    extract.data = (char *) p;

    if (seal_km_extract_read(&token, extract, &conf->names) != 0
        || (token.left_out && conf->learnt->wants_left_out))
    {
        return NGX_DECLINED;
    }

    seal_km_token_free(&ctx->token);
    ctx->token = token;

    return NGX_OK;
}


/* from then on the request has what the next one will find, and no more */

static void
ngx_http_seal_km_keep_token(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, u_char *key)
{
    char                          buf[SEAL_KM_EXTRACT_MAX];
    double                        exp;
    seal_km_str_t                 extract;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    exp = ctx->token.exp;

    extract.data = buf;
    extract.len = seal_km_extract_write(&ctx->token, &conf->names, buf);

    if (extract.len
        && ngx_http_seal_km_use_extract(r, ctx, extract) == NGX_OK)
    {
        ngx_http_seal_km_cache_keep(conf->cache->data, key, exp, extract,
                                    ngx_http_seal_km_now());
    }
}


static seal_km_reason_e
ngx_http_seal_km_verify_anew(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, seal_km_str_t token)
{
    seal_km_reason_e              reason;
    seal_km_token_fault_t         fault;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    reason = seal_km_token_verify(&ctx->token, token, conf->key_set->jwks,
                                  conf->algorithms, &conf->profile, &fault);

    ngx_http_seal_km_log_fault(r, &fault);

    if (reason != SEAL_KM_OK) {
        return reason;
    }

    return seal_km_claims_check(&ctx->token, &conf->claims,
                                ngx_http_seal_km_now());
}


/* whoever runs the SIM-S is told which claim it is, and never its value */

static void
ngx_http_seal_km_log_fault(ngx_http_request_t *r,
    seal_km_token_fault_t *fault)
{
    if (fault->claim) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "access token of a known key: claim \"%s\" %s",
                      fault->claim, fault->what);

    } else if (fault->what) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "access token of a known key: its claims %s",
                      fault->what);
    }
}


/* in seconds: exp and nbf may have fractions, so this must have one too */

static double
ngx_http_seal_km_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (double) tp->sec + (double) tp->msec / 1000;
}


/*
 * No CA need vouch for the certificate (RFC 8705, clause 2.2): the handshake
 * has proved that the client has its key, and the thumbprint says whose it is.
 */

static seal_km_reason_e
ngx_http_seal_km_check_binding(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    int                           rc;
    X509                         *cert;
    u_char                        buf[EVP_MAX_MD_SIZE], *thumbprint;
    unsigned                      len;
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    thumbprint = NULL;

    if (r->connection->ssl
        && ctx->token.binding == SEAL_KM_BINDING_CERTIFICATE)
    {
        cert = SSL_get_peer_certificate(r->connection->ssl->connection);

        if (cert) {
            rc = X509_digest(cert, EVP_sha256(), buf, &len);
            X509_free(cert);

            if (rc != 1 || len != SEAL_KM_THUMBPRINT_SIZE) {
                ERR_clear_error();
                return SEAL_KM_INTERNAL_ERROR;
            }

            thumbprint = buf;
        }
    }

    return seal_km_binding_check(&ctx->token, conf->require_binding,
                                 thumbprint);
}


ngx_int_t
ngx_http_seal_km_recall_claims(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    if (ctx->token.left_out && conf->learnt) {
        conf->learnt->wants_left_out = 1;
    }

    /* the very bytes that were verified, whatever became of the headers */

    return (seal_km_token_decode_claims(&ctx->token, ctx->token_text) == 0)
           ? NGX_OK : NGX_ERROR;
}
