/*
 * Which one of a master (0) and its replicas is asked next.
 */

#include "unit.h"

#include "seal_km_redis_choice.h"


/* all that are asked one after another, as digits */
static const char *
order(unsigned n, unsigned long turn, uint64_t left_out, int replicas_first)
{
    int          i;
    char        *p;
    uint64_t     tried;
    static char  text[SEAL_KM_REDIS_CHOICE_MAX + 1];

    p = text;
    tried = 0;

    while ((i = seal_km_redis_choice(n, turn, tried, left_out, replicas_first))
           >= 0)
    {
        *p++ = '0' + i;
        tried |= (uint64_t) 1 << i;
    }

    *p = '\0';

    return text;
}


static void
test_turns(void **state)
{
    (void) state;

    assert_string_equal(order(1, 0, 0, 0), "0");
    assert_string_equal(order(1, 7, 0, 0), "0");
    assert_string_equal(order(3, 0, 0, 0), "012");
    assert_string_equal(order(3, 1, 0, 0), "120");
    assert_string_equal(order(3, 5, 0, 0), "201");
    assert_string_equal(order(0, 3, 0, 0), "");

    /* the turn may be any number, its wrap round 0 too */
    assert_int_equal(strlen(order(3, (unsigned long) -1, 0, 0)), 3);
    assert_int_equal(strlen(order(7, (unsigned long) -3, 0, 0)), 7);
}


static void
test_replicas_first(void **state)
{
    (void) state;

    assert_string_equal(order(1, 4, 0, 1), "0");
    assert_string_equal(order(2, 4, 0, 1), "10");
    assert_string_equal(order(4, 0, 0, 1), "1230");
    assert_string_equal(order(4, 1, 0, 1), "2310");
    assert_string_equal(order(4, 5, 0, 1), "3120");
}


static void
test_left_out(void **state)
{
    (void) state;

    assert_string_equal(order(3, 0, 1 << 0, 0), "120");
    assert_string_equal(order(3, 1, 1 << 1, 0), "201");
    assert_string_equal(order(3, 0, 1 << 0 | 1 << 2, 0), "102");

    /* where all are, none is */
    assert_string_equal(order(3, 2, 7, 0), "201");
    assert_string_equal(order(1, 0, 1, 0), "0");

    /* a master that is well before replicas that are not */
    assert_string_equal(order(3, 0, 1 << 1, 1), "201");
    assert_string_equal(order(3, 0, 1 << 1 | 1 << 2, 1), "012");
    assert_string_equal(order(3, 0, 1 << 0, 1), "120");
}


static void
test_many(void **state)
{
    uint64_t  tried;

    (void) state;

    assert_int_equal(strlen(order(64, 3, 0, 0)), 64);
    assert_int_equal(strlen(order(64, 3, 0, 1)), 64);
    assert_int_equal(strlen(order(1000, 3, 0, 0)), 64);

    /* the last of them has a bit, too */
    tried = UINT64_MAX >> 1;
    assert_int_equal(seal_km_redis_choice(64, 0, tried, 0, 0), 63);
    assert_int_equal(seal_km_redis_choice(64, 0, UINT64_MAX, 0, 0), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_replicas_first),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_many)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
