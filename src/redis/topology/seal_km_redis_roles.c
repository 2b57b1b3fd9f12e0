/*
 * Whether the servers in use still have the role that sentinels say.
 */


#include "seal_km_redis_greeting.h"
#include "seal_km_redis_question.h"
#include "seal_km_redis_roles.h"


static ngx_uint_t seal_km_redis_roles_is_asked(ngx_queue_t *queue,
    seal_km_redis_server_t *server);
static ngx_uint_t seal_km_redis_roles_command(void *data, ngx_uint_t i,
    const char **argv, size_t *len);
static ngx_uint_t seal_km_redis_roles_is_valid(void *data, ngx_uint_t i,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_roles_handler(seal_km_redis_question_t *question,
    ngx_uint_t answered);


static const seal_km_redis_question_kind_t  seal_km_redis_roles_kind = {
    seal_km_redis_roles_command,
    seal_km_redis_roles_is_valid,
    seal_km_redis_roles_handler
};


void
seal_km_redis_roles_ask(ngx_queue_t *queue, seal_km_redis_server_t **servers,
    ngx_uint_t n, ngx_msec_t timeout)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        if (!seal_km_redis_server_is_ready(servers[i])
            || seal_km_redis_roles_is_asked(queue, servers[i]))
        {
            continue;
        }

        (void) seal_km_redis_question_ask(servers[i], queue, timeout,
                                          &seal_km_redis_roles_kind, NULL);
    }
}


static ngx_uint_t
seal_km_redis_roles_is_asked(ngx_queue_t *queue,
    seal_km_redis_server_t *server)
{
    ngx_queue_t               *q;
    seal_km_redis_question_t  *question;

    for (q = ngx_queue_head(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_next(q))
    {
        question = ngx_queue_data(q, seal_km_redis_question_t, queue);

        if (question->server == server) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
seal_km_redis_roles_command(void *data, ngx_uint_t i, const char **argv,
    size_t *len)
{
    if (i > 0) {
        return 0;
    }

    argv[0] = "ROLE";
    len[0] = 4;

    return 1;
}


static ngx_uint_t
seal_km_redis_roles_is_valid(void *data, ngx_uint_t i,
    seal_km_redis_reply_t *reply)
{
    return reply->type == SEAL_KM_REDIS_REPLY_ERROR
           || seal_km_redis_reply_element(reply, 0, SEAL_KM_REDIS_REPLY_STRING)
              != NULL;
}


/* an error tells nothing: a greeting meets it, too, and says so */

static void
seal_km_redis_roles_handler(seal_km_redis_question_t *question,
    ngx_uint_t answered)
{
    seal_km_redis_reply_t  *reply;

    if (!answered) {
        return;
    }

    reply = question->replies[0];

    if (reply->type == SEAL_KM_REDIS_REPLY_ARRAY
        && !seal_km_redis_greeting_fits(question->server->greeting, reply))
    {
        seal_km_redis_server_refused(question->server,
                                     "is not in the role that a sentinel says "
                                     "any more");
    }
}


void
seal_km_redis_roles_end(ngx_queue_t *queue)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);

        seal_km_redis_question_free(
                       ngx_queue_data(q, seal_km_redis_question_t, queue));
    }
}
