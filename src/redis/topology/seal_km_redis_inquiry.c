/*
 * How a topology finds out who serves.
 */


#include "seal_km_redis_inquiry.h"


/* milliseconds: between two rounds at least; how long a failure keeps us so */
#define SEAL_KM_REDIS_INQUIRY_HASTE    200
#define SEAL_KM_REDIS_INQUIRY_TROUBLE  20000


static void seal_km_redis_inquiry_next(seal_km_redis_inquiry_t *inquiry);
static ngx_int_t seal_km_redis_inquiry_ask(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_server_t *server);
static ngx_uint_t seal_km_redis_inquiry_command(void *data, ngx_uint_t i,
    const char **argv, size_t *len);
static ngx_uint_t seal_km_redis_inquiry_is_valid(void *data, ngx_uint_t i,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_inquiry_question_handler(
    seal_km_redis_question_t *question, ngx_uint_t answered);
static void seal_km_redis_inquiry_hear(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_question_t *question);
static void seal_km_redis_inquiry_over(seal_km_redis_inquiry_t *inquiry,
    ngx_int_t rc);
static void seal_km_redis_inquiry_plan(seal_km_redis_inquiry_t *inquiry,
    ngx_msec_t interval);
static void seal_km_redis_inquiry_well(seal_km_redis_inquiry_t *inquiry);
static void seal_km_redis_inquiry_tick_handler(ngx_event_t *ev);
static void seal_km_redis_inquiry_timer_handler(ngx_event_t *ev);
static void seal_km_redis_inquiry_sweep_handler(ngx_event_t *ev);


static const seal_km_redis_question_kind_t  seal_km_redis_inquiry_kind = {
    seal_km_redis_inquiry_command,
    seal_km_redis_inquiry_is_valid,
    seal_km_redis_inquiry_question_handler
};


/* of all pools: each round has its own number, which is never 0 */
static ngx_uint_t  seal_km_redis_inquiry_rounds;


void
seal_km_redis_inquiry_init(ngx_conf_t *cf, seal_km_redis_inquiry_t *inquiry,
    const seal_km_redis_asker_t *asker, void *state,
    seal_km_redis_pool_t *pool, seal_km_redis_pool_t *asked)
{
    inquiry->pool = pool;
    inquiry->asked = asked;
    inquiry->state = state;
    inquiry->ident = -1;
    inquiry->asker = asker;

    ngx_queue_init(&inquiry->questions);
    ngx_queue_init(&inquiry->waiting);

    /* an exiting worker stays for the queries' own timers only */

    seal_km_redis_pool_event(cf, &inquiry->tick,
                             seal_km_redis_inquiry_tick_handler, inquiry);
    inquiry->tick.cancelable = 1;

    seal_km_redis_pool_event(cf, &inquiry->timer,
                             seal_km_redis_inquiry_timer_handler, inquiry);
    inquiry->timer.cancelable = 1;

    seal_km_redis_pool_event(cf, &inquiry->sweep,
                             seal_km_redis_inquiry_sweep_handler, inquiry);
    inquiry->sweep.cancelable = 1;
}


void
seal_km_redis_inquiry_destroy(seal_km_redis_inquiry_t *inquiry)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&inquiry->questions)) {
        q = ngx_queue_head(&inquiry->questions);

        seal_km_redis_question_free(
                       ngx_queue_data(q, seal_km_redis_question_t, queue));
    }

    if (inquiry->tick.timer_set) {
        ngx_del_timer(&inquiry->tick);
    }

    if (inquiry->timer.timer_set) {
        ngx_del_timer(&inquiry->timer);
    }

    if (inquiry->sweep.timer_set) {
        ngx_del_timer(&inquiry->sweep);
    }
}


ngx_int_t
seal_km_redis_inquiry_begin(seal_km_redis_inquiry_t *inquiry)
{
    if (inquiry->running) {
        return NGX_OK;
    }

    if (inquiry->timer.timer_set) {
        ngx_del_timer(&inquiry->timer);
    }

    inquiry->running = 1;
    inquiry->exhausted = 0;
    inquiry->demanded = 0;
    inquiry->answers = 0;
    inquiry->round = ++seal_km_redis_inquiry_rounds;
    inquiry->seeds = 0;
    inquiry->when = ngx_current_msec;

    inquiry->asker->begin(inquiry->state);

    seal_km_redis_inquiry_next(inquiry);

    return inquiry->running ? NGX_OK : NGX_ERROR;
}


/* asks the next one, or all of them */

static void
seal_km_redis_inquiry_next(seal_km_redis_inquiry_t *inquiry)
{
    ngx_int_t                rc;
    seal_km_redis_server_t  *server;

    while (!inquiry->exhausted) {

        rc = inquiry->asker->seed(inquiry->state, inquiry->seeds++, &server);

        if (rc == NGX_DONE) {
            inquiry->exhausted = 1;

        } else if (rc == NGX_OK
                   && seal_km_redis_inquiry_ask(inquiry, server) == NGX_OK
                   && !inquiry->asker->all)
        {
            break;
        }
    }

    if (ngx_queue_empty(&inquiry->questions)) {
        seal_km_redis_inquiry_hear(inquiry, NULL);
        return;
    }

    if (inquiry->tick.timer_set) {
        ngx_del_timer(&inquiry->tick);
    }

    ngx_add_timer(&inquiry->tick, SEAL_KM_REDIS_PATIENCE);
}


