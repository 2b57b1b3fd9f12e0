/*
 * Where a RESP reply ends: whole replies and their kinds, in pieces of any size,
 * and what is refused before it is gathered.
 */

#include "unit.h"

#include "seal_km_redis_frame.h"


/* what a text is, read in pieces of so many bytes; *used: of it, in all */

static seal_km_redis_frame_e
read_in(const char *text, size_t len, size_t piece, size_t *used,
    seal_km_redis_frame_t *frame)
{
    size_t                 n, took;
    seal_km_redis_frame_e  rc;

    memset(frame, 0, sizeof(*frame));
    rc = SEAL_KM_REDIS_FRAME_PART;
    *used = 0;

    while (rc == SEAL_KM_REDIS_FRAME_PART && *used < len) {
        n = len - *used < piece ? len - *used : piece;
        rc = seal_km_redis_frame_read(frame,
                                      (const unsigned char *) text + *used, n,
                                      &took);
        assert_true(took <= n);
        *used += took;
    }

    return rc;
}


static void
test_whole(void **state)
{
    size_t                 i, piece, used, len;
    seal_km_redis_frame_t  frame;

    static const struct {
        const char  *text;
        unsigned     kind;
    } cases[] = {
        { "+OK\r\n", SEAL_KM_REDIS_KIND_STATUS },
        { "+\r\n", SEAL_KM_REDIS_KIND_STATUS },
        { "-ERR x\r\n", SEAL_KM_REDIS_KIND_ERROR },
        { ":-12\r\n", SEAL_KM_REDIS_KIND_INTEGER },
        { "$-1\r\n", SEAL_KM_REDIS_KIND_NIL },
        { "*-1\r\n", SEAL_KM_REDIS_KIND_NIL },
        { "$0\r\n\r\n", SEAL_KM_REDIS_KIND_STRING },
        { "$3\r\nabc\r\n", SEAL_KM_REDIS_KIND_STRING },
        { "$4\r\n\r\n\r\n\r\n", SEAL_KM_REDIS_KIND_STRING },
        { "*0\r\n", SEAL_KM_REDIS_KIND_ARRAY },
        { "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", SEAL_KM_REDIS_KIND_ARRAY },
        { "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n+a\r\n",
          SEAL_KM_REDIS_KIND_ARRAY },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char  text[128];

        /* another reply follows, which is left alone */
        len = strlen(cases[i].text);
        snprintf(text, sizeof(text), "%s+next\r\n", cases[i].text);

        for (piece = 1; piece <= len + 3; piece++) {
            assert_int_equal(read_in(text, strlen(text), piece, &used, &frame),
                             SEAL_KM_REDIS_FRAME_WHOLE);
            assert_int_equal(used, len);
            assert_int_equal(frame.kind, cases[i].kind);
        }

        /* each part of it is one */
        for (piece = 0; piece < len; piece++) {
            assert_int_equal(read_in(text, piece, 1, &used, &frame),
                             SEAL_KM_REDIS_FRAME_PART);
        }
    }
}


static void
test_bad(void **state)
{
    size_t                 i, used;
    seal_km_redis_frame_t  frame;

    static const char * const  cases[] = {
        "x", "\r\n", "%1\r\n", "#t\r\n", "_\r\n", ">1\r\n",
        "$\r\n", "$x\r\n", "$-2\r\n", "$--1\r\n", "$1-\r\n", "$ 1\r\n", "$+1\r\n",
        "$01\r\n", "$00", "$-0\r\n", "$1\rx", "$1\r\r", "$1\n",
        "$3\r\nabcd", "$3\r\nabc\n", "$3\r\nabc\rx", "$0\r\nx",
        "*\r\n", "*-2\r\n", "*65537\r\n", "*1\rx", "*1\r\nx",
        ":\r\n", ":-\r\n", ":1a\r\n", ":123456789012345678901\r\n",
        "+a\nb\r\n", "+a\rb\r\n", "-a\rb\r\n",
        "$16777217\r\n", "$4294967294\r\n", "$4294967295\r\n",
        "$9223372036854775807\r\n", "$18446744073709551615\r\n",
        /* 3, 3 and 1 to who keeps only 32 bits of it, or 64 */
        "$4294967299\r\nabc\r\n", "$18446744073709551619\r\nabc\r\n",
        "*18446744073709551617\r\n$1\r\na\r\n",
        /* eight deep */
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        /* 65537 elements in all */
        "*2\r\n*65535\r\n",
        /* more than the longest reply, in two strings */
        "*2\r\n$0\r\n\r\n$16777217\r\n",
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_in(cases[i], strlen(cases[i]), 1, &used, &frame),
                         SEAL_KM_REDIS_FRAME_BAD);
        assert_int_equal(read_in(cases[i], strlen(cases[i]), 99, &used, &frame),
                         SEAL_KM_REDIS_FRAME_BAD);
    }
}


