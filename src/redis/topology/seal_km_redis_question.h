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

/* what kind of question it is; data is the question's */
typedef struct {
    /*
     * Sets argv and len, of SEAL_KM_REDIS_QUESTION_MAX, to the i-th command.
     * Returns their number, or 0: there is none.
     */
    ngx_uint_t   (*command)(void *data, ngx_uint_t i, const char **argv,
                     size_t *len);

    /*
     * 1 if that can be an answer to the i-th command.  What cannot closes the
     * connection: it may answer something else.
     */
    ngx_uint_t   (*is_valid)(void *data, ngx_uint_t i,
                     seal_km_redis_reply_t *reply);

    /*
     * Called once, and never from where the question was asked.  answered: all
     * replies are there, any of which may be an error.  The question has left
     * its queue, and is freed after the call.
     */
    void         (*handler)(seal_km_redis_question_t *question,
                     ngx_uint_t answered);
} seal_km_redis_question_kind_t;


struct seal_km_redis_question_s {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    void                                 *data;     /* of those who ask */
    seal_km_redis_server_t               *server;
    seal_km_redis_command_t              *command;  /* under way */
    int                                   ident;

    const seal_km_redis_question_kind_t  *kind;
    ngx_event_t                           deadline;
    ngx_queue_t                           queue;

    /* in the order of the commands; who keeps one sets it to NULL here */
    ngx_uint_t                            n;
    seal_km_redis_reply_t                *replies[SEAL_KM_REDIS_QUESTION_MAX];
};


/*
 * Asks a server, and puts the question at the end of a queue.  NGX_OK;
 * NGX_ERROR: it takes no commands now, or there is no memory.  An exiting
 * worker does not stay for it.
 */
ngx_int_t seal_km_redis_question_ask(seal_km_redis_server_t *server,
    ngx_queue_t *queue, ngx_msec_t timeout,
    const seal_km_redis_question_kind_t *kind, void *data);

/* the handler is not called; the question is freed */
void seal_km_redis_question_abandon(seal_km_redis_question_t *question);

/* likewise where its server has gone already, or is about to */
void seal_km_redis_question_free(seal_km_redis_question_t *question);


#endif /* SEAL_KM_REDIS_QUESTION_H */
