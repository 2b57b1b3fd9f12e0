/*
 * The values of seal_km_redis_*: what they are by default, and whether they fit
 * together.
 */


#include "ngx_http_seal_km_redis_conf.h"
#include "ngx_http_seal_km_redis_seeds.h"


void
ngx_http_seal_km_init_redis_conf(ngx_http_seal_km_redis_conf_t *conf)
{
    conf->database = NGX_CONF_UNSET;
    conf->connections = NGX_CONF_UNSET;
    conf->connect_timeout = NGX_CONF_UNSET_MSEC;
    conf->timeout = NGX_CONF_UNSET_MSEC;

    conf->ssl = NGX_CONF_UNSET;
    conf->ssl_verify = NGX_CONF_UNSET;
    conf->ssl_verify_depth = NGX_CONF_UNSET;
    conf->ssl_server_name = NGX_CONF_UNSET;
    conf->ssl_passwords = NGX_CONF_UNSET_PTR;
    conf->ssl_session_reuse = NGX_CONF_UNSET;

    conf->mode = NGX_CONF_UNSET_UINT;
    conf->read = NGX_CONF_UNSET_UINT;
    conf->sentinel_ssl = NGX_CONF_UNSET;
}


void
ngx_http_seal_km_merge_redis_conf(ngx_http_seal_km_redis_conf_t *prev,
    ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_conf_merge_str_value(conf->key_prefix, prev->key_prefix, "seal:km:");
    ngx_conf_merge_str_value(conf->user, prev->user, "");
    ngx_conf_merge_str_value(conf->password, prev->password, "");
    ngx_conf_merge_value(conf->database, prev->database, 0);
    ngx_conf_merge_value(conf->connections, prev->connections, 1);
    ngx_conf_merge_msec_value(conf->connect_timeout, prev->connect_timeout,
                              1000);
    ngx_conf_merge_msec_value(conf->timeout, prev->timeout, 1000);

    ngx_conf_merge_value(conf->ssl, prev->ssl, 0);
    ngx_conf_merge_value(conf->ssl_verify, prev->ssl_verify, 1);
    ngx_conf_merge_value(conf->ssl_verify_depth, prev->ssl_verify_depth, 1);
    ngx_conf_merge_str_value(conf->ssl_trusted_certificate,
                             prev->ssl_trusted_certificate, "");
    ngx_conf_merge_str_value(conf->ssl_crl, prev->ssl_crl, "");
    ngx_conf_merge_str_value(conf->ssl_name, prev->ssl_name, "");
    ngx_conf_merge_value(conf->ssl_server_name, prev->ssl_server_name, 1);
    ngx_conf_merge_str_value(conf->ssl_certificate, prev->ssl_certificate, "");
    ngx_conf_merge_str_value(conf->ssl_certificate_key,
                             prev->ssl_certificate_key, "");
    ngx_conf_merge_ptr_value(conf->ssl_passwords, prev->ssl_passwords, NULL);
    ngx_conf_merge_bitmask_value(conf->ssl_protocols, prev->ssl_protocols,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3));
    ngx_conf_merge_str_value(conf->ssl_ciphers, prev->ssl_ciphers, "DEFAULT");
    ngx_conf_merge_value(conf->ssl_session_reuse, prev->ssl_session_reuse, 1);

    if (conf->mode == NGX_CONF_UNSET_UINT) {
        conf->master_name = prev->master_name;
    }

    ngx_conf_merge_uint_value(conf->mode, prev->mode,
                              NGX_HTTP_SEAL_KM_STANDALONE);
    ngx_conf_merge_uint_value(conf->read, prev->read,
                              SEAL_KM_REDIS_READ_MASTER);
    ngx_conf_merge_str_value(conf->sentinel_user, prev->sentinel_user, "");
    ngx_conf_merge_str_value(conf->sentinel_password, prev->sentinel_password,
                             "");
    ngx_conf_merge_value(conf->sentinel_ssl, prev->sentinel_ssl, 0);
}


const char *
ngx_http_seal_km_check_redis_conf(ngx_http_seal_km_redis_conf_t *conf)
{
    const char  *unfit;

    if (conf->user.len && conf->password.len == 0) {
        return "\"seal_km_redis_user\" without \"seal_km_redis_password\" or "
               "\"seal_km_redis_password_file\"";
    }

    if (conf->sentinel_user.len && conf->sentinel_password.len == 0) {
        return "\"seal_km_redis_sentinel_user\" without "
               "\"seal_km_redis_sentinel_password\" or "
               "\"seal_km_redis_sentinel_password_file\"";
    }

    if (conf->mode == NGX_HTTP_SEAL_KM_CLUSTER && conf->database) {
        return "\"seal_km_redis_database\" with \"seal_km_redis_mode "
               "cluster\", which knows no databases,";
    }

    unfit = ngx_http_seal_km_check_seeds(conf);

    if (unfit) {
        return unfit;
    }

    if (!conf->ssl && !conf->sentinel_ssl) {
        return NULL;
    }

    if (conf->ssl_verify && conf->ssl_trusted_certificate.len == 0) {
        return "certificates are verified, but no "
               "\"seal_km_redis_ssl_trusted_certificate\" is defined";
    }

    if (conf->ssl_certificate.len && conf->ssl_certificate_key.len == 0) {
        return "\"seal_km_redis_ssl_certificate\" without "
               "\"seal_km_redis_ssl_certificate_key\"";
    }

    return NULL;
}
