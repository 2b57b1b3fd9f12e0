/*
 * How a connection to a Redis server is opened, and opened again.
 */


#include "seal_km_redis_connect.h"
#include "seal_km_redis_tls.h"
#include "seal_km_redis_wire.h"


/* without a query for so long a failed server is left alone, in seconds */
#define SEAL_KM_REDIS_UNUSED        60


static ngx_int_t seal_km_redis_allocate(seal_km_redis_connection_t *rc);
static void seal_km_redis_set_peer(seal_km_redis_connection_t *rc);
static void seal_km_redis_connecting(seal_km_redis_connection_t *rc);
static void seal_km_redis_connect_handler(ngx_event_t *ev);
static ngx_int_t seal_km_redis_test_connect(seal_km_redis_connection_t *rc);
static void seal_km_redis_connected(seal_km_redis_connection_t *rc);
static void seal_km_redis_set_socket_options(seal_km_redis_connection_t *rc);
#ifdef TCP_USER_TIMEOUT
static void seal_km_redis_set_user_timeout(seal_km_redis_connection_t *rc);
#endif
static void seal_km_redis_secured(seal_km_redis_connection_t *rc);
static void seal_km_redis_reconnect_handler(ngx_event_t *ev);


void
seal_km_redis_connect_init(seal_km_redis_connection_t *rc,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address,
    seal_km_redis_greet_pt greet, ngx_uint_t greeting)
{
    seal_km_redis_connection_init(rc, settings, address);

    rc->greet = greet;
    rc->greeting = greeting;
    rc->secured = seal_km_redis_secured;
    rc->unsecure = seal_km_redis_tls_close;

    rc->commands.flush.handler = seal_km_redis_wire_flush_handler;
    rc->commands.flush.data = rc;
    rc->commands.flush.log = &rc->log;

    /* an exiting worker does not wait for it */
    rc->reconnect.handler = seal_km_redis_reconnect_handler;
    rc->reconnect.data = rc;
    rc->reconnect.log = &rc->log;
    rc->reconnect.cancelable = 1;
}


ngx_int_t
seal_km_redis_connect(seal_km_redis_connection_t *rc)
{
    ngx_int_t  n;

    if (rc->reconnect.timer_set) {
        ngx_del_timer(&rc->reconnect);
    }

    if (seal_km_redis_allocate(rc) != NGX_OK) {
        /* it backs off: with no timer nobody would ever try it again */
        seal_km_redis_connection_failed(rc, NGX_ENOMEM,
                                        "could not be connected to",
                                        SEAL_KM_REDIS_UNSENT);
        return NGX_ERROR;
    }

    seal_km_redis_set_peer(rc);

    n = ngx_event_connect_peer(&rc->peer);

    if (n != NGX_OK && n != NGX_AGAIN) {
        /* nginx has logged why */
        rc->failing = 1;
        seal_km_redis_connection_failed(rc, 0, "could not be connected to",
                                        SEAL_KM_REDIS_UNSENT);
        return NGX_ERROR;
    }

    seal_km_redis_connecting(rc);

    if (n == NGX_OK) {
        seal_km_redis_connected(rc);
        return (rc->state == SEAL_KM_REDIS_CLOSED) ? NGX_ERROR : NGX_OK;
    }

    ngx_add_timer(rc->peer.connection->write, rc->settings->connect_timeout);

    return NGX_AGAIN;
}


static ngx_int_t
seal_km_redis_allocate(seal_km_redis_connection_t *rc)
{
    if (seal_km_redis_reader_init(&rc->reader) != NGX_OK) {
        return NGX_ERROR;
    }

    rc->out = ngx_alloc(SEAL_KM_REDIS_BUFFER_SIZE, &rc->log);
    if (rc->out == NULL) {
        return NGX_ERROR;
    }

    rc->out_size = SEAL_KM_REDIS_BUFFER_SIZE;

    return NGX_OK;
}


static void
seal_km_redis_set_peer(seal_km_redis_connection_t *rc)
{
    ngx_peer_connection_t  *peer;

    peer = &rc->peer;

    ngx_memzero(peer, sizeof(ngx_peer_connection_t));

    peer->sockaddr = rc->address->sockaddr;
    peer->socklen = rc->address->socklen;
    peer->name = &rc->address->name;
    peer->get = ngx_event_get_peer;
    peer->log = &rc->log;
    peer->log_error = NGX_ERROR_ERR;
    peer->so_keepalive = (peer->sockaddr->sa_family != AF_UNIX);

    /* while it fails, nginx' own words of it are for the debug log only */
    rc->log.log_level = ngx_cycle->log->log_level;

    if (rc->failing && rc->log.log_level < NGX_LOG_DEBUG) {
        rc->log.log_level = ngx_min(rc->log.log_level, NGX_LOG_ALERT);
    }
}


