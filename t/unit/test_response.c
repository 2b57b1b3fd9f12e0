#include "unit.h"

#include "seal_km_json.h"
#include "seal_km_response.h"


/* the message, in memory that has room for it and no more */

static char *
message(const seal_km_response_t *response, size_t *len)
{
    char  *text;

    *len = seal_km_response_size(response);
    text = malloc(*len);
    assert_non_null(text);
    assert_ptr_equal(seal_km_response_write(response, text), text + *len);

    return text;
}


static void
check(const char *name, const seal_km_response_t *response, const char *want)
{
    char    *text;
    size_t   len;

    text = message(response, &len);

    unit_check_object(name, text, len, want);
}


static void
test_members(void **state)
{
    seal_km_response_t  r;

    memset(&r, 0, sizeof(r));
    check("nothing but the time", &r, "{\"Date/Time\":0}");

    r.skms_uri = unit_str("https://skm.example/");
    r.date_time = 1700000000;
    r.error_code = "04";
    check("refusal that echoes nothing", &r,
          "{\"SKmsUri\":\"https://skm.example/\",\"Date/Time\":1700000000,"
          "\"ErrorCode\":\"04\"}");

    r.user_uri = unit_str("sip:alice@example.com");
    r.service_id = unit_str("v2x");
    r.skms_id = unit_str("skm-1");
    r.identity_type = SEAL_KM_IDENTITY_USER;
    r.identity = unit_str("alice");
    r.payload = unit_str("k");
    check("all", &r,
          "{\"UserUri\":\"sip:alice@example.com\","
          "\"SKmsUri\":\"https://skm.example/\",\"ServiceID\":\"v2x\","
          "\"SKmsID\":\"skm-1\",\"UserID\":\"alice\","
          "\"Date/Time\":1700000000,\"ErrorCode\":\"04\",\"Payload\":\"k\"}");

    r.error_code = NULL;
    r.identity_type = SEAL_KM_IDENTITY_CLIENT;
    r.skms_id.data = NULL;
    r.skms_id.len = 0;
    check("success", &r,
          "{\"UserUri\":\"sip:alice@example.com\","
          "\"SKmsUri\":\"https://skm.example/\",\"ServiceID\":\"v2x\","
          "\"ClientID\":\"alice\",\"Date/Time\":1700000000,"
          "\"Payload\":\"k\"}");

    r.identity_type = SEAL_KM_IDENTITY_DEVICE;
    r.user_uri = unit_str("");
    r.payload = unit_str("");
    check("empty strings", &r,
          "{\"UserUri\":\"\",\"SKmsUri\":\"https://skm.example/\","
          "\"ServiceID\":\"v2x\",\"DeviceID\":\"alice\","
          "\"Date/Time\":1700000000}");

    r.identity_type = SEAL_KM_IDENTITY_SERVICE;
    check("an identity without a type", &r,
          "{\"UserUri\":\"\",\"SKmsUri\":\"https://skm.example/\","
          "\"ServiceID\":\"v2x\",\"Date/Time\":1700000000}");

    r.identity_type = SEAL_KM_IDENTITY_DEVICE;
    r.identity.data = NULL;
    r.identity.len = 0;
    check("a type without an identity", &r,
          "{\"UserUri\":\"\",\"SKmsUri\":\"https://skm.example/\","
          "\"ServiceID\":\"v2x\",\"Date/Time\":1700000000}");
}


static void
test_times(void **state)
{
    seal_km_response_t  r;

    memset(&r, 0, sizeof(r));

    r.date_time = INT64_MAX;
    check("INT64_MAX", &r, "{\"Date/Time\":9223372036854775807}");

    r.date_time = INT64_MIN;
    check("INT64_MIN", &r, "{\"Date/Time\":-9223372036854775808}");

    r.date_time = -1;
    check("-1", &r, "{\"Date/Time\":-1}");
}


static void
test_escapes(void **state)
{
    size_t              i;
    seal_km_response_t  r;

    static const struct {
        const char     *name;
        seal_km_str_t   text;
        const char     *json;
    } cases[] = {
        { "quote", unit_lit("a\"b"), "a\\\"b" },
        { "backslash", unit_lit("a\\b"), "a\\\\b" },
        { "slash", unit_lit("a/b"), "a/b" },
        { "short forms", unit_lit("\b\f\n\r\t"), "\\b\\f\\n\\r\\t" },
        { "U+0000", unit_lit("a\0b"), "a\\u0000b" },
        { "others below U+0010", unit_lit("\x01\x07\x0b\x0e\x0f"),
          "\\u0001\\u0007\\u000b\\u000e\\u000f" },
        { "others below U+0020", unit_lit("\x10\x1b\x1f"),
          "\\u0010\\u001b\\u001f" },
        { "U+0020 and U+007F", unit_lit(" \x7f"), " \x7f" },
        { "UTF-8", unit_lit("\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91"),
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91" },
        { "escapes in the text", unit_lit("\\u0041\\n"),
          "\\\\u0041\\\\n" },
        { "injection", unit_lit("\",\"ErrorCode\":\"01"),
          "\\\",\\\"ErrorCode\\\":\\\"01" }
    };

    for (i = 0; i < unit_n(cases); i++) {
        memset(&r, 0, sizeof(r));
        r.service_id = cases[i].text;
        check(cases[i].name, &r,
              unit_format("{\"ServiceID\":\"%s\",\"Date/Time\":0}",
                          cases[i].json));

        memset(&r, 0, sizeof(r));
        r.payload = cases[i].text;
        check(cases[i].name, &r,
              unit_format("{\"Date/Time\":0,\"Payload\":\"%s\"}",
                          cases[i].json));
    }
}


/* what comes out of a JSON parser is what went in, for every byte of ASCII */

static void
test_round_trip(void **state)
{
    char                bytes[128], *text;
    size_t              i;
    seal_km_arena_t     arena;
    json_t             *json;
    seal_km_str_t       got, s;
    seal_km_response_t  r;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) i;
    }

    memset(&r, 0, sizeof(r));
    s.data = bytes;
    s.len = sizeof(bytes);
    r.user_uri = s;
    r.payload = s;

    text = message(&r, &got.len);
    got.data = text;
    seal_km_arena_init(&arena, NULL);
    (void) seal_km_json_parse(&arena, got, SEAL_KM_JSON_ANY, &json);
    assert_non_null(json);

    got = seal_km_json_string(json, "UserUri");
    unit_check_str("UserUri", got, s);
    got = seal_km_json_string(json, "Payload");
    unit_check_str("Payload", got, s);

    seal_km_arena_free(&arena);
    free(text);
}


