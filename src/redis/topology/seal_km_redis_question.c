/*
 * A question to one server: a few commands, one after the other.
 */


#include "seal_km_redis_question.h"


static ngx_int_t seal_km_redis_question_send(
    seal_km_redis_question_t *question);
static void seal_km_redis_question_command_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static void seal_km_redis_question_deadline_handler(ngx_event_t *ev);
static void seal_km_redis_question_end(seal_km_redis_question_t *question,
    ngx_uint_t answered);


ngx_int_t
seal_km_redis_question_ask(seal_km_redis_server_t *server, ngx_queue_t *queue,
    ngx_msec_t timeout, const seal_km_redis_question_kind_t *kind, void *data)
{
    seal_km_redis_question_t  *question;

    question = ngx_calloc(sizeof(seal_km_redis_question_t), ngx_cycle->log);
    if (question == NULL) {
        return NGX_ERROR;
    }

    question->data = data;
    question->server = server;
    question->ident = -1;
    question->kind = kind;

    question->deadline.handler = seal_km_redis_question_deadline_handler;
    question->deadline.data = question;
    question->deadline.log = ngx_cycle->log;
    question->deadline.cancelable = 1;

    ngx_queue_insert_tail(queue, &question->queue);

    if (seal_km_redis_question_send(question) != NGX_OK) {
        seal_km_redis_question_free(question);
        return NGX_ERROR;
    }

    ngx_add_timer(&question->deadline, timeout);

    return NGX_OK;
}


/* NGX_DONE: there is no command left to be sent */

static ngx_int_t
seal_km_redis_question_send(seal_km_redis_question_t *question)
{
    size_t       len[SEAL_KM_REDIS_QUESTION_MAX];
    ngx_uint_t   argc;
    const char  *argv[SEAL_KM_REDIS_QUESTION_MAX];

    argc = 0;

    if (question->n < SEAL_KM_REDIS_QUESTION_MAX) {
        argc = question->kind->command(question->data, question->n, argv,
                                       len);
    }

    if (argc == 0) {
        return NGX_DONE;
    }

    question->command = seal_km_redis_server_ask(question->server, argc, argv,
                                       len,
                                       seal_km_redis_question_command_handler,
                                       question);

    return question->command ? NGX_OK : NGX_ERROR;
}


static void
seal_km_redis_question_command_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    ngx_int_t                  rc;
    seal_km_redis_question_t  *question = data;

    question->command = NULL;

    if (end != SEAL_KM_REDIS_ANSWERED) {
        seal_km_redis_question_end(question, 0);
        return;
    }

    if (!question->kind->is_valid(question->data, question->n, reply)) {
        seal_km_redis_reply_free(reply);
        seal_km_redis_server_distrust(question->server,
                                      "answered a question about its topology "
                                      "with what is no answer to it");
        seal_km_redis_question_end(question, 0);
        return;
    }

    /* what comes last is what it was all about */
    question->server->control.denied =
                               seal_km_redis_reply_is_error(reply, "NOPERM");

    question->replies[question->n++] = reply;

    rc = seal_km_redis_question_send(question);

    if (rc != NGX_OK) {
        seal_km_redis_question_end(question, rc == NGX_DONE);
    }
}


static void
seal_km_redis_question_deadline_handler(ngx_event_t *ev)
{
    seal_km_redis_question_t  *question;

    question = ev->data;

    seal_km_redis_command_abandon(question->command);
    question->command = NULL;

    seal_km_redis_question_end(question, 0);
}


static void
seal_km_redis_question_end(seal_km_redis_question_t *question,
    ngx_uint_t answered)
{
    ngx_queue_remove(&question->queue);
    ngx_queue_init(&question->queue);

    question->kind->handler(question, answered);

    seal_km_redis_question_free(question);
}


void
seal_km_redis_question_abandon(seal_km_redis_question_t *question)
{
    seal_km_redis_command_abandon(question->command);
    seal_km_redis_question_free(question);
}


void
seal_km_redis_question_free(seal_km_redis_question_t *question)
{
    ngx_uint_t  i;

    ngx_queue_remove(&question->queue);

    if (question->deadline.timer_set) {
        ngx_del_timer(&question->deadline);
    }

    for (i = 0; i < question->n; i++) {
        seal_km_redis_reply_free(question->replies[i]);
    }

    ngx_free(question);
}
