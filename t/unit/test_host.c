/*
 * Hosts that servers announce.
 */

#include "unit.h"

#include "seal_km_redis_host.h"


static int
valid(const char *host)
{
    return seal_km_redis_host_is_valid((const unsigned char *) host,
                                       strlen(host));
}


static void
test_hosts(void **state)
{
    (void) state;

    assert_true(valid("redis.example"));
    assert_true(valid("Node-1_a.example."));
    assert_true(valid("10.0.0.1"));
    assert_true(valid("::ffff:10.0.0.1"));
    assert_true(valid("2001:db8::1"));
    assert_true(valid("9"));
}


static void
test_others(void **state)
{
    unsigned     c;
    char         text[4] = "a b";
    const char  *good = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_.:";

    (void) state;

    assert_false(valid(""));
    assert_false(valid("?"));
    assert_false(valid("a\nb"));
    assert_false(seal_km_redis_host_is_valid((const unsigned char *) "a\0b",
                                             3));

    for (c = 1; c < 256; c++) {
        text[1] = (char) c;
        assert_int_equal(valid(text), strchr(good, (int) c) != NULL);
    }
}


static void
test_length(void **state)
{
    char  host[257];

    (void) state;

    memset(host, 'a', sizeof(host));

    assert_true(seal_km_redis_host_is_valid((unsigned char *) host, 255));
    assert_false(seal_km_redis_host_is_valid((unsigned char *) host, 256));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_length)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
