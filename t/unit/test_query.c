#include "unit.h"

#include "seal_km_query.h"


#define MISSING   "MANDATORY_QUERY_PARAM_MISSING"
#define WRONG     "MANDATORY_QUERY_PARAM_INCORRECT"
#define OPTIONAL  "OPTIONAL_QUERY_PARAM_INCORRECT"

/* what else is there of a query whose service is all right */
#define WITH(more)  "val-service-id=v2x&" more

/* ten and five times fifty characters */
#define TEN    "0123456789"
#define FIFTY  TEN TEN TEN TEN TEN
#define L250   FIFTY FIFTY FIFTY FIFTY FIFTY
#define E10    "%30%31%32%33%34%35%36%37%38%39"
#define E50    E10 E10 E10 E10 E10
#define E250   E50 E50 E50 E50 E50


static seal_km_arena_t  arena;


/* param == NULL: well-formed; service or target NULL: there is none to tell */

typedef struct {
    const char          *name;
    seal_km_str_t        query;
    const char          *param;
    const char          *cause;
    seal_km_str_t        service;
    seal_km_identity_e   type;
    seal_km_str_t        target;
} case_t;


static void
check(const case_t *c)
{
    char                         *text;
    seal_km_str_t                 query;
    seal_km_reason_e              rc;
    seal_km_request_t             request;
    const seal_km_query_fault_t  *fault;

    text = unit_exact(c->query);
    query.data = text;
    query.len = c->query.len;

    rc = seal_km_query_decode(&request, &fault, &arena, query);

    if (c->param == NULL) {
        unit_check(c->name, rc == SEAL_KM_OK);
        unit_check(c->name, fault == NULL);
        unit_check(c->name, request.error == NULL);

    } else {
        unit_check(c->name, rc == SEAL_KM_MALFORMED_REQUEST);
        unit_check(c->name, fault != NULL);
        unit_check(c->name, strcmp(fault->param, c->param) == 0);
        unit_check(c->name, strcmp(fault->cause, c->cause) == 0);
        unit_check(c->name, request.error == fault->reason);
        unit_check(c->name, strstr(fault->reason, c->param) == fault->reason);
    }

    unit_check_str(c->name, request.service_id, c->service);
    unit_check_str(c->name, request.identity, c->target);
    unit_check(c->name, request.identity_type == c->type);
    unit_check(c->name, (request.identity.data != NULL)
                        == (c->type != SEAL_KM_IDENTITY_SERVICE));
    unit_check(c->name, request.version.data == NULL
                        && request.skms_uri.data == NULL
                        && request.date_time == 0);

    seal_km_arena_free(&arena);
    free(text);
}


#define NOBODY  SEAL_KM_IDENTITY_SERVICE, unit_none
#define V2X     unit_lit("v2x")
#define ALICE   SEAL_KM_IDENTITY_USER, unit_lit("alice")
#define UE7     SEAL_KM_IDENTITY_DEVICE, unit_lit("ue-7")

#define good(name, query, service, ...)                                       \
    { name, unit_lit(query), NULL, NULL, service, __VA_ARGS__ }
#define bad(name, query, param, cause, service, ...)                          \
    { name, unit_lit(query), param, cause, service, __VA_ARGS__ }


