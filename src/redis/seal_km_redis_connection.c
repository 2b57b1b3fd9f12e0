/*
 * One pipelined connection to a Redis server.
 */


#include <openssl/crypto.h>

#include "seal_km_redis_tls.h"


#define SEAL_KM_REDIS_BUFFER_SIZE   16384

#define SEAL_KM_REDIS_BACKOFF_MIN   50      /* milliseconds */
#define SEAL_KM_REDIS_BACKOFF_MAX   1000

/* without a query for so long a failed server is left alone, in seconds */
#define SEAL_KM_REDIS_UNUSED        60


struct seal_km_redis_command_s {
    ngx_queue_t                   queue;
    seal_km_redis_connection_t   *connection;
    seal_km_redis_command_pt      handler;      /* NULL: abandoned */
    void                         *data;
    unsigned                      replies:2;    /* still to come */
    unsigned                      tree:1;       /* may be of any type */
    unsigned                      sent:1;
    size_t                        len;
    u_char                        text[1];
};


static u_char *seal_km_redis_log_context(ngx_log_t *log, u_char *buf,
    size_t len);
static ngx_int_t seal_km_redis_allocate(seal_km_redis_connection_t *rc);
static void seal_km_redis_write_handler(ngx_event_t *wev);
static void seal_km_redis_read_handler(ngx_event_t *rev);
static void seal_km_redis_flush_handler(ngx_event_t *ev);
static void seal_km_redis_reconnect_handler(ngx_event_t *ev);
static ngx_int_t seal_km_redis_test_connect(seal_km_redis_connection_t *rc);
static void seal_km_redis_connected(seal_km_redis_connection_t *rc);
static void seal_km_redis_secure(seal_km_redis_connection_t *rc);
static void seal_km_redis_secured_handler(ngx_connection_t *c);
static void seal_km_redis_greet(seal_km_redis_connection_t *rc);
static void seal_km_redis_set_socket_options(seal_km_redis_connection_t *rc);
static seal_km_redis_command_t *seal_km_redis_command_create(
    seal_km_redis_connection_t *rc, int argc, const char **argv,
    const size_t *len, ngx_uint_t flags, seal_km_redis_command_pt handler,
    void *data);
