/*
 * The connections of a location: shared with those whose settings are equal.
 */


#include "ngx_http_seal_km_redis_pool.h"
#include "ngx_http_seal_km_compat.h"
#include "ngx_http_seal_km_counters.h"
#include "ngx_http_seal_km_redis_seeds.h"
#include "ngx_http_seal_km_redis_ssl.h"


static ngx_uint_t ngx_http_seal_km_same_redis_conf(
    ngx_http_seal_km_redis_conf_t *a, ngx_http_seal_km_redis_conf_t *b);
static ngx_uint_t ngx_http_seal_km_same_topology(
    ngx_http_seal_km_redis_conf_t *a, ngx_http_seal_km_redis_conf_t *b);
static ngx_uint_t ngx_http_seal_km_same_ssl(ngx_http_seal_km_redis_conf_t *a,
    ngx_http_seal_km_redis_conf_t *b);
static ngx_uint_t ngx_http_seal_km_same_passwords(ngx_array_t *a,
    ngx_array_t *b);
static ngx_uint_t ngx_http_seal_km_same_str(ngx_str_t *a, ngx_str_t *b);
static void ngx_http_seal_km_set_resolver(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, seal_km_redis_settings_t *settings);
static void ngx_http_seal_km_set_settings(ngx_http_seal_km_redis_conf_t *conf,
    ngx_ssl_t *ssl, seal_km_redis_settings_t *settings);
static void ngx_http_seal_km_count_redis(void *data,
    seal_km_redis_count_e what, ngx_int_t change);
static ngx_int_t ngx_http_seal_km_set_topology(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, ngx_ssl_t *ssl,
    seal_km_redis_settings_t *settings);
static ngx_int_t ngx_http_seal_km_set_sentinel(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, ngx_ssl_t *ssl,
    seal_km_redis_settings_t *settings);


/* in the order of ngx_http_seal_km_redis_mode_e */
static const seal_km_redis_topology_t  *ngx_http_seal_km_topologies[] = {
    &seal_km_redis_standalone,
    &seal_km_redis_sentinel,
    &seal_km_redis_cluster
};


#define ngx_http_seal_km_gauge_of(state)                                      \
    (offsetof(ngx_http_seal_km_counters_t, gauges.connections)                \
     + (state) * sizeof(ngx_http_seal_km_counter_t))

/* where what the client counts goes */
static const size_t  ngx_http_seal_km_redis_counters[] = {
    [SEAL_KM_REDIS_COUNT_READY] =
        ngx_http_seal_km_gauge_of(NGX_HTTP_SEAL_KM_STORE_READY),
    [SEAL_KM_REDIS_COUNT_CONNECTING] =
        ngx_http_seal_km_gauge_of(NGX_HTTP_SEAL_KM_STORE_CONNECTING),
    [SEAL_KM_REDIS_COUNT_FAILED] =
        ngx_http_seal_km_gauge_of(NGX_HTTP_SEAL_KM_STORE_FAILED),
    [SEAL_KM_REDIS_COUNT_RECONNECTS] =
        offsetof(ngx_http_seal_km_counters_t, reconnects),
    [SEAL_KM_REDIS_COUNT_RETRIES] =
        offsetof(ngx_http_seal_km_counters_t, retries)
};


ngx_int_t
ngx_http_seal_km_set_redis_pool(ngx_conf_t *cf, ngx_array_t *pools,
    ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_ssl_t                       *ssl;
    ngx_uint_t                       i;
    seal_km_redis_settings_t         settings;
    ngx_http_seal_km_redis_conf_t  **known;

    ngx_memzero(&settings, sizeof(seal_km_redis_settings_t));

    /* what is resolved, and by whom, is compared too */
    ngx_http_seal_km_set_resolver(cf, conf, &settings);

    known = pools->elts;

    for (i = 0; i < pools->nelts; i++) {
        if (ngx_http_seal_km_same_redis_conf(known[i], conf)) {
            conf->pool = known[i]->pool;
            conf->tallies = known[i]->tallies;
            return NGX_OK;
        }
    }

    if (ngx_http_seal_km_set_redis_ssl(cf, conf, &ssl) != NGX_OK) {
        return NGX_ERROR;
    }

    conf->tallies = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_http_seal_km_tally_t *));
    if (conf->tallies == NULL) {
        return NGX_ERROR;
    }

    ngx_http_seal_km_set_settings(conf, ssl, &settings);

    if (ngx_http_seal_km_set_topology(cf, conf, ssl, &settings) != NGX_OK) {
        return NGX_ERROR;
    }

    known = ngx_array_push(pools);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = conf;
    conf->pool = seal_km_redis_pool_create(cf, &settings);

    return conf->pool ? NGX_OK : NGX_ERROR;
}


