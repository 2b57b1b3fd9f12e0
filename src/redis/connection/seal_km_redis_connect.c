/*
 * How a connection to a Redis server is opened, and opened again.
 */


#include "seal_km_redis_connect.h"
#include "seal_km_redis_tls.h"
#include "seal_km_redis_wire.h"


/* milliseconds: without a query for so long a failed server is left alone */
#define SEAL_KM_REDIS_UNUSED              60000

/* TCP keepalive of a connection that is silent: seconds, and probes */
#define SEAL_KM_REDIS_KEEPALIVE_IDLE      60
#define SEAL_KM_REDIS_KEEPALIVE_INTERVAL  10
#define SEAL_KM_REDIS_KEEPALIVE_COUNT     3


static void seal_km_redis_count_opening(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_allocate(seal_km_redis_connection_t *rc);
static void seal_km_redis_set_peer(seal_km_redis_connection_t *rc);
static void seal_km_redis_connecting(seal_km_redis_connection_t *rc);
static void seal_km_redis_connect_handler(ngx_event_t *ev);
static ngx_int_t seal_km_redis_test_connect(seal_km_redis_connection_t *rc);
static void seal_km_redis_connected(seal_km_redis_connection_t *rc);
static void seal_km_redis_set_socket_options(seal_km_redis_connection_t *rc);
static void seal_km_redis_set_option(seal_km_redis_connection_t *rc,
    int option, const char *name, int value);
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

    /* an exiting worker waits for neither */

    rc->watch.handler = seal_km_redis_wire_watch_handler;
    rc->watch.data = rc;
    rc->watch.log = &rc->log;
    rc->watch.cancelable = 1;

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

    rc->opened = ngx_current_msec;

    seal_km_redis_count_opening(rc);

    if (seal_km_redis_allocate(rc) != NGX_OK) {
        seal_km_redis_connection_starved(rc, "could not be connected to",
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


static void
seal_km_redis_count_opening(seal_km_redis_connection_t *rc)
{
    seal_km_redis_settings_t  *settings;

    settings = rc->settings;

    if (rc->again && rc->countable && settings->count) {
        settings->count(settings->count_data, SEAL_KM_REDIS_COUNT_RECONNECTS,
                        1);
    }

    rc->again = 1;
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

    /* nor do the timers of connecting and greeting keep a worker that exits */
    c->read->cancelable = 1;
    c->write->cancelable = 1;

    rc->state = SEAL_KM_REDIS_CONNECTING;
    rc->ident = c->fd;

    seal_km_redis_connection_changed(rc);
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

#if (NGX_HAVE_KEEPALIVE_TUNABLE)
    /* a NAT or a balancer between us forgets what is silent for long */
    seal_km_redis_set_option(rc, TCP_KEEPIDLE, "TCP_KEEPIDLE",
                             SEAL_KM_REDIS_KEEPALIVE_IDLE);
    seal_km_redis_set_option(rc, TCP_KEEPINTVL, "TCP_KEEPINTVL",
                             SEAL_KM_REDIS_KEEPALIVE_INTERVAL);
    seal_km_redis_set_option(rc, TCP_KEEPCNT, "TCP_KEEPCNT",
                             SEAL_KM_REDIS_KEEPALIVE_COUNT);
#endif

#ifdef TCP_USER_TIMEOUT
    /*
     * The kernel tells a host that is gone, which acknowledges nothing, from a
     * server that is merely slow.  It also ends a connection whose peer has not
     * made room for a byte in all this time.
     */
    seal_km_redis_set_option(rc, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT",
                             ngx_min(rc->settings->connect_timeout
                                     + rc->settings->timeout,
                                     NGX_MAX_INT32_VALUE));
#endif
}


static void
seal_km_redis_set_option(seal_km_redis_connection_t *rc, int option,
    const char *name, int value)
{
    if (setsockopt(rc->peer.connection->fd, IPPROTO_TCP, option,
                   (const void *) &value, sizeof(int))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, &rc->log, ngx_socket_errno,
                      "setsockopt(%s) failed, ignored", name);
    }
}


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
        seal_km_redis_connection_starved(rc, "could not be greeted",
                                         SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (rc->replies) {
        rc->state = SEAL_KM_REDIS_HANDSHAKE;
        ngx_add_timer(c->read, rc->settings->timeout);

    } else {
        rc->state = SEAL_KM_REDIS_READY;
        seal_km_redis_connection_changed(rc);
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
    seal_km_redis_connection_changed(rc);
    seal_km_redis_connection_greeted(rc);

    if (rc->push) {
        /* no command will follow */
        seal_km_redis_connection_proved(rc);
    }

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

    if (ngx_current_msec - rc->used > SEAL_KM_REDIS_UNUSED) {
        /* the next query will try it */
        rc->failures = 0;
        seal_km_redis_connection_changed(rc);
        return;
    }

    (void) seal_km_redis_connect(rc);
}