static void
test_service(void **state)
{
    size_t  i;

    static const case_t  cases[] = {
        good("plain", "val-service-id=v2x", V2X, NOBODY),
        good("every byte escaped", "val-service-id=%76%32%78", V2X, NOBODY),
        good("escapes in the name", "%76al-service-i%64=v2x", V2X, NOBODY),
        good("all of the name escaped",
             "%76%61%6C%2D%73%65%72%76%69%63%65%2d%69%64=v2x", V2X, NOBODY),
        good("others around it", "a=b&val-service-id=v2x&c=d", V2X, NOBODY),
        good("empty parts", "&&val-service-id=v2x&&", V2X, NOBODY),
        good("a plus sign", "val-service-id=a+b", unit_lit("a+b"), NOBODY),
        good("a plus sign beside an escape", "val-service-id=a+%62",
             unit_lit("a+b"), NOBODY),
        good("a space", "val-service-id=a%20b", unit_lit("a b"), NOBODY),
        good("an escaped plus sign", "val-service-id=a%2Bb", unit_lit("a+b"),
             NOBODY),
        good("signs of equality", "val-service-id=a=b=", unit_lit("a=b="),
             NOBODY),
        good("an escaped ampersand", "val-service-id=a%26valUserId=b",
             unit_lit("a&valUserId=b"), NOBODY),
        good("a semicolon", "val-service-id=a;valUserId=b",
             unit_lit("a;valUserId=b"), NOBODY),
        good("decoded once", "val-service-id=%2525", unit_lit("%25"), NOBODY),
        good("characters of URIs", "val-service-id=/?:@!$'()*,[]",
             unit_lit("/?:@!$'()*,[]"), NOBODY),
        good("UTF-8", "val-service-id=caf%C3%A9%F0%9F%98%80",
             unit_lit("caf\xc3\xa9\xf0\x9f\x98\x80"), NOBODY),
        good("raw UTF-8", "val-service-id=caf\xc3\xa9",
             unit_lit("caf\xc3\xa9"), NOBODY),
        good("half of it raw", "val-service-id=caf\xc3%a9",
             unit_lit("caf\xc3\xa9"), NOBODY),
        good("255 bytes", "val-service-id=" L250 "01234",
             unit_lit(L250 "01234"), NOBODY),
        good("255 bytes, escaped", "val-service-id=" E250 "%30%31%32%33%34",
             unit_lit(L250 "01234"), NOBODY),

        bad("nothing", "", "val-service-id", MISSING, unit_none, NOBODY),
        bad("no parameter", "&&&", "val-service-id", MISSING, unit_none,
            NOBODY),
        bad("a value without a name", "=v2x", "val-service-id", MISSING,
            unit_none, NOBODY),
        bad("another case", "Val-Service-Id=v2x", "val-service-id", MISSING,
            unit_none, NOBODY),
        bad("a longer name", "val-service-ids=v2x", "val-service-id", MISSING,
            unit_none, NOBODY),
        bad("a shorter name", "val-service-i=v2x", "val-service-id", MISSING,
            unit_none, NOBODY),
        bad("a name with NUL", "val-service-id%00=v2x", "val-service-id",
            MISSING, unit_none, NOBODY),
        bad("a name with a bad escape", "val-service-i%6=v2x",
            "val-service-id", MISSING, unit_none, NOBODY),
        bad("a name with a cut escape", "val-service-i%6", "val-service-id",
            MISSING, unit_none, NOBODY),
        bad("only behind a semicolon", "a=b;val-service-id=v2x",
            "val-service-id", MISSING, unit_none, NOBODY),
        bad("a name that is decoded twice", "%2576al-service-id=v2x",
            "val-service-id", MISSING, unit_none, NOBODY),
        bad("a space in the name", "val-service-id+=v2x", "val-service-id",
            MISSING, unit_none, NOBODY),

        bad("twice", "val-service-id=v2x&val-service-id=v2y",
            "val-service-id", WRONG, unit_none, NOBODY),
        bad("twice the same", "val-service-id=v2x&val-service-id=v2x",
            "val-service-id", WRONG, unit_none, NOBODY),
        bad("twice, once escaped", "val-service-id=v2x&%76al-service-id=v2x",
            "val-service-id", WRONG, unit_none, NOBODY),
        bad("twice, once empty", "val-service-id=v2x&val-service-id",
            "val-service-id", WRONG, unit_none, NOBODY),
        bad("empty", "val-service-id=", "val-service-id", WRONG, unit_none,
            NOBODY),
        bad("no =", "val-service-id", "val-service-id", WRONG, unit_none,
            NOBODY),
        bad("256 bytes", "val-service-id=" L250 "012345", "val-service-id",
            WRONG, unit_none, NOBODY),
        bad("256 bytes, escaped", "val-service-id=" E250 "%30%31%32%33%34%35",
            "val-service-id", WRONG, unit_none, NOBODY),
        bad("256 bytes, one escaped", "val-service-id=" L250 "01234%35",
            "val-service-id", WRONG, unit_none, NOBODY),
        bad("a cut escape", "val-service-id=v2x%", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("another one", "val-service-id=v2x%4", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("cut by the next parameter", "val-service-id=v2x%4&1=a",
            "val-service-id", WRONG, unit_none, NOBODY),
        bad("no digits", "val-service-id=%zz", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("half a digit", "val-service-id=%4g", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("a sign for digits", "val-service-id=%-1", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("%u", "val-service-id=%u0041", "val-service-id", WRONG, unit_none,
            NOBODY),
        bad("U+0000", "val-service-id=v2x%00", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("a raw NUL", "val-service-id=v2x\0", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("a line end", "val-service-id=v2x%0a", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("DEL", "val-service-id=%7F", "val-service-id", WRONG, unit_none,
            NOBODY),
        bad("no UTF-8", "val-service-id=%ff", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("no UTF-8, raw", "val-service-id=\xff", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("an overlong form", "val-service-id=%C0%AF", "val-service-id",
            WRONG, unit_none, NOBODY),
        bad("a surrogate", "val-service-id=%ED%A0%80", "val-service-id", WRONG,
            unit_none, NOBODY),
        bad("a cut character", "val-service-id=%C3", "val-service-id", WRONG,
            unit_none, NOBODY)
    };

    for (i = 0; i < unit_n(cases); i++) {
        check(&cases[i]);
    }
}


static void
test_targets(void **state)
{
    size_t  i;

    static const case_t  cases[] = {
        good("a user", WITH("valUserId=alice"), V2X, ALICE),
        good("a UE", WITH("valUeId=ue-7"), V2X, UE7),
        good("before the service", "valUserId=alice&val-service-id=v2x", V2X,
             ALICE),
        good("escaped", WITH("%76alUserId=%61lice"), V2X, ALICE),
        good("255 bytes", WITH("valUeId=" L250 "01234"), V2X,
             SEAL_KM_IDENTITY_DEVICE, unit_lit(L250 "01234")),
        good("another case is another parameter", WITH("valuserid=alice"), V2X,
             NOBODY),

        bad("empty", WITH("valUserId="), "valUserId", OPTIONAL, V2X, NOBODY),
        bad("no =", WITH("valUeId"), "valUeId", OPTIONAL, V2X, NOBODY),
        bad("a bad escape", WITH("valUserId=alice%"), "valUserId", OPTIONAL,
            V2X, NOBODY),
        bad("no UTF-8", WITH("valUserId=%ff"), "valUserId", OPTIONAL, V2X,
            NOBODY),
        bad("U+0000", WITH("valUeId=%00"), "valUeId", OPTIONAL, V2X, NOBODY),
        bad("256 bytes", WITH("valUeId=" L250 "012345"), "valUeId", OPTIONAL,
            V2X, NOBODY),

        bad("twice", WITH("valUserId=alice&valUserId=alice"), "valUserId",
            OPTIONAL, V2X, NOBODY),
        bad("both", WITH("valUserId=alice&valUeId=ue-7"), "valUeId", OPTIONAL,
            V2X, NOBODY),
        bad("both, one empty", WITH("valUserId=alice&valUeId="), "valUeId",
            OPTIONAL, V2X, NOBODY),
        bad("all three",
            WITH("valUeId=ue-7&valUserId=alice&val-tgt-ue={}"), "valUserId",
            OPTIONAL, V2X, NOBODY),
        bad("both forms",
            WITH("valUserId=alice&val-tgt-ue={\"valUserId\":\"alice\"}"),
            "val-tgt-ue", OPTIONAL, V2X, NOBODY),
        bad("both forms, the other way",
            WITH("val-tgt-ue={\"valUserId\":\"alice\"}&valUserId=alice"),
            "valUserId", OPTIONAL, V2X, NOBODY),

        bad("of no service", "valUserId=alice", "val-service-id", MISSING,
            unit_none, ALICE),
        bad("two faults", "val-service-id=&valUserId=", "val-service-id",
            WRONG, unit_none, NOBODY),
        bad("two faults, the other way", "valUserId=&valUserId=&a",
            "val-service-id", MISSING, unit_none, NOBODY)
    };

    for (i = 0; i < unit_n(cases); i++) {
        check(&cases[i]);
    }
}


#define JSON(text)  WITH("val-tgt-ue=" text)

#define user(name, json, target)                                              \
    good(name, JSON(json), V2X, SEAL_KM_IDENTITY_USER, unit_lit(target))
#define none(name, json)                                                      \
    bad(name, JSON(json), "val-tgt-ue", OPTIONAL, V2X, NOBODY)


static void
test_json(void **state)
{
    size_t  i;

    static const case_t  cases[] = {
        user("a user", "{\"valUserId\":\"alice\"}", "alice"),
        good("a UE", JSON("{\"valUeId\":\"ue-7\"}"), V2X, UE7),
        user("escaped", "%7B%22valUserId%22%3A%22alice%22%7D", "alice"),
        user("escapes in the string", "{\"valUserId\":\"caf\\u00e9+\\/\"}",
             "caf\xc3\xa9+/"),
        user("escapes in the name", "{\"val\\u0055serId\":\"alice\"}",
             "alice"),
        user("beyond the BMP", "{\"valUserId\":\"\\ud83d\\ude00\"}",
             "\xf0\x9f\x98\x80"),
        user("white space", "%20{%0a\"valUserId\"%09:%20\"alice\"%0d}%0a",
             "alice"),
        user("an ampersand", "{\"valUserId\":\"a%26b\"}", "a&b"),
        user("other members",
             "{\"a\":[1,{\"valUeId\":\"x\"}],\"valUserId\":\"alice\","
             "\"n\":12345678901234567890123,\"valuserid\":0}", "alice"),
        user("a member with U+0000", "{\"a\":\"\\u0000\",\"valUserId\":\"b\"}",
             "b"),
        user("255 bytes", "{\"valUserId\":\"" L250 "01234\"}", L250 "01234"),
        user("255 characters", "{\"valUserId\":\"" L250 "\\u0031\\u0032345\"}",
             L250 "12345"),

        none("empty", ""),
        none("no JSON", "alice"),
        none("a string", "\"alice\""),
        none("an array", "[\"valUserId\",\"alice\"]"),
        none("null", "null"),
        none("an empty object", "{}"),
        none("none of the two", "{\"userId\":\"alice\"}"),
        none("another case", "{\"valUserID\":\"alice\"}"),
        none("both", "{\"valUserId\":\"alice\",\"valUeId\":\"ue-7\"}"),
        none("both, one null", "{\"valUserId\":\"alice\",\"valUeId\":null}"),
        none("one twice", "{\"valUserId\":\"alice\",\"valUserId\":\"alice\"}"),
        none("one twice, once escaped",
             "{\"valUserId\":\"alice\",\"valUser\\u0049d\":\"alice\"}"),
        none("another member twice",
             "{\"a\":1,\"valUserId\":\"alice\",\"a\":1}"),
        none("a member inside twice",
             "{\"a\":{\"b\":1,\"b\":1},\"valUserId\":\"alice\"}"),
        none("an empty string", "{\"valUserId\":\"\"}"),
        none("a number", "{\"valUserId\":7}"),
        none("null in it", "{\"valUserId\":null}"),
        none("an object in it", "{\"valUserId\":{}}"),
        none("an array in it", "{\"valUserId\":[\"alice\"]}"),
        none("256 bytes", "{\"valUserId\":\"" L250 "012345\"}"),
        none("256 bytes of 254 characters",
             "{\"valUserId\":\"" L250 "01\\u00e9\\u00e9\"}"),
        none("U+0000", "{\"valUserId\":\"a\\u0000\"}"),
        none("U+0000 in a name", "{\"a\\u0000\":1,\"valUserId\":\"alice\"}"),
        none("a raw NUL", "{\"valUserId\":\"alice\"}%00"),
        none("a control character", "{\"valUserId\":\"a\\u001f\"}"),
        none("DEL", "{\"valUserId\":\"a\x7f\"}"),
        none("a lone surrogate", "{\"valUserId\":\"\\ud83d\"}"),
        none("no UTF-8", "{\"valUserId\":\"%ff\"}"),
        none("something behind it", "{\"valUserId\":\"alice\"}x"),
        none("cut", "{\"valUserId\":\"alice\""),
        none("a bad escape", "{\"valUserId\":\"alice%\"}"),
        none("a space as a plus sign", "{+\"valUserId\":\"alice\"}"),
        none("a number beyond a double",
             "{\"valUserId\":\"alice\",\"n\":1e999}")
    };

    for (i = 0; i < unit_n(cases); i++) {
        check(&cases[i]);
    }
}


/* 8 kB of what is ignored, of any kind */

static void
test_others(void **state)
{
    char    *text;
    size_t   i, n;
    case_t   c = good("others", "", V2X, ALICE);

    static const char  *others[] = {
        "a=b&", "&", "=&", "%&", "%zz=%zz&", "%00=%00&", "\xff=\xff&",
        "val-tgt-ue-2={&", "valUserId2&", "val-service-id%20=&",
        "0123456789abcdef0123456789abcdef=0123456789abcdef&"
    };

    for (i = 0; i < unit_n(others); i++) {
        text = calloc(1, 20000);
        assert_non_null(text);

        for (n = 0; n < 8192; n = strlen(text)) {
            strcat(text, others[i]);
        }

        strcat(text, "val-service-id=v2x&");

        for (n = 0; n < 1000; n += strlen(others[i])) {
            strcat(text, others[i]);
        }

        strcat(text, "valUserId=alice");

        c.query = unit_text(text);
        check(&c);

        free(text);
    }
}


/* members of val-tgt-ue that are ignored may be many, but not without end */

static void
test_values(void **state)
{
    char    *p, *text;
    size_t   n, i;
    case_t   c;

    /* the object, its two members */

    for (n = 100; n <= 1000; n += 153) {
        text = malloc(20000);
        assert_non_null(text);

        p = text + sprintf(text, "%s",
                           JSON("{\"valUserId\":\"alice\",\"a\":[0"));

        for (i = 4; i < n; i++) {
            p += sprintf(p, ",0");
        }

        strcpy(p, "]}");

        c = (case_t) good("values", "", V2X, ALICE);
        c.query = unit_text(text);

        if (n > SEAL_KM_REQUEST_VALUES_MAX) {
            c = (case_t) bad("values", "", "val-tgt-ue", OPTIONAL, V2X,
                             NOBODY);
            c.query = unit_text(text);
        }

        check(&c);
        free(text);
    }
}


static void
test_no_memory(void **state)
{
    long                          blocks;
    size_t                        i;
    unsigned                      nth;
    seal_km_reason_e              rc;
    seal_km_request_t             request;
    const seal_km_query_fault_t  *fault;

    static const struct {
        seal_km_str_t  query;
        unsigned       allocations;
    } queries[] = {
        { unit_lit("val-service-id=v2x&valUserId=alice"), 0 },
        { unit_lit("val-service-id=v2%78"), 1 },
        { unit_lit("val-service-id=v2x&valUserId=%61"), 1 },
        { unit_lit(JSON("{\"valUserId\":\"alice\"}")), 1 },
        { unit_lit(JSON("%7B\"valUserId\":\"alice\"}")), 1 }
    };

    blocks = unit_memory_blocks();

    for (i = 0; i < unit_n(queries); i++) {
        for (nth = 1; /* void */ ; nth++) {
            unit_memory_fail(nth);
            rc = seal_km_query_decode(&request, &fault, &arena,
                                      queries[i].query);
            unit_memory_fail(0);

            if (rc != SEAL_KM_INTERNAL_ERROR) {
                break;
            }

            assert_null(fault);
            assert_non_null(request.error);
            seal_km_arena_free(&arena);
            assert_int_equal(unit_memory_blocks(), blocks);
        }

        assert_int_equal(rc, SEAL_KM_OK);
        assert_true(nth > queries[i].allocations);
        seal_km_arena_free(&arena);
        assert_int_equal(unit_memory_blocks(), blocks);
    }
}


static void
test_target_name(void **state)
{
    assert_null(seal_km_query_target_name(SEAL_KM_IDENTITY_SERVICE));
    assert_null(seal_km_query_target_name(SEAL_KM_IDENTITY_CLIENT));
    assert_string_equal(seal_km_query_target_name(SEAL_KM_IDENTITY_DEVICE),
                        "valUeId");
    assert_string_equal(seal_km_query_target_name(SEAL_KM_IDENTITY_USER),
                        "valUserId");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_target_name)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
