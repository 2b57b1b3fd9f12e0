/*
 * What sentinels are asked, and what one of them has answered: the epoch of
 * its configuration, the master's address, the replicas.
 */


#ifndef SEAL_KM_REDIS_SENTINEL_ANSWER_H
#define SEAL_KM_REDIS_SENTINEL_ANSWER_H


#include "seal_km_redis_announced.h"
#include "seal_km_redis_question.h"


/* zeroed: none */
typedef struct {
    seal_km_redis_server_t   *who;     /* the sentinel */
    seal_km_redis_reply_t    *replies[SEAL_KM_REDIS_QUESTION_MAX];
} seal_km_redis_sentinel_answer_t;


/* the i-th command of a question; settings: of master and replicas */
ngx_uint_t seal_km_redis_sentinel_answer_command(
    seal_km_redis_settings_t *settings, ngx_uint_t i, const char **argv,
    size_t *len);

/* 1 if that can be an answer to the i-th command */
ngx_uint_t seal_km_redis_sentinel_answer_is_valid(ngx_uint_t i,
    seal_km_redis_reply_t *reply);

/*
 * Of a question that was answered: 1 if a master is told.  *epoch is that of
 * the configuration, or NGX_ERROR: our user may not ask for it.
 */
ngx_uint_t seal_km_redis_sentinel_answer_told(
    seal_km_redis_question_t *question, ngx_int_t *epoch);

/* takes the replies of a question, and frees what the answer had */
void seal_km_redis_sentinel_answer_take(
    seal_km_redis_sentinel_answer_t *answer,
    seal_km_redis_question_t *question);

/*
 * The address of the master: results as of seal_km_redis_announced(), with
 * the host that was told.
 */
ngx_int_t seal_km_redis_sentinel_answer_master(
    seal_km_redis_sentinel_answer_t *answer, seal_km_redis_pool_t *pool,
    seal_km_redis_endpoint_t *endpoint, ngx_str_t *host);

/*
 * The address of the i-th replica.  NGX_OK; NGX_DECLINED: it is down, has lost
 * its master, or its address is not known; NGX_DONE: there are no more.
 */
ngx_int_t seal_km_redis_sentinel_answer_replica(
    seal_km_redis_sentinel_answer_t *answer, seal_km_redis_pool_t *pool,
    ngx_uint_t i, seal_km_redis_endpoint_t *endpoint);

/* frees what it has; it is none then */
void seal_km_redis_sentinel_answer_free(
    seal_km_redis_sentinel_answer_t *answer);


#endif /* SEAL_KM_REDIS_SENTINEL_ANSWER_H */
