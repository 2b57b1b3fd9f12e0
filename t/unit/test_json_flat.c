/*
 * Objects of strings and integers, read in one of two ways: which one, and that
 * both say the same.
 */

#include "unit.h"

#include "seal_km_json_flat.h"


static const struct {
    const char     *name;
    seal_km_str_t   text;
    int             flat;
    int             valid;
} cases[] = {
    { "a string", unit_lit("{\"a\":\"b\"}"), 1, 1 },
    { "an integer", unit_lit("{\"a\":1700000000}"), 1, 1 },
    { "zero", unit_lit("{\"a\":0}"), 1, 1 },
    { "18 digits", unit_lit("{\"a\":999999999999999999}"), 1, 1 },
    { "an empty string", unit_lit("{\"a\":\"\"}"), 1, 1 },
    { "an empty name", unit_lit("{\"\":\"b\"}"), 1, 1 },
    { "white space", unit_lit(" {\n\"a\"\t:\r1 , \"b\" : \"c d\" } \n"), 1, 1 },
    { "U+007F", unit_lit("{\"a\":\"\x7f\"}"), 1, 1 },
    { "slashes", unit_lit("{\"Date/Time\":1,\"b\":\"https://a/b\"}"), 1, 1 },
    { "twelve members",
      unit_lit("{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,"
               "\"h\":8,\"i\":9,\"j\":10,\"k\":11,\"l\":12}"), 1, 1 },

    { "no member", unit_lit("{}"), 0, 1 },
    { "thirteen members",
      unit_lit("{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,"
               "\"h\":8,\"i\":9,\"j\":10,\"k\":11,\"l\":12,\"m\":13}"), 0, 1 },
    { "19 digits", unit_lit("{\"a\":1000000000000000000}"), 0, 1 },
    { "a negative integer", unit_lit("{\"a\":-1}"), 0, 1 },
    { "a real", unit_lit("{\"a\":1.5}"), 0, 1 },
    { "an exponent", unit_lit("{\"a\":1e2}"), 0, 1 },
    { "true", unit_lit("{\"a\":true}"), 0, 1 },
    { "null", unit_lit("{\"a\":null}"), 0, 1 },
    { "an object", unit_lit("{\"a\":{\"a\":1}}"), 0, 1 },
    { "an array", unit_lit("{\"a\":[1]}"), 0, 1 },
    { "an escape sequence", unit_lit("{\"a\":\"\\u0062\"}"), 0, 1 },
    { "an escaped quote", unit_lit("{\"a\":\"b\\\"c\"}"), 0, 1 },
    { "an escape in a name", unit_lit("{\"\\u0061\":1}"), 0, 1 },
    { "beyond ASCII", unit_lit("{\"a\":\"\xc3\xa9\"}"), 0, 1 },
    { "another type", unit_lit("[\"a\"]"), 0, 1 },
    { "a string alone", unit_lit("\"a\""), 0, 1 },

    { "a name twice", unit_lit("{\"a\":1,\"a\":1}"), 0, 0 },
    { "a name twice, once escaped", unit_lit("{\"a\":1,\"\\u0061\":2}"), 0, 0 },
    { "a leading zero", unit_lit("{\"a\":01}"), 0, 0 },
    { "a plus", unit_lit("{\"a\":+1}"), 0, 0 },
    { "no value", unit_lit("{\"a\":}"), 0, 0 },
    { "no name", unit_lit("{:1}"), 0, 0 },
    { "no colon", unit_lit("{\"a\"1}"), 0, 0 },
    { "no comma", unit_lit("{\"a\":1\"b\":2}"), 0, 0 },
    { "a comma at the end", unit_lit("{\"a\":1,}"), 0, 0 },
    { "a comma at the start", unit_lit("{,\"a\":1}"), 0, 0 },
    { "commas only", unit_lit(",\"a\":1}"), 0, 0 },
    { "something behind", unit_lit("{\"a\":1}x"), 0, 0 },
    { "a second object", unit_lit("{\"a\":1}{\"b\":1}"), 0, 0 },
    { "a NUL behind", unit_lit("{\"a\":1}\0"), 0, 0 },
    { "a NUL in a string", unit_lit("{\"a\":\"b\0c\"}"), 0, 0 },
    { "a line feed in a string", unit_lit("{\"a\":\"b\nc\"}"), 0, 0 },
    { "ill-formed UTF-8", unit_lit("{\"a\":\"\xff\"}"), 0, 0 },
    { "another white space", unit_lit("{\"a\":\f1}"), 0, 0 },
    { "nothing", unit_lit(""), 0, 0 },
    { "absent", unit_none, 0, 0 },
};