/*
 * NGX_ERROR: it takes no commands; NGX_DECLINED: it is being asked already, or
 * has been in this round
 */

static ngx_int_t
seal_km_redis_inquiry_ask(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_server_t *server)
{
    ngx_int_t                  rc;
    ngx_queue_t               *q;
    seal_km_redis_question_t  *question;

    if (server->round == inquiry->round) {
        return NGX_DECLINED;
    }

    for (q = ngx_queue_head(&inquiry->questions);
         q != ngx_queue_sentinel(&inquiry->questions);
         q = ngx_queue_next(q))
    {
        question = ngx_queue_data(q, seal_km_redis_question_t, queue);

        if (question->server == server) {
            return NGX_DECLINED;
        }
    }

    rc = seal_km_redis_question_ask(server, &inquiry->questions,
                          seal_km_redis_pool_settings(inquiry->asked)->timeout,
                          &seal_km_redis_inquiry_kind, inquiry);

    if (rc == NGX_OK) {
        server->round = inquiry->round;
    }

    return rc;
}


static ngx_uint_t
seal_km_redis_inquiry_command(void *data, ngx_uint_t i, const char **argv,
    size_t *len)
{
    seal_km_redis_inquiry_t  *inquiry = data;

    return inquiry->asker->command(inquiry->state, i, argv, len);
}


static ngx_uint_t
seal_km_redis_inquiry_is_valid(void *data, ngx_uint_t i,
    seal_km_redis_reply_t *reply)
{
    seal_km_redis_inquiry_t  *inquiry = data;

    return inquiry->asker->is_valid(inquiry->state, i, reply);
}


static void
seal_km_redis_inquiry_question_handler(seal_km_redis_question_t *question,
    ngx_uint_t answered)
{
    seal_km_redis_inquiry_t  *inquiry;

    inquiry = question->data;

    if (answered) {
        inquiry->answers++;
        seal_km_redis_inquiry_hear(inquiry, question);

    } else if (inquiry->running) {
        seal_km_redis_inquiry_hear(inquiry, NULL);
    }
}


/* question: one that was answered, or NULL */

static void
seal_km_redis_inquiry_hear(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_question_t *question)
{
    ngx_int_t     rc;
    ngx_uint_t    left;
    ngx_queue_t  *q;

    left = 0;

    if (inquiry->running) {
        left = !inquiry->exhausted;

        for (q = ngx_queue_head(&inquiry->questions);
             q != ngx_queue_sentinel(&inquiry->questions);
             q = ngx_queue_next(q))
        {
            left++;
        }
    }

    rc = inquiry->asker->hear(inquiry->state, question, left);

    if (rc == NGX_AGAIN && left) {
        seal_km_redis_inquiry_next(inquiry);
        return;
    }

    /* one that is late, after its round, may tell what is new, or not */

    if (inquiry->running || rc == NGX_OK) {
        seal_km_redis_inquiry_over(inquiry, rc);
    }
}


/*
 * Those that wait ask again, and a timer that is set while nothing is known
 * tells them that there is nothing to wait for.  Where it is such a query that
 * has begun this round no other one is waiting, so that none ends inside it.
 */

static void
seal_km_redis_inquiry_over(seal_km_redis_inquiry_t *inquiry, ngx_int_t rc)
{
    if (!inquiry->asker->all) {
        seal_km_redis_inquiry_stop(inquiry);
    }

    inquiry->running = 0;
    inquiry->resolving = (rc == NGX_BUSY);

    if (inquiry->tick.timer_set) {
        ngx_del_timer(&inquiry->tick);
    }

    if (rc == NGX_OK) {
        seal_km_redis_inquiry_well(inquiry);

    } else {

        if (inquiry->answers == 0 && !inquiry->said) {
            inquiry->said = 1;
            inquiry->asker->complain(inquiry->state);
        }

        inquiry->troubled = ngx_current_msec ? ngx_current_msec : 1;
    }

    if (inquiry->troubled) {
        seal_km_redis_inquiry_plan(inquiry, SEAL_KM_REDIS_INQUIRY_HASTE);

    } else if (inquiry->asker->interval) {
        seal_km_redis_inquiry_plan(inquiry, inquiry->asker->interval);
    }

    if (!inquiry->resolving) {
        seal_km_redis_query_wake(&inquiry->waiting);
    }
}