static void
seal_km_redis_connecting(seal_km_redis_connection_t *rc)
{
    ngx_connection_t  *c;

    c = rc->peer.connection;

    c->data = rc;
    c->log = &rc->log;
    c->read->log = &rc->log;
    c->write->log = &rc->log;
    c->read->handler = seal_km_redis_connect_handler;
    c->write->handler = seal_km_redis_connect_handler;
    c->idle = 1;

    rc->state = SEAL_KM_REDIS_CONNECTING;
    rc->ident = c->fd;
}


/* a failed connect shows in the read or in the write event */

static void
seal_km_redis_connect_handler(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    seal_km_redis_connection_t  *rc;

    c = ev->data;
    rc = c->data;

    if (c->close) {
        /* the worker exits, or worker_shutdown_timeout is over */
        seal_km_redis_connection_failed(rc, 0, NULL, SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (ev->timedout) {
        seal_km_redis_connection_failed(rc, NGX_ETIMEDOUT,
                                        "could not be connected to",
                                        SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (seal_km_redis_test_connect(rc) == NGX_OK && ev->write) {
        seal_km_redis_connected(rc);
    }
}


static ngx_int_t
seal_km_redis_test_connect(seal_km_redis_connection_t *rc)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(rc->peer.connection->fd, SOL_SOCKET, SO_ERROR,
                   (void *) &err, &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err) {
        seal_km_redis_connection_failed(rc, err, "could not be connected to",
                                        SEAL_KM_REDIS_UNSENT);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
seal_km_redis_connected(seal_km_redis_connection_t *rc)
{
    seal_km_redis_set_socket_options(rc);

    if (rc->settings->ssl) {
        rc->state = SEAL_KM_REDIS_SECURING;
        seal_km_redis_tls_start(rc);

    } else {
        seal_km_redis_secured(rc);
    }
}


static void
seal_km_redis_set_socket_options(seal_km_redis_connection_t *rc)
{
    if (rc->address->sockaddr->sa_family == AF_UNIX) {
        return;
    }

    (void) ngx_tcp_nodelay(rc->peer.connection);

#ifdef TCP_USER_TIMEOUT
    seal_km_redis_set_user_timeout(rc);
#endif
}


#ifdef TCP_USER_TIMEOUT

/*
 * The kernel tells a host that is gone, which acknowledges nothing, from a
 * server that is merely slow.  It also ends a connection whose peer has not
 * made room for a byte in all this time.  That is as well: whoever still waits
 * came when the peer took nothing any more, since nobody waits longer than
 * this, and is asked again over a new connection.
 */

static void
seal_km_redis_set_user_timeout(seal_km_redis_connection_t *rc)
{
    unsigned  timeout;

    timeout = rc->settings->connect_timeout + rc->settings->timeout;

    if (setsockopt(rc->peer.connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                   (const void *) &timeout, sizeof(unsigned))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, &rc->log, ngx_socket_errno,
                      "setsockopt(TCP_USER_TIMEOUT) failed, ignored");
    }
}

#endif


/* the socket is connected, and TLS is there if it is to be: greets */

static void
seal_km_redis_secured(seal_km_redis_connection_t *rc)
{
    ngx_connection_t  *c;

    c = rc->peer.connection;

    /* from now on it is who the events of the socket are for */
    seal_km_redis_wire_attach(rc);

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (rc->greet(rc) != NGX_OK) {
        seal_km_redis_connection_failed(rc, NGX_ENOMEM, "could not be greeted",
                                        SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (rc->replies) {
        rc->state = SEAL_KM_REDIS_HANDSHAKE;
        ngx_add_timer(c->read, rc->settings->timeout);

    } else {
        rc->state = SEAL_KM_REDIS_READY;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        seal_km_redis_connection_failed(rc, 0, "could not be watched",
                                        SEAL_KM_REDIS_UNSENT);
        return;
    }

    ngx_post_event(&rc->commands.flush, &ngx_posted_events);

    if (c->read->ready) {
        /* it was noticed while we were connecting, and is not told again */
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


void
seal_km_redis_connect_greeted(seal_km_redis_connection_t *rc)
{
    if (--rc->replies) {
        return;
    }

    ngx_del_timer(rc->peer.connection->read);

    rc->state = SEAL_KM_REDIS_READY;
    ngx_post_event(&rc->commands.flush, &ngx_posted_events);
}


static void
seal_km_redis_reconnect_handler(ngx_event_t *ev)
{
    seal_km_redis_connection_t  *rc;

    rc = ev->data;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    if (ngx_time() - rc->used > SEAL_KM_REDIS_UNUSED) {
        /* the next query will try it */
        rc->failures = 0;
        return;
    }

    (void) seal_km_redis_connect(rc);
}
