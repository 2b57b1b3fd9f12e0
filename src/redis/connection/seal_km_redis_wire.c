/*
 * What a connection writes and reads.
 */


#include "seal_km_redis_wire.h"

#include <openssl/crypto.h>


/*
 * ms.  Whoever waits for a command times out in the very millisecond in which
 * it has been silent for too long, and is to be told so: before the connection
 * is closed for it, which would be "not available".
 */
#define SEAL_KM_REDIS_WIRE_GRACE  1


static void seal_km_redis_wire_write_handler(ngx_event_t *wev);
static void seal_km_redis_wire_read_handler(ngx_event_t *rev);
static ngx_int_t seal_km_redis_wire_send(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_wire_watch_writes(
    seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_wire_fill(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_wire_fit(seal_km_redis_connection_t *rc,
    size_t len);
static ngx_int_t seal_km_redis_wire_write(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_wire_read(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_wire_receive(seal_km_redis_connection_t *rc,
    u_char *data, size_t len);
static ngx_int_t seal_km_redis_wire_next(seal_km_redis_connection_t *rc,
    ngx_str_t *bytes, seal_km_redis_reply_t **reply);
static ngx_int_t seal_km_redis_wire_dispatch(seal_km_redis_connection_t *rc,
    seal_km_redis_reply_t *reply);
static ngx_int_t seal_km_redis_wire_answer(seal_km_redis_connection_t *rc,
    seal_km_redis_command_t *command, seal_km_redis_reply_t *reply);
static void seal_km_redis_wire_closed(seal_km_redis_connection_t *rc,
    ngx_uint_t fault, ngx_uint_t clean);
static void seal_km_redis_wire_settle(seal_km_redis_connection_t *rc);


/* a worker reads one socket at a time */
static u_char  seal_km_redis_in[SEAL_KM_REDIS_BUFFER_SIZE];


void
seal_km_redis_wire_attach(seal_km_redis_connection_t *rc)
{
    rc->peer.connection->read->handler = seal_km_redis_wire_read_handler;
    rc->peer.connection->write->handler = seal_km_redis_wire_write_handler;
}


ngx_int_t
seal_km_redis_wire_greet(seal_km_redis_connection_t *rc, int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler)
{
    seal_km_redis_command_t  *command;

    command = seal_km_redis_command_create(argc, argv, len, flags, handler, rc);
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
    rc->last = command->name;

    seal_km_redis_command_greet(&rc->commands, command);
    rc->replies++;

    return NGX_OK;
}


static void
seal_km_redis_wire_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    (void) seal_km_redis_wire_send(c->data);
}


void
seal_km_redis_wire_flush_handler(ngx_event_t *ev)
{
    seal_km_redis_connection_t  *rc;

    rc = ev->data;

    if (rc->state == SEAL_KM_REDIS_CLOSED
        || (rc->state >= SEAL_KM_REDIS_HANDSHAKE
            && seal_km_redis_wire_send(rc) != NGX_OK))
    {
        return;
    }

    seal_km_redis_wire_settle(rc);
}


/* writes what there is to write; NGX_ERROR: the connection is closed */

static ngx_int_t
seal_km_redis_wire_send(seal_km_redis_connection_t *rc)
{
    ngx_int_t  n;

    do {
        if (seal_km_redis_wire_fill(rc) != NGX_OK) {
            seal_km_redis_connection_starved(rc, "could not be written to",
                                             SEAL_KM_REDIS_LOST);
            return NGX_ERROR;
        }

        if (rc->out_pos == rc->out_last) {
            break;
        }

        n = seal_km_redis_wire_write(rc);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

    } while (n == NGX_OK);

    if (seal_km_redis_wire_watch_writes(rc) != NGX_OK) {
        seal_km_redis_connection_failed(rc, 0, "could not be watched",
                                        SEAL_KM_REDIS_LOST);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * A UNIX socket that is listened to would wake the worker whenever the server has
 * read something: nobody listens while there is room to write.
 */

static ngx_int_t
seal_km_redis_wire_watch_writes(seal_km_redis_connection_t *rc)
{
    ngx_event_t  *wev;

    wev = rc->peer.connection->write;

    if (rc->state == SEAL_KM_REDIS_READY
        && wev->ready
        && wev->active
        && (ngx_event_flags & NGX_USE_CLEAR_EVENT))
    {
        /* of the flags it is only told which the read event keeps */
        return ngx_del_event(wev, NGX_WRITE_EVENT, NGX_CLEAR_EVENT);
    }

    return ngx_handle_write_event(wev, 0);
}


/* moves commands to the bytes on their way, as many as there is room for */

static ngx_int_t
seal_km_redis_wire_fill(seal_km_redis_connection_t *rc)
{
    ngx_int_t                 n;
    seal_km_redis_command_t  *command;

    if (rc->out_pos == rc->out_last) {
        rc->out_pos = 0;
        rc->out_last = 0;
    }

    while (rc->state == SEAL_KM_REDIS_READY
           && (command = seal_km_redis_command_next(&rc->commands)) != NULL)
    {
        n = seal_km_redis_wire_fit(rc, command->len);

        if (n != NGX_OK) {
            return (n == NGX_BUSY) ? NGX_OK : n;
        }

        ngx_memcpy(rc->out + rc->out_last, command->text, command->len);
        rc->out_last += command->len;

        rc->last = command->name;

        seal_km_redis_command_written(command);

        if (!rc->watch.timer_set) {
            ngx_add_timer(&rc->watch,
                          rc->settings->timeout + SEAL_KM_REDIS_WIRE_GRACE);
        }
    }

    return NGX_OK;
}


/* NGX_OK: there is room for so many bytes; NGX_BUSY: not now; NGX_ERROR */

static ngx_int_t
seal_km_redis_wire_fit(seal_km_redis_connection_t *rc, size_t len)
{
    u_char  *out;

    if (rc->out_size - rc->out_last >= len) {
        return NGX_OK;
    }

    if (rc->out_last) {
        return NGX_BUSY;
    }

    /* one command, longer than the buffer: its key has no bound */

    out = ngx_alloc(len, &rc->log);
    if (out == NULL) {
        return NGX_ERROR;
    }

    ngx_free(rc->out);
    rc->out = out;
    rc->out_size = len;

    return NGX_OK;
}


/* writes some of the bytes on their way; NGX_ERROR: the connection is closed */

static ngx_int_t
seal_km_redis_wire_write(seal_km_redis_connection_t *rc)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = rc->peer.connection;

    n = c->send(c, rc->out + rc->out_pos, rc->out_last - rc->out_pos);

    if (n == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (n == NGX_ERROR || n == 0) {

        if (c->ssl && !rc->proved) {
            /*
             * With TLS 1.3 a server refuses our certificate after the
             * handshake: its alert, which nginx logs, tells why
             */
            (void) c->recv(c, seal_km_redis_in, SEAL_KM_REDIS_BUFFER_SIZE);
        }

        seal_km_redis_wire_closed(rc, 1, 0);
        return NGX_ERROR;
    }

    if (!rc->proved) {
        /* there may have been a password among it */
        OPENSSL_cleanse(rc->out + rc->out_pos, n);
    }

    rc->out_pos += n;

    return NGX_OK;
}


static void
seal_km_redis_wire_read_handler(ngx_event_t *rev)
{
    ngx_connection_t            *c;
    seal_km_redis_connection_t  *rc;

    c = rev->data;
    rc = c->data;

    if (c->close) {
        /* the worker exits, or worker_shutdown_timeout is over */
        seal_km_redis_connection_failed(rc, 0, NULL, SEAL_KM_REDIS_LOST);
        return;
    }

    if (rev->timedout) {
        seal_km_redis_connection_failed(rc, NGX_ETIMEDOUT,
                                        "did not answer the greeting",
                                        SEAL_KM_REDIS_UNSENT);
        return;
    }

    if (seal_km_redis_wire_read(rc) != NGX_OK) {
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        seal_km_redis_connection_failed(rc, 0, "could not be watched",
                                        SEAL_KM_REDIS_LOST);
        return;
    }

    seal_km_redis_wire_settle(rc);
}


/* reads all that there is; NGX_ERROR: the connection is closed */

static ngx_int_t
seal_km_redis_wire_read(seal_km_redis_connection_t *rc)
{
    ssize_t            n;
    ngx_str_t          room;
    ngx_uint_t         fault;
    ngx_connection_t  *c;

    c = rc->peer.connection;

    for ( ;; ) {

        room.data = seal_km_redis_in;
        room.len = SEAL_KM_REDIS_BUFFER_SIZE;

        seal_km_redis_reader_room(&rc->reader, &room);

        n = c->recv(c, room.data, room.len);

        if (n == NGX_AGAIN) {
            return NGX_OK;
        }

        if (n == NGX_ERROR || n == 0) {
            /* a server may close what nobody uses */
            fault = (rc->commands.n || !(rc->proved || rc->greeted));

            seal_km_redis_wire_closed(rc, fault, n == 0);
            return NGX_ERROR;
        }

        rc->heard = ngx_current_msec;

        if (seal_km_redis_wire_receive(rc, room.data, n) != NGX_OK) {
            return NGX_ERROR;
        }

        if (!c->read->ready) {
            /* that was all for now: nginx tells of what is still to come */
            return NGX_OK;
        }
    }
}


/* NGX_ERROR: the connection is closed */

static ngx_int_t
seal_km_redis_wire_receive(seal_km_redis_connection_t *rc, u_char *data,
    size_t len)
{
    ngx_int_t               n;
    ngx_str_t               bytes;
    seal_km_redis_reply_t  *reply;

    n = NGX_OK;
    bytes.data = data;
    bytes.len = len;

    while (n == NGX_OK && bytes.len) {
        n = seal_km_redis_wire_next(rc, &bytes, &reply);

        if (n == NGX_OK) {
            n = seal_km_redis_wire_dispatch(rc, reply);
        }
    }

    if (data == seal_km_redis_in) {
        /* else it is a reply's, and perhaps another one's by now */
        OPENSSL_cleanse(data, len);
    }

    if (n == NGX_ABORT) {
        return NGX_ERROR;
    }

    if (n == NGX_ERROR && rc->reader.starved) {
        seal_km_redis_connection_starved(rc, "could not be listened to",
                                         SEAL_KM_REDIS_GARBLED);
        return NGX_ERROR;
    }

    if (n == NGX_ERROR) {
        seal_km_redis_connection_failed(rc, 0, "sent what is no reply",
                                        SEAL_KM_REDIS_GARBLED);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the next reply, which must be one to the command that waits for it */

static ngx_int_t
seal_km_redis_wire_next(seal_km_redis_connection_t *rc, ngx_str_t *bytes,
    seal_km_redis_reply_t **reply)
{
    ngx_uint_t                kinds, drop;
    seal_km_redis_command_t  *command;

    command = seal_km_redis_command_first(&rc->commands.sent);

    if (command == NULL) {
        /* what comes over a subscription, or nothing that we asked for */
        kinds = rc->push ? SEAL_KM_REDIS_KIND_ARRAY : 0;
        drop = 0;

    } else if (command->asking) {
        kinds = SEAL_KM_REDIS_KIND_STATUS|SEAL_KM_REDIS_KIND_ERROR;
        drop = 1;

    } else if (command->refused) {
        /* without its ASKING it is answered so, if it is its answer */
        kinds = SEAL_KM_REDIS_KIND_ERROR;
        drop = (command->handler == NULL);

    } else {
        kinds = (command->flags & SEAL_KM_REDIS_KINDS)
                | SEAL_KM_REDIS_KIND_ERROR;
        drop = (command->handler == NULL);
    }

    return seal_km_redis_reader_next(&rc->reader, bytes, kinds, drop, reply);
}


/*
 * Gives a reply to the oldest command.  NGX_ABORT: the connection has been
 * closed meanwhile.
 */

static ngx_int_t
seal_km_redis_wire_dispatch(seal_km_redis_connection_t *rc,
    seal_km_redis_reply_t *reply)
{
    seal_km_redis_command_t  *command;

    command = seal_km_redis_command_first(&rc->commands.sent);

    if (command == NULL) {
        rc->push(rc->push_data, reply);
        return NGX_OK;
    }

    if (command->asking) {
        command->asking = 0;
        command->refused = (rc->reader.kind == SEAL_KM_REDIS_KIND_ERROR);
        return NGX_OK;
    }

    return seal_km_redis_wire_answer(rc, command, reply);
}


static ngx_int_t
seal_km_redis_wire_answer(seal_km_redis_connection_t *rc,
    seal_km_redis_command_t *command, seal_km_redis_reply_t *reply)
{
    ngx_uint_t  ready;

    ready = (rc->state == SEAL_KM_REDIS_READY);

    seal_km_redis_command_answer(command, reply);

    if (rc->state == SEAL_KM_REDIS_CLOSED) {
        return NGX_ABORT;
    }

    if (ready) {
        seal_km_redis_connection_proved(rc);
    }

    return NGX_OK;
}


/*
 * What answers nothing may go on reading for ever, as a proxy does that has lost
 * the server behind it: new connections are answered, this one is not.  Bytes
 * that arrive, however slowly, are an answer on its way.
 */

void
seal_km_redis_wire_watch_handler(ngx_event_t *ev)
{
    ngx_msec_t                   silence;
    seal_km_redis_command_t     *command;
    seal_km_redis_connection_t  *rc;

    rc = ev->data;

    command = seal_km_redis_command_first(&rc->commands.sent);

    if (command == NULL) {
        return;
    }

    silence = ngx_min(ngx_current_msec - command->when,
                      ngx_current_msec - rc->heard);

    if (silence < rc->settings->timeout) {
        ngx_add_timer(&rc->watch, rc->settings->timeout - silence
                                  + SEAL_KM_REDIS_WIRE_GRACE);
        return;
    }

    rc->greeted = 0;

    seal_km_redis_connection_failed(rc, NGX_ETIMEDOUT, "answers nothing",
                                    SEAL_KM_REDIS_LOST);
}


/*
 * The server has closed it.  Where nothing had been answered the greeting may be
 * why: a proxy may know no CLIENT, which is a courtesy, and close for it.  The
 * next try does without; but a fault of TLS has another cause.
 */

static void
seal_km_redis_wire_closed(seal_km_redis_connection_t *rc, ngx_uint_t fault,
    ngx_uint_t clean)
{
    if (!rc->proved && !rc->greeted && !rc->unnamed
        && (clean || rc->settings->ssl == NULL))
    {
        rc->nameless = !rc->nameless;
        rc->greeted = rc->nameless;
    }

    seal_km_redis_connection_failed(rc, 0,
                                    fault ? "closed the connection" : NULL,
                                    SEAL_KM_REDIS_LOST);
}


/*
 * Where nobody waits any more, nginx may close the connection when it exits,
 * and closes it here when it is exiting already.
 */

static void
seal_km_redis_wire_settle(seal_km_redis_connection_t *rc)
{
    rc->peer.connection->idle = (rc->commands.waiters == 0);

    if (rc->commands.waiters == 0 && (ngx_exiting || ngx_terminate)) {
        seal_km_redis_connection_failed(rc, 0, NULL, SEAL_KM_REDIS_LOST);
    }
}
