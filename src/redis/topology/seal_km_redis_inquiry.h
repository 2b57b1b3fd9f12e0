/*
 * How a topology finds out who serves: in rounds, each of which asks servers
 * until enough is known, and between which there is some time.  Queries that
 * cannot do without an answer wait here.
 */


#ifndef SEAL_KM_REDIS_INQUIRY_H
#define SEAL_KM_REDIS_INQUIRY_H


#include "seal_km_redis_question.h"
#include "seal_km_redis_topology.h"


/*
 * Milliseconds: a server that has not answered by then may still do so, but is
 * not waited for alone any more.
 */
#define SEAL_KM_REDIS_PATIENCE      100


/* what a topology makes of it; state is the topology's */
typedef struct {
    /* milliseconds between two rounds while all is well; 0: there is none */
    ngx_msec_t     interval;

    /* 1: a round asks all, and takes what comes late; 0: one by one */
    ngx_uint_t     all;

    /* a round begins */
    void         (*begin)(void *state);

    /*
     * The i-th one to ask in this round: NGX_OK and *server; NGX_DECLINED:
     * not this one; NGX_DONE: there are no more.
     */
    ngx_int_t    (*seed)(void *state, ngx_uint_t i,
                     seal_km_redis_server_t **server);

    /* as of seal_km_redis_question_kind_t, with state for data */
    ngx_uint_t   (*command)(void *state, ngx_uint_t i, const char **argv,
                     size_t *len);
    ngx_uint_t   (*is_valid)(void *state, ngx_uint_t i,
                     seal_km_redis_reply_t *reply);

    /*
     * Here are all replies of one server, any of which may be an error; NULL:
     * one has failed, or time has passed.  left: how many may still answer.
     * NGX_OK: now it is known who serves; NGX_AGAIN: that takes more answers;
     * NGX_BUSY: a name is being resolved; NGX_DECLINED: this was in vain.
     */
    ngx_int_t    (*hear)(void *state, seal_km_redis_question_t *question,
                     ngx_uint_t left);

    /* logs that nobody has answered; called once, until somebody knows */
    void         (*complain)(void *state);
} seal_km_redis_asker_t;


typedef struct {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_redis_pool_t          *pool;      /* of those who serve */
    seal_km_redis_pool_t          *asked;     /* of those who are asked */
    void                          *state;
    int                            ident;

    const seal_km_redis_asker_t   *asker;
    ngx_queue_t                    questions; /* under way */
    ngx_queue_t                    waiting;   /* queries */
    ngx_uint_t                     round;     /* its number in this worker */
    ngx_uint_t                     seeds;     /* how far it has come */
    ngx_uint_t                     answers;   /* to it */
    ngx_msec_t                     when;      /* the last round began */
    ngx_msec_t                     troubled;  /* 0, or the last failure */
    ngx_uint_t                     told;      /* 0, or a round of which the log
                                               * was told what is wrong */

    ngx_event_t                    tick;      /* of a round */
    ngx_event_t                    timer;     /* of the next round */
    ngx_event_t                    sweep;     /* of servers that have left */

    unsigned                       running:1;   /* a round */
    unsigned                       exhausted:1; /* it has asked all */
    unsigned                       known:1;     /* there has been an answer */
    unsigned                       resolving:1; /* a name that was told */
    unsigned                       demanded:1;  /* the next round */
    unsigned                       said:1;      /* that a round was in vain */
} seal_km_redis_inquiry_t;


/* Prepares a zeroed inquiry, while the configuration is read. */
void seal_km_redis_inquiry_init(ngx_conf_t *cf,
    seal_km_redis_inquiry_t *inquiry, const seal_km_redis_asker_t *asker,
    void *state, seal_km_redis_pool_t *pool, seal_km_redis_pool_t *asked);

/* With the configuration: commands under way go with their servers. */
void seal_km_redis_inquiry_destroy(seal_km_redis_inquiry_t *inquiry);

/* NGX_OK: a round is under way; NGX_ERROR: it was in vain at once */
ngx_int_t seal_km_redis_inquiry_begin(seal_km_redis_inquiry_t *inquiry);

/* abandons all questions, and with them the round */
void seal_km_redis_inquiry_stop(seal_km_redis_inquiry_t *inquiry);

/*
 * Of a query that nobody can be picked for as long as nothing is known: begins
 * a round unless the last one has just been in vain.  NGX_AGAIN: the query was
 * parked; NGX_DECLINED: there is nothing to wait for.
 */
ngx_int_t seal_km_redis_inquiry_wait(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_query_t *query);

/* parks a query, which needs to know more, till the end of a round to come */
void seal_km_redis_inquiry_park(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_query_t *query);

/*
 * Of a query that all have failed whom it may be asked of: what a round to come
 * tells may help it, once.  Results as above.
 */
ngx_int_t seal_km_redis_inquiry_await(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_query_t *query);

/* another round, soon */
void seal_km_redis_inquiry_schedule(seal_km_redis_inquiry_t *inquiry);

/* a server has failed: rounds follow each other soon, until all is well */
void seal_km_redis_inquiry_trouble(seal_km_redis_inquiry_t *inquiry);

/*
 * 1 if the log is to be told what is wrong with an answer: while that goes on, in
 * the first round that has any such, which need not be the first that was in vain.
 */
ngx_uint_t seal_km_redis_inquiry_tells(seal_km_redis_inquiry_t *inquiry);

/* names have got addresses, for which queries may be waiting */
void seal_km_redis_inquiry_resolved(seal_km_redis_inquiry_t *inquiry);


#endif /* SEAL_KM_REDIS_INQUIRY_H */
