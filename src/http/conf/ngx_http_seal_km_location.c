/*
 * The configuration of a location: what it inherits, whether it is complete and
 * fits together, and what is made of it before the first request.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_directives.h"
#include "ngx_http_seal_km_interface.h"
#include "ngx_http_seal_km_location.h"
#include "ngx_http_seal_km_operator_directives.h"
#include "ngx_http_seal_km_redis_pool.h"


/* what TS 33.434, clause 5.3.2 calls the current version */
#define NGX_HTTP_SEAL_KM_VERSION  "1.0.0"


static char *ngx_http_seal_km_merge_request(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf);
static void ngx_http_seal_km_merge_token(ngx_http_seal_km_loc_conf_t *prev,
    ngx_http_seal_km_loc_conf_t *conf);
static char *ngx_http_seal_km_check_interface(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);
static char *ngx_http_seal_km_check_location(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);
static const char *ngx_http_seal_km_missing(ngx_http_seal_km_loc_conf_t *conf);
static char *ngx_http_seal_km_fill_location(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);
static char *ngx_http_seal_km_set_key_set(ngx_conf_t *cf,
    ngx_http_seal_km_main_conf_t *smcf, ngx_http_seal_km_loc_conf_t *conf);
static char *ngx_http_seal_km_check_keys(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);


/*
 * In the order of the kinds: client, device, user.  A client is compared with
 * the client id of the token, wherever seal_km_client_id_claim has it from.
 */

static ngx_str_t  ngx_http_seal_km_default_bind[SEAL_KM_IDENTITY_MAX] = {
    ngx_null_string,
    ngx_null_string,
    ngx_string("device_id"),
    ngx_string("sub")
};


static seal_km_str_t  ngx_http_seal_km_default_version = {
    NGX_HTTP_SEAL_KM_VERSION, sizeof(NGX_HTTP_SEAL_KM_VERSION) - 1
};


