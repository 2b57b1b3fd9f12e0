/*
 * seal_km_limit: how often a client may come, told apart by its token.
 *
 * What is counted with lies in the zone by a hash, so that neither a claim nor
 * an address does.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_set.h"


/* of rate= and burst= */
#define NGX_HTTP_SEAL_KM_LIMIT_MAX  1000000


static ngx_int_t ngx_http_seal_km_get_limit(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_seal_km_limit_t *limit);
static ngx_int_t ngx_http_seal_km_get_rate(ngx_str_t text, uint64_t *rate);
static ngx_int_t ngx_http_seal_km_get_burst(ngx_str_t text, uint64_t *burst);
static ngx_int_t ngx_http_seal_km_get_key(ngx_conf_t *cf, ngx_str_t text,
    ngx_http_seal_km_limit_t *limit);
static ngx_int_t ngx_http_seal_km_set_limit_id(ngx_conf_t *cf,
    ngx_http_seal_km_limit_t *limit);
static ngx_uint_t ngx_http_seal_km_has_own_variable(ngx_conf_t *cf,
    ngx_http_complex_value_t *cv);
static ngx_int_t ngx_http_seal_km_limit_key(ngx_http_request_t *r,
    ngx_http_seal_km_ctx_t *ctx, ngx_http_seal_km_limit_t *limit,
    ngx_str_t *key);


char *
ngx_http_seal_km_set_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_seal_km_limit_t   *limit, **lp;

    lp = (ngx_http_seal_km_limit_t **) (p + cmd->offset);

    if (*lp != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        *lp = NULL;
        return NGX_CONF_OK;
    }

    limit = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_limit_t));
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    limit->file = cf->conf_file->file.name.data;
    limit->line = cf->conf_file->line;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_seal_km_get_limit(cf, &value[i], limit) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (limit->rate == 0) {
        return "wants \"rate=\", such as \"rate=10r/s\"";
    }

    *lp = limit;

    return (ngx_http_seal_km_set_limit_id(cf, limit) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* one parameter; what is wrong with it is logged */

static ngx_int_t
ngx_http_seal_km_get_limit(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_seal_km_limit_t *limit)
{
    ngx_int_t    rc;
    ngx_str_t    text;
    ngx_uint_t   twice;
    const char  *wants;

    rc = NGX_ERROR;
    twice = 0;
    wants = "\"rate=\", \"burst=\" and \"key=\", or \"off\" alone";

    if (ngx_strncmp(value->data, "rate=", 5) == 0) {
        text.data = value->data + 5;
        text.len = value->len - 5;

        wants = "a rate from 1 to 1000000, such as \"rate=10r/s\" or "
                "\"rate=30r/m\"";
        twice = (limit->rate != 0);
        rc = ngx_http_seal_km_get_rate(text, &limit->rate);

    } else if (ngx_strncmp(value->data, "burst=", 6) == 0) {
        text.data = value->data + 6;
        text.len = value->len - 6;

        wants = "a number from 0 to 1000000, such as \"burst=20\"";
        twice = limit->has_burst;
        limit->has_burst = 1;
        rc = ngx_http_seal_km_get_burst(text, &limit->burst);

    } else if (ngx_strncmp(value->data, "key=", 4) == 0) {
        text.data = value->data + 4;
        text.len = value->len - 4;

        wants = "a key that can be evaluated, such as "
                "\"key=$seal_km_claim_sub\"";
        twice = (limit->key != NULL);
        rc = ngx_http_seal_km_get_key(cf, text, limit);
    }

    if (rc == NGX_OK && !twice) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_limit\" wants %s, not \"%V\"%s", wants,
                       value, (rc == NGX_OK) ? " once more" : "");

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_seal_km_get_rate(ngx_str_t text, uint64_t *rate)
{
    ngx_int_t   n;
    ngx_uint_t  per;

    if (text.len < 3) {
        return NGX_ERROR;
    }

    text.len -= 3;

    if (ngx_strncmp(text.data + text.len, "r/s", 3) == 0) {
        per = 1;

    } else if (ngx_strncmp(text.data + text.len, "r/m", 3) == 0) {
        per = 60;

    } else {
        return NGX_ERROR;
    }

    n = ngx_atoi(text.data, text.len);

    if (n == NGX_ERROR || n < 1 || n > NGX_HTTP_SEAL_KM_LIMIT_MAX) {
        return NGX_ERROR;
    }

    /* a minute has as many milliseconds as a drop has parts */
    *rate = (uint64_t) n * NGX_HTTP_SEAL_KM_DROP / (1000 * per);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_get_burst(ngx_str_t text, uint64_t *burst)
{
    ngx_int_t  n;

    n = ngx_atoi(text.data, text.len);

    if (n == NGX_ERROR || n > NGX_HTTP_SEAL_KM_LIMIT_MAX) {
        return NGX_ERROR;
    }

    *burst = (uint64_t) n * NGX_HTTP_SEAL_KM_DROP;

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_get_key(ngx_conf_t *cf, ngx_str_t text,
    ngx_http_seal_km_limit_t *limit)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    if (text.len == 0) {
        return NGX_ERROR;
    }

    cv = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_ERROR;
    }

    limit->text = text;
    limit->key = cv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &limit->text;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}


/* limits that say the same share their buckets, wherever they stand */

static ngx_int_t
ngx_http_seal_km_set_limit_id(ngx_conf_t *cf, ngx_http_seal_km_limit_t *limit)
{
    seal_km_str_t                  parts[3];
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    parts[0].data = (char *) &limit->rate;
    parts[0].len = sizeof(uint64_t);

    parts[1].data = (char *) &limit->burst;
    parts[1].len = sizeof(uint64_t);

    /* no key is empty: that is the default's */
    parts[2] = ngx_http_seal_km_str(&limit->text);

    return (seal_km_sha256(smcf->sha256, parts, 3, limit->id) == 0)
           ? NGX_OK : NGX_ERROR;
}


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
    ngx_http_seal_km_main_conf_t  *smcf;

    limit = ngx_http_seal_km_get_conf(r)->limit;

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

    zone = ngx_http_seal_km_get_conf(r)->zone->data;

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
