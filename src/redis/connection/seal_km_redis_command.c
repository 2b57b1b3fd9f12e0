/*
 * Commands of a connection, in two queues: unsent and sent.
 */


#include "seal_km_redis_command.h"

#include <ngx_event.h>

#include <openssl/crypto.h>


static u_char *seal_km_redis_command_write(u_char *p, int argc,
    const char **argv, const size_t *len);
static size_t seal_km_redis_command_len(const char **argv, const size_t *len,
    int i);
static void seal_km_redis_command_detach(ngx_queue_t *from, ngx_queue_t *to);
static void seal_km_redis_command_end_sent(ngx_queue_t *queue,
    seal_km_redis_end_e end);
static void seal_km_redis_command_end(ngx_queue_t *queue,
    seal_km_redis_end_e end);


void
seal_km_redis_commands_init(seal_km_redis_commands_t *commands)
{
    ngx_queue_init(&commands->unsent);
    ngx_queue_init(&commands->sent);
    commands->window = 1;
}


seal_km_redis_command_t *
seal_km_redis_command_send(seal_km_redis_commands_t *commands, int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler, void *data)
{
    seal_km_redis_command_t  *command;

    command = seal_km_redis_command_create(argc, argv, len, flags, handler,
                                           data);
    if (command == NULL) {
        return NULL;
    }

    command->commands = commands;
    ngx_queue_insert_tail(&commands->unsent, &command->queue);
    commands->n++;
    commands->waiters++;

    if (!commands->flush.posted) {
        ngx_post_event(&commands->flush, &ngx_posted_events);
    }

    return command;
}


void
seal_km_redis_command_greet(seal_km_redis_commands_t *commands,
    seal_km_redis_command_t *command)
{
    command->commands = commands;
    command->greeting = 1;

    ngx_queue_insert_tail(&commands->unsent, &command->queue);
    commands->n++;

    seal_km_redis_command_written(command);
}


seal_km_redis_command_t *
seal_km_redis_command_next(seal_km_redis_commands_t *commands)
{
    seal_km_redis_command_t  *command;

    command = seal_km_redis_command_first(&commands->unsent);

    if (command
        && (commands->suspects || command->flags & SEAL_KM_REDIS_SUSPECT)
        && commands->nsent >= commands->window)
    {
        return NULL;
    }

    return command;
}


void
seal_km_redis_command_written(seal_km_redis_command_t *command)
{
    seal_km_redis_commands_t  *commands;

    commands = command->commands;

    ngx_queue_remove(&command->queue);
    ngx_queue_insert_tail(&commands->sent, &command->queue);

    command->sent = 1;
    command->when = ngx_current_msec;
    commands->nsent++;

    if (command->flags & SEAL_KM_REDIS_SUSPECT) {
        commands->suspects++;
    }
}


seal_km_redis_command_t *
seal_km_redis_command_create(int argc, const char **argv, const size_t *len,
    ngx_uint_t flags, seal_km_redis_command_pt handler, void *data)
{
    int                       i;
    size_t                    size;
    u_char                   *p;
    seal_km_redis_command_t  *command;

    static const char  asking[] = "*1\r\n$6\r\nASKING\r\n";

    size = sizeof(asking) + sizeof("*" CRLF) + NGX_INT_T_LEN;

    for (i = 0; i < argc; i++) {
        size += sizeof("$" CRLF CRLF) + NGX_SIZE_T_LEN
                + seal_km_redis_command_len(argv, len, i);
    }

    command = ngx_alloc(sizeof(seal_km_redis_command_t) + size,
                        ngx_cycle->log);
    if (command == NULL) {
        return NULL;
    }

    ngx_memzero(command, sizeof(seal_km_redis_command_t));

    command->name = argv[0];
    command->flags = flags;
    command->handler = handler;
    command->data = data;

    p = command->text;

    if (flags & SEAL_KM_REDIS_ASKING) {
        /* it holds for the next command only: nothing may come between */
        p = ngx_cpymem(p, asking, sizeof(asking) - 1);
        command->asking = 1;
    }

    p = seal_km_redis_command_write(p, argc, argv, len);
    command->len = p - command->text;

    return command;
}


/* an array of bulk strings, as RESP has all commands */

static u_char *
seal_km_redis_command_write(u_char *p, int argc, const char **argv,
    const size_t *len)
{
    int     i;
    size_t  n;

    p = ngx_sprintf(p, "*%d" CRLF, argc);

    for (i = 0; i < argc; i++) {
        n = seal_km_redis_command_len(argv, len, i);

        p = ngx_sprintf(p, "$%uz" CRLF, n);
        p = ngx_cpymem(p, argv[i], n);
        p = ngx_cpymem(p, CRLF, sizeof(CRLF) - 1);
    }

    return p;
}


static size_t
seal_km_redis_command_len(const char **argv, const size_t *len, int i)
{
    return (len != NULL) ? len[i] : ngx_strlen(argv[i]);
}


void
seal_km_redis_command_free(seal_km_redis_command_t *command)
{
    OPENSSL_cleanse(command->text, command->len);
    ngx_free(command);
}


