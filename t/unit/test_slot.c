/*
 * Slots of a Redis Cluster: CRC-16 and hash tags.
 */

#include "unit.h"

#include "seal_km_redis_slot.h"


static unsigned
slot(const char *key)
{
    return seal_km_redis_slot((const unsigned char *) key, strlen(key));
}


static unsigned
crc16(const char *text)
{
    return seal_km_redis_crc16((const unsigned char *) text, strlen(text));
}


static void
test_crc16(void **state)
{
    static const unsigned char  high[] = { 0xff, 0x00, 0x80 };

    (void) state;

    /* the check value that catalogues of CRCs and the specification have */
    assert_int_equal(crc16("123456789"), 0x31c3);

    assert_int_equal(crc16(""), 0);
    assert_int_equal(crc16("A"), 0x58e5);
    assert_int_equal(seal_km_redis_crc16(high, 1), 0x1ef0);

    /* bytes beyond ASCII and NUL count as they are */
    assert_int_not_equal(seal_km_redis_crc16(high, 3),
                         seal_km_redis_crc16(high, 2));
}


static void
test_slots(void **state)
{
    (void) state;

    /* what CLUSTER KEYSLOT says */
    assert_int_equal(slot("123456789"), 0x31c3 % SEAL_KM_REDIS_SLOTS);
    assert_int_equal(slot("foo"), 12182);
    assert_int_equal(slot("bar"), 5061);
    assert_int_equal(slot("somekey"), 11058);
    assert_int_equal(slot(""), 0);
    assert_int_equal(seal_km_redis_slot(NULL, 0), 0);
}


static void
test_hash_tags(void **state)
{
    (void) state;

    assert_int_equal(slot("{user1000}.following"), slot("user1000"));
    assert_int_equal(slot("a{foo}"), slot("foo"));
    assert_int_equal(slot("foo{hash_tag}"), 2515);

    /* the first one, up to its first end */
    assert_int_equal(slot("{a}{b}"), slot("a"));
    assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
    assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
    assert_int_equal(slot("x}{y}z"), slot("y"));

    /* none: all of the key counts */
    assert_int_equal(slot("foo{}{bar}"), crc16("foo{}{bar}") % 16384);
    assert_int_equal(slot("{}"), crc16("{}") % 16384);
    assert_int_equal(slot("a{b"), crc16("a{b") % 16384);
    assert_int_equal(slot("a}b{c"), crc16("a}b{c") % 16384);
    assert_int_equal(slot("{"), crc16("{") % 16384);
}


static void
test_tagged(void **state)
{
    size_t  i;

    static const struct { const char *key; int tagged; }  keys[] = {
        { "", 0 }, { "a", 0 }, { "{", 0 }, { "{}", 0 }, { "{}{a}", 0 },
        { "a}b{c", 0 }, { "{a}", 1 }, { "x{a}y", 1 }, { "{a}{", 1 },
        { "x}{y}z", 1 }, { "{{}", 1 }
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_int_equal(seal_km_redis_slot_is_tagged(
                                     (const unsigned char *) keys[i].key,
                                     strlen(keys[i].key)),
                         keys[i].tagged);
    }
}


static void
test_sets(void **state)
{
    seal_km_redis_slot_set_t  set;

    (void) state;

    memset(&set, 0, sizeof(set));

    assert_true(seal_km_redis_slot_add(&set, 0, 0));
    assert_true(seal_km_redis_slot_add(&set, 8, 15));
    assert_true(seal_km_redis_slot_add(&set, 16383, 16383));
    assert_true(seal_km_redis_slot_add(&set, 1, 7));

    /* one is enough, wherever it is */
    assert_false(seal_km_redis_slot_add(&set, 0, 0));
    assert_false(seal_km_redis_slot_add(&set, 15, 20));
    assert_false(seal_km_redis_slot_add(&set, 16, 16383));
    assert_false(seal_km_redis_slot_add(&set, 16382, 16384));

    assert_false(seal_km_redis_slot_add(&set, -1, 5));
    assert_false(seal_km_redis_slot_add(&set, 200, 199));
    assert_false(seal_km_redis_slot_add(&set, 16384, 16384));
    assert_false(seal_km_redis_slot_add(&set, 0x100000000, 0x100000001));

    memset(&set, 0, sizeof(set));
    assert_true(seal_km_redis_slot_add(&set, 0, 16383));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_crc16),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_hash_tags),
        cmocka_unit_test(test_tagged),
        cmocka_unit_test(test_sets)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