/* all but the prefix of the keys, which is no matter of the connections */

static ngx_uint_t
ngx_http_seal_km_same_redis_conf(ngx_http_seal_km_redis_conf_t *a,
    ngx_http_seal_km_redis_conf_t *b)
{
    return ngx_http_seal_km_same_str(&a->user, &b->user)
           && ngx_http_seal_km_same_str(&a->password, &b->password)
           && a->database == b->database
           && a->connections == b->connections
           && a->connect_timeout == b->connect_timeout
           && a->timeout == b->timeout
           && ngx_http_seal_km_same_topology(a, b)
           && ngx_http_seal_km_same_ssl(a, b);
}


/*
 * Standalone, the servers are the balancer's matter, and one pool does for all,
 * unless their names are resolved here.
 */

static ngx_uint_t
ngx_http_seal_km_same_topology(ngx_http_seal_km_redis_conf_t *a,
    ngx_http_seal_km_redis_conf_t *b)
{
    if (a->mode != b->mode || a->resolver != b->resolver) {
        return 0;
    }

    if (a->resolver
        && (a->upstream != b->upstream
            || a->resolver_timeout != b->resolver_timeout))
    {
        return 0;
    }

    if (a->mode == NGX_HTTP_SEAL_KM_STANDALONE) {
        return 1;
    }

    return a->upstream == b->upstream
           && a->read == b->read
           && a->sentinel_ssl == b->sentinel_ssl
           && ngx_http_seal_km_same_str(&a->master_name, &b->master_name)
           && ngx_http_seal_km_same_str(&a->sentinel_user, &b->sentinel_user)
           && ngx_http_seal_km_same_str(&a->sentinel_password,
                                        &b->sentinel_password);
}


static ngx_uint_t
ngx_http_seal_km_same_ssl(ngx_http_seal_km_redis_conf_t *a,
    ngx_http_seal_km_redis_conf_t *b)
{
    if (a->ssl != b->ssl) {
        return 0;
    }

    if (!a->ssl && !a->sentinel_ssl) {
        return 1;
    }

    return a->ssl_verify == b->ssl_verify
           && a->ssl_verify_depth == b->ssl_verify_depth
           && a->ssl_server_name == b->ssl_server_name
           && a->ssl_session_reuse == b->ssl_session_reuse
           && a->ssl_protocols == b->ssl_protocols
           && ngx_http_seal_km_same_passwords(a->ssl_passwords,
                                              b->ssl_passwords)
           && ngx_http_seal_km_same_str(&a->ssl_trusted_certificate,
                                        &b->ssl_trusted_certificate)
           && ngx_http_seal_km_same_str(&a->ssl_crl, &b->ssl_crl)
           && ngx_http_seal_km_same_str(&a->ssl_name, &b->ssl_name)
           && ngx_http_seal_km_same_str(&a->ssl_ciphers, &b->ssl_ciphers)
           && ngx_http_seal_km_same_str(&a->ssl_certificate,
                                        &b->ssl_certificate)
           && ngx_http_seal_km_same_str(&a->ssl_certificate_key,
                                        &b->ssl_certificate_key);
}


/* each location that names a file has read it for itself */

