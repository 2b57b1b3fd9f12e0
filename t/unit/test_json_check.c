#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED

#include "unit.h"

#include <math.h>
#include <openssl/rand.h>

#include "seal_km_json_check.h"


/* what test_json.c has is looked at there too: both have the same verdict */

static seal_km_json_e
check(const char *text)
{
    char            *p;
    seal_km_str_t    s;
    seal_km_json_e   rc;

    s = unit_text(text);
    p = unit_exact(s);
    s.data = p;

    rc = seal_km_json_check(s);

    free(p);

    return rc;
}


static void
test_literals(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        int          valid;
    } cases[] = {
        { "true", 1 }, { "false", 1 }, { "null", 1 },
        { "tru", 0 }, { "truE", 0 }, { "truee", 0 }, { "nul", 0 },
        { "nulL", 0 }, { "fals", 0 }, { "t", 0 }, { "true false", 0 },
        { "[true,false,null]", 1 }, { "[truefalse]", 0 },
        { "[1,]", 0 }, { "[,1]", 0 }, { "[1 2]", 0 }, { "[1}", 0 },
        { "{\"a\":1]", 0 }, { "{\"a\":1,}", 0 }, { "{,}", 0 }, { "{1:2}", 0 },
        { "{\"a\" 1}", 0 }, { "{\"a\":}", 0 }, { "{\"a\"", 0 }, { "{\"a", 0 },
        { "[", 0 }, { "{", 0 }, { "]", 0 }, { "}", 0 }, { "[]]", 0 },
        { ",", 0 }, { ":", 0 }, { "[:]", 0 }, { "[[],{}]", 1 },
        { "\t{ \"a\" : [ 1 , 2 ] }\r\n", 1 }, { "\f1", 0 }, { "\v1", 0 },
        { "\"\\u\"", 0 }, { "\"\\u1\"", 0 }, { "\"\\u12\"", 0 },
        { "\"\\u123\"", 0 }, { "\"\\u123g\"", 0 }, { "\"\\uABCD\"", 1 },
        { "\"\\U0041\"", 0 }, { "\"\\ud800\\udc00\"", 1 },
        { "\"\\udbff\\udfff\"", 1 }, { "\"\\ud800\\ud800\"", 0 },
        { "\"\\ud800\\ue000\"", 0 }, { "\"\\ud800\\u0041\"", 0 },
        { "\"\\ud800x\\udc00\"", 0 }, { "\"\\ud800\\", 0 },
        { "\"\\ud800\\udc0\"", 0 }, { "\"\\udc00\\ud800\"", 0 },
        { "\"\\u0000\"", 1 }, { "{\"\\u0000\":0}", 0 },
        { "{\"a\\u0000\":0}", 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].text,
                   check(cases[i].text)
                   == (cases[i].valid ? SEAL_KM_JSON_OK
                                      : SEAL_KM_JSON_INVALID));
    }
}


/* whatever is cut off a text, it is no JSON any more */

static void
test_cut(void **state)
{
    char           *p;
    size_t          i;
    seal_km_str_t   s;

    static const seal_km_str_t  text =
        unit_lit("{\"a\":[1.5e+10,-0,\"\\ud83d\\ude00\\n\xf0\x9f\x98\x80\"],"
                 "\"b\":{\"c\":true,\"d\":false,\"e\":null}}");

    assert_int_equal(seal_km_json_check(text), SEAL_KM_JSON_OK);

    for (i = 0; i < text.len; i++) {
        s.data = text.data;
        s.len = i;
        p = unit_exact(s);
        s.data = p;
        assert_int_equal(seal_km_json_check(s), SEAL_KM_JSON_INVALID);
        free(p);
    }
}


/* the limit of IEEE 754's doubles, as strtod() knows it */

