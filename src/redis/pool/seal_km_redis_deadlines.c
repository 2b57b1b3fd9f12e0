/*
 * Deadlines of many, and one timer.
 */


#include "seal_km_redis_deadlines.h"


static void seal_km_redis_deadlines_insert(
    seal_km_redis_deadlines_t *deadlines, seal_km_redis_deadline_t *deadline);
static void seal_km_redis_deadlines_remove(
    seal_km_redis_deadline_t *deadline);
static void seal_km_redis_deadlines_start(
    seal_km_redis_deadlines_t *deadlines, seal_km_redis_deadline_t *first);
static seal_km_redis_deadline_t *seal_km_redis_deadlines_first(
    seal_km_redis_deadlines_t *deadlines);
static void seal_km_redis_deadlines_timer_handler(ngx_event_t *ev);


#define seal_km_redis_deadline_of(q)                                          \
    (ngx_queue_data(q, seal_km_redis_deadline_t, queue))


void
seal_km_redis_deadlines_init(seal_km_redis_deadlines_t *deadlines,
    ngx_log_t *log)
{
    ngx_queue_init(&deadlines->queue);
    deadlines->log = log;
    deadlines->ident = -1;

    deadlines->timer.handler = seal_km_redis_deadlines_timer_handler;
    deadlines->timer.data = deadlines;
    deadlines->timer.log = log;
}


void
seal_km_redis_deadlines_set(seal_km_redis_deadlines_t *deadlines,
    seal_km_redis_deadline_t *deadline, ngx_msec_t time)
{
    if (deadline->set) {
        seal_km_redis_deadlines_remove(deadline);
    }

    deadline->when = ngx_current_msec + time;
    deadline->set = 1;

    seal_km_redis_deadlines_insert(deadlines, deadline);

    if (deadline == seal_km_redis_deadlines_first(deadlines)) {
        /* nginx would leave a timer as it is that is a little sooner now */
        seal_km_redis_deadlines_stop(deadlines);
        seal_km_redis_deadlines_start(deadlines, deadline);
    }
}


/* behind all that are not later: mostly that is the end */

static void
seal_km_redis_deadlines_insert(seal_km_redis_deadlines_t *deadlines,
    seal_km_redis_deadline_t *deadline)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_last(&deadlines->queue);
         q != ngx_queue_sentinel(&deadlines->queue);
         q = ngx_queue_prev(q))
    {
        if ((ngx_msec_int_t) (deadline->when
                              - seal_km_redis_deadline_of(q)->when)
            >= 0)
        {
            break;
        }
    }

    ngx_queue_insert_after(q, &deadline->queue);
}


/* the timer of the first goes on: it finds out that there is another one */

void
seal_km_redis_deadlines_clear(seal_km_redis_deadlines_t *deadlines,
    seal_km_redis_deadline_t *deadline)
{
    if (!deadline->set) {
        return;
    }

    seal_km_redis_deadlines_remove(deadline);

    if (ngx_queue_empty(&deadlines->queue)) {
        /* a worker that exits waits for timers */
        seal_km_redis_deadlines_stop(deadlines);
    }
}


void
seal_km_redis_deadlines_stop(seal_km_redis_deadlines_t *deadlines)
{
    if (deadlines->timer.timer_set) {
        ngx_del_timer(&deadlines->timer);
    }
}


static void
seal_km_redis_deadlines_remove(seal_km_redis_deadline_t *deadline)
{
    ngx_queue_remove(&deadline->queue);
    deadline->set = 0;
}


static void
seal_km_redis_deadlines_start(seal_km_redis_deadlines_t *deadlines,
    seal_km_redis_deadline_t *first)
{
    ngx_msec_int_t  left;

    left = first->when - ngx_current_msec;

    ngx_add_timer(&deadlines->timer, ngx_max(left, 0));
}


/* NULL: there is none */

static seal_km_redis_deadline_t *
seal_km_redis_deadlines_first(seal_km_redis_deadlines_t *deadlines)
{
    if (ngx_queue_empty(&deadlines->queue)) {
        return NULL;
    }

    return seal_km_redis_deadline_of(ngx_queue_head(&deadlines->queue));
}


/* a handler may set others, and clear any */

static void
seal_km_redis_deadlines_timer_handler(ngx_event_t *ev)
{
    seal_km_redis_deadline_t   *first;
    seal_km_redis_deadlines_t  *deadlines;

    deadlines = ev->data;

    while ((first = seal_km_redis_deadlines_first(deadlines)) != NULL
           && (ngx_msec_int_t) (first->when - ngx_current_msec) <= 0)
    {
        seal_km_redis_deadlines_remove(first);
        first->handler(first);
    }

    if (first != NULL && !deadlines->timer.timer_set) {
        seal_km_redis_deadlines_start(deadlines, first);
    }
}