static void seal_km_redis_command_free(seal_km_redis_command_t *command);
static ngx_int_t seal_km_redis_fill(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_send(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_receive(seal_km_redis_connection_t *rc,
    u_char *data, size_t len);
static ngx_int_t seal_km_redis_dispatch(seal_km_redis_connection_t *rc,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_settle(seal_km_redis_connection_t *rc);
static void seal_km_redis_proved(seal_km_redis_connection_t *rc);
static void seal_km_redis_failed(seal_km_redis_connection_t *rc,
    ngx_err_t err, const char *what, seal_km_redis_end_e end);
static void seal_km_redis_close(seal_km_redis_connection_t *rc);
static void seal_km_redis_back_off(seal_km_redis_connection_t *rc);
static void seal_km_redis_detach_commands(ngx_queue_t *queue);
static void seal_km_redis_end_commands(ngx_queue_t *queue,
    seal_km_redis_end_e end);


/* a worker reads one socket at a time */
static u_char  seal_km_redis_in[SEAL_KM_REDIS_BUFFER_SIZE];


void
seal_km_redis_connection_init(seal_km_redis_connection_t *rc,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address,
    seal_km_redis_greet_pt greet, ngx_uint_t greeting)
{
    rc->settings = settings;
    rc->address = address;
    rc->greet = greet;
    rc->greeting = greeting;
    rc->ident = -1;

    ngx_queue_init(&rc->unsent);
    ngx_queue_init(&rc->sent);

    rc->log = *ngx_cycle->log;
    rc->log.handler = seal_km_redis_log_context;
    rc->log.data = rc;
    rc->log.action = NULL;

    rc->flush.handler = seal_km_redis_flush_handler;
    rc->flush.data = rc;
    rc->flush.log = &rc->log;

    /* an exiting worker does not wait for it */
    rc->reconnect.handler = seal_km_redis_reconnect_handler;
    rc->reconnect.data = rc;
    rc->reconnect.log = &rc->log;
    rc->reconnect.cancelable = 1;
}


static u_char *
seal_km_redis_log_context(ngx_log_t *log, u_char *buf, size_t len)
{
    seal_km_redis_connection_t  *rc;

    rc = log->data;

    return ngx_snprintf(buf, len, ", Redis server: \"%V\"",
                        &rc->address->name);
}


ngx_uint_t
seal_km_redis_connection_usable(seal_km_redis_connection_t *rc)
{
    rc->used = ngx_time();

    if (rc->commands >= SEAL_KM_REDIS_COMMANDS_MAX) {
        return 0;
    }

    if (rc->state == SEAL_KM_REDIS_READY) {
        return 1;
    }

    /* nobody waits for a server that has just refused */
    return rc->state != SEAL_KM_REDIS_CLOSED && rc->failures == 0;
}


ngx_int_t
seal_km_redis_connection_open(seal_km_redis_connection_t *rc)
{
    ngx_int_t               n;
    ngx_connection_t       *c;
    ngx_peer_connection_t  *peer;

    if (rc->reconnect.timer_set) {
        ngx_del_timer(&rc->reconnect);
    }

    if (seal_km_redis_allocate(rc) != NGX_OK) {
        /* it backs off: with no timer nobody would ever try it again */
        seal_km_redis_failed(rc, NGX_ENOMEM, "could not be connected to",
                             SEAL_KM_REDIS_UNSENT);
        return NGX_ERROR;
    }

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

    n = ngx_event_connect_peer(peer);

    if (n != NGX_OK && n != NGX_AGAIN) {
        /* nginx has logged why */
        rc->failing = 1;
        seal_km_redis_failed(rc, 0, "could not be connected to",
                             SEAL_KM_REDIS_UNSENT);
        return NGX_ERROR;
    }

    c = peer->connection;
    c->data = rc;
    c->log = &rc->log;
    c->read->log = &rc->log;
    c->write->log = &rc->log;
    c->read->handler = seal_km_redis_read_handler;
    c->write->handler = seal_km_redis_write_handler;

    rc->state = SEAL_KM_REDIS_CONNECTING;
    rc->ident = c->fd;
    c->idle = 1;

    if (n == NGX_OK) {
        seal_km_redis_connected(rc);
        return (rc->state == SEAL_KM_REDIS_CLOSED) ? NGX_ERROR : NGX_OK;
    }

    ngx_add_timer(c->write, rc->settings->connect_timeout);

    return NGX_AGAIN;
}


/* what an open connection needs; closing frees it */

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
seal_km_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t            *c;
    seal_km_redis_connection_t  *rc;

    c = wev->data;
    rc = c->data;

    if (wev->timedout) {
        seal_km_redis_failed(rc, NGX_ETIMEDOUT, "could not be connected to",
                             SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (rc->state == SEAL_KM_REDIS_CONNECTING) {
        if (seal_km_redis_test_connect(rc) == NGX_OK) {
            seal_km_redis_connected(rc);
        }

        return;
    }

    (void) seal_km_redis_send(rc);
}


/* a failed connect shows in the read or in the write handler */

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
        seal_km_redis_failed(rc, err, "could not be connected to",
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
        seal_km_redis_secure(rc);

    } else {
        seal_km_redis_greet(rc);
    }
}


/* connect_timeout is for the TLS handshake too */

static void
seal_km_redis_secure(seal_km_redis_connection_t *rc)
{
    ngx_connection_t  *c;

    c = rc->peer.connection;

    rc->state = SEAL_KM_REDIS_SECURING;

    if (seal_km_redis_tls_init(rc) != NGX_OK) {
        seal_km_redis_failed(rc, 0, "could not be spoken TLS to",
                             SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (ngx_ssl_handshake(c) == NGX_AGAIN) {

        if (!c->write->timer_set) {
            ngx_add_timer(c->write, rc->settings->connect_timeout);
        }

        c->ssl->handler = seal_km_redis_secured_handler;
        return;
    }

    seal_km_redis_secured_handler(c);
}


static void
seal_km_redis_secured_handler(ngx_connection_t *c)
{
    const char                  *fault;
    seal_km_redis_connection_t  *rc;

    rc = c->data;

    c->read->handler = seal_km_redis_read_handler;
    c->write->handler = seal_km_redis_write_handler;

    if (!c->ssl->handshaked) {

        if (rc->session) {
            /* it may be what the server did not like */
            ngx_ssl_free_session(rc->session);
            rc->session = NULL;
        }

        /* nginx has logged what it knows */
        seal_km_redis_failed(rc, c->write->timedout ? NGX_ETIMEDOUT : 0,
                             "did not agree on TLS",
                             SEAL_KM_REDIS_UNSENT);
        return;
    }

    fault = seal_km_redis_tls_check(rc);

    if (fault) {
        if (!rc->failing) {
            ngx_log_error(NGX_LOG_ERR, &rc->log, 0,
                          "certificate of Redis server is not accepted: %s",
                          fault);
            rc->failing = 1;
        }

        seal_km_redis_failed(rc, 0, "has a certificate that is not accepted",
                             SEAL_KM_REDIS_UNSENT);
        return;
    }

    seal_km_redis_greet(rc);
}


static void
seal_km_redis_greet(seal_km_redis_connection_t *rc)
{
    ngx_connection_t  *c;

    c = rc->peer.connection;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (rc->greet(rc) != NGX_OK) {
        seal_km_redis_failed(rc, NGX_ENOMEM, "could not be greeted",
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
        seal_km_redis_failed(rc, 0, "could not be watched",
                             SEAL_KM_REDIS_UNSENT);
        return;
    }

    ngx_post_event(&rc->flush, &ngx_posted_events);

    if (c->read->ready) {
        /* it was noticed while we were connecting, and is not told again */
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
seal_km_redis_set_socket_options(seal_km_redis_connection_t *rc)
{
    ngx_connection_t  *c;

    c = rc->peer.connection;

    if (rc->address->sockaddr->sa_family == AF_UNIX) {
        return;
    }

    (void) ngx_tcp_nodelay(c);

#ifdef TCP_USER_TIMEOUT
    {
    unsigned  timeout;

    /*
     * The kernel tells a host that is gone, which acknowledges nothing, from
     * a server that is merely slow.  It also ends a connection whose peer has
     * not made room for a byte in all this time.  That is as well: whoever
     * still waits came when the peer took nothing any more, since nobody waits
     * longer than this, and is asked again over a new connection.
     */

    timeout = rc->settings->connect_timeout + rc->settings->timeout;

    if (setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                   (const void *) &timeout, sizeof(unsigned))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, &rc->log, ngx_socket_errno,
                      "setsockopt(TCP_USER_TIMEOUT) failed, ignored");
    }
    }
#endif
}


/* the queue may hold queries already: what greets goes out before them */

ngx_int_t
seal_km_redis_connection_greet(seal_km_redis_connection_t *rc, int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler)
{
    seal_km_redis_command_t  *command;

    command = seal_km_redis_command_create(rc, argc, argv, len, flags, handler,
                                           rc);
    if (command == NULL) {
        return NGX_ERROR;
    }

    if (rc->out_size - rc->out_last < command->len) {
        /* cannot be: user and password are bounded by the configuration */
        seal_km_redis_command_free(command);
        return NGX_ERROR;
    }

    ngx_memcpy(rc->out + rc->out_last, command->text, command->len);
    rc->out_last += command->len;

    command->sent = 1;
    ngx_queue_insert_tail(&rc->sent, &command->queue);
    rc->commands++;
    rc->replies++;

    return NGX_OK;
}


void
seal_km_redis_connection_greeted(seal_km_redis_connection_t *rc)
{
    if (--rc->replies) {
        return;
    }

    ngx_del_timer(rc->peer.connection->read);

    rc->state = SEAL_KM_REDIS_READY;
    ngx_post_event(&rc->flush, &ngx_posted_events);
}


void
seal_km_redis_connection_refused(seal_km_redis_connection_t *rc,
    const char *what)
{
    /* whatever it has answered before: it is tried less and less often */
    rc->proved = 0;

    seal_km_redis_failed(rc, 0, what, SEAL_KM_REDIS_UNSENT);
}


seal_km_redis_command_t *
seal_km_redis_connection_send(seal_km_redis_connection_t *rc, int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler, void *data)
{
    seal_km_redis_command_t  *command;

    command = seal_km_redis_command_create(rc, argc, argv, len, flags, handler,
                                           data);
    if (command == NULL) {
        return NULL;
    }

    ngx_queue_insert_tail(&rc->unsent, &command->queue);
    rc->commands++;
    rc->waiters++;

    rc->peer.connection->idle = 0;

    if (rc->state == SEAL_KM_REDIS_READY && !rc->flush.posted) {
        ngx_post_event(&rc->flush, &ngx_posted_events);
    }

    return command;
}


static seal_km_redis_command_t *
seal_km_redis_command_create(seal_km_redis_connection_t *rc, int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler, void *data)
{
    char                     *text;
    u_char                   *p;
    long long                 n;
    seal_km_redis_command_t  *command;

    static const char  asking[] = "ASKING\r\n";

    n = redisFormatCommandArgv(&text, argc, argv, len);
    if (n < 0) {
        return NULL;
    }

    command = ngx_alloc(sizeof(seal_km_redis_command_t) + sizeof(asking) + n,
                        &rc->log);

    if (command) {
        ngx_memzero(command, sizeof(seal_km_redis_command_t));

        p = command->text;
        command->replies = 1;

        if (flags & SEAL_KM_REDIS_ASKING) {
            /* it holds for the next command only: nothing may come between */
            p = ngx_cpymem(p, asking, sizeof(asking) - 1);
            command->replies = 2;
        }

        p = ngx_cpymem(p, text, n);
        command->len = p - command->text;
    }

    /* it may be an AUTH */
    OPENSSL_cleanse(text, n);
    redisFreeCommand(text);

    if (command == NULL) {
        return NULL;
    }

    command->tree = (flags & SEAL_KM_REDIS_TREE) ? 1 : 0;
    command->connection = rc;
    command->handler = handler;
    command->data = data;

    return command;
}


static void
seal_km_redis_command_free(seal_km_redis_command_t *command)
{
    OPENSSL_cleanse(command->text, command->len);
    ngx_free(command);
}


void
seal_km_redis_command_abandon(seal_km_redis_command_t *command)
{
    seal_km_redis_connection_t  *rc;

    rc = command->connection;

    command->handler = NULL;

    if (rc == NULL) {
        /* its connection has failed, and is ending its commands right now */
        return;
    }

    rc->waiters--;

    if (!command->sent) {
        ngx_queue_remove(&command->queue);
        seal_km_redis_command_free(command);
        rc->commands--;
    }

    if (rc->waiters == 0 && !rc->flush.posted) {
        /* the connection is idle now: said at turn's end, not under a reader */
        ngx_post_event(&rc->flush, &ngx_posted_events);
    }
}


static void
seal_km_redis_flush_handler(ngx_event_t *ev)
{
    seal_km_redis_connection_t  *rc;

    rc = ev->data;

    if (rc->state == SEAL_KM_REDIS_CLOSED
        || (rc->state >= SEAL_KM_REDIS_HANDSHAKE
            && seal_km_redis_send(rc) != NGX_OK))
    {
        return;
    }

    seal_km_redis_settle(rc);
}


/* moves commands to the bytes on their way, as many as there is room for */

static ngx_int_t
seal_km_redis_fill(seal_km_redis_connection_t *rc)
{
    u_char                   *out;
    ngx_queue_t              *q;
    seal_km_redis_command_t  *command;

    if (rc->out_pos == rc->out_last) {
        rc->out_pos = 0;
        rc->out_last = 0;
    }

    while (rc->state == SEAL_KM_REDIS_READY && !ngx_queue_empty(&rc->unsent)) {

        q = ngx_queue_head(&rc->unsent);
        command = ngx_queue_data(q, seal_km_redis_command_t, queue);

        if (rc->out_size - rc->out_last < command->len) {

            if (rc->out_last) {
                break;
            }

            /* one command, longer than the buffer: its key has no bound */

            out = ngx_alloc(command->len, &rc->log);
            if (out == NULL) {
                return NGX_ERROR;
            }

            ngx_free(rc->out);
            rc->out = out;
            rc->out_size = command->len;
        }

        ngx_memcpy(rc->out + rc->out_last, command->text, command->len);
        rc->out_last += command->len;

        command->sent = 1;
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&rc->sent, q);
    }

    return NGX_OK;
}


/* writes what there is to write; NGX_ERROR: the connection is closed */

static ngx_int_t
seal_km_redis_send(seal_km_redis_connection_t *rc)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = rc->peer.connection;

    for ( ;; ) {

        if (seal_km_redis_fill(rc) != NGX_OK) {
            seal_km_redis_failed(rc, NGX_ENOMEM, "could not be written to",
                                 SEAL_KM_REDIS_LOST);
            return NGX_ERROR;
        }

        if (rc->out_pos == rc->out_last) {
            break;
        }

        n = c->send(c, rc->out + rc->out_pos, rc->out_last - rc->out_pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {

            if (c->ssl && !rc->proved) {
                /*
                 * With TLS 1.3 a server refuses our certificate after the
                 * handshake: its alert, which nginx logs, tells why
                 */
                (void) c->recv(c, seal_km_redis_in, SEAL_KM_REDIS_BUFFER_SIZE);
            }

            seal_km_redis_failed(rc, 0, "closed the connection",
                                 SEAL_KM_REDIS_LOST);
            return NGX_ERROR;
        }

        if (!rc->proved) {
            /* there may have been a password among it */
            OPENSSL_cleanse(rc->out + rc->out_pos, n);
        }

        rc->out_pos += n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        seal_km_redis_failed(rc, 0, "could not be watched",
                             SEAL_KM_REDIS_LOST);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
seal_km_redis_read_handler(ngx_event_t *rev)
{
    ssize_t                      n;
    ngx_connection_t            *c;
    seal_km_redis_connection_t  *rc;

    c = rev->data;
    rc = c->data;

    if (c->close) {
        /* the worker exits, or worker_shutdown_timeout is over */
        seal_km_redis_failed(rc, 0, NULL, SEAL_KM_REDIS_LOST);
        return;
    }

    if (rev->timedout) {
        seal_km_redis_failed(rc, NGX_ETIMEDOUT, "did not answer the greeting",
                             SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (rc->state == SEAL_KM_REDIS_CONNECTING) {
        (void) seal_km_redis_test_connect(rc);
        return;
    }

    for ( ;; ) {

        n = c->recv(c, seal_km_redis_in, SEAL_KM_REDIS_BUFFER_SIZE);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            seal_km_redis_failed(rc, 0,
                                 (rc->commands || !rc->proved)
                                     ? "closed the connection" : NULL,
                                 SEAL_KM_REDIS_LOST);
            return;
        }

        if (seal_km_redis_receive(rc, seal_km_redis_in, n) != NGX_OK) {
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        seal_km_redis_failed(rc, 0, "could not be watched",
                             SEAL_KM_REDIS_LOST);
        return;
    }

    seal_km_redis_settle(rc);
}


/* NGX_ERROR: the connection is closed */

static ngx_int_t
seal_km_redis_receive(seal_km_redis_connection_t *rc, u_char *data, size_t len)
{
    ngx_int_t                 n;
    ngx_queue_t              *q;
    seal_km_redis_reply_t    *reply;
    seal_km_redis_command_t  *command;

    n = seal_km_redis_reader_feed(&rc->reader, data, len);

    OPENSSL_cleanse(data, len);

    while (n == NGX_OK) {

        rc->reader.drop = 0;
        rc->reader.tree = (rc->push != NULL);

        if (!ngx_queue_empty(&rc->sent)) {
            q = ngx_queue_head(&rc->sent);
            command = ngx_queue_data(q, seal_km_redis_command_t, queue);

            rc->reader.drop = (command->handler == NULL);
            rc->reader.tree |= command->tree;
        }

        n = seal_km_redis_reader_next(&rc->reader, &reply);

        if (n == NGX_OK) {
            n = seal_km_redis_dispatch(rc, reply);

            if (n == NGX_ABORT) {
                return NGX_ERROR;
            }
        }
    }

    if (n == NGX_ERROR) {
        seal_km_redis_failed(rc, 0, "sent what is no reply",
                             SEAL_KM_REDIS_GARBLED);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Gives a reply to the oldest command.  NGX_ERROR: it answers nothing that we
 * asked; NGX_ABORT: the connection has been closed meanwhile.
 */

static ngx_int_t
seal_km_redis_dispatch(seal_km_redis_connection_t *rc,
    seal_km_redis_reply_t *reply)
{
    void                      *data;
    ngx_uint_t                 greeted;
    ngx_queue_t               *q;
    seal_km_redis_command_t   *command;
    seal_km_redis_command_pt   handler;

    if (rc->push && reply->type == SEAL_KM_REDIS_REPLY_ARRAY) {
        if (!rc->proved) {
            seal_km_redis_proved(rc);
        }

        rc->push(rc->push_data, reply);
        return NGX_OK;
    }

    if (rc->push && ngx_queue_empty(&rc->sent)) {
        seal_km_redis_reply_free(reply);
        seal_km_redis_connection_refused(rc,
                                 "refused the subscription: check that its "
                                 "user has +subscribe and &+switch-master");
        return NGX_ABORT;
    }

    if (reply->type == SEAL_KM_REDIS_REPLY_OTHER
        || ngx_queue_empty(&rc->sent))
    {
        seal_km_redis_reply_free(reply);
        return NGX_ERROR;
    }

    q = ngx_queue_head(&rc->sent);
    command = ngx_queue_data(q, seal_km_redis_command_t, queue);

    if (command->replies > 1) {
        /* of the ASKING; if that was refused, so is what came with it */
        command->replies--;
        seal_km_redis_reply_free(reply);
        return NGX_OK;
    }

    if (reply->type == SEAL_KM_REDIS_REPLY_STATUS
        && !command->tree
        && (command->handler == NULL || command->data != rc))
    {
        /* "+OK" is no answer to a GET */
        return NGX_ERROR;
    }

    handler = command->handler;
    data = command->data;

    /* it leaves the queue before its handler is called */

    ngx_queue_remove(q);
    seal_km_redis_command_free(command);
    rc->commands--;

    if (handler == NULL) {
        seal_km_redis_reply_free(reply);
        return NGX_OK;
    }

    if (data != rc) {
        rc->waiters--;
    }

    /*
     * What answers the greeting proves no more than that it was accepted, and
     * of a subscription only its confirmation does: it may be refused yet.
     */
    greeted = (rc->state == SEAL_KM_REDIS_READY && rc->push == NULL);

    handler(data, SEAL_KM_REDIS_ANSWERED, reply);

    if (rc->state == SEAL_KM_REDIS_CLOSED) {
        return NGX_ABORT;
    }

    if (greeted && !rc->proved) {
        seal_km_redis_proved(rc);
    }

    return NGX_OK;
}


/*
 * Where nobody waits any more, nginx may close the connection when it exits,
 * and closes it here when it is exiting already.
 */

static void
seal_km_redis_settle(seal_km_redis_connection_t *rc)
{
    rc->peer.connection->idle = (rc->waiters == 0);

    if (rc->waiters == 0 && (ngx_exiting || ngx_terminate)) {
        seal_km_redis_failed(rc, 0, NULL, SEAL_KM_REDIS_LOST);
    }
}


static void
seal_km_redis_proved(seal_km_redis_connection_t *rc)
{
    rc->proved = 1;
    rc->failures = 0;

    if (rc->failing) {
        rc->failing = 0;
        rc->log.log_level = ngx_cycle->log->log_level;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "Redis server \"%V\" answers again",
                      &rc->address->name);
    }
}


/*
 * Closes the connection and ends its commands, those that were written as end
 * says.  what: why, said once until the server answers again; NULL: it is
 * nobody's fault.
 */

static void
seal_km_redis_failed(seal_km_redis_connection_t *rc, ngx_err_t err,
    const char *what, seal_km_redis_end_e end)
{
    ngx_queue_t  sent, unsent;

    if (what) {
        if (!rc->failing && (rc->said != ngx_time() || rc->what != what)) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                          "Redis server \"%V\" %s, requests waiting: %ui",
                          &rc->address->name, what, rc->waiters);
            rc->said = ngx_time();
            rc->what = what;
        }

        if (!rc->proved) {
            rc->failing = 1;
            seal_km_redis_back_off(rc);
        }
    }

    seal_km_redis_close(rc);

    /* the lists are detached: a handler may queue new commands */

    ngx_queue_init(&sent);
    ngx_queue_init(&unsent);

    if (!ngx_queue_empty(&rc->sent)) {
        ngx_queue_add(&sent, &rc->sent);
        ngx_queue_init(&rc->sent);
    }

    if (!ngx_queue_empty(&rc->unsent)) {
        ngx_queue_add(&unsent, &rc->unsent);
        ngx_queue_init(&rc->unsent);
    }

    rc->commands = 0;
    rc->waiters = 0;

    seal_km_redis_detach_commands(&sent);
    seal_km_redis_detach_commands(&unsent);

    seal_km_redis_end_commands(&sent, end);
    seal_km_redis_end_commands(&unsent, SEAL_KM_REDIS_UNSENT);
}


void
seal_km_redis_connection_close(seal_km_redis_connection_t *rc)
{
    if (rc->state != SEAL_KM_REDIS_CLOSED) {
        seal_km_redis_failed(rc, 0, NULL, SEAL_KM_REDIS_LOST);
    }
}


static void
seal_km_redis_close(seal_km_redis_connection_t *rc)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = rc->peer.connection;

    if (c) {
        seal_km_redis_tls_close(rc);

        pool = c->pool;

        ngx_close_connection(c);
        rc->peer.connection = NULL;

        if (pool) {
            ngx_destroy_pool(pool);
        }
    }

    if (rc->flush.posted) {
        ngx_delete_posted_event(&rc->flush);
    }

    seal_km_redis_reader_free(&rc->reader);

    if (rc->out) {
        OPENSSL_cleanse(rc->out, rc->out_size);
        ngx_free(rc->out);
        rc->out = NULL;
    }

    rc->out_pos = 0;
    rc->out_last = 0;
    rc->replies = 0;
    rc->ident = -1;
    rc->proved = 0;
    rc->state = SEAL_KM_REDIS_CLOSED;
}


/*
 * The delay doubles with each failure, and half of it is random, lest all
 * workers knock at a returning server at once.
 */

static void
seal_km_redis_back_off(seal_km_redis_connection_t *rc)
{
    ngx_uint_t  n;
    ngx_msec_t  delay;

    n = ngx_min(rc->failures, 10);
    delay = ngx_min(SEAL_KM_REDIS_BACKOFF_MIN << n, SEAL_KM_REDIS_BACKOFF_MAX);
    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    rc->failures++;

    if (!ngx_exiting && !ngx_terminate) {
        ngx_add_timer(&rc->reconnect, delay);
    }
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

    (void) seal_km_redis_connection_open(rc);
}


static void
seal_km_redis_detach_commands(ngx_queue_t *queue)
{
    ngx_queue_t              *q;
    seal_km_redis_command_t  *command;

    for (q = ngx_queue_head(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_next(q))
    {
        command = ngx_queue_data(q, seal_km_redis_command_t, queue);
        command->connection = NULL;
    }
}


static void
seal_km_redis_end_commands(ngx_queue_t *queue, seal_km_redis_end_e end)
{
    void                      *data;
    ngx_queue_t               *q;
    seal_km_redis_command_t   *command;
    seal_km_redis_command_pt   handler;

    while (!ngx_queue_empty(queue)) {

        q = ngx_queue_head(queue);
        command = ngx_queue_data(q, seal_km_redis_command_t, queue);

        handler = command->handler;
        data = command->data;

        ngx_queue_remove(q);
        seal_km_redis_command_free(command);

        if (handler) {
            handler(data, end, NULL);
        }
    }
}


void
seal_km_redis_connection_destroy(seal_km_redis_connection_t *rc)
{
    ngx_queue_t              *q;
    seal_km_redis_command_t  *command;

    seal_km_redis_close(rc);

    if (rc->reconnect.timer_set) {
        ngx_del_timer(&rc->reconnect);
    }

    if (!ngx_queue_empty(&rc->unsent)) {
        ngx_queue_add(&rc->sent, &rc->unsent);
    }

    while (!ngx_queue_empty(&rc->sent)) {
        q = ngx_queue_head(&rc->sent);
        command = ngx_queue_data(q, seal_km_redis_command_t, queue);

        ngx_queue_remove(q);
        seal_km_redis_command_free(command);
    }

    if (rc->session) {
        ngx_ssl_free_session(rc->session);
        rc->session = NULL;
    }
}
