/*
 * TLS of a connection to Redis.
 */


#include "seal_km_redis_tls.h"


static void seal_km_redis_tls_handshake_handler(ngx_connection_t *c);
static ngx_int_t seal_km_redis_tls_init(seal_km_redis_connection_t *rc);
static const char *seal_km_redis_tls_check(seal_km_redis_connection_t *rc);
static void seal_km_redis_tls_save_session(ngx_connection_t *c);
static ngx_int_t seal_km_redis_tls_set_name(seal_km_redis_connection_t *rc);
static ngx_uint_t seal_km_redis_tls_is_address(ngx_str_t *name);


/* connect_timeout is for the TLS handshake too */

void
seal_km_redis_tls_start(seal_km_redis_connection_t *rc)
{
    ngx_connection_t  *c;

    c = rc->peer.connection;

    if (seal_km_redis_tls_init(rc) != NGX_OK) {
        seal_km_redis_connection_failed(rc, 0, "could not be spoken TLS to",
                                        SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (ngx_ssl_handshake(c) == NGX_AGAIN) {

        if (!c->write->timer_set) {
            ngx_add_timer(c->write, rc->settings->connect_timeout);
        }

        c->ssl->handler = seal_km_redis_tls_handshake_handler;
        return;
    }

    seal_km_redis_tls_handshake_handler(c);
}


static void
seal_km_redis_tls_handshake_handler(ngx_connection_t *c)
{
    const char                  *fault;
    seal_km_redis_connection_t  *rc;

    rc = c->data;

    if (!c->ssl->handshaked) {
        /* a session to be resumed may be what the server did not like */
        seal_km_redis_connection_forget_session(rc);

        /* nginx has logged what it knows */
        seal_km_redis_connection_failed(rc,
                                        c->write->timedout ? NGX_ETIMEDOUT : 0,
                                        "did not agree on TLS",
                                        SEAL_KM_REDIS_UNSENT);
        return;
    }

    fault = seal_km_redis_tls_check(rc);

    if (fault) {
        /* what is resumed has been judged already */
        seal_km_redis_connection_forget_session(rc);

        if (!rc->failing) {
            ngx_log_error(NGX_LOG_ERR, &rc->log, 0,
                          "certificate of Redis server is not accepted: %s",
                          fault);
            rc->failing = 1;
        }

        seal_km_redis_connection_failed(rc, 0,
                                      "has a certificate that is not accepted",
                                      SEAL_KM_REDIS_UNSENT);
        return;
    }

    rc->secured(rc);
}


/*
 * Server name (RFC 6066: never an IP address) and session.  NGX_OK, or
 * NGX_ERROR after an error was logged.
 */

static ngx_int_t
seal_km_redis_tls_init(seal_km_redis_connection_t *rc)
{
    ngx_str_t                 *name;
    ngx_connection_t          *c;
    seal_km_redis_settings_t  *settings;

    c = rc->peer.connection;
    settings = rc->settings;

    c->pool = ngx_create_pool(512, &rc->log);
    if (c->pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_ssl_create_connection(settings->ssl, c, NGX_SSL_CLIENT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (seal_km_redis_tls_set_name(rc) != NGX_OK) {
        return NGX_ERROR;
    }

    name = &rc->ssl_name;

    if (settings->ssl_server_name && name->len
        && !seal_km_redis_tls_is_address(name)
        && SSL_set_tlsext_host_name(c->ssl->connection, (char *) name->data)
           == 0)
    {
        ngx_ssl_error(NGX_LOG_ERR, &rc->log, 0,
                      "SSL_set_tlsext_host_name() failed");
        return NGX_ERROR;
    }

    if (settings->ssl_session_reuse) {
        c->ssl->save_session = seal_km_redis_tls_save_session;

        if (ngx_ssl_set_session(c, rc->session) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
seal_km_redis_tls_save_session(ngx_connection_t *c)
{
    ngx_ssl_session_t           *session;
    seal_km_redis_connection_t  *rc;

    rc = c->data;

    session = ngx_ssl_get_session(c);

    if (session) {
        seal_km_redis_connection_forget_session(rc);
        rc->session = session;
    }
}


/*
 * NULL if the certificate verifies and is the server's (or need not be), else
 * what is wrong with it, a static text.
 */

static const char *
seal_km_redis_tls_check(seal_km_redis_connection_t *rc)
{
    int         match;
    long        result;
    X509       *cert;
    ngx_str_t  *name;

    if (!rc->settings->ssl_verify) {
        return NULL;
    }

    result = SSL_get_verify_result(rc->peer.connection->ssl->connection);

    if (result != X509_V_OK) {
        return X509_verify_cert_error_string(result);
    }

    cert = SSL_get_peer_certificate(rc->peer.connection->ssl->connection);
    if (cert == NULL) {
        return "none was presented";
    }

    name = &rc->ssl_name;

    /* ngx_ssl_check_host() knows DNS names only */

    if (name->len == 0) {
        match = 0;

    } else if (seal_km_redis_tls_is_address(name)) {
        match = X509_check_ip_asc(cert, (char *) name->data, 0);

    } else {
        match = X509_check_host(cert, (char *) name->data, name->len, 0, NULL);
    }

    X509_free(cert);
    ERR_clear_error();

    return (match == 1) ? NULL : "it is not for the name of the server";
}


void
seal_km_redis_tls_close(seal_km_redis_connection_t *rc)
{
    ngx_connection_t  *c;

    c = rc->peer.connection;

    if (c->ssl) {
        /* quiet: nothing is left that could wait */
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }
}


/* OpenSSL wants it terminated; it goes with the connection's pool */

static ngx_int_t
seal_km_redis_tls_set_name(seal_km_redis_connection_t *rc)
{
    u_char     *p;
    ngx_str_t  *name;

    name = rc->settings->ssl_name.len ? &rc->settings->ssl_name
                                      : &rc->address->host;

    p = ngx_pnalloc(rc->peer.connection->pool, name->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, name->data, name->len);
    p[name->len] = '\0';

    rc->ssl_name.data = p;
    rc->ssl_name.len = name->len;

    return NGX_OK;
}


/* an IPv6 address stands without its brackets here */

static ngx_uint_t
seal_km_redis_tls_is_address(ngx_str_t *name)
{
#if (NGX_HAVE_INET6)
    u_char  in6[16];

    if (ngx_inet6_addr(name->data, name->len, in6) == NGX_OK) {
        return 1;
    }
#endif

    return ngx_inet_addr(name->data, name->len) != INADDR_NONE;
}
