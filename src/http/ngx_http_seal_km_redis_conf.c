/*
 * The directives seal_km_redis_*.
 */


#include <openssl/crypto.h>

#include <nginx.h>

#include "ngx_http_seal_km_redis_conf.h"


static const char *ngx_http_seal_km_check_seeds(
    ngx_http_seal_km_redis_conf_t *conf);
static ngx_uint_t ngx_http_seal_km_same_redis_conf(
    ngx_http_seal_km_redis_conf_t *a, ngx_http_seal_km_redis_conf_t *b);
static ngx_uint_t ngx_http_seal_km_same_passwords(ngx_array_t *a,
    ngx_array_t *b);
static ngx_uint_t ngx_http_seal_km_same_str(ngx_str_t *a, ngx_str_t *b);
static ngx_ssl_t *ngx_http_seal_km_create_ssl(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf);
static void ngx_http_seal_km_set_resolver(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, seal_km_redis_settings_t *settings);
static ngx_int_t ngx_http_seal_km_set_seeds(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, seal_km_redis_settings_t *settings);
static ngx_int_t ngx_http_seal_km_add_seed(ngx_array_t *seeds,
    struct sockaddr *sockaddr, socklen_t socklen, ngx_str_t *name,
    ngx_str_t *host);
static ngx_int_t ngx_http_seal_km_set_sentinel(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, seal_km_redis_settings_t *settings,
    ngx_ssl_t *ssl);
static char *ngx_http_seal_km_store_password(ngx_conf_t *cf,
    ngx_str_t *password, ngx_str_t *value);
static void ngx_http_seal_km_password_cleanup(void *data);


