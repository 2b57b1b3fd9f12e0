/*
 * Values of a JSON text as they stand in it.
 */

#include "unit.h"

#include "seal_km_json_raw.h"


static seal_km_str_t
compact(seal_km_str_t text)
{
    char           *dst;
    seal_km_str_t   s;

    dst = malloc(text.len);     /* and not a byte more */
    assert_non_null(dst);

    s.data = dst;
    s.len = seal_km_json_raw_compact(text, dst);
    assert_true(s.len <= text.len);

    return s;
}


static json_t *
decode(seal_km_arena_t *arena, seal_km_str_t text)
{
    json_t  *json;

    assert_int_equal(seal_km_json_parse(arena, text, SEAL_KM_JSON_ANY, &json),
                     SEAL_KM_JSON_OK);
    return json;
}


static const struct {
    seal_km_str_t  text;
    seal_km_str_t  compact;
} texts[] = {

    /* digits are those of the text */

    { unit_lit("18446744073709551616"), unit_lit("18446744073709551616") },
    { unit_lit("18446744073709551617"), unit_lit("18446744073709551617") },
    { unit_lit("-9223372036854775809"), unit_lit("-9223372036854775809") },
    { unit_lit("1e3"), unit_lit("1e3") },
    { unit_lit("1E+03"), unit_lit("1E+03") },
    { unit_lit("1.0"), unit_lit("1.0") },
    { unit_lit("1.50"), unit_lit("1.50") },
    { unit_lit("0.1234567890123456789"), unit_lit("0.1234567890123456789") },
    { unit_lit("-0.0"), unit_lit("-0.0") },
    { unit_lit("0e5"), unit_lit("0e5") },
    { unit_lit("-0e5"), unit_lit("-0e5") },
    { unit_lit("0"), unit_lit("0") },
    { unit_lit("-0"), unit_lit("0") },
    { unit_lit(" [ -0 ,\t-0.5\r\n]\n"), unit_lit("[0,-0.5]") },
    { unit_lit("[\"-0\"]"), unit_lit("[\"-0\"]") },
    { unit_lit("{ \"id\" : [ 99999999999999999999999 , { \"n\": 1e2 } ] }"),
      unit_lit("{\"id\":[99999999999999999999999,{\"n\":1e2}]}") },

    /* words, and white space that is none */

    { unit_lit(" true "), unit_lit("true") },
    { unit_lit("[ null, false ]"), unit_lit("[null,false]") },
    { unit_lit("\" a  b \""), unit_lit("\" a  b \"") },
    { unit_lit("{ }"), unit_lit("{}") },
    { unit_lit("[ [ ] , { } , \"\" ]"), unit_lit("[[],{},\"\"]") },

    /* one spelling for each string */

    { unit_lit("\"\\u0061\\/\\u00e9\\u20AC\\ud83d\\ude00\\u007f\""),
      unit_lit("\"a/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"") },
    { unit_lit("\"\\u0022\\\"\\u005c\\\\\""), unit_lit("\"\\\"\\\"\\\\\\\\\"") },
    { unit_lit("\"\\u0008\\b\\u000C\\f\\u000a\\n\\u000d\\r\\u0009\\t\""),
      unit_lit("\"\\b\\b\\f\\f\\n\\n\\r\\r\\t\\t\"") },
    { unit_lit("\"\\u0000\\u001f\""), unit_lit("\"\\u0000\\u001F\"") },
    { unit_lit("\"\xc3\xa9 \\\\\\\"]\""), unit_lit("\"\xc3\xa9 \\\\\\\"]\"") },
    { unit_lit("{ \"\\u0061\" : \"[\\\"\" }"), unit_lit("{\"a\":\"[\\\"\"}") }
};


static void
test_compact(void **state)
{
    char             *dump;
    size_t            i;
    json_t           *json;
    seal_km_str_t     exact, seen, again;
    seal_km_arena_t   arena;

    for (i = 0; i < unit_n(texts); i++) {
        seal_km_arena_init(&arena, NULL);

        exact.len = texts[i].text.len;
        exact.data = unit_exact(texts[i].text);

        json = decode(&arena, exact);
        seen = compact(exact);

        unit_check_str(texts[i].text.data, seen, texts[i].compact);

        /* it says the same, and once more makes no difference */

        unit_check(texts[i].text.data, json_equal(decode(&arena, seen), json));

        again = compact(seen);
        unit_check_str(texts[i].text.data, again, seen);

        /* strings are jansson's */

        if (json_is_string(json)) {
            dump = json_dumps(json, JSON_COMPACT|JSON_ENCODE_ANY);
            unit_check_str(texts[i].text.data, seen, unit_text(dump));
            free(dump);
        }

        free((char *) again.data);
        free((char *) seen.data);
        free((char *) exact.data);
        seal_km_arena_free(&arena);
    }
}


static const struct {
    seal_km_str_t  text;
    seal_km_str_t  name;
    seal_km_str_t  value;       /* data == NULL: none */
} members[] = {
    { unit_lit("{\"a\":1}"), unit_lit("a"), unit_lit("1") },
    { unit_lit("{\"a\":1,\"b\":2}"), unit_lit("b"), unit_lit("2") },
    { unit_lit(" {\n\"a\" : [ 1 , 2 ] , \"b\" :\t{ } } "), unit_lit("a"),
      unit_lit("[ 1 , 2 ]") },
    { unit_lit(" {\n\"a\" : [ 1 , 2 ] , \"b\" :\t{ } } "), unit_lit("b"),
      unit_lit("{ }") },
    { unit_lit("{\"a\":\"}\\\"\",\"b\":\"\\\\\",\"c\":true}"), unit_lit("c"),
      unit_lit("true") },
    { unit_lit("{\"\\u0061\\u00e9\\\"\":1}"), unit_lit("a\xc3\xa9\""),
      unit_lit("1") },
    { unit_lit("{\"\\ud83d\\ude00\":1}"), unit_lit("\xf0\x9f\x98\x80"),
      unit_lit("1") },
    { unit_lit("{\"\":1}"), unit_lit(""), unit_lit("1") },

    /* of this object, and exactly of this name */

    { unit_lit("{\"b\":{\"a\":1},\"c\":[\"a\",2],\"d\":\"a\",\"a\":3}"),
      unit_lit("a"), unit_lit("3") },
    { unit_lit("{\"b\":{\"a\":1}}"), unit_lit("a"), unit_none },
    { unit_lit("{\"b\":\"a\"}"), unit_lit("a"), unit_none },
    { unit_lit("{\"ab\":1}"), unit_lit("a"), unit_none },
    { unit_lit("{\"a\":1}"), unit_lit("ab"), unit_none },
    { unit_lit("{\"A\":1}"), unit_lit("a"), unit_none },
    { unit_lit("{\"a\":1}"), unit_lit(""), unit_none },
    { unit_lit("{\"\\u00e9\":1}"), unit_lit("\xc3"), unit_none },
    { unit_lit("{}"), unit_lit("a"), unit_none },
    { unit_lit(" { } "), unit_lit(""), unit_none },

    /* what is no object has no members */

    { unit_lit("[\"a\",1]"), unit_lit("a"), unit_none },
    { unit_lit("\"a\""), unit_lit("a"), unit_none },
    { unit_lit("1"), unit_lit("a"), unit_none },
    { unit_none, unit_lit("a"), unit_none }
};


static void
test_member(void **state)
{
    size_t         i;
    seal_km_str_t  exact, value;

    for (i = 0; i < unit_n(members); i++) {
        exact.len = members[i].text.len;
        exact.data = unit_exact(members[i].text);

        value = seal_km_json_raw_member(exact, members[i].name);

        unit_check(members[i].text.data, (value.data == NULL)
                                         == (members[i].value.data == NULL));
        unit_check_str(members[i].text.data, value, members[i].value);

        free((char *) exact.data);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_member)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
