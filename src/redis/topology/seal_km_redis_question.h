/*
 * A question to one server: a few commands, each sent when the one before it
 * was answered, with one deadline for all of them.
 */


#ifndef SEAL_KM_REDIS_QUESTION_H
#define SEAL_KM_REDIS_QUESTION_H


#include "seal_km_redis_server.h"


/* commands that a question consists of, and their arguments, at most */
#define SEAL_KM_REDIS_QUESTION_MAX  3


typedef struct seal_km_redis_question_s  seal_km_redis_question_t;

/*
 * Sets argv and len, of SEAL_KM_REDIS_QUESTION_MAX, to the i-th command.
 * Returns their number, or 0: there is none.
 */
typedef ngx_uint_t (*seal_km_redis_question_command_pt)(void *data,
    ngx_uint_t i, const char **argv, size_t *len);

/*
 * Called once, and never from where the question was asked.  answered: all
 * replies are there, any of which may be an error.  The question has left its
 * queue, and is freed after the call.
 */
typedef void (*seal_km_redis_question_pt)(seal_km_redis_question_t *question,
    ngx_uint_t answered);


struct seal_km_redis_question_s {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    void                               *data;      /* of both functions */
    seal_km_redis_server_t             *server;
    seal_km_redis_command_t            *command;   /* under way */
    int                                 ident;

    seal_km_redis_question_command_pt   next;
    seal_km_redis_question_pt           handler;
    ngx_event_t                         deadline;
    ngx_queue_t                         queue;

    /* in the order of the commands; who keeps one sets it to NULL here */
    ngx_uint_t                          n;
    seal_km_redis_reply_t              *replies[SEAL_KM_REDIS_QUESTION_MAX];
};


/*
 * Asks a server, and puts the question at the end of a queue.  NGX_OK;
 * NGX_ERROR: it takes no commands now, or there is no memory.
 */
ngx_int_t seal_km_redis_question_ask(seal_km_redis_server_t *server,
    ngx_queue_t *queue, ngx_msec_t timeout,
    seal_km_redis_question_command_pt next, seal_km_redis_question_pt handler,
    void *data);

/* the handler is not called; the question is freed */
void seal_km_redis_question_abandon(seal_km_redis_question_t *question);

/* likewise where its server has gone already, or is about to */
void seal_km_redis_question_free(seal_km_redis_question_t *question);


#endif /* SEAL_KM_REDIS_QUESTION_H */
