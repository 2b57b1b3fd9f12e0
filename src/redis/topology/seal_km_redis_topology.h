/*
 * What a topology tells a query: which server to ask, and whether an answer is
 * one.  It opens no connection and reads no socket.
 */


#ifndef SEAL_KM_REDIS_TOPOLOGY_H
#define SEAL_KM_REDIS_TOPOLOGY_H


#include "seal_km_redis_pool.h"


struct seal_km_redis_topology_s {
    /* its state for a pool, made with the configuration; NULL: no memory */
    void      *(*create)(ngx_conf_t *cf, seal_km_redis_pool_t *pool);
    void       (*start)(void *state);
    void       (*destroy)(void *state);

    /* the seeds, or the addresses of names, may have changed */
    void       (*resolved)(void *state);

    /*
     * Who serves this query's key?  NGX_OK and query->server; NGX_AGAIN: that
     * is being found out, and the query was parked till then; NGX_DECLINED:
     * nobody (any more).
     */
    ngx_int_t  (*pick)(seal_km_redis_query_t *query);

    /* query->server is done with: it answered, or failed (failed = 1) */
    void       (*release)(seal_km_redis_query_t *query, ngx_uint_t failed);

    /*
     * Half of the query's time is over, and its server has not answered: it may
     * be time to ask whether another one serves now.  NULL: nothing to ask.
     */
    void       (*late)(seal_km_redis_query_t *query);

    /*
     * Here is an error for an answer, to be logged.  NGX_OK: it is the answer;
     * NGX_DECLINED: this server cannot serve now, another one may; NGX_AGAIN:
     * query->server has been set to the one to ask; NGX_BUSY: the query was
     * parked.
     */
    ngx_int_t  (*error)(seal_km_redis_query_t *query,
                   seal_km_redis_reply_t *reply);

    /*
     * The server says that there is no such record.  Results as of error();
     * NULL: that is the answer.
     */
    ngx_int_t  (*nil)(seal_km_redis_query_t *query);

    /* seal_km_redis_pool_names(); NULL: all servers hold everything */
    ngx_int_t  (*names)(void *state, ngx_str_t *base, ngx_array_t *names);

    /* whether those refuse us that are asked who serves; NULL: nobody is */
    ngx_uint_t (*is_denied)(void *state);
};


/* the topology of a pool */
const seal_km_redis_topology_t *seal_km_redis_pool_topology(
    seal_km_redis_pool_t *pool);

/*
 * Which one of n servers, a master first where there are replicas, to ask next:
 * NGX_OK and query->server, or NGX_DECLINED after all have failed.
 */
ngx_int_t seal_km_redis_choose(seal_km_redis_query_t *query,
    seal_km_redis_server_t **servers, ngx_uint_t n,
    seal_km_redis_read_e read);

/* Gives back query->server, of whom choose() has chosen it. */
void seal_km_redis_choose_release(seal_km_redis_query_t *query,
    ngx_uint_t failed);

/* query->server, who was chosen so, is late: others are asked until it answers */
void seal_km_redis_choose_late(seal_km_redis_query_t *query);

/* whom of a master and its replicas a query may be sent to */
seal_km_redis_read_e seal_km_redis_query_read(seal_km_redis_query_t *query);

/* puts a query aside, into the queue of whom it waits for */
void seal_km_redis_query_park(seal_km_redis_query_t *query,
    ngx_queue_t *queue);

/* goes on with all queries of the queue, which may park again */
void seal_km_redis_query_wake(ngx_queue_t *queue);

/*
 * Logs an error that answered a query, with what to do about it.  NGX_OK or
 * NGX_DECLINED, as of error() above.
 */
ngx_int_t seal_km_redis_error(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply);


#endif /* SEAL_KM_REDIS_TOPOLOGY_H */