static void
seal_km_redis_inquiry_well(seal_km_redis_inquiry_t *inquiry)
{
    inquiry->known = 1;
    inquiry->said = 0;

    if (inquiry->troubled
        && ngx_current_msec - inquiry->troubled
           >= SEAL_KM_REDIS_INQUIRY_TROUBLE)
    {
        inquiry->troubled = 0;
    }

    if (!inquiry->troubled) {
        inquiry->told = 0;
    }

    /* not from here: one of those that left may be who has told us */

    if (!inquiry->sweep.timer_set) {
        ngx_add_timer(&inquiry->sweep, 1);
    }
}


void
seal_km_redis_inquiry_stop(seal_km_redis_inquiry_t *inquiry)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&inquiry->questions)) {
        q = ngx_queue_head(&inquiry->questions);

        seal_km_redis_question_abandon(
                       ngx_queue_data(q, seal_km_redis_question_t, queue));
    }

    inquiry->running = 0;

    if (inquiry->tick.timer_set) {
        ngx_del_timer(&inquiry->tick);
    }
}


/* the next round begins so long after the last one began, or earlier */

static void
seal_km_redis_inquiry_plan(seal_km_redis_inquiry_t *inquiry,
    ngx_msec_t interval)
{
    ngx_msec_t  past, delay;

    if (inquiry->running) {
        return;
    }

    past = ngx_current_msec - inquiry->when;
    delay = (past < interval) ? interval - past : 1;

    if (inquiry->timer.timer_set) {

        if ((ngx_msec_int_t) (inquiry->timer.timer.key - ngx_current_msec)
            <= (ngx_msec_int_t) delay)
        {
            return;
        }

        ngx_del_timer(&inquiry->timer);
    }

    ngx_add_timer(&inquiry->timer, delay);
}


void
seal_km_redis_inquiry_schedule(seal_km_redis_inquiry_t *inquiry)
{
    inquiry->demanded = 1;
    seal_km_redis_inquiry_plan(inquiry, SEAL_KM_REDIS_INQUIRY_HASTE);
}


void
seal_km_redis_inquiry_trouble(seal_km_redis_inquiry_t *inquiry)
{
    inquiry->troubled = ngx_current_msec ? ngx_current_msec : 1;

    seal_km_redis_inquiry_schedule(inquiry);
}


ngx_uint_t
seal_km_redis_inquiry_tells(seal_km_redis_inquiry_t *inquiry)
{
    if (!inquiry->troubled || inquiry->told == 0) {
        inquiry->told = inquiry->round;
    }

    return inquiry->told == inquiry->round;
}


void
seal_km_redis_inquiry_resolved(seal_km_redis_inquiry_t *inquiry)
{
    if (ngx_queue_empty(&inquiry->waiting)) {
        seal_km_redis_inquiry_schedule(inquiry);

    } else {
        (void) seal_km_redis_inquiry_begin(inquiry);
    }
}


ngx_int_t
seal_km_redis_inquiry_wait(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_query_t *query)
{
    if (!inquiry->running && !inquiry->resolving
        && (inquiry->timer.timer_set
            || seal_km_redis_inquiry_begin(inquiry) != NGX_OK))
    {
        return NGX_DECLINED;
    }

    seal_km_redis_query_park(query, &inquiry->waiting);

    return NGX_AGAIN;
}


void
seal_km_redis_inquiry_park(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_query_t *query)
{
    seal_km_redis_query_park(query, &inquiry->waiting);
    seal_km_redis_inquiry_schedule(inquiry);
}


ngx_int_t
seal_km_redis_inquiry_await(seal_km_redis_inquiry_t *inquiry,
    seal_km_redis_query_t *query)
{
    if (query->awaited) {
        return NGX_DECLINED;
    }

    query->awaited = 1;
    query->tried = 0;

    seal_km_redis_inquiry_park(inquiry, query);

    return NGX_AGAIN;
}


static void
seal_km_redis_inquiry_tick_handler(ngx_event_t *ev)
{
    seal_km_redis_inquiry_hear(ev->data, NULL);
}


/* a worker that exits asks only where a query has need of it */

static void
seal_km_redis_inquiry_timer_handler(ngx_event_t *ev)
{
    seal_km_redis_inquiry_t  *inquiry;

    inquiry = ev->data;

    if (!ngx_exiting || inquiry->demanded
        || !ngx_queue_empty(&inquiry->waiting))
    {
        (void) seal_km_redis_inquiry_begin(inquiry);
    }
}


static void
seal_km_redis_inquiry_sweep_handler(ngx_event_t *ev)
{
    ngx_uint_t                left;
    seal_km_redis_inquiry_t  *inquiry;

    inquiry = ev->data;

    left = seal_km_redis_pool_sweep(inquiry->pool);

    if (inquiry->asked != inquiry->pool) {
        left += seal_km_redis_pool_sweep(inquiry->asked);
    }

    if (inquiry->asker->interval == 0 && !inquiry->troubled
        && !inquiry->running && ngx_queue_empty(&inquiry->waiting))
    {
        seal_km_redis_pool_rest(inquiry->asked);
    }

    if (left) {
        ngx_add_timer(&inquiry->sweep, SEAL_KM_REDIS_INQUIRY_HASTE);
    }
}