static void
test_payloads(void **state)
{
    seal_km_response_t  r;

    memset(&r, 0, sizeof(r));

    r.payload = unit_str("a/b c");
    r.simple = 1;
    check("text that is known to be simple", &r,
          "{\"Date/Time\":0,\"Payload\":\"a/b c\"}");
    r.simple = 0;

    r.payload_type = SEAL_KM_PAYLOAD_JSON;
    r.payload = unit_str("{ \"k\" : [1.50, 12345678901234567890, \"\\u00e9\"] "
                         "}\n");
    check("JSON, byte for byte", &r, "{\"Date/Time\":0,\"Payload\":"
          "{ \"k\" : [1.50, 12345678901234567890, \"\\u00e9\"] }\n}");

    r.payload_type = SEAL_KM_PAYLOAD_BASE64;
    r.payload = unit_str("\0\xff\xfe" "a");
    check("base64", &r, "{\"Date/Time\":0,\"Payload\":\"AP/+YQ==\"}");

    r.payload.len = 3;
    check("base64 without padding", &r,
          "{\"Date/Time\":0,\"Payload\":\"AP/+\"}");

    r.payload.len = 0;
    check("base64 of nothing", &r, "{\"Date/Time\":0}");

    r.payload_type = SEAL_KM_PAYLOAD_JSON;
    check("JSON of nothing", &r, "{\"Date/Time\":0}");

    r.payload.data = NULL;
    check("no record", &r, "{\"Date/Time\":0}");
}


static void
check_payload(const char *name, seal_km_payload_e type, seal_km_str_t record,
    int fits, int simple)
{
    int  is;

    is = -1;

    unit_check(name, seal_km_response_check_payload(type, record, &is)
                     == (fits ? SEAL_KM_OK : SEAL_KM_PAYLOAD_INVALID));
    unit_check(name, is == simple);
}


static void
test_check_payload(void **state)
{
    size_t  i;

    static const struct {
        const char     *name;
        seal_km_str_t   record;
        int             string;
        int             json;
        int             simple;
    } cases[] = {
        { "empty", unit_lit(""), 1, 1, 0 },
        { "absent", unit_none, 1, 1, 0 },
        { "text", unit_lit("abc"), 1, 0, 1 },
        { "JSON object", unit_lit(" {\"a\":1} "), 1, 1, 0 },
        { "JSON number", unit_lit("12345678901234567890123"), 1, 1, 1 },
        { "JSON string", unit_lit("\"\\u0000\""), 1, 1, 0 },
        { "JSON null", unit_lit("null"), 1, 1, 1 },
        { "number beyond a double", unit_lit("1e999"), 1, 0, 1 },
        { "name twice", unit_lit("{\"a\":1,\"a\":1}"), 1, 0, 0 },
        { "two values", unit_lit("1 2"), 1, 0, 1 },
        { "breaks out of the response",
          unit_lit("1,\"ErrorCode\":\"01\""), 1, 0, 0 },
        { "closes the response", unit_lit("1}"), 1, 0, 1 },
        { "white space", unit_lit(" \n"), 1, 0, 0 },
        { "NUL", unit_lit("a\0"), 1, 0, 0 },
        { "JSON and a NUL", unit_lit("{}\0"), 1, 0, 0 },
        { "no UTF-8", unit_lit("a\xff"), 0, 0, 0 },
        { "JSON with no UTF-8", unit_lit("\"\xff\""), 0, 0, 0 },
        { "surrogate", unit_lit("\xed\xa0\x80"), 0, 0, 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        check_payload(cases[i].name, SEAL_KM_PAYLOAD_STRING, cases[i].record,
                      cases[i].string, cases[i].simple);
        check_payload(cases[i].name, SEAL_KM_PAYLOAD_JSON, cases[i].record,
                      cases[i].json, 0);
        check_payload(cases[i].name, SEAL_KM_PAYLOAD_BASE64, cases[i].record,
                      1, 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_check_payload)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
