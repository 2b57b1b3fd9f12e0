/*
 * seal_km_limit: how often a client may come, told apart by its token.
 *
 * What is counted with lies in the zone by a hash, so that neither a claim nor
 * an address does.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_set.h"
#include "ngx_http_seal_km_limit.h"


static ngx_uint_t ngx_http_seal_km_has_own_variable(ngx_conf_t *cf,
    ngx_http_complex_value_t *cv);
static ngx_int_t ngx_http_seal_km_limit_key(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_http_seal_km_limit_t *limit,
    ngx_str_t *key);


void
ngx_http_seal_km_look_at_limits(ngx_conf_t *cf)
{
    ngx_uint_t                      i;
    ngx_http_seal_km_limit_t       *limit;
    ngx_http_seal_km_loc_conf_t   **conf;
    ngx_http_seal_km_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    conf = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {
        limit = conf[i]->limit;

        if (limit == NULL || limit->key == NULL || limit->looked_at) {
            continue;
        }

        /* told once, however many locations inherit it */
        limit->looked_at = 1;

        if (ngx_http_seal_km_has_own_variable(cf, limit->key)) {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"seal_km_limit\" has the key \"%V\", which names no "
                      "variable of this module: unless one of those that it "
                      "names is made of them, \"limit_req\" does the same "
                      "before a token has to be verified, in %s:%ui",
                      &limit->text, limit->file, limit->line);
    }
}


static ngx_uint_t
ngx_http_seal_km_has_own_variable(ngx_conf_t *cf, ngx_http_complex_value_t *cv)
{
    ngx_str_t                  *name;
    ngx_uint_t                 *index;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    static ngx_str_t  prefix = ngx_string("seal_km_");

    if (cv->flushes == NULL) {
        return 0;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    v = cmcf->variables.elts;

    for (index = cv->flushes; *index != (ngx_uint_t) -1; index++) {
        name = &v[*index].name;

        if (name->len > prefix.len
            && ngx_strncmp(name->data, prefix.data, prefix.len) == 0)
        {
            return 1;
        }

        if (ngx_http_seal_km_is_claim_variable(cf, name)) {
            return 1;
        }
    }

    return 0;
}


seal_km_reason_e
ngx_http_seal_km_check_limit(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx)
{
    u_char                         id[SEAL_KM_SHA256_SIZE];
    ngx_str_t                      key;
    ngx_msec_t                     wait;
    seal_km_str_t                  parts[2];
    ngx_http_seal_km_zone_t       *zone;
    ngx_http_seal_km_limit_t      *limit;
    ngx_http_seal_km_loc_conf_t   *conf;
    ngx_http_seal_km_main_conf_t  *smcf;

    conf = ngx_http_seal_km_get_conf(r);
    limit = conf->limit;

    if (limit == NULL) {
        return SEAL_KM_OK;
    }

    if (ngx_http_seal_km_limit_key(r, ctx, limit, &key) != NGX_OK) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    if (key.len == 0) {
        return SEAL_KM_OK;
    }

    parts[0].data = (char *) limit->id;
    parts[0].len = SEAL_KM_SHA256_SIZE;
    parts[1] = ngx_http_seal_km_str(&key);

    smcf = ngx_http_get_module_main_conf(r, ngx_http_seal_km_module);

    if (seal_km_sha256(smcf->sha256, parts, 2, id) != 0) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    /* with timer_resolution the time may be any, and others have theirs */
    ngx_time_update();

    zone = conf->zone->data;

    wait = ngx_http_seal_km_fill_bucket(zone->shpool, zone->sh->buckets, id,
                                        limit->rate, limit->burst,
                                        ngx_current_msec);
    if (wait == 0) {
        return SEAL_KM_OK;
    }

    ctx->retry_after = (wait + 999) / 1000;

    return SEAL_KM_RATE_LIMITED;
}


/* by default the issuer and the client, or who else the token is of */

static ngx_int_t
ngx_http_seal_km_limit_key(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx,
    ngx_http_seal_km_limit_t *limit, ngx_str_t *key)
{
    u_char         *p;
    seal_km_str_t   client;

    if (limit->key) {
        return ngx_http_seal_km_complex_value(r, limit->key, key);
    }

    client = ctx->token.client_id.data ? ctx->token.client_id
                                       : ctx->token.sub;

    key->len = ctx->token.iss.len + 1 + client.len;
    key->data = ngx_pnalloc(r->pool, key->len);

    if (key->data == NULL) {
        return NGX_ERROR;
    }

    p = key->data;

    if (ctx->token.iss.len) {
        p = ngx_cpymem(p, ctx->token.iss.data, ctx->token.iss.len);
    }

    *p++ = '\t';

    if (client.len) {
        ngx_memcpy(p, client.data, client.len);
    }

    return NGX_OK;
}