/* the map of a cluster in as many ranges as slots, each with seven nodes */

static void
test_map(void **state)
{
    char                  *p, *text;
    size_t                 i, k, used, node;
    seal_km_redis_frame_t  frame;

    static const char  range[] = "*9\r\n:0\r\n:0\r\n";
    static const char  named[] = "*4\r\n$1\r\nh\r\n:1\r\n$1\r\ni\r\n"
        "*4\r\n$2\r\nip\r\n$1\r\n1\r\n$8\r\nhostname\r\n$1\r\nh\r\n";

    (void) state;

    node = sizeof(named) - 1;
    text = malloc(16 + 16384 * (sizeof(range) + 7 * node));
    assert_non_null(text);

    p = text + sprintf(text, "*16384\r\n");

    for (i = 0; i < 16384; i++) {
        p += sprintf(p, "%s", range);

        for (k = 0; k < 7; k++) {
            memcpy(p, named, node);
            p += node;
        }
    }

    memset(&frame, 0, sizeof(frame));
    frame.max_elements = SEAL_KM_REDIS_MAP_ELEMENTS_MAX;
    assert_int_equal(seal_km_redis_frame_read(&frame, (unsigned char *) text,
                                              p - text, &used),
                     SEAL_KM_REDIS_FRAME_WHOLE);
    assert_int_equal(used, p - text);

    /* for any other reply that is too much */

    memset(&frame, 0, sizeof(frame));
    assert_int_equal(seal_km_redis_frame_read(&frame, (unsigned char *) text,
                                              p - text, &used),
                     SEAL_KM_REDIS_FRAME_BAD);

    /* and a map has an end, too */

    sprintf(text, "*%d\r\n", SEAL_KM_REDIS_MAP_ELEMENTS_MAX + 1);
    memset(&frame, 0, sizeof(frame));
    frame.max_elements = SEAL_KM_REDIS_MAP_ELEMENTS_MAX;
    assert_int_equal(seal_km_redis_frame_read(&frame, (unsigned char *) text,
                                              strlen(text), &used),
                     SEAL_KM_REDIS_FRAME_BAD);

    free(text);
}


/* what has no end is refused when it is too much, and not later */

static void
test_endless(void **state)
{
    size_t                 used, len;
    char                  *text;
    seal_km_redis_frame_t  frame;

    (void) state;

    len = SEAL_KM_REDIS_LINE_MAX + 100;
    text = malloc(len);
    assert_non_null(text);

    memset(text, 'x', len);
    text[0] = '-';
    assert_int_equal(read_in(text, SEAL_KM_REDIS_LINE_MAX + 1, 4096, &used,
                             &frame),
                     SEAL_KM_REDIS_FRAME_PART);
    assert_int_equal(read_in(text, len, 4096, &used, &frame),
                     SEAL_KM_REDIS_FRAME_BAD);
    assert_int_equal(used, SEAL_KM_REDIS_LINE_MAX + 2);

    free(text);

    /* strings that are short enough each, and too long in all */
    assert_int_equal(read_in("*9\r\n$16777216\r\n", 15, 1, &used, &frame),
                     SEAL_KM_REDIS_FRAME_PART);
    assert_int_equal(frame.size, SEAL_KM_REDIS_REPLY_MAX);
    frame.body = 0;
    frame.state = 0;
    assert_int_equal(seal_km_redis_frame_read(&frame,
                         (const unsigned char *) "$1\r\n", 4, &used),
                     SEAL_KM_REDIS_FRAME_BAD);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_endless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
