#include "unit.h"

#include "seal_km_json.h"
#include "seal_km_secret.h"


#define NAME_32  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_64  NAME_32 NAME_32


static const struct {
    const char     *name;
    seal_km_str_t   text;
    int             valid;
} cases[] = {
    { "object", unit_lit("{\"a\":1}"), 1 },
    { "empty object", unit_lit("{}"), 1 },
    { "array", unit_lit("[1,2]"), 1 },
    { "string", unit_lit("\"a\""), 1 },
    { "number", unit_lit("0"), 1 },
    { "true", unit_lit("true"), 1 },
    { "null", unit_lit("null"), 1 },
    { "white space around", unit_lit(" \t\r\n{ } \n"), 1 },
    { "all escapes", unit_lit("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""), 1 },
    { "surrogate pair", unit_lit("\"\\ud83d\\udd11\""), 1 },
    { "same name in two objects", unit_lit("[{\"a\":1},{\"a\":2}]"), 1 },
    { "same name one level down", unit_lit("{\"a\":{\"a\":1}}"), 1 },
    { "names differ in case", unit_lit("{\"a\":1,\"A\":2}"), 1 },
    { "empty name", unit_lit("{\"\":1}"), 1 },
    { "U+0000 in a value", unit_lit("{\"a\":\"x\\u0000y\"}"), 1 },
    { "U+0000 in an array", unit_lit("[\"\\u0000\"]"), 1 },
    { "U+007F raw in a string", unit_lit("\"\x7f\""), 1 },
    { "largest double", unit_lit("1.7976931348623157e308"), 1 },
    { "smaller than any double", unit_lit("1e-400"), 1 },
    { "minus zero", unit_lit("-0"), 1 },
    { "INT64_MAX", unit_lit("9223372036854775807"), 1 },
    { "INT64_MAX + 1", unit_lit("9223372036854775808"), 1 },
    { "INT64_MIN", unit_lit("-9223372036854775808"), 1 },
    { "INT64_MIN - 1", unit_lit("-9223372036854775809"), 1 },
    { "large integers all over",
      unit_lit("{\"a\":[123456789012345678901234567890,-98765432109876543210,"
               "1],\"12345678901234567890\":\"12345678901234567890\\\"1\"}"),
      1 },
    { "large integer at the end", unit_lit("[1,12345678901234567890]"), 1 },
    { "large integer, then an exponent",
      unit_lit("[12345678901234567890e2,12345678901234567890]"), 1 },
    { "large integer, then a fraction",
      unit_lit("[12345678901234567890.5,12345678901234567890 ]"), 1 },
    { "digits of an exponent", unit_lit("[1e00000000000000000001,"
                                        "12345678901234567890]"), 1 },

    { "nothing", unit_lit(""), 0 },
    { "absent", unit_none, 0 },
    { "white space only", unit_lit(" \n"), 0 },
    { "no value", unit_lit("{\"a\"}"), 0 },
    { "trailing comma in an object", unit_lit("{\"a\":1,}"), 0 },
    { "trailing comma in an array", unit_lit("[1,]"), 0 },
    { "comment", unit_lit("{}//"), 0 },
    { "single quotes", unit_lit("{'a':1}"), 0 },
    { "name without quotes", unit_lit("{a:1}"), 0 },
    { "two values", unit_lit("{}{}"), 0 },
    { "something behind", unit_lit("{} x"), 0 },
    { "cut in an object", unit_lit("{\"a\":1"), 0 },
    { "cut in a string", unit_lit("\"abc"), 0 },
    { "cut in an escape", unit_lit("\"abc\\"), 0 },
    { "byte order mark", unit_lit("\xef\xbb\xbf{}"), 0 },
    { "leading zero", unit_lit("01"), 0 },
    { "plus", unit_lit("+1"), 0 },
    { "no digit before the point", unit_lit(".5"), 0 },
    { "no digit behind the point", unit_lit("1."), 0 },
    { "hexadecimal", unit_lit("0x10"), 0 },
    { "NaN", unit_lit("NaN"), 0 },
    { "Infinity", unit_lit("Infinity"), 0 },
    { "True", unit_lit("True"), 0 },
    { "unknown escape", unit_lit("\"\\x41\""), 0 },
    { "lone high surrogate", unit_lit("\"\\ud83d\""), 0 },
    { "lone low surrogate", unit_lit("\"\\udd11\""), 0 },
    { "raw line end in a string", unit_lit("\"a\nb\""), 0 },
    { "raw tab in a string", unit_lit("\"a\tb\""), 0 },
    { "no UTF-8", unit_lit("\"\xff\""), 0 },
    { "overlong UTF-8", unit_lit("\"\xc0\x80\""), 0 },
    { "surrogate in UTF-8", unit_lit("\"\xed\xa0\x80\""), 0 },
    { "no UTF-8 in a name", unit_lit("{\"\xc3\":1}"), 0 },

    { "name twice", unit_lit("{\"a\":1,\"a\":1}"), 0 },
    { "name twice, not in a row", unit_lit("{\"a\":1,\"b\":2,\"a\":3}"), 0 },
    { "name twice, escaped", unit_lit("{\"a\":1,\"\\u0061\":2}"), 0 },
    { "name twice, escaped slash", unit_lit("{\"/\":1,\"\\/\":2}"), 0 },
    { "empty name twice", unit_lit("{\"\":1,\"\":2}"), 0 },
    { "long name twice",
      unit_lit("{\"" NAME_64 "\":1,\"" NAME_64 "\":2}"), 0 },
    { "name twice in depth", unit_lit("[[{\"x\":{\"a\":1,\"a\":2}}]]"), 0 },
    { "name twice beside a large integer",
      unit_lit("{\"a\":12345678901234567890,\"a\":1}"), 0 },

    { "U+0000 in a name", unit_lit("{\"a\\u0000\":1}"), 0 },
    { "U+0000 in a name in depth", unit_lit("[{\"x\":{\"\\u0000\":1}}]"), 0 },
    { "raw NUL in a string", unit_lit("\"a\0b\""), 0 },
    { "raw NUL in a name", unit_lit("{\"a\0\":1}"), 0 },
    { "raw NUL behind an object", unit_lit("{}\0"), 0 },
    { "raw NUL behind a number", unit_lit("1\0"), 0 },
    { "raw NUL before", unit_lit("\0{}"), 0 },
    { "raw NUL between", unit_lit("{\0}"), 0 },

    { "beyond a double", unit_lit("1e400"), 0 },
    { "beyond a double, negative", unit_lit("-1e400"), 0 },
    { "beyond a double in depth", unit_lit("{\"a\":[1e309]}"), 0 },
    { "beyond a double beside a large integer",
      unit_lit("[12345678901234567890,1e400]"), 0 },
    { "large integer with a leading zero",
      unit_lit("[012345678901234567890]"), 0 },
    { "large integer with a minus behind",
      unit_lit("[12345678901234567890-]"), 0 },
    { "large integer and two points",
      unit_lit("[12345678901234567890.1.2]"), 0 },
    { "large integer and garbage", unit_lit("[12345678901234567890x]"), 0 },
    { "large integer in a string that does not end",
      unit_lit("[12345678901234567890,\"12345678901234567890"), 0 },
    { "large integer, and a backslash at the end",
      unit_lit("[12345678901234567890,\"\\"), 0 }
};


static void
check(const char *name, seal_km_str_t text, int valid)
{
    char    *p;
    json_t  *json;

    p = unit_exact(text);
    text.data = (text.data == NULL) ? NULL : p;

    json = seal_km_json_decode(text);
    unit_check(name, (json != NULL) == valid);
    seal_km_json_free(json);

    unit_check(name, seal_km_json_is_valid(text) == valid);

    free(p);
}


static void
test_cases(void **state)
{
    size_t  i;

    for (i = 0; i < unit_n(cases); i++) {
        check(cases[i].name, cases[i].text, cases[i].valid);
    }
}


/* the same within objects: what may stand alone may stand anywhere */

static void
test_cases_inside(void **state)
{
    char           *p;
    size_t          i;
    seal_km_str_t   text;

    for (i = 0; i < unit_n(cases); i++) {

        if (cases[i].text.len == 0) {
            continue;
        }

        text.len = cases[i].text.len + 8;
        p = malloc(text.len);
        assert_non_null(p);

        memcpy(p, "{\"x\":[", 6);
        memcpy(p + 6, cases[i].text.data, cases[i].text.len);
        memcpy(p + 6 + cases[i].text.len, "]}", 2);
        text.data = p;

        /* "[ ]" is an array */

        if (strcmp(cases[i].name, "white space only") != 0) {
            check(cases[i].name, text, cases[i].valid);
        }

        free(p);
    }
}


static void
test_numbers(void **state)
{
    size_t   i;
    json_t  *json;

    static const struct {
        const char  *text;
        int          integer;
        json_int_t   value;
        double       real;
    } numbers[] = {
        { "0", 1, 0, 0 },
        { "-1", 1, -1, 0 },
        { "999999999999999999", 1, 999999999999999999, 0 },
        { "9223372036854775807", 1, INT64_MAX, 0 },
        { "-9223372036854775808", 1, INT64_MIN, 0 },
        { "9223372036854775808", 0, 0, 9223372036854775808.0 },
        { "-9223372036854775809", 0, 0, -9223372036854775808.0 },
        { "123456789012345678901234567890", 0, 0, 1.2345678901234568e29 },
        { "1.0", 0, 0, 1.0 },
        { "1e2", 0, 0, 100.0 },
        { "0.5", 0, 0, 0.5 }
    };

    for (i = 0; i < unit_n(numbers); i++) {
        json = seal_km_json_decode(unit_text(numbers[i].text));
        unit_check(numbers[i].text, json != NULL);
        unit_check(numbers[i].text,
                   json_is_integer(json) == numbers[i].integer);

        if (numbers[i].integer) {
            unit_check(numbers[i].text,
                       json_integer_value(json) == numbers[i].value);

        } else {
            unit_check(numbers[i].text,
                       json_real_value(json) == numbers[i].real);
        }

        seal_km_json_free(json);
    }
}


/* one large integer does not make reals of the others, nor touch strings */

static void
test_numbers_beside_large(void **state)
{
    json_t         *json, *array;
    seal_km_str_t   s;

    json = seal_km_json_decode(unit_str(
        "{\"n\":[9223372036854775807,-9223372036854775808,1234567890123456789,"
        "9223372036854775808,-5],\"s\":\"9223372036854775808,\\\"1\\\\\","
        "\"9223372036854775808\":0}"));
    assert_non_null(json);

    array = json_object_get(json, "n");

    assert_true(json_integer_value(json_array_get(array, 0)) == INT64_MAX);
    assert_true(json_integer_value(json_array_get(array, 1)) == INT64_MIN);
    assert_true(json_integer_value(json_array_get(array, 2))
                == 1234567890123456789);
    assert_true(json_is_real(json_array_get(array, 3)));
    assert_true(json_integer_value(json_array_get(array, 4)) == -5);

    s = seal_km_json_string(json, "s");
    unit_check_str("string", s, unit_str("9223372036854775808,\"1\\"));
    assert_non_null(json_object_get(json, "9223372036854775808"));

    seal_km_json_free(json);
}


/* each is copied with ".0" behind it: there is room for all of them */

static void
test_many_large(void **state)
{
    char           *p;
    size_t          i, n;
    seal_km_str_t   text;

    n = 1000;
    p = malloc(n * 20 + 1);
    assert_non_null(p);

    p[0] = '[';

    for (i = 0; i < n; i++) {
        memcpy(p + 1 + i * 20, "9999999999999999999,", 20);
    }

    p[n * 20] = ']';
    text.data = p;
    text.len = n * 20 + 1;

    check("many", text, 1);
    free(p);
}


static void
test_long_integers(void **state)
{
    char           *p;
    seal_km_str_t   text;

    p = malloc(400);
    assert_non_null(p);
    memset(p, '9', 400);
    text.data = p;

    text.len = 308;
    check("308 digits", text, 1);

    text.len = 310;
    check("310 digits", text, 0);

    text.len = 400;
    check("400 digits", text, 0);

    free(p);
}


/* deeper than a parser should follow: an error, no crash */

static void
test_depth(void **state)
{
    char           *p;
    size_t          n;
    seal_km_str_t   text;

    n = 200000;
    p = malloc(2 * n);
    assert_non_null(p);

    memset(p, '[', n);
    memset(p + n, ']', n);
    text.data = p;
    text.len = 2 * n;
    check("200000 levels", text, 0);

    text.data = p + n - 1000;
    text.len = 2000;
    check("1000 levels", text, 1);

    free(p);
}


static void
test_strings(void **state)
{
    json_t         *json;
    seal_km_str_t   s;

    json = seal_km_json_decode(unit_str("{\"a\":\"x\\u0000y\",\"e\":\"\","
                                        "\"n\":1,\"A\":\"other\"}"));
    assert_non_null(json);

    s = seal_km_json_string(json, "a");
    unit_check_str("NUL is kept", s, unit_str("x\0y"));

    s = seal_km_json_string(json, "e");
    assert_non_null(s.data);
    assert_int_equal(s.len, 0);

    s = seal_km_json_string(json, "n");
    assert_null(s.data);
    assert_int_equal(s.len, 0);

    s = seal_km_json_string(json, "missing");
    assert_null(s.data);

    s = seal_km_json_text(json_object_get(json, "A"));
    unit_check_str("text", s, unit_str("other"));

    assert_null(seal_km_json_text(json).data);
    assert_null(seal_km_json_text(NULL).data);
    assert_null(seal_km_json_string(NULL, "a").data);
    assert_null(seal_km_json_string(json_object_get(json, "n"), "a").data);

    seal_km_json_free(json);
    seal_km_json_free(NULL);
}


/*
 * Memory that runs out at each place in turn: no value, and nothing is lost.
 * All tokens are short, for jansson 2.14 stops the program where it cannot make
 * room for one of more than 15 bytes.
 */

static void
test_no_memory(void **state)
{
    long      blocks;
    json_t   *json;
    unsigned  nth;

    static const seal_km_str_t  text =
        unit_lit("{\"a\":[1,2.5,\"x\"],\"b\":{\"c\":null}}");

    blocks = unit_memory_blocks();

    for (nth = 1; /* void */ ; nth++) {
        unit_memory_fail(nth);
        json = seal_km_json_decode(text);
        unit_memory_fail(0);

        if (json != NULL) {
            break;
        }

        assert_int_equal(unit_memory_blocks(), blocks);

        unit_memory_fail(nth);
        assert_int_equal(seal_km_json_is_valid(text), 0);
        unit_memory_fail(0);

        assert_int_equal(unit_memory_blocks(), blocks);
    }

    assert_true(nth > 10);
    seal_km_json_free(json);
    assert_int_equal(unit_memory_blocks(), blocks);
}


/* no room for the copy with reals in place of large integers */

static void
test_no_memory_for_copy(void **state)
{
    long      blocks;
    json_t   *json;
    unsigned  first;

    static const seal_km_str_t  text = unit_lit("[12345678901234567890]");

    blocks = unit_memory_blocks();

    seal_km_secret_enter();
    unit_memory_fail(0);
    assert_null(json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL));
    first = unit_memory_count();
    seal_km_secret_leave();

    unit_memory_fail(first + 1);
    assert_null(seal_km_json_decode(text));
    unit_memory_fail(0);
    assert_int_equal(unit_memory_blocks(), blocks);

    json = seal_km_json_decode(text);
    assert_non_null(json);
    seal_km_json_free(json);
    assert_int_equal(unit_memory_blocks(), blocks);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cases_inside),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_numbers_beside_large),
        cmocka_unit_test(test_many_large),
        cmocka_unit_test(test_long_integers),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_copy)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