static void
test_doubles(void **state)
{
    char     text[1024];
    size_t   i;

    /* 2^1024 - 2^970 is the least that is rounded to infinity */

#define LIMIT_HEAD                                                            \
    "17976931348623158079372897140530341507993413271003782693617377"          \
    "89804449682927647509466490179775872070963302864166928879109465"          \
    "55547851940402630657488671505820681908902000708383676273854845"          \
    "81771153176447573027006985557136695962284291481986083493647529"          \
    "271907416844436551070434271155969950809304288017790417449779"

    static const char *const  numbers[] = {
        "0", "-0", "0e999999999999999999999", "0.0e+400", "0.000e309", "1e308",
        "1e309", "9e308", "1.7976931348623157e308", "1.7976931348623158e308",
        "1.7976931348623159e308", "-1.7976931348623159e308",
        "17.976931348623159e307", "0.17976931348623159e309",
        "0.017976931348623159e310", "0.017976931348623157e310",
        "0.00001e313", "0.00001e314", "10e307", "10e308", "100000e303",
        "100000e304", "1e99999999999999999999", "1e-99999999999999999999",
        "123456789012345678901234567890e279",
        "123456789012345678901234567890e280", "1.0E+308", "1.0E+309",
        LIMIT_HEAD "1", LIMIT_HEAD "2", LIMIT_HEAD "3",
        LIMIT_HEAD "1.9", LIMIT_HEAD "2.0", LIMIT_HEAD "2.1",
        LIMIT_HEAD "19e-1", LIMIT_HEAD "20e-1",
        "0." LIMIT_HEAD "1e309", "0." LIMIT_HEAD "2e309",
        "0.0" LIMIT_HEAD "19999e310", "0.0" LIMIT_HEAD "2e310"
    };

    for (i = 0; i < unit_n(numbers); i++) {
        (void) sprintf(text, "[%s]", numbers[i]);
        unit_check(numbers[i], check(text)
                               == (isinf(strtod(numbers[i], NULL))
                                   ? SEAL_KM_JSON_INVALID : SEAL_KM_JSON_OK));
        unit_check(numbers[i], check(numbers[i]) == check(text));
    }

    assert_int_equal(check(LIMIT_HEAD "1"), SEAL_KM_JSON_OK);
    assert_int_equal(check(LIMIT_HEAD "2"), SEAL_KM_JSON_INVALID);
}


/* a shift by an exponent far beyond any double, and back */

static void
test_long_numbers(void **state)
{
    char  *zeros;

    zeros = unit_format("%05000d", 0);

    assert_int_equal(check(unit_format("0.%s1e5001", zeros)), SEAL_KM_JSON_OK);
    assert_int_equal(check(unit_format("0.%s1e5309", zeros)), SEAL_KM_JSON_OK);
    assert_int_equal(check(unit_format("0.%s1e5310", zeros)),
                     SEAL_KM_JSON_INVALID);
    assert_int_equal(check(unit_format("1%se-5000", zeros)), SEAL_KM_JSON_OK);
    assert_int_equal(check(unit_format("1%se-4692", zeros)), SEAL_KM_JSON_OK);
    assert_int_equal(check(unit_format("1%se-4691", zeros)),
                     SEAL_KM_JSON_INVALID);
    assert_int_equal(check(unit_format("1%s", zeros)), SEAL_KM_JSON_INVALID);
    assert_int_equal(check(unit_format("0%s", zeros)), SEAL_KM_JSON_INVALID);
    assert_int_equal(check(unit_format("1e0%s", zeros)), SEAL_KM_JSON_OK);
    assert_int_equal(check(unit_format("1e0%s309", zeros)),
                     SEAL_KM_JSON_INVALID);
}


static char *
levels(const char *open, const char *value, const char *close, size_t n)
{
    char    *p, *text;
    size_t   i;

    p = malloc(n * (strlen(open) + strlen(close)) + strlen(value) + 1);
    assert_non_null(p);
    text = p;

    for (i = 0; i < n; i++) {
        p = stpcpy(p, open);
    }

    p = stpcpy(p, value);

    for (i = 0; i < n; i++) {
        p = stpcpy(p, close);
    }

    return text;
}


