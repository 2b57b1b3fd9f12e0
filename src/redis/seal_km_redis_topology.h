/*
 * What a topology tells a query: which server to ask, and whether an answer is
 * one.  It opens no connection and reads no socket.
 */


#ifndef SEAL_KM_REDIS_TOPOLOGY_H
#define SEAL_KM_REDIS_TOPOLOGY_H


#include "seal_km_redis_server.h"


typedef struct {
    /*
     * Who serves this query's key?  Sets query->server; NGX_DECLINED: nobody
     * (any more).
     */
    ngx_int_t  (*pick)(seal_km_redis_query_t *query);

    /* query->server is done with: it answered, or failed (failed = 1) */
    void       (*release)(seal_km_redis_query_t *query, ngx_uint_t failed);

    /*
     * Here is an error for an answer, to be logged.  NGX_OK: it is the answer;
     * NGX_DECLINED: this server cannot serve now, another one may.
     */
    ngx_int_t  (*error)(seal_km_redis_query_t *query,
                   seal_km_redis_reply_t *reply);
} seal_km_redis_topology_t;


/* servers that all hold everything: one, or the caller's balanced set */
extern const seal_km_redis_topology_t  seal_km_redis_standalone;


#endif /* SEAL_KM_REDIS_TOPOLOGY_H */