static ngx_conf_bitmask_t  ngx_http_seal_km_ssl_protocols[] = {
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};


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
                              SEAL_KM_REDIS_STANDALONE);
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

    if (conf->mode == SEAL_KM_REDIS_CLUSTER && conf->database) {
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


/*
 * Sentinels and nodes of a cluster are asked at the addresses that there are
 * when the configuration is read: what nginx's balancer finds out later never
 * comes here, and of a server that it will resolve there is but the port.
 */

static const char *
ngx_http_seal_km_check_seeds(ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_uint_t                   i, n;
    ngx_http_upstream_server_t  *server;

    if (conf->mode == SEAL_KM_REDIS_STANDALONE
        || conf->upstream->servers == NULL)
    {
        return NULL;
    }

    n = 0;
    server = conf->upstream->servers->elts;

    for (i = 0; i < conf->upstream->servers->nelts; i++) {

        if (server[i].down) {
            continue;
        }

#if (NGX_HTTP_UPSTREAM_ZONE && nginx_version >= 1027003)
        if (server[i].host.len) {
            return "\"seal_km_redis_mode\" \"sentinel\" or \"cluster\" with "
                   "an upstream that has a server with \"resolve\"";
        }
#endif

        n += server[i].naddrs;
    }

    if (n == 0) {
        return "\"seal_km_redis_mode\" \"sentinel\" or \"cluster\" with an "
               "upstream whose servers are all \"down\"";
    }

    return NULL;
}


ngx_int_t
ngx_http_seal_km_set_redis_pool(ngx_conf_t *cf, ngx_array_t *pools,
    ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_ssl_t                       *ssl;
    ngx_uint_t                       i;
    seal_km_redis_settings_t         settings;
    ngx_http_seal_km_redis_conf_t  **known;

    ngx_memzero(&settings, sizeof(seal_km_redis_settings_t));

    ngx_http_seal_km_set_resolver(cf, conf, &settings);

    known = pools->elts;

    for (i = 0; i < pools->nelts; i++) {
        if (ngx_http_seal_km_same_redis_conf(known[i], conf)) {
            conf->pool = known[i]->pool;
            return NGX_OK;
        }
    }

    settings.user = conf->user;
    settings.password = conf->password;
    settings.database = conf->database;
    settings.connections = conf->connections;
    settings.connect_timeout = conf->connect_timeout;
    settings.timeout = conf->timeout;

    ssl = NULL;

    if (conf->ssl || conf->sentinel_ssl) {
        ssl = ngx_http_seal_km_create_ssl(cf, conf);
        if (ssl == NULL) {
            return NGX_ERROR;
        }
    }

    settings.ssl = conf->ssl ? ssl : NULL;
    settings.ssl_name = conf->ssl_name;
    settings.ssl_server_name = conf->ssl_server_name;
    settings.ssl_verify = conf->ssl_verify;
    settings.ssl_session_reuse = conf->ssl_session_reuse;

    settings.mode = conf->mode;
    settings.read = conf->read;


    if ((conf->mode != SEAL_KM_REDIS_STANDALONE || settings.host.len)
        && (ngx_http_seal_km_set_seeds(cf, conf, &settings) != NGX_OK
            || ngx_http_seal_km_set_sentinel(cf, conf, &settings, ssl)
               != NGX_OK))
    {
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
    if (!ngx_http_seal_km_same_str(&a->user, &b->user)
        || !ngx_http_seal_km_same_str(&a->password, &b->password)
        || a->database != b->database
        || a->connections != b->connections
        || a->connect_timeout != b->connect_timeout
        || a->timeout != b->timeout
        || a->mode != b->mode
        || a->resolver != b->resolver
        || (a->resolver
            && (a->upstream != b->upstream
                || a->resolver_timeout != b->resolver_timeout))
        || a->ssl != b->ssl)
    {
        return 0;
    }

    if (a->mode != SEAL_KM_REDIS_STANDALONE
        && (a->upstream != b->upstream
            || a->read != b->read
            || a->sentinel_ssl != b->sentinel_ssl
            || !ngx_http_seal_km_same_str(&a->master_name, &b->master_name)
            || !ngx_http_seal_km_same_str(&a->sentinel_user,
                                          &b->sentinel_user)
            || !ngx_http_seal_km_same_str(&a->sentinel_password,
                                          &b->sentinel_password)))
    {
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
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}


static ngx_ssl_t *
ngx_http_seal_km_create_ssl(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf)
{
    ngx_ssl_t           *ssl;
    ngx_str_t            certificate, key, trusted, crl;
    ngx_pool_cleanup_t  *cln;

    /* nginx completes the names in place; conf is compared with others later */

    certificate = conf->ssl_certificate;
    key = conf->ssl_certificate_key;
    trusted = conf->ssl_trusted_certificate;
    crl = conf->ssl_crl;

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
        return NULL;
    }

    if (certificate.len
        && ngx_ssl_certificate(cf, ssl, &certificate, &key,
                               conf->ssl_passwords)
           != NGX_OK)
    {
        return NULL;
    }

    if (conf->ssl_verify
        && (ngx_ssl_trusted_certificate(cf, ssl, &trusted,
                                        conf->ssl_verify_depth)
            != NGX_OK
            || ngx_ssl_crl(cf, ssl, &crl) != NGX_OK))
    {
        return NULL;
    }

    if (ngx_ssl_client_session_cache(cf, ssl, conf->ssl_session_reuse)
        != NGX_OK)
    {
        return NULL;
    }

    return ssl;
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

    if (clcf->resolver == NULL || clcf->resolver->connections.nelts == 0) {
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

    } else if (conf->mode == SEAL_KM_REDIS_STANDALONE) {
        return;
    }

    conf->resolver = clcf->resolver;
    conf->resolver_timeout = clcf->resolver_timeout;
    settings->resolver = clcf->resolver;
    settings->resolver_timeout = clcf->resolver_timeout;
}


/*
 * The addresses of seal_km_pass, for a topology that chooses for itself: those
 * of an upstream's servers, or what nginx has resolved the name to.
 */

static ngx_int_t
ngx_http_seal_km_set_seeds(ngx_conf_t *cf, ngx_http_seal_km_redis_conf_t *conf,
    seal_km_redis_settings_t *settings)
{
    ngx_str_t                      host;
    ngx_uint_t                     i, n;
    ngx_array_t                    seeds;
    ngx_http_upstream_server_t    *server;
    ngx_http_upstream_srv_conf_t  *uscf;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *peers;

    uscf = conf->upstream;

    if (ngx_array_init(&seeds, cf->pool, 4, sizeof(seal_km_redis_address_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (uscf->servers == NULL) {
        peers = uscf->peer.data;
        host = ngx_http_seal_km_without_port(&uscf->host);

        for (peer = peers->peer; peer; peer = peer->next) {
            if (ngx_http_seal_km_add_seed(&seeds, peer->sockaddr,
                                          peer->socklen, &peer->name, &host)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

    } else {
        server = uscf->servers->elts;

        for (i = 0; i < uscf->servers->nelts; i++) {
            /* an address in seal_km_pass makes a server without a name */
            host = ngx_http_seal_km_without_port(server[i].name.len
                                                 ? &server[i].name
                                                 : &uscf->host);

            for (n = 0; n < server[i].naddrs && !server[i].down; n++) {
                if (ngx_http_seal_km_add_seed(&seeds,
                                              server[i].addrs[n].sockaddr,
                                              server[i].addrs[n].socklen,
                                              &server[i].addrs[n].name, &host)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }
        }
    }

    settings->seeds = seeds.elts;
    settings->nseeds = seeds.nelts;

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_add_seed(ngx_array_t *seeds, struct sockaddr *sockaddr,
    socklen_t socklen, ngx_str_t *name, ngx_str_t *host)
{
    seal_km_redis_address_t  *seed;

    seed = ngx_array_push(seeds);
    if (seed == NULL) {
        return NGX_ERROR;
    }

    seed->sockaddr = sockaddr;
    seed->socklen = socklen;
    seed->name = *name;
    seed->host = *host;

    return NGX_OK;
}


/* sentinels have users of their own, and no databases */

static ngx_int_t
ngx_http_seal_km_set_sentinel(ngx_conf_t *cf,
    ngx_http_seal_km_redis_conf_t *conf, seal_km_redis_settings_t *settings,
    ngx_ssl_t *ssl)
{
    seal_km_redis_settings_t  *sentinel;

    if (conf->mode != SEAL_KM_REDIS_SENTINEL) {
        return NGX_OK;
    }

    sentinel = ngx_palloc(cf->pool, sizeof(seal_km_redis_settings_t));
    if (sentinel == NULL) {
        return NGX_ERROR;
    }

    *sentinel = *settings;

    sentinel->mode = SEAL_KM_REDIS_STANDALONE;
    sentinel->user = conf->sentinel_user;
    sentinel->password = conf->sentinel_password;
    sentinel->database = 0;
    sentinel->sentinels = 1;
    sentinel->resolver = NULL;
    ngx_str_null(&sentinel->host);
    sentinel->connections = 1;
    sentinel->ssl = conf->sentinel_ssl ? ssl : NULL;

    settings->sentinel = sentinel;
    settings->master_name = conf->master_name;

    return NGX_OK;
}


ngx_str_t
ngx_http_seal_km_without_port(ngx_str_t *name)
{
    u_char     *p, *last;
    ngx_str_t   host;

    host = *name;
    last = name->data + name->len;

    if (name->len && name->data[0] == '[') {
        p = ngx_strlchr(name->data, last, ']');

        if (p) {
            host.data = name->data + 1;
            host.len = p - host.data;
        }

        return host;
    }

    p = ngx_strlchr(name->data, last, ':');

    if (p) {
        host.len = p - name->data;
    }

    return host;
}


char *
ngx_http_seal_km_set_redis_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t                      *value;
    ngx_http_seal_km_redis_conf_t  *rcf;

    rcf = (ngx_http_seal_km_redis_conf_t *) (p + cmd->offset);

    if (rcf->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "sentinel") == 0) {

        if (cf->args->nelts != 3 || value[2].len == 0) {
            return "\"sentinel\" wants the name of the master";
        }

        rcf->mode = SEAL_KM_REDIS_SENTINEL;
        rcf->master_name = value[2];

        return NGX_CONF_OK;
    }

    if (cf->args->nelts != 2) {
        return "takes a name for \"sentinel\" only";
    }

    if (ngx_strcmp(value[1].data, "standalone") == 0) {
        rcf->mode = SEAL_KM_REDIS_STANDALONE;

    } else if (ngx_strcmp(value[1].data, "cluster") == 0) {
        rcf->mode = SEAL_KM_REDIS_CLUSTER;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_redis_mode\" knows \"standalone\", "
                           "\"sentinel\" and \"cluster\", but not \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_set_password(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_http_seal_km_store_password(cf, (ngx_str_t *) (p + cmd->offset),
                                           &value[1]);
}


char *
ngx_http_seal_km_set_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t    *value;
    ngx_array_t  *passwords;

    value = cf->args->elts;

    /* it logs what it cannot read, and wipes what it has read */

    passwords = ngx_ssl_read_password_file(cf, &value[1]);
    if (passwords == NULL) {
        return NGX_CONF_ERROR;
    }

    if (passwords->nelts != 1) {
        return "wants a file with one line, the password";
    }

    return ngx_http_seal_km_store_password(cf, (ngx_str_t *) (p + cmd->offset),
                                           passwords->elts);
}


static char *
ngx_http_seal_km_store_password(ngx_conf_t *cf, ngx_str_t *password,
    ngx_str_t *value)
{
    ngx_pool_cleanup_t  *cln;

    if (password->data) {
        return "is duplicate: one password is enough";
    }

    if (value->len == 0) {
        return "is empty";
    }

    password->data = ngx_pstrdup(cf->pool, value);
    password->len = value->len;

    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (password->data == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_seal_km_password_cleanup;
    cln->data = password;

    return NGX_CONF_OK;
}


static void
ngx_http_seal_km_password_cleanup(void *data)
{
    ngx_str_t  *password = data;

    OPENSSL_cleanse(password->data, password->len);
}


/* nginx adds up what stands twice: here it is an error, as everywhere */

char *
ngx_http_seal_km_set_ssl_protocols(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_command_t  slot;

    if (*(ngx_uint_t *) (p + cmd->offset)) {
        return "is duplicate";
    }

    slot = *cmd;
    slot.post = &ngx_http_seal_km_ssl_protocols;

    return ngx_conf_set_bitmask_slot(cf, &slot, conf);
}


char *
ngx_http_seal_km_set_ssl_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t     *value;
    ngx_array_t  **passwords;

    passwords = (ngx_array_t **) (p + cmd->offset);

    if (*passwords != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    *passwords = ngx_ssl_read_password_file(cf, &value[1]);

    return *passwords ? NGX_CONF_OK : NGX_CONF_ERROR;
}