char *
ngx_http_seal_km_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_seal_km_loc_conf_t  *prev = parent;
    ngx_http_seal_km_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_seal_km_main_conf_t  *smcf;

    if (ngx_http_seal_km_merge_request(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_seal_km_merge_token(prev, conf);

    if (ngx_http_seal_km_merge_claims(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_seal_km_merge_redis_conf(&prev->redis, &conf->redis);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    /* "if" and "limit_except" answer as the location around them does */

    if (clcf->noname && conf->upstream.upstream == NULL) {
        conf->upstream = prev->upstream;
        conf->file = prev->file;
        conf->line = prev->line;
        conf->speaks = prev->speaks;
    }

    if (clcf->noname && conf->ready == NULL) {
        conf->ready = prev->ready;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {

        if (conf->upstream.upstream) {
            clcf->handler = smcf->handler;

        } else if (conf->ready) {
            clcf->handler = smcf->ready_handler;
        }
    }

    if (ngx_http_seal_km_merge_metrics(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->upstream.upstream == NULL) {
        return ngx_http_seal_km_check_interface(cf, conf);
    }

    if (conf->speaks == NGX_CONF_UNSET_UINT) {
        conf->speaks = NGX_HTTP_SEAL_KM_INTERFACE_KM;
    }

    conf->interface = smcf->interfaces[conf->speaks];

    conf->redis.upstream = conf->upstream.upstream;
    conf->core = clcf;
    conf->server = ngx_http_conf_get_module_srv_conf(cf,
                                                     ngx_http_core_module);

    if (ngx_http_seal_km_check_location(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_seal_km_fill_location(cf, conf);
}


static char *
ngx_http_seal_km_merge_request(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf)
{
    seal_km_str_t  *version;

    if (conf->uris == NGX_CONF_UNSET_PTR) {
        conf->uris = prev->uris;
        conf->uri = prev->uri;
    }

    ngx_conf_merge_str_value(conf->id, prev->id, "");

    if (conf->user_uri == NULL) {
        conf->user_uri = prev->user_uri;
    }

    ngx_conf_merge_ptr_value(conf->versions, prev->versions, NULL);

    if (conf->versions == NULL) {
        conf->versions = ngx_array_create(cf->pool, 1, sizeof(seal_km_str_t));
        if (conf->versions == NULL) {
            return NGX_CONF_ERROR;
        }

        version = ngx_array_push(conf->versions);
        *version = ngx_http_seal_km_default_version;
    }

    ngx_conf_merge_sec_value(conf->window, prev->window, 5);
    ngx_conf_merge_value(conf->require_tls, prev->require_tls, 1);
    ngx_conf_merge_size_value(conf->max_request_size, prev->max_request_size,
                              8 * 1024);

    ngx_conf_merge_ptr_value(conf->rules, prev->rules, NULL);
    ngx_conf_merge_ptr_value(conf->limit, prev->limit, NULL);

    if (conf->notify == NULL) {
        conf->notify = prev->notify;
    }

    ngx_conf_merge_uint_value(conf->notify_rate, prev->notify_rate, 10);

    ngx_conf_merge_ptr_value(conf->record_keys, prev->record_keys, NULL);
    ngx_conf_merge_value(conf->record_plaintext, prev->record_plaintext, 0);
    ngx_conf_merge_ptr_value(conf->record_digest, prev->record_digest, NULL);
    ngx_conf_merge_uint_value(conf->payload, prev->payload,
                              SEAL_KM_PAYLOAD_STRING);

    return NGX_CONF_OK;
}


static void
ngx_http_seal_km_merge_token(ngx_http_seal_km_loc_conf_t *prev,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_uint_t  i;

    if (conf->jwks == NULL) {
        conf->jwks = prev->jwks;
    }

    ngx_conf_merge_msec_value(conf->jwks_check, prev->jwks_check, 10000);

    ngx_conf_merge_str_value(conf->jwks_request, prev->jwks_request, "");
    ngx_conf_merge_msec_value(conf->jwks_cache, prev->jwks_cache, 3600000);
    ngx_conf_merge_msec_value(conf->jwks_stale, prev->jwks_stale, 86400000);
    ngx_conf_merge_msec_value(conf->jwks_cooldown, prev->jwks_cooldown, 30000);
    ngx_conf_merge_msec_value(conf->jwks_timeout, prev->jwks_timeout, 10000);
    ngx_conf_merge_size_value(conf->jwks_max_size, prev->jwks_max_size,
                              1024 * 1024);

    if (conf->algorithms == 0) {
        conf->algorithms = prev->algorithms ? prev->algorithms
                                            : seal_km_algorithms_asymmetric();
    }

    if (conf->issuers == NGX_CONF_UNSET_PTR) {
        conf->issuers = prev->issuers;
    }

    if (conf->audiences == NGX_CONF_UNSET_PTR) {
        conf->audiences = prev->audiences;
    }

    if (conf->scopes == NGX_CONF_UNSET_PTR) {
        conf->scopes = prev->scopes;
    }

    ngx_conf_merge_sec_value(conf->leeway, prev->leeway, 0);
    ngx_conf_merge_value(conf->require_binding, prev->require_binding, 0);
    ngx_conf_merge_ptr_value(conf->zone, prev->zone, NULL);
    ngx_conf_merge_value(conf->token_cache, prev->token_cache,
                         NGX_CONF_UNSET);

    for (i = 0; i < SEAL_KM_IDENTITY_MAX; i++) {
        if (conf->bind[i].data == NULL) {
            conf->bind[i] = prev->bind[i].data
                            ? prev->bind[i] : ngx_http_seal_km_default_bind[i];
        }
    }
}


/* of a location without seal_km_pass: what it speaks nobody would hear */

static char *
ngx_http_seal_km_check_interface(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (conf->speaks == NGX_CONF_UNSET_UINT) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"seal_km_interface\" without \"seal_km_pass\" in the "
                  "location \"%V\" in %s:%ui",
                  &clcf->name, conf->file, conf->line);

    return NGX_CONF_ERROR;
}


/* of a location with seal_km_pass: is all there, and does it fit together? */

static char *
ngx_http_seal_km_check_location(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    const char                *missing, *unfit;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    missing = conf->interface->check_conf(cf, conf);

    if (missing == NULL) {
        missing = ngx_http_seal_km_missing(conf);
    }

    if (missing) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no \"%s\" is defined for the location \"%V\" with "
                      "\"seal_km_pass\" in %s:%ui",
                      missing, &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (conf->ready) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"seal_km_ready\" and \"seal_km_pass\" are both there in "
                      "the location \"%V\" in %s:%ui",
                      &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    unfit = ngx_http_seal_km_check_redis_conf(&conf->redis);

    if (unfit) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s for the location \"%V\" with \"seal_km_pass\" in "
                      "%s:%ui", unfit, &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (conf->zone == NULL && (conf->token_cache == 1 || conf->limit)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" without \"seal_km_zone\" in "
                      "the location \"%V\" with \"seal_km_pass\" in %s:%ui",
                      conf->limit ? "seal_km_limit" : "seal_km_token_cache",
                      &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static const char *
ngx_http_seal_km_missing(ngx_http_seal_km_loc_conf_t *conf)
{
    if (conf->jwks == NULL && conf->jwks_request.len == 0) {
        return "seal_km_jwks";
    }

    if (conf->issuers == NGX_CONF_UNSET_PTR) {
        return "seal_km_issuer";
    }

    if (conf->audiences == NGX_CONF_UNSET_PTR) {
        return "seal_km_audience";
    }

    if (conf->scopes == NGX_CONF_UNSET_PTR) {
        return "seal_km_scope";
    }

    return NULL;
}


/* of a location that is complete: what requests find there ready */

static char *
ngx_http_seal_km_fill_location(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_seal_km_loc_conf_t  **location;
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    if (ngx_http_seal_km_set_key_set(cf, smcf, conf) != NGX_CONF_OK
        || ngx_http_seal_km_check_keys(cf, conf) != NGX_CONF_OK
        || ngx_http_seal_km_fill_claims(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* locations with the same settings share their connections */

    if (ngx_http_seal_km_set_redis_pool(cf, &smcf->pools, &conf->redis)
        != NGX_OK)
    {
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "connections to Redis cannot be set up for the location "
                      "\"%V\" with \"seal_km_pass\" in %s:%ui",
                      &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (conf->token_cache != 0) {
        conf->cache = conf->zone;
    }

    conf->claims.issuers = conf->issuers->elts;
    conf->claims.nissuers = conf->issuers->nelts;
    conf->claims.audiences = conf->audiences->elts;
    conf->claims.naudiences = conf->audiences->nelts;
    conf->claims.leeway = conf->leeway;

    location = ngx_array_push(&smcf->locations);
    conf->learnt = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_learnt_t));

    if (location == NULL || conf->learnt == NULL) {
        return NGX_CONF_ERROR;
    }

    *location = conf;

    return NGX_CONF_OK;
}


/* locations with the same sources of keys share their key set */

static char *
ngx_http_seal_km_set_key_set(ngx_conf_t *cf,
    ngx_http_seal_km_main_conf_t *smcf, ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_core_srv_conf_t        *cscf;
    ngx_http_seal_km_key_files_t    *files;
    ngx_http_seal_km_key_source_t   *source;
    ngx_http_seal_km_source_conf_t   source_conf;

    files = NULL;
    source = NULL;

    if (conf->jwks) {
        files = ngx_http_seal_km_load_key_files(cf, &smcf->key_files,
                                                smcf->sha256, conf->jwks,
                                                conf->jwks_max_size);
        if (files == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_http_seal_km_use_key_files(files, conf->jwks_check,
                                       conf->algorithms);
    }

    if (conf->jwks_request.len) {
        cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

        source_conf.uri = conf->jwks_request;
        source_conf.ctx = cscf->ctx;
        source_conf.cache = conf->jwks_cache;
        source_conf.stale = conf->jwks_stale;
        source_conf.cooldown = conf->jwks_cooldown;
        source_conf.timeout = conf->jwks_timeout;
        source_conf.max_size = conf->jwks_max_size;

        source = ngx_http_seal_km_get_key_source(cf, &smcf->sources,
                                                 smcf->sha256, &source_conf);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        source->algorithms |= conf->algorithms;
    }

    conf->key_set = ngx_http_seal_km_get_key_set(cf, &smcf->key_sets,
                                                 smcf->sha256, files, source);

    return conf->key_set ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* keys that will be fetched are not there yet */

static char *
ngx_http_seal_km_check_keys(ngx_conf_t *cf, ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (conf->key_set->source
        || (seal_km_jwks_algorithms(conf->key_set->jwks) & conf->algorithms))
    {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"seal_km_jwks\" \"%V\"%s has no usable key for any of "
                  "\"seal_km_algorithms\" in the location \"%V\" with "
                  "\"seal_km_pass\" in %s:%ui",
                  &conf->key_set->files->file[0].name,
                  conf->key_set->files->n > 1 ? " and others" : "",
                  &clcf->name, conf->file, conf->line);

    return NGX_CONF_ERROR;
}
