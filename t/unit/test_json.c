#include "unit.h"

#include "seal_km_json_check.h"
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


static seal_km_arena_t  trees;


static json_t *
decode(seal_km_str_t text)
{
    json_t  *json;

    (void) seal_km_json_parse(&trees, text, SEAL_KM_JSON_ANY, &json);

    return json;
}


static void
check(const char *name, seal_km_str_t text, int valid)
{
    char             *p;
    json_t           *json;
    seal_km_arena_t   arena;

    p = unit_exact(text);
    text.data = (text.data == NULL) ? NULL : p;

    seal_km_arena_init(&arena, NULL);

    unit_check(name, seal_km_json_parse(&arena, text, SEAL_KM_JSON_ANY, &json)
                     == (valid ? SEAL_KM_JSON_OK : SEAL_KM_JSON_INVALID));
    unit_check(name, (json != NULL) == valid);

    seal_km_arena_free(&arena);

    unit_check(name, seal_km_json_check(text)
                     == (valid ? SEAL_KM_JSON_OK : SEAL_KM_JSON_INVALID));

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
        json = decode(unit_text(numbers[i].text));
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

        seal_km_arena_free(&trees);
    }
}


/* one large integer does not make reals of the others, nor touch strings */

static void
test_numbers_beside_large(void **state)
{
    json_t         *json, *array;
    seal_km_str_t   s;

    json = decode(unit_str(
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

    seal_km_arena_free(&trees);
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

    json = decode(unit_str("{\"a\":\"x\\u0000y\",\"e\":\"\","
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

    seal_km_arena_free(&trees);
}


static const struct {
    const char     *name;
    seal_km_str_t   text;
    size_t          values;
} counted[] = {
    { "number", unit_lit("1"), 1 },
    { "string with marks", unit_lit("\"[,]{}\\\",[\""), 1 },
    { "empty array", unit_lit("[]"), 1 },
    { "empty array with space", unit_lit("[ \n]"), 1 },
    { "empty object", unit_lit("{\t}"), 1 },
    { "two values", unit_lit("[1]"), 2 },
    { "three levels", unit_lit("[[1]]"), 3 },
    { "empty ones", unit_lit("[[],{},[{}]]"), 5 },
    { "object", unit_lit("{\"a\":1,\"b\":[2, 3],\"c\":{\"d\":null}}"), 7 },
    { "strings", unit_lit("[\"\\\\\",\"\\\"\",\"\",\"\"]"), 5 },
    { "large integers", unit_lit("[12345678901234567890,12345678901234567890]"),
      3 }
};


/* as many as are allowed, and one less */

static void
test_max_values(void **state)
{
    size_t            i;
    json_t           *json;
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    for (i = 0; i < unit_n(counted); i++) {
        unit_check(counted[i].name,
                   seal_km_json_parse(&arena, counted[i].text,
                                      counted[i].values, &json)
                   == SEAL_KM_JSON_OK);
        unit_check(counted[i].name,
                   seal_km_json_parse_clamped(&arena, counted[i].text,
                                              counted[i].values - 1, &json)
                   == SEAL_KM_JSON_INVALID);
        unit_check(counted[i].name, json == NULL);
    }

    seal_km_arena_free(&arena);
}


static void
test_clamped(void **state)
{
    size_t            i;
    json_t           *json;
    seal_km_arena_t   arena;

    static const struct {
        const char  *text;
        json_int_t   value;
    } cases[] = {
        { "9223372036854775806", INT64_MAX - 1 },
        { "9223372036854775807", INT64_MAX },
        { "9223372036854775808", INT64_MAX },
        { "10000000000000000000", INT64_MAX },
        { "-9223372036854775807", INT64_MIN + 1 },
        { "-9223372036854775808", INT64_MIN },
        { "-9223372036854775809", INT64_MIN },
        { "-99999999999999999999999999999", INT64_MIN }
    };

    seal_km_arena_init(&arena, NULL);

    for (i = 0; i < unit_n(cases); i++) {
        assert_int_equal(seal_km_json_parse_clamped(&arena,
                                unit_text(cases[i].text), 1, &json),
                         SEAL_KM_JSON_OK);
        unit_check(cases[i].text, json_is_integer(json));
        unit_check(cases[i].text, json_integer_value(json) == cases[i].value);
    }

    /* of any size, while a real is not */

    assert_int_equal(seal_km_json_parse_clamped(&arena,
                            unit_text(unit_format("[1%0999d,-1%0999d]", 0, 0)),
                            3, &json),
                     SEAL_KM_JSON_OK);
    assert_true(json_integer_value(json_array_get(json, 0)) == INT64_MAX);
    assert_true(json_integer_value(json_array_get(json, 1)) == INT64_MIN);

    assert_int_equal(seal_km_json_parse_clamped(&arena, unit_str("1e400"), 1,
                                                &json),
                     SEAL_KM_JSON_INVALID);
    assert_int_equal(seal_km_json_parse_clamped(&arena,
                            unit_text(unit_format("0%0999d", 0)), 1, &json),
                     SEAL_KM_JSON_INVALID);

    seal_km_arena_free(&arena);
}


/* trees of several texts lie side by side, their texts are gone */

static void
test_arena(void **state)
{
    char             *text;
    size_t            i;
    json_t           *json[100];
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    for (i = 0; i < unit_n(json); i++) {
        text = unit_exact(unit_text(unit_format("{\"number\":%u}",
                                                (unsigned) i + 100)));
        assert_int_equal(seal_km_json_parse(&arena,
                                (seal_km_str_t) { text, 14 }, 2, &json[i]),
                         SEAL_KM_JSON_OK);
        free(text);
    }

    for (i = 0; i < unit_n(json); i++) {
        assert_int_equal(json_integer_value(json_object_get(json[i],
                                                            "number")),
                         i + 100);
    }

    seal_km_arena_free(&arena);
}


/* jansson is as it was, whoever it had its memory from, inside and outside */

static void
test_allocators(void **state)
{
    json_t           *json, *own;
    json_free_t       json_free, lent_free;
    json_malloc_t     json_malloc, lent_malloc;
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    assert_int_equal(seal_km_json_parse(&arena, unit_str("{\"a\":[1]}"),
                                        SEAL_KM_JSON_ANY, &json),
                     SEAL_KM_JSON_OK);

    json_get_alloc_funcs(&json_malloc, &json_free);
    assert_ptr_equal(json_malloc, malloc);
    assert_ptr_equal(json_free, free);

    own = json_string("of another module");

    seal_km_secret_enter();
    json_get_alloc_funcs(&lent_malloc, &lent_free);

    assert_int_equal(seal_km_json_parse(&arena, unit_str("{\"a\":"),
                                        SEAL_KM_JSON_ANY, &json),
                     SEAL_KM_JSON_INVALID);

    json_get_alloc_funcs(&json_malloc, &json_free);
    assert_ptr_equal(json_malloc, lent_malloc);
    assert_ptr_equal(json_free, lent_free);

    seal_km_secret_leave();

    json_decref(own);
    seal_km_arena_free(&arena);
}


/*
 * All that a parse needs is there before it begins: memory that runs out then
 * is told apart from an invalid text, and once it has begun none is asked for.
 */

static void
test_no_memory(void **state)
{
    long              blocks;
    size_t            i;
    json_t           *json;
    unsigned          calls;
    seal_km_arena_t   arena;

    blocks = unit_memory_blocks();

    for (i = 0; i < unit_n(cases); i++) {
        seal_km_arena_init(&arena, NULL);

        unit_memory_fail(0);
        (void) seal_km_json_parse(&arena, cases[i].text, SEAL_KM_JSON_ANY,
                                  &json);
        calls = unit_memory_count();
        unit_check(cases[i].name, calls <= 1);
        seal_km_arena_free(&arena);

        unit_memory_fail(1);
        unit_check(cases[i].name,
                   seal_km_json_parse(&arena, cases[i].text, SEAL_KM_JSON_ANY,
                                      &json)
                   == (calls ? SEAL_KM_JSON_NO_MEMORY : SEAL_KM_JSON_INVALID));
        unit_memory_fail(0);

        unit_check(cases[i].name, json == NULL);
        seal_km_arena_free(&arena);
        assert_int_equal(unit_memory_blocks(), blocks);
    }
}


/*
 * The texts that make jansson take the most for what they are long: a parse
 * asks once, before it begins, whether the text turns out to be valid or not.
 */

static void
test_memory_bound(void **state)
{
    char             *p;
    size_t            i, k, n;
    json_t           *json;
    seal_km_str_t     text;
    seal_km_arena_t   arena;

    static const struct {
        const char  *head;
        const char  *part;
        const char  *tail;
    } shapes[] = {
        { "[{}", ",{}", "]" },
        { "[[]", ",[]", "]" },
        { "[\"\"", ",\"\"", "]" },
        { "[1", ",1", "]" },
        { "[0.5", ",0.5", "]" },
        { "[{\"\":{}}", ",{\"\":{}}", "]" },
        { "[{\"a\":\"\"}", ",{\"a\":\"\"}", "]" },
        { "", "[", "" },
        { "", "{\"\":", "" },
        { "\"", "x", "\"" },
        { "\"", "\\u0041", "\"" },
        { "{\"", "x", "\":{}}" },
        { "", "9", "" },
        { "", "0", "" },
        { "0.", "9", "" },
        { "", "x", "" },
        { "", "\xc3\xa9", "" },
        { "[", "12345678901234567890,", "1]" }
    };

    for (i = 0; i < unit_n(shapes); i++) {
        for (n = 1; n < 20000; n = n * 2 + 1) {
            text.len = strlen(shapes[i].head) + n * strlen(shapes[i].part)
                       + strlen(shapes[i].tail);
            p = malloc(text.len + 1);
            assert_non_null(p);
            text.data = p;

            strcpy(p, shapes[i].head);
            p += strlen(p);

            for (k = 0; k < n; k++) {
                strcpy(p, shapes[i].part);
                p += strlen(p);
            }

            strcpy(p, shapes[i].tail);

            seal_km_arena_init(&arena, NULL);
            unit_memory_fail(2);
            unit_check(shapes[i].part,
                       seal_km_json_parse(&arena, text, SEAL_KM_JSON_ANY,
                                          &json)
                       != SEAL_KM_JSON_NO_MEMORY);
            unit_check(shapes[i].part, unit_memory_count() <= 1);
            unit_memory_fail(0);
            seal_km_arena_free(&arena);
            free((void *) text.data);
        }
    }
}


/* an object of n members whose names differ: its hash table grows */

static void
test_memory_bound_members(void **state)
{
    char             *p;
    size_t            k, n;
    json_t           *json;
    seal_km_str_t     text;
    seal_km_arena_t   arena;

    for (n = 1; n < 3000; n++) {
        p = malloc(n * 20 + 2);
        assert_non_null(p);
        text.data = p;

        for (k = 0; k < n; k++) {
            p += sprintf(p, "%s\"%x\":{}", k == 0 ? "{" : ",", (unsigned) k);
        }

        *p++ = '}';
        text.len = (size_t) (p - text.data);

        seal_km_arena_init(&arena, NULL);
        unit_memory_fail(2);
        assert_int_equal(seal_km_json_parse(&arena, text, n + 1, &json),
                         SEAL_KM_JSON_OK);
        unit_memory_fail(0);
        assert_int_equal(json_object_size(json), n);
        seal_km_arena_free(&arena);
        free((void *) text.data);

        n += n / 10;
    }
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
        cmocka_unit_test(test_max_values),
        cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_allocators),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_memory_bound),
        cmocka_unit_test(test_memory_bound_members)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