static void
test_depth(void **state)
{
    char    *text;
    size_t   i;

    static const struct {
        const char  *open;
        const char  *value;
        const char  *close;
        size_t       n;
        int          valid;
    } cases[] = {
        { "[", "", "]", 2048, 1 },
        { "[", "", "]", 2049, 0 },
        { "[", "0", "]", 2047, 1 },
        { "[", "0", "]", 2048, 0 },
        { "{\"a\":", "{}", "}", 2047, 1 },
        { "{\"a\":", "{}", "}", 2048, 0 },
        { "[{\"a\":1,\"b\":", "[]", "}]", 1023, 1 },
        { "[{\"a\":1,\"b\":", "[]", "}]", 1024, 0 },
        { "[", "", "]", 100000, 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        text = levels(cases[i].open, cases[i].value, cases[i].close,
                      cases[i].n);
        unit_check(cases[i].open,
                   check(text) == (cases[i].valid ? SEAL_KM_JSON_OK
                                                  : SEAL_KM_JSON_INVALID));
        free(text);
    }
}


/* one of n names is there a second time, at any two places */

static void
test_names_twice(void **state)
{
    char    *p, *text;
    size_t   n, i, first, second;

    static const size_t  sizes[] = { 2, 3, 4, 31, 32, 33, 64, 100, 1000, 5000 };

    for (i = 0; i < unit_n(sizes); i++) {
        n = sizes[i];
        text = malloc(n * 40 + 10);
        assert_non_null(text);

        for (first = 0; first < n; first += 1 + n / 7) {
            p = text;
            second = n - 1 - first / 2;

            for (size_t k = 0; k < n; k++) {
                /* the name in two ways */

                p += sprintf(p, k == second && first != second
                                ? "%c\"\\u006e%zu\":0" : "%c\"n%zu\":{}",
                             k == 0 ? '{' : ',', k == second ? first : k);
            }

            strcpy(p, "}");

            unit_check(text, check(text)
                             == (first == second ? SEAL_KM_JSON_OK
                                                 : SEAL_KM_JSON_INVALID));
        }

        free(text);
    }
}


static void
test_names(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        int          valid;
    } cases[] = {
        { "{\"a\":1,\"b\":1}", 1 },
        { "{\"a\":1,\"a\":1}", 0 },
        { "{\"a\":1,\"\":1}", 1 },
        { "{\"ab\":1,\"a\":1,\"b\":1,\"ba\":1}", 1 },
        { "{\"a\":{\"a\":{\"a\":1}}}", 1 },
        { "{\"a\":{\"a\":1,\"b\":2},\"b\":{\"a\":1,\"b\":2}}", 1 },
        { "{\"a\":{\"x\":1},\"b\":{\"x\":1},\"x\":1}", 1 },
        { "{\"x\":{\"a\":1,\"b\":1},\"x\":1}", 0 },
        { "{\"x\":[{\"a\":1},{\"a\":1,\"a\":2}],\"y\":1}", 0 },
        { "{\"x\":[{\"a\":1},{\"a\":1}],\"y\":1,\"x\":2}", 0 },
        { "{\"\\u00e9\":1,\"\xc3\xa9\":1}", 0 },
        { "{\"\\u20aC\":1,\"\xe2\x82\xac\":1}", 0 },
        { "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}", 0 },
        { "{\"\\ud83d\\ude00\":1,\"\\ud83d\\ude01\":1}", 1 },
        { "{\"\\n\":1,\"\\u000a\":1}", 0 },
        { "{\"\\b\\f\\r\\t\":1,\"\\u0008\\u000c\\u000d\\u0009\":1}", 0 },
        { "{\"\\b\":1,\"b\":1}", 1 },
        { "{\"\\/\":1,\"/\":1}", 0 },
        { "{\"\\\"\":1,\"\\u0022\":1}", 0 },
        { "{\"\\\\\":1,\"\\u005c\":1}", 0 },
        { "{\"\\\\u0041\":1,\"A\":1}", 1 },
        { "{\"\xc3\xa9\":1,\"e\xcc\x81\":1}", 1 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].text,
                   check(cases[i].text)
                   == (cases[i].valid ? SEAL_KM_JSON_OK
                                      : SEAL_KM_JSON_INVALID));
    }
}


/* a text with so many names that memory is asked for several times */

static char *
many_names(size_t n)
{
    char    *p, *text;
    size_t   i;

    text = malloc(n * 20 + 10);
    assert_non_null(text);
    p = stpcpy(text, "{\"\":0");

    for (i = 1; i < n; i++) {
        p += sprintf(p, ",\"%zx\":0", i);
    }

    strcpy(p, "}");

    return text;
}


static void
test_no_memory(void **state)
{
    long             blocks;
    char            *text;
    unsigned         nth;
    seal_km_str_t    s;
    seal_km_json_e   rc;

    text = many_names(1000);
    s = unit_text(text);

    /* what OpenSSL's random numbers need is there already */
    assert_int_equal(seal_km_json_check(s), SEAL_KM_JSON_OK);

    blocks = unit_memory_blocks();

    for (nth = 1; /* void */ ; nth++) {
        unit_memory_fail(nth);
        rc = seal_km_json_check(s);
        unit_memory_fail(0);

        assert_int_equal(unit_memory_blocks(), blocks);

        if (rc == SEAL_KM_JSON_OK) {
            break;
        }

        assert_int_equal(rc, SEAL_KM_JSON_NO_MEMORY);
    }

    assert_true(nth > 3);
    free(text);

    /* few names, however deep and however long the text, need none */

    text = levels("[{\"name\":1,\"other\":[true,\"text\"]},", "{}", "]", 1000);

    unit_memory_fail(1);
    assert_int_equal(check(text), SEAL_KM_JSON_OK);
    unit_memory_fail(0);

    free(text);
}


static int
no_bytes(unsigned char *p, int n)
{
    return 0;
}


static int
no_status(void)
{
    return 0;
}


static void
test_no_randomness(void **state)
{
    RAND_METHOD         none;
    const RAND_METHOD  *former;

    memset(&none, 0, sizeof(none));
    none.bytes = no_bytes;
    none.status = no_status;

    former = RAND_get_rand_method();
    assert_int_equal(RAND_set_rand_method(&none), 1);

    assert_int_equal(check("{\"a\":1,\"b\":1}"), SEAL_KM_JSON_NO_MEMORY);
    assert_int_equal(check("{\"a\":1}"), SEAL_KM_JSON_OK);

    assert_int_equal(RAND_set_rand_method(former), 1);
    assert_int_equal(check("{\"a\":1,\"b\":1}"), SEAL_KM_JSON_OK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_long_numbers),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_names_twice),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_randomness)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
