/*
 * Commands of a connection: those that wait to be written, and those whose
 * replies are to come.  Replies are matched to commands by their order.
 */


#ifndef SEAL_KM_REDIS_COMMAND_H
#define SEAL_KM_REDIS_COMMAND_H


#include "seal_km_redis_reply.h"


/*
 * Commands that a connection holds at most, those included whose requests have
 * gone and whose replies are still to come: what bounds memory when a server
 * stalls.
 */
#define SEAL_KM_REDIS_COMMANDS_MAX  8192


/*
 * Flags of a command: the kinds of reply that it may be answered with
 * (SEAL_KM_REDIS_KIND_..., an error always may), and how it is sent.
 */
#define SEAL_KM_REDIS_RECORD   (SEAL_KM_REDIS_KIND_STRING                     \
                                |SEAL_KM_REDIS_KIND_NIL)
#define SEAL_KM_REDIS_TREE     (SEAL_KM_REDIS_KIND_ARRAY                      \
                                |SEAL_KM_REDIS_KIND_MAP                       \
                                |SEAL_KM_REDIS_KIND_NIL)
#define SEAL_KM_REDIS_KINDS    0xff
#define SEAL_KM_REDIS_ASKING   0x100  /* behind an ASKING, in one piece */
#define SEAL_KM_REDIS_SUSPECT  0x200  /* a connection died with it: see below */


/* how a command ended */
typedef enum {
    SEAL_KM_REDIS_ANSWERED = 0,   /* by the reply, which is the handler's */
    SEAL_KM_REDIS_UNSENT,         /* nothing of it was written */
    SEAL_KM_REDIS_LOST,           /* written alone; the connection died */
    SEAL_KM_REDIS_SPOILT,         /* written with others; it died of one */
    SEAL_KM_REDIS_GARBLED         /* written; what came is no answer to it */
} seal_km_redis_end_e;


/* called once; the command is gone, and the connection may be used again */
typedef void (*seal_km_redis_command_pt)(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply);


/*
 * What a connection dies of may be one of the commands that it carries: one
 * whose answer the server would rather close the connection than send.  So those
 * that were lost together are sent again as suspects, behind each other: first
 * one alone, then ever more, as long as they are answered.  What dies alone is
 * the one; the others are not lost twice for its sake.
 */
typedef struct {
    ngx_queue_t                   unsent;       /* oldest first */
    ngx_queue_t                   sent;
    ngx_uint_t                    n;            /* in both */
    ngx_uint_t                    nsent;
    ngx_uint_t                    suspects;     /* of those that were sent */
    ngx_uint_t                    window;       /* sent together with these */
    ngx_uint_t                    waiters;      /* who wait for an answer */

    /* posted where there is something to write, or nobody waits any more */
    ngx_event_t                   flush;
} seal_km_redis_commands_t;


struct seal_km_redis_command_s {
    ngx_queue_t                   queue;
    seal_km_redis_commands_t     *commands;     /* NULL: they are ending */
    seal_km_redis_command_pt      handler;      /* NULL: abandoned */
    void                         *data;
    const char                   *name;         /* for the log */
    ngx_msec_t                    when;         /* it was sent */
    ngx_uint_t                    flags;
    unsigned                      asking:1;     /* is to be answered first */
    unsigned                      refused:1;    /* the ASKING was */
    unsigned                      sent:1;
    unsigned                      greeting:1;   /* nobody's who waits */
    size_t                        len;
    u_char                        text[1];
};


/*
 * Queues a command, to be written at the end of this turn of the event loop.
 * The connection is usable; argv[0] is a static text; where len is NULL the
 * others are texts with a NUL behind them.  NULL without memory; the handler is
 * never called from inside.
 */
seal_km_redis_command_t *seal_km_redis_command_send(
    seal_km_redis_commands_t *commands, int argc, const char **argv,
    const size_t *len, ngx_uint_t flags, seal_km_redis_command_pt handler,
    void *data);

/*
 * The handler will not be called.  A command that was written keeps its place
 * in the queue until its reply has come and is dropped; any other goes.
 */
void seal_km_redis_command_abandon(seal_km_redis_command_t *command);


/* The rest is for the parts of the connection itself. */

/* Prepares zeroed queues, whose flush is set by their owner. */
void seal_km_redis_commands_init(seal_km_redis_commands_t *commands);

/*
 * A command of the greeting, that is in no queue yet.  NULL: out of memory.
 */
seal_km_redis_command_t *seal_km_redis_command_create(int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler, void *data);

/* cleanses and frees a command that is in no queue */
void seal_km_redis_command_free(seal_km_redis_command_t *command);

/* puts a command of the greeting, which is being written, among the sent */
void seal_km_redis_command_greet(seal_km_redis_commands_t *commands,
    seal_km_redis_command_t *command);

/* the next one to be written now; NULL: there is none, or it has to wait */
seal_km_redis_command_t *seal_km_redis_command_next(
    seal_km_redis_commands_t *commands);

/* it is being written */
void seal_km_redis_command_written(seal_km_redis_command_t *command);

/* the oldest of the commands that were sent, or that were not; or NULL */
seal_km_redis_command_t *seal_km_redis_command_first(ngx_queue_t *queue);

/*
 * Its last reply has come: takes it off its queue, frees it and calls the
 * handler, which owns the reply; without a handler the reply is freed.
 */
void seal_km_redis_command_answer(seal_km_redis_command_t *command,
    seal_km_redis_reply_t *reply);

/*
 * Ends all commands of a connection that has been closed: those that were not
 * written as UNSENT, the others as LOST, or, where they are more than one, as
 * SPOILT, the oldest of them last: it is the likeliest to be the one.  If end is
 * GARBLED that is the oldest one's.  Handlers may open the connection again.
 */
void seal_km_redis_command_end_all(seal_km_redis_commands_t *commands,
    seal_km_redis_end_e end);

/* frees all commands, without a call of any handler */
void seal_km_redis_command_free_all(seal_km_redis_commands_t *commands);


#endif /* SEAL_KM_REDIS_COMMAND_H */