void
seal_km_redis_command_abandon(seal_km_redis_command_t *command)
{
    seal_km_redis_commands_t  *commands;

    commands = command->commands;

    command->handler = NULL;

    if (commands == NULL) {
        /* its connection has failed, and is ending its commands right now */
        return;
    }

    commands->waiters--;

    if (!command->sent) {
        ngx_queue_remove(&command->queue);
        seal_km_redis_command_free(command);
        commands->n--;
    }

    if (commands->waiters == 0 && !commands->flush.posted) {
        /* the connection is idle now: said at turn's end, not under a reader */
        ngx_post_event(&commands->flush, &ngx_posted_events);
    }
}


seal_km_redis_command_t *
seal_km_redis_command_first(ngx_queue_t *queue)
{
    if (ngx_queue_empty(queue)) {
        return NULL;
    }

    return ngx_queue_data(ngx_queue_head(queue), seal_km_redis_command_t,
                          queue);
}


void
seal_km_redis_command_answer(seal_km_redis_command_t *command,
    seal_km_redis_reply_t *reply)
{
    void                      *data;
    ngx_uint_t                 greeting;
    seal_km_redis_command_pt   handler;
    seal_km_redis_commands_t  *commands;

    commands = command->commands;
    greeting = command->greeting;
    handler = command->handler;
    data = command->data;

    /* it leaves the queue before its handler is called */

    if (command->flags & SEAL_KM_REDIS_SUSPECT) {
        commands->suspects--;
        commands->window++;
    }

    ngx_queue_remove(&command->queue);
    seal_km_redis_command_free(command);
    commands->n--;
    commands->nsent--;

    if (!ngx_queue_empty(&commands->unsent) && !commands->flush.posted) {
        /* it may have waited for this one */
        ngx_post_event(&commands->flush, &ngx_posted_events);
    }

    if (handler == NULL) {
        seal_km_redis_reply_free(reply);
        return;
    }

    if (!greeting) {
        commands->waiters--;
    }

    handler(data, SEAL_KM_REDIS_ANSWERED, reply);
}


void
seal_km_redis_command_end_all(seal_km_redis_commands_t *commands,
    seal_km_redis_end_e end)
{
    ngx_queue_t  sent, unsent;

    /* the lists are detached: a handler may queue new commands */

    seal_km_redis_command_detach(&commands->sent, &sent);
    seal_km_redis_command_detach(&commands->unsent, &unsent);

    commands->n = 0;
    commands->nsent = 0;
    commands->suspects = 0;
    commands->window = 1;
    commands->waiters = 0;

    seal_km_redis_command_end_sent(&sent, end);
    seal_km_redis_command_end(&unsent, SEAL_KM_REDIS_UNSENT);
}


static void
seal_km_redis_command_detach(ngx_queue_t *from, ngx_queue_t *to)
{
    ngx_queue_t              *q;
    seal_km_redis_command_t  *command;

    ngx_queue_init(to);

    if (ngx_queue_empty(from)) {
        return;
    }

    ngx_queue_add(to, from);
    ngx_queue_init(from);

    for (q = ngx_queue_head(to);
         q != ngx_queue_sentinel(to);
         q = ngx_queue_next(q))
    {
        command = ngx_queue_data(q, seal_km_redis_command_t, queue);
        command->commands = NULL;
    }
}


static void
seal_km_redis_command_end_sent(ngx_queue_t *queue, seal_km_redis_end_e end)
{
    ngx_queue_t  *oldest, garbled;

    if (ngx_queue_empty(queue)) {
        return;
    }

    oldest = ngx_queue_head(queue);

    if (end == SEAL_KM_REDIS_GARBLED) {
        ngx_queue_init(&garbled);
        ngx_queue_remove(oldest);
        ngx_queue_insert_tail(&garbled, oldest);

        seal_km_redis_command_end(&garbled, SEAL_KM_REDIS_GARBLED);
        seal_km_redis_command_end(queue, SEAL_KM_REDIS_SPOILT);
        return;
    }

    if (oldest == ngx_queue_last(queue)) {
        seal_km_redis_command_end(queue, SEAL_KM_REDIS_LOST);
        return;
    }

    ngx_queue_remove(oldest);
    ngx_queue_insert_tail(queue, oldest);

    seal_km_redis_command_end(queue, SEAL_KM_REDIS_SPOILT);
}


static void
seal_km_redis_command_end(ngx_queue_t *queue, seal_km_redis_end_e end)
{
    void                      *data;
    seal_km_redis_command_t   *command;
    seal_km_redis_command_pt   handler;

    while ((command = seal_km_redis_command_first(queue)) != NULL) {

        handler = command->handler;
        data = command->data;

        ngx_queue_remove(&command->queue);
        seal_km_redis_command_free(command);

        if (handler) {
            handler(data, end, NULL);
        }
    }
}


void
seal_km_redis_command_free_all(seal_km_redis_commands_t *commands)
{
    seal_km_redis_command_t  *command;

    if (!ngx_queue_empty(&commands->unsent)) {
        ngx_queue_add(&commands->sent, &commands->unsent);
        ngx_queue_init(&commands->unsent);
    }

    while ((command = seal_km_redis_command_first(&commands->sent)) != NULL) {
        ngx_queue_remove(&command->queue);
        seal_km_redis_command_free(command);
    }
}
