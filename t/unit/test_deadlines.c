/*
 * Deadlines of many with one timer, beside a list that is looked through: each is
 * over when its time has come, in their order, and never else.
 */

#include "unit.h"

#include "seal_km_redis_deadlines.h"


#define MANY   40
#define STEPS  200000


/* nginx's: here there is one timer at most */

volatile ngx_msec_t      ngx_current_msec;
ngx_rbtree_t             ngx_event_timer_rbtree;
static ngx_rbtree_node_t  *timer;


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    assert_null(timer);
    timer = node;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    assert_ptr_equal(timer, node);
    timer = NULL;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    fail_msg("%s", fmt);
}


/* as nginx has timers expire */

static void
expire(void)
{
    ngx_event_t  *ev;

    while (timer != NULL
           && (ngx_msec_int_t) (timer->key - ngx_current_msec) <= 0)
    {
        ev = ngx_rbtree_data(timer, ngx_event_t, timer);

        timer = NULL;
        ev->timer_set = 0;
        ev->timedout = 1;
        ev->handler(ev);
    }
}


static ngx_log_t                  quiet;
static seal_km_redis_deadlines_t  deadlines;
static unsigned                   seed;

static struct {
    seal_km_redis_deadline_t   deadline;
    int                        set;    /* by what is expected: */
    ngx_msec_t                 when;
    unsigned                   turn;
} items[MANY];

static ngx_msec_t                 last;   /* of what was over */
static unsigned                   last_turn, turn;
static unsigned                   over;


static unsigned
any(unsigned n)
{
    return (unsigned) rand_r(&seed) % n;
}


static void
set(unsigned i, ngx_msec_t time)
{
    items[i].set = 1;
    items[i].turn = ++turn;
    items[i].when = ngx_current_msec + time;
    seal_km_redis_deadlines_set(&deadlines, &items[i].deadline, time);
}


static void
clear(unsigned i)
{
    items[i].set = 0;
    seal_km_redis_deadlines_clear(&deadlines, &items[i].deadline);
}


static void
is_over(seal_km_redis_deadline_t *deadline)
{
    unsigned  i;

    i = (unsigned) (((char *) deadline - (char *) items) / sizeof(items[0]));

    assert_ptr_equal(deadline, &items[i].deadline);
    assert_true(items[i].set);
    assert_false(deadline->set);
    assert_true((ngx_msec_int_t) (ngx_current_msec - items[i].when) >= 0);
    assert_true((ngx_msec_int_t) (items[i].when - last) >= 0);

    /* of the same time: whoever was set first */
    assert_true(items[i].when != last || items[i].turn > last_turn);

    items[i].set = 0;
    last_turn = items[i].turn;
    last = items[i].when;
    over++;

    switch (any(8)) {

    case 0:
        set(i, any(50) + 1);
        break;

    case 1:
        set(any(MANY), any(50) + 1);
        break;

    case 2:
        clear(any(MANY));
        break;

    default:
        break;
    }
}


/* what must hold whenever nginx waits */

static void
check(void)
{
    int           some;
    unsigned      i;
    ngx_msec_t    first;

    some = 0;
    first = 0;

    for (i = 0; i < MANY; i++) {
        assert_int_equal(items[i].deadline.set, items[i].set);

        if (items[i].set
            && (!some || (ngx_msec_int_t) (items[i].when - first) < 0))
        {
            some = 1;
            first = items[i].when;
        }
    }

    assert_int_equal(timer != NULL, some);

    if (some) {
        /* it wakes the worker in time, if too early at times */
        assert_true((ngx_msec_int_t) (first - ngx_current_msec) > 0);
        assert_true((ngx_msec_int_t) (first - timer->key) >= 0);
    }
}


static void
start(ngx_msec_t now)
{
    unsigned  i;

    memset(&deadlines, 0, sizeof(deadlines));
    memset(items, 0, sizeof(items));

    ngx_current_msec = now;
    last = now;
    over = 0;

    for (i = 0; i < MANY; i++) {
        items[i].deadline.handler = is_over;
    }

    seal_km_redis_deadlines_init(&deadlines, &quiet);
}


static void
test_any(void **state)
{
    unsigned  n, round;

    /* the last one: milliseconds that are about to begin anew */
    static const ngx_msec_t  begins[] = { 0, 1000000, (ngx_msec_t) -5000 };

    for (round = 0; round < unit_n(begins); round++) {
        seed = round;
        start(begins[round]);

        for (n = 0; n < STEPS; n++) {

            switch (any(5)) {

            case 0:
                clear(any(MANY));
                break;

            case 1:
                ngx_current_msec += any(20);
                break;

            case 2:
                set(any(MANY), any(100) + 1);
                break;

            default:
                /* mostly it is the same time, as that of queries is */
                set(any(MANY), 100);
                break;
            }

            expire();
            check();
        }

        assert_true(over > STEPS / 100);

        for (n = 0; n < MANY; n++) {
            clear(n);
        }

        check();
    }
}


static void
test_stop(void **state)
{
    start(0);
    set(0, 10);
    assert_non_null(timer);

    seal_km_redis_deadlines_stop(&deadlines);
    assert_null(timer);

    ngx_current_msec += 100;
    expire();
    assert_int_equal(over, 0);

    /* also when it is repeated, and without any */
    seal_km_redis_deadlines_stop(&deadlines);
    clear(0);
    assert_null(timer);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_stop)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
