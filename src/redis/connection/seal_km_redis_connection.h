/*
 * One pipelined connection to a Redis server: its state, and its end.  How it
 * is opened is in connect, what it writes and reads in wire; with TLS these are
 * the only places that touch sockets.
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
    SEAL_KM_REDIS_HANDSHAKE,      /* the greeting is to be answered */
    SEAL_KM_REDIS_READY
} seal_km_redis_state_e;


typedef struct seal_km_redis_connection_s  seal_km_redis_connection_t;

/* see seal_km_redis_greeting.h */
typedef ngx_int_t (*seal_km_redis_greet_pt)(seal_km_redis_connection_t *rc);

/* of a part of the connection that stands above this one */
typedef void (*seal_km_redis_connection_pt)(seal_km_redis_connection_t *rc);


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

    seal_km_redis_commands_t   commands;
    ngx_uint_t                 replies;    /* the handshake waits for */
    const char                *last;       /* the command sent last, or NULL */
    ngx_msec_t                 heard;      /* when bytes were read last */

    ngx_event_t                watch;      /* whether it is answered at all */
    ngx_event_t                reconnect;
    seal_km_redis_greet_pt     greet;
    ngx_uint_t                 greeting;   /* SEAL_KM_REDIS_GREET_... */

    /* set at init: TLS has agreed; it is to be ended without waiting */
    seal_km_redis_connection_pt  secured;
    seal_km_redis_connection_pt  unsecure;

    seal_km_redis_push_pt      push;
    void                      *push_data;
    ngx_uint_t                 failures;   /* in a row: reconnects back off */
    ngx_msec_t                 opened;     /* when it was, the last time, */
    ngx_msec_t                 retry;      /* and when it may be, then */
    ngx_msec_t                 used;       /* when it was last asked for */
    ngx_msec_t                 said;       /* when the log was told last, */
    const char                *what;       /* and of what */

    ngx_uint_t                 deaths;     /* in a row, that were excused */
    seal_km_redis_count_e      counted_as; /* if it is counted */

    unsigned                   countable:1; /* it is for records */
    unsigned                   counted:1;
    unsigned                   again:1;    /* it was opened before */
    unsigned                   greeted:1;  /* the greeting was answered */
    unsigned                   proved:1;   /* a command was, since then */
    unsigned                   failing:1;  /* the log has been told */
    unsigned                   denying:1;  /* it refuses us, right now */
    unsigned                   denied:1;   /* it did, when it failed last */
    unsigned                   nameless:1; /* greeted without its name, */
    unsigned                   unnamed:1;  /* which has worked */
};


/* 1 if it is closed, and may be opened: it has not just failed */
ngx_uint_t seal_km_redis_connection_openable(seal_km_redis_connection_t *rc);

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

/*
 * Prepares a zeroed connection: for connect, which sets the handlers.
 * settings and address must outlive it.
 */
void seal_km_redis_connection_init(seal_km_redis_connection_t *rc,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address);

/* its state has changed, or its failures were forgotten: counts it anew */
void seal_km_redis_connection_changed(seal_km_redis_connection_t *rc);

/* frees the session of TLS that would be resumed, if there is one */
void seal_km_redis_connection_forget_session(seal_km_redis_connection_t *rc);

/*
 * The server refuses us: the connection is closed, and tried again later.  Where
 * rc->denying was set before it is for a password, a user, a database or a
 * permission, and rc->denied says so until it fails otherwise or is greeted.
 */
void seal_km_redis_connection_refused(seal_km_redis_connection_t *rc,
    const char *what);

/*
 * The server has answered the greeting: when it closes the connection, that may
 * be opened again at once, if it has not done so too often.
 */
void seal_km_redis_connection_greeted(seal_km_redis_connection_t *rc);

/* The server answers as it should: its failures are forgotten. */
void seal_km_redis_connection_proved(seal_km_redis_connection_t *rc);

/*
 * Closes the connection and ends its commands, those that were written as end
 * says.  what: why, a static text, said once until the server answers again;
 * NULL: it is nobody's fault.  err: the system's error, or 0.
 */
void seal_km_redis_connection_failed(seal_km_redis_connection_t *rc,
    ngx_err_t err, const char *what, seal_km_redis_end_e end);

/* likewise where it is memory that is missing: the server is not at fault */
void seal_km_redis_connection_starved(seal_km_redis_connection_t *rc,
    const char *what, seal_km_redis_end_e end);


#endif /* SEAL_KM_REDIS_CONNECTION_H */
