/*
 * The TLS context of connections to Redis.
 */


#include "ngx_http_seal_km_redis_ssl.h"


static ngx_ssl_t *ngx_http_seal_km_create_ssl(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf);
static ngx_int_t ngx_http_seal_km_load_ssl(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_http_seal_km_redis_conf_t *conf);
static ngx_ssl_t *ngx_http_seal_km_bad_ssl(ngx_conf_t *cf, const char *name,
    ngx_str_t *value);


ngx_int_t
ngx_http_seal_km_set_redis_ssl(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, ngx_ssl_t **ssl)
{
    *ssl = NULL;

    if (!conf->ssl && !conf->sentinel_ssl) {
        return NGX_OK;
    }

    *ssl = ngx_http_seal_km_create_ssl(cf, conf);

    return *ssl ? NGX_OK : NGX_ERROR;
}


static ngx_ssl_t *
ngx_http_seal_km_create_ssl(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (ssl == NULL || cln == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, conf->ssl_protocols, NULL) != NGX_OK) {
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_ssl_ciphers(cf, ssl, &conf->ssl_ciphers, 0) != NGX_OK) {
        return ngx_http_seal_km_bad_ssl(cf, "ciphers", &conf->ssl_ciphers);
    }

    if (ngx_http_seal_km_load_ssl(cf, ssl, conf) != NGX_OK
        || ngx_ssl_client_session_cache(cf, ssl, conf->ssl_session_reuse)
           != NGX_OK)
    {
        return NULL;
    }

    return ssl;
}


static ngx_int_t
ngx_http_seal_km_load_ssl(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_str_t  certificate, key, trusted, crl;

    /* nginx completes the names in place; conf is compared with others later */

    certificate = conf->ssl_certificate;
    key = conf->ssl_certificate_key;
    trusted = conf->ssl_trusted_certificate;
    crl = conf->ssl_crl;

    if (certificate.len
        && ngx_ssl_certificate(cf, ssl, &certificate, &key,
                               conf->ssl_passwords)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"seal_km_redis_ssl_certificate\" \"%V\" with "
                      "\"seal_km_redis_ssl_certificate_key\" \"%V\" cannot be "
                      "used, see the error before", &certificate, &key);
        return NGX_ERROR;
    }

    if (!conf->ssl_verify) {
        return NGX_OK;
    }

    if (ngx_ssl_trusted_certificate(cf, ssl, &trusted, conf->ssl_verify_depth)
        != NGX_OK)
    {
        (void) ngx_http_seal_km_bad_ssl(cf, "trusted_certificate", &trusted);
        return NGX_ERROR;
    }

    if (ngx_ssl_crl(cf, ssl, &crl) != NGX_OK) {
        (void) ngx_http_seal_km_bad_ssl(cf, "crl", &crl);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* nginx has logged what is wrong, but not which directive has named it */

static ngx_ssl_t *
ngx_http_seal_km_bad_ssl(ngx_conf_t *cf, const char *name, ngx_str_t *value)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"seal_km_redis_ssl_%s\" \"%V\" cannot be used, see the "
                  "error before", name, value);

    return NULL;
}