static void
test_cases(void **state)
{
    size_t                 i;
    seal_km_str_t          text;
    seal_km_json_e         rc;
    seal_km_arena_t        arena;
    seal_km_json_object_t  object;

    for (i = 0; i < unit_n(cases); i++) {
        text = cases[i].text;
        text.data = (text.data == NULL) ? NULL : unit_exact(text);

        seal_km_arena_init(&arena, NULL);
        memset(&object, 0xa5, sizeof(object));

        rc = seal_km_json_read(&object, &arena, text, SEAL_KM_JSON_ANY,
                               seal_km_json_parse);

        unit_check(cases[i].name, (rc == SEAL_KM_JSON_OK) == cases[i].valid);
        unit_check(cases[i].name, (object.n > 0) == cases[i].flat);
        unit_check(cases[i].name, (arena.block == NULL)
                                  || !cases[i].flat);
        unit_check(cases[i].name, !cases[i].flat || object.tree == NULL);

        seal_km_arena_free(&arena);
        free((char *) text.data);
    }
}


/* each prefix of a flat text is what jansson says of it: no object */

static void
test_prefixes(void **state)
{
    size_t                 n;
    seal_km_str_t          text;
    seal_km_arena_t        arena;
    seal_km_json_object_t  object;

    static const char  whole[] = "{\"a\":\"b\",\"c\":12}";

    for (n = 0; n < sizeof(whole) - 1; n++) {
        text.data = whole;
        text.len = n;
        text.data = unit_exact(text);

        seal_km_arena_init(&arena, NULL);
        assert_int_equal(seal_km_json_read(&object, &arena, text,
                                           SEAL_KM_JSON_ANY,
                                           seal_km_json_parse),
                         SEAL_KM_JSON_INVALID);
        assert_false(seal_km_json_is_object(&object));
        assert_int_equal(seal_km_json_size(&object), 0);
        assert_int_equal(seal_km_json_get(&object, "a").kind,
                         SEAL_KM_JSON_ABSENT);
        seal_km_arena_free(&arena);
        free((char *) text.data);
    }
}


static void
check_values(seal_km_str_t text, int flat)
{
    seal_km_arena_t        arena;
    seal_km_json_value_t   value;
    seal_km_json_object_t  object;

    seal_km_arena_init(&arena, NULL);

    assert_int_equal(seal_km_json_read(&object, &arena, text,
                                       SEAL_KM_JSON_ANY, seal_km_json_parse),
                     SEAL_KM_JSON_OK);
    assert_int_equal(object.n > 0, flat);
    assert_true(seal_km_json_is_object(&object));
    assert_int_equal(seal_km_json_size(&object), flat ? 4 : 5);

    value = seal_km_json_get(&object, "text");
    assert_int_equal(value.kind, SEAL_KM_JSON_STRING);
    assert_int_equal(value.integer, 0);
    unit_check_str("text", value.text, unit_str("x y"));

    value = seal_km_json_get(&object, "empty");
    assert_int_equal(value.kind, SEAL_KM_JSON_STRING);
    assert_non_null(value.text.data);
    assert_int_equal(value.text.len, 0);

    value = seal_km_json_get(&object, "number");
    assert_int_equal(value.kind, SEAL_KM_JSON_INTEGER);
    assert_null(value.text.data);
    assert_int_equal(value.integer, 123456789012345678);

    assert_int_equal(seal_km_json_get(&object, "zero").kind,
                     SEAL_KM_JSON_INTEGER);
    assert_int_equal(seal_km_json_get(&object, "other").kind,
                     flat ? SEAL_KM_JSON_ABSENT : SEAL_KM_JSON_OTHER);
    assert_int_equal(seal_km_json_get(&object, "").kind, SEAL_KM_JSON_ABSENT);
    assert_int_equal(seal_km_json_get(&object, "tex").kind,
                     SEAL_KM_JSON_ABSENT);

    seal_km_arena_free(&arena);
}


static void
test_values(void **state)
{
    check_values(unit_str("{\"text\":\"x y\",\"empty\":\"\",\"zero\":0,"
                          "\"number\":123456789012345678}"), 1);
    check_values(unit_str("{\"text\":\"x\\u0020y\",\"empty\":\"\",\"zero\":0,"
                          "\"number\":123456789012345678,\"other\":[]}"), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_values)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
