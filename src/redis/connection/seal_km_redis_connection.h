/*
 * One pipelined connection to a Redis server.  With its wire and its TLS it is
 * the only place that opens, writes and reads sockets.
 */


#ifndef SEAL_KM_REDIS_CONNECTION_H
#define SEAL_KM_REDIS_CONNECTION_H


#include <ngx_event_connect.h>

#include "seal_km_redis_command.h"


/* of what is written, and of what is read at a time */
#define SEAL_KM_REDIS_BUFFER_SIZE  16384


/* what else a connection is greeted with before it is used */
#define SEAL_KM_REDIS_GREET_MASTER     0x01  /* ROLE must be master */
#define SEAL_KM_REDIS_GREET_REPLICA    0x02  /* ROLE must be slave */
#define SEAL_KM_REDIS_GREET_READONLY   0x04  /* a cluster's replica is read */
#define SEAL_KM_REDIS_GREET_SUBSCRIBE  0x08  /* to +switch-master */


/* called for each message of a subscription; the reply is the caller's */
typedef void (*seal_km_redis_push_pt)(void *data,
    seal_km_redis_reply_t *reply);


typedef enum {
    SEAL_KM_REDIS_CLOSED = 0,
    SEAL_KM_REDIS_CONNECTING,
    SEAL_KM_REDIS_SECURING,       /* the TLS handshake */
    SEAL_KM_REDIS_HANDSHAKE,      /* AUTH and SELECT are to be answered */
    SEAL_KM_REDIS_READY
} seal_km_redis_state_e;


/* see seal_km_redis_greeting.h */
typedef ngx_int_t (*seal_km_redis_greet_pt)(seal_km_redis_connection_t *rc);


struct seal_km_redis_connection_s {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_redis_settings_t  *settings;
    seal_km_redis_address_t   *address;
    u_char                    *out;        /* bytes on their way */
    int                        ident;

    size_t                     out_size;
    size_t                     out_pos;
    size_t                     out_last;

    seal_km_redis_state_e      state;
    ngx_peer_connection_t      peer;
    ngx_log_t                  log;
    seal_km_redis_reader_t     reader;
    ngx_ssl_session_t         *session;    /* of TLS, to be resumed */
    ngx_str_t                  ssl_name;   /* of the server, terminated */

    ngx_queue_t                unsent;     /* commands, oldest first */
    ngx_queue_t                sent;
    ngx_uint_t                 commands;   /* in both queues */
    ngx_uint_t                 waiters;    /* of them not abandoned */
    ngx_uint_t                 replies;    /* the handshake waits for */

    ngx_event_t                flush;      /* posted: writes at turn's end */
    ngx_event_t                reconnect;
    seal_km_redis_greet_pt     greet;
    ngx_uint_t                 greeting;   /* SEAL_KM_REDIS_GREET_... */
    seal_km_redis_push_pt      push;
    void                      *push_data;
    ngx_uint_t                 failures;   /* in a row: reconnects back off */
    time_t                     used;       /* when it was last asked for */
    time_t                     said;       /* when the log was told last, */
    const char                *what;       /* and of what */

    unsigned                   proved:1;   /* the server has answered */
    unsigned                   failing:1;  /* the log has been told */
};


/*
 * Prepares a zeroed connection, to be greeted with these
 * SEAL_KM_REDIS_GREET_...; opens nothing.  settings and address must outlive
 * it.
 */
void seal_km_redis_connection_init(seal_km_redis_connection_t *rc,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address,
    seal_km_redis_greet_pt greet, ngx_uint_t greeting);

/*
 * Opens a closed connection that has not failed.  NGX_OK or NGX_AGAIN: it
 * takes commands; NGX_ERROR: it failed at once, and will try again by itself.
 */
ngx_int_t seal_km_redis_connection_open(seal_km_redis_connection_t *rc);

/* 1 if it takes commands: open, or opening for the first time */
ngx_uint_t seal_km_redis_connection_usable(seal_km_redis_connection_t *rc);

/*
 * Closes it, which is nobody's fault, and ends its commands, those that were
 * not written as UNSENT and the others as LOST.  Does nothing if it is closed.
 */
void seal_km_redis_connection_close(seal_km_redis_connection_t *rc);

/* Closes it without a call of any handler, and frees all that it holds. */
void seal_km_redis_connection_destroy(seal_km_redis_connection_t *rc);


/* The rest is for the parts of the connection itself. */

/* the socket is connected, and TLS is there if it is to be: greets */
void seal_km_redis_connection_secured(seal_km_redis_connection_t *rc);

/* one answer of the greeting was as it should be */
void seal_km_redis_connection_greeted(seal_km_redis_connection_t *rc);

/* the server refuses us: the connection is closed, and tried again later */
void seal_km_redis_connection_refused(seal_km_redis_connection_t *rc,
    const char *what);

/* The server answers as it should: its failures are forgotten. */
void seal_km_redis_connection_proved(seal_km_redis_connection_t *rc);

/*
 * Closes the connection and ends its commands, those that were written as end
 * says.  what: why, a static text, said once until the server answers again;
 * NULL: it is nobody's fault.  err: the system's error, or 0.
 */
void seal_km_redis_connection_failed(seal_km_redis_connection_t *rc,
    ngx_err_t err, const char *what, seal_km_redis_end_e end);


#endif /* SEAL_KM_REDIS_CONNECTION_H */