static ngx_uint_t
ngx_http_seal_km_same_passwords(ngx_array_t *a, ngx_array_t *b)
{
    ngx_str_t   *p, *q;
    ngx_uint_t   i;

    if (a == b) {
        return 1;
    }

    if (a == NULL || b == NULL || a->nelts != b->nelts) {
        return 0;
    }

    p = a->elts;
    q = b->elts;

    for (i = 0; i < a->nelts; i++) {
        if (!ngx_http_seal_km_same_str(&p[i], &q[i])) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_seal_km_same_str(ngx_str_t *a, ngx_str_t *b)
{
    if (a->len != b->len) {
        return 0;
    }

    /* what is not set has no data */

    return a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0;
}


/*
 * Where there is a resolver, a name in seal_km_pass is resolved again, and so
 * are those that a cluster or sentinels tell; names in an upstream are nginx's
 * own matter.
 */

static void
ngx_http_seal_km_set_resolver(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, seal_km_redis_settings_t *settings)
{
    u_char                        in6[16];
    ngx_str_t                      host;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_upstream_srv_conf_t  *uscf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!ngx_http_seal_km_resolves(clcf->resolver)) {
        return;
    }

    uscf = conf->upstream;
    host = ngx_http_seal_km_without_port(&uscf->host);

    if (uscf->servers == NULL
        && uscf->port != 0
        && ngx_inet_addr(host.data, host.len) == INADDR_NONE
        && ngx_inet6_addr(host.data, host.len, in6) != NGX_OK)
    {
        settings->host = host;
        settings->port = uscf->port;

    } else if (conf->mode == NGX_HTTP_SEAL_KM_STANDALONE) {
        return;
    }

    conf->resolver = clcf->resolver;
    conf->resolver_timeout = clcf->resolver_timeout;
    settings->resolver = clcf->resolver;
    settings->resolver_timeout = clcf->resolver_timeout;
}


static void
ngx_http_seal_km_set_settings(ngx_http_seal_km_redis_conf_t *conf,
    ngx_ssl_t *ssl, seal_km_redis_settings_t *settings)
{
    settings->user = conf->user;
    settings->password = conf->password;
    settings->database = conf->database;
    settings->connections = conf->connections;
    settings->connect_timeout = conf->connect_timeout;
    settings->timeout = conf->timeout;

    settings->ssl = conf->ssl ? ssl : NULL;
    settings->ssl_name = conf->ssl_name;
    settings->ssl_server_name = conf->ssl_server_name;
    settings->ssl_verify = conf->ssl_verify;
    settings->ssl_session_reuse = conf->ssl_session_reuse;

    settings->topology = ngx_http_seal_km_topologies[conf->mode];
    settings->read = conf->read;

    settings->count = ngx_http_seal_km_count_redis;
    settings->count_data = conf->tallies;
}


static void
ngx_http_seal_km_count_redis(void *data, seal_km_redis_count_e what,
    ngx_int_t change)
{
    ngx_http_seal_km_add(data, ngx_http_seal_km_redis_counters[what], change);
}


static ngx_int_t
ngx_http_seal_km_set_topology(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, ngx_ssl_t *ssl,
    seal_km_redis_settings_t *settings)
{
    if (conf->mode == NGX_HTTP_SEAL_KM_STANDALONE && settings->host.len == 0) {
        /* nginx's balancer chooses */
        return NGX_OK;
    }

    if (ngx_http_seal_km_set_seeds(cf, conf->upstream, settings) != NGX_OK) {
        return NGX_ERROR;
    }

    if (conf->mode != NGX_HTTP_SEAL_KM_SENTINEL) {
        return NGX_OK;
    }

    return ngx_http_seal_km_set_sentinel(cf, conf, ssl, settings);
}


/* sentinels have users of their own, and no databases */

static ngx_int_t
ngx_http_seal_km_set_sentinel(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, ngx_ssl_t *ssl,
    seal_km_redis_settings_t *settings)
{
    seal_km_redis_settings_t  *sentinel;

    sentinel = ngx_palloc(cf->pool, sizeof(seal_km_redis_settings_t));
    if (sentinel == NULL) {
        return NGX_ERROR;
    }

    *sentinel = *settings;

    sentinel->topology = &seal_km_redis_standalone;
    sentinel->user = conf->sentinel_user;
    sentinel->password = conf->sentinel_password;
    sentinel->database = 0;
    sentinel->sentinels = 1;
    sentinel->resolver = NULL;
    sentinel->count = NULL;
    ngx_str_null(&sentinel->host);
    sentinel->connections = 1;
    sentinel->ssl = conf->sentinel_ssl ? ssl : NULL;

    settings->sentinel = sentinel;
    settings->master_name = conf->master_name;

    return NGX_OK;
}
