#include "unit.h"

#include "seal_km_request.h"


/* a request with something else in place of a member, or without it */

#define VERSION    "\"Version\":\"1.0.0\""
#define SKMS_URI   "\"SKmsUri\":\"https://skm.example/\""
#define SERVICE    "\"ServiceID\":\"v2x.example\""
#define DATE_TIME  "\"Date/Time\":1700000000"

#define BODY(version, uri, service, time)                                     \
    "{" version "," uri "," service "," time "}"
#define WITH(more)                                                            \
    "{" VERSION "," SKMS_URI "," SERVICE "," DATE_TIME "," more "}"

#define N_51   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N_255  N_51 N_51 N_51 N_51 N_51


static seal_km_arena_t  arena;


static seal_km_reason_e
decode(seal_km_request_t *request, seal_km_str_t body)
{
    char              *p;
    seal_km_reason_e   rc;

    p = unit_exact(body);
    body.data = (body.data == NULL) ? NULL : p;

    memset(request, 0xa5, sizeof(seal_km_request_t));
    rc = seal_km_request_decode(request, &arena, body, NULL, 0);

    /* nothing points into the body */

    memset(p, 0, body.len);
    free(p);

    return rc;
}


static void
test_well_formed(void **state)
{
    seal_km_request_t  request;

    assert_int_equal(decode(&request, unit_str(
        WITH("\"UserID\":\"sip:alice@example.com\""))), SEAL_KM_OK);

    assert_null(request.error);
    unit_check_str("Version", request.version, unit_str("1.0.0"));
    unit_check_str("SKmsUri", request.skms_uri,
                   unit_str("https://skm.example/"));
    unit_check_str("ServiceID", request.service_id, unit_str("v2x.example"));
    assert_int_equal(request.identity_type, SEAL_KM_IDENTITY_USER);
    unit_check_str("UserID", request.identity,
                   unit_str("sip:alice@example.com"));
    assert_true(request.date_time == 1700000000);

    seal_km_arena_free(&arena);
}


static const struct {
    const char          *name;
    seal_km_str_t        body;
    int                  ok;
    seal_km_identity_e   type;
    const char          *identity;
} whom[] = {
    { "none", unit_lit(WITH("\"x\":1")), 1,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "ClientID", unit_lit(WITH("\"ClientID\":\"c\"")), 1,
      SEAL_KM_IDENTITY_CLIENT, "c" },
    { "DeviceID", unit_lit(WITH("\"DeviceID\":\"d\"")), 1,
      SEAL_KM_IDENTITY_DEVICE, "d" },
    { "UserID", unit_lit(WITH("\"UserID\":\"u\"")), 1,
      SEAL_KM_IDENTITY_USER, "u" },
    { "255 bytes", unit_lit(WITH("\"UserID\":\"" N_255 "\"")), 1,
      SEAL_KM_IDENTITY_USER, N_255 },
    { "names in other case", unit_lit(WITH("\"userID\":\"u\","
      "\"USERID\":\"v\",\"clientid\":\"c\"")), 1,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "name with a NUL does not exist", unit_lit(WITH(
      "\"UserID \":\"u\"")), 1, SEAL_KM_IDENTITY_SERVICE, NULL },
    { "name escaped", unit_lit(WITH("\"User\\u0049D\":\"u\"")), 1,
      SEAL_KM_IDENTITY_USER, "u" },

    { "null", unit_lit(WITH("\"ClientID\":null")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "number", unit_lit(WITH("\"DeviceID\":1")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "array", unit_lit(WITH("\"UserID\":[\"u\"]")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "object", unit_lit(WITH("\"UserID\":{}")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "empty", unit_lit(WITH("\"UserID\":\"\"")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "256 bytes", unit_lit(WITH("\"UserID\":\"" N_255 "b\"")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "U+0000", unit_lit(WITH("\"UserID\":\"a\\u0000\"")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "line end", unit_lit(WITH("\"UserID\":\"a\\n\"")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "U+007F", unit_lit(WITH("\"UserID\":\"a\x7f\"")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },

    { "two", unit_lit(WITH("\"ClientID\":\"c\",\"UserID\":\"u\"")), 0,
      SEAL_KM_IDENTITY_SERVICE, NULL },
    { "two, same value", unit_lit(WITH("\"ClientID\":\"c\","
      "\"DeviceID\":\"c\"")), 0, SEAL_KM_IDENTITY_SERVICE, NULL },
    { "two, one null", unit_lit(WITH("\"ClientID\":null,"
      "\"UserID\":\"u\"")), 0, SEAL_KM_IDENTITY_SERVICE, NULL },
    { "two, one empty", unit_lit(WITH("\"DeviceID\":\"d\","
      "\"UserID\":\"\"")), 0, SEAL_KM_IDENTITY_SERVICE, NULL },
    { "two, both invalid", unit_lit(WITH("\"DeviceID\":1,"
      "\"UserID\":false")), 0, SEAL_KM_IDENTITY_SERVICE, NULL },
    { "three", unit_lit(WITH("\"ClientID\":\"c\",\"DeviceID\":\"d\","
      "\"UserID\":\"u\"")), 0, SEAL_KM_IDENTITY_SERVICE, NULL }
};


static void
test_identity(void **state)
{
    size_t             i;
    seal_km_request_t  request;

    for (i = 0; i < unit_n(whom); i++) {
        unit_check(whom[i].name,
                   decode(&request, whom[i].body)
                   == (whom[i].ok ? SEAL_KM_OK : SEAL_KM_MALFORMED_REQUEST));

        unit_check(whom[i].name, (request.error == NULL) == whom[i].ok);
        unit_check(whom[i].name, request.identity_type == whom[i].type);
        unit_check(whom[i].name, (request.identity.data == NULL)
                                  == (whom[i].identity == NULL));
        unit_check_str(whom[i].name, request.identity,
                       unit_text(whom[i].identity));

        /* the rest is there all the same */

        unit_check_str(whom[i].name, request.service_id,
                       unit_str("v2x.example"));

        seal_km_arena_free(&arena);
    }
}


/* which members were valid */
#define HAS_VERSION  1
#define HAS_URI      2
#define HAS_SERVICE  4
#define HAS_TIME     8
#define HAS_ALL      15


static const struct {
    const char     *name;
    seal_km_str_t   body;
    int             has;
    const char     *error;     /* the member that it names */
} bodies[] = {
    { "all", unit_lit(BODY(VERSION, SKMS_URI, SERVICE, DATE_TIME)),
      HAS_ALL, NULL },
    { "unknown members", unit_lit(WITH("\"a\":{\"b\":[null]},\"\":0,"
      "\"Payload\":1,\"SKmsID\":{}")), HAS_ALL, NULL },
    { "U+0000 in an unknown member", unit_lit(WITH("\"a\":\"\\u0000\"")),
      HAS_ALL, NULL },
    { "large integer in an unknown member",
      unit_lit(WITH("\"a\":123456789012345678901234567890")), HAS_ALL,
      NULL },
    { "white space", unit_lit(" {\n" VERSION " ,\t" SKMS_URI ","
      SERVICE "," DATE_TIME "}\r\n"), HAS_ALL, NULL },
    { "Date/Time with an escaped slash", unit_lit(BODY(VERSION, SKMS_URI,
      SERVICE, "\"Date\\/Time\":5")), HAS_ALL, NULL },

    { "no Version", unit_lit(BODY("\"a\":1", SKMS_URI, SERVICE,
      DATE_TIME)), HAS_ALL & ~HAS_VERSION, "Version" },
    { "version in lower case", unit_lit(BODY("\"version\":\"1.0.0\"",
      SKMS_URI, SERVICE, DATE_TIME)), HAS_ALL & ~HAS_VERSION, "Version" },
    { "Version null", unit_lit(BODY("\"Version\":null", SKMS_URI, SERVICE,
      DATE_TIME)), HAS_ALL & ~HAS_VERSION, "Version" },
    { "Version a number", unit_lit(BODY("\"Version\":1.0", SKMS_URI,
      SERVICE, DATE_TIME)), HAS_ALL & ~HAS_VERSION, "Version" },
    { "Version empty", unit_lit(BODY("\"Version\":\"\"", SKMS_URI,
      SERVICE, DATE_TIME)), HAS_ALL & ~HAS_VERSION, "Version" },
    { "Version with a control", unit_lit(BODY("\"Version\":\"1\\u001f\"",
      SKMS_URI, SERVICE, DATE_TIME)), HAS_ALL & ~HAS_VERSION, "Version" },
    { "Version of 256 bytes", unit_lit(BODY("\"Version\":\"" N_255 "b\"",
      SKMS_URI, SERVICE, DATE_TIME)), HAS_ALL & ~HAS_VERSION, "Version" },
    { "Version of 255 bytes", unit_lit(BODY("\"Version\":\"" N_255 "\"",
      SKMS_URI, SERVICE, DATE_TIME)), HAS_ALL, NULL },

    { "no SKmsUri", unit_lit(BODY(VERSION, "\"SKMSUri\":\"x:\"", SERVICE,
      DATE_TIME)), HAS_ALL & ~HAS_URI, "SKmsUri" },
    { "SKmsUri null", unit_lit(BODY(VERSION, "\"SKmsUri\":null", SERVICE,
      DATE_TIME)), HAS_ALL & ~HAS_URI, "SKmsUri" },
    { "SKmsUri an array", unit_lit(BODY(VERSION, "\"SKmsUri\":[\"x:\"]",
      SERVICE, DATE_TIME)), HAS_ALL & ~HAS_URI, "SKmsUri" },
    { "SKmsUri empty", unit_lit(BODY(VERSION, "\"SKmsUri\":\"\"", SERVICE,
      DATE_TIME)), HAS_ALL & ~HAS_URI, "SKmsUri" },
    { "SKmsUri relative", unit_lit(BODY(VERSION, "\"SKmsUri\":\"/keys\"",
      SERVICE, DATE_TIME)), HAS_ALL & ~HAS_URI, "SKmsUri" },
    { "SKmsUri with a bad escape", unit_lit(BODY(VERSION,
      "\"SKmsUri\":\"https://a/%4\"", SERVICE, DATE_TIME)),
      HAS_ALL & ~HAS_URI, "SKmsUri" },
    { "SKmsUri with a NUL", unit_lit(BODY(VERSION,
      "\"SKmsUri\":\"https://skm.example/\\u0000\"", SERVICE, DATE_TIME)),
      HAS_ALL & ~HAS_URI, "SKmsUri" },

    { "no ServiceID", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceId\":\"s\"", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID null", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":null", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID an object", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":{}", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID empty", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":\"\"", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID with U+0000", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":\"\\u0000\"", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID with a tab", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":\"a\\tb\"", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID of 256 bytes", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":\"" N_255 "b\"", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID of 254 characters and 256 bytes", unit_lit(BODY(VERSION,
      SKMS_URI, "\"ServiceID\":\"" N_51 N_51 N_51 N_51
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "\xc3\xa9\xc3\xa9\"", DATE_TIME)), HAS_ALL & ~HAS_SERVICE,
      "ServiceID" },
    { "ServiceID of 255 bytes", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":\"" N_255 "\"", DATE_TIME)), HAS_ALL, NULL },
    { "ServiceID with a C1 control", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":\"\\u0080\"", DATE_TIME)), HAS_ALL, NULL },

    { "no Date/Time", unit_lit(BODY(VERSION, SKMS_URI, SERVICE,
      "\"DateTime\":1")), HAS_ALL & ~HAS_TIME, "Date/Time" },
    { "Date/Time null", unit_lit(BODY(VERSION, SKMS_URI, SERVICE,
      "\"Date/Time\":null")), HAS_ALL & ~HAS_TIME, "Date/Time" },
    { "Date/Time a string", unit_lit(BODY(VERSION, SKMS_URI, SERVICE,
      "\"Date/Time\":\"1700000000\"")), HAS_ALL & ~HAS_TIME,
      "Date/Time" },
    { "Date/Time with an exponent", unit_lit(BODY(VERSION, SKMS_URI,
      SERVICE, "\"Date/Time\":1.7e9")), HAS_ALL & ~HAS_TIME,
      "Date/Time" },
    { "Date/Time with a fraction", unit_lit(BODY(VERSION, SKMS_URI,
      SERVICE, "\"Date/Time\":5.0")), HAS_ALL & ~HAS_TIME, "Date/Time" },
    { "Date/Time negative", unit_lit(BODY(VERSION, SKMS_URI, SERVICE,
      "\"Date/Time\":-1")), HAS_ALL & ~HAS_TIME, "Date/Time" },
    { "Date/Time beyond 64 bits", unit_lit(BODY(VERSION, SKMS_URI,
      SERVICE, "\"Date/Time\":9223372036854775808")), HAS_ALL, NULL },
    { "Date/Time beyond -2^63", unit_lit(BODY(VERSION, SKMS_URI,
      SERVICE, "\"Date/Time\":-9223372036854775809")),
      HAS_ALL & ~HAS_TIME, "Date/Time" },
    { "Date/Time beyond 64 bits, no integer", unit_lit(BODY(VERSION,
      SKMS_URI, SERVICE, "\"Date/Time\":9223372036854775808.0")),
      HAS_ALL & ~HAS_TIME, "Date/Time" },
    { "Date/Time with a leading zero", unit_lit(BODY(VERSION, SKMS_URI,
      SERVICE, "\"Date/Time\":09223372036854775808")), 0, "JSON" },
    { "Date/Time INT64_MAX", unit_lit(BODY(VERSION, SKMS_URI, SERVICE,
      "\"Date/Time\":9223372036854775807")), HAS_ALL, NULL },
    { "Date/Time 0", unit_lit(BODY(VERSION, SKMS_URI, SERVICE,
      "\"Date/Time\":0")), HAS_ALL, NULL },
    { "Date/Time true", unit_lit(BODY(VERSION, SKMS_URI, SERVICE,
      "\"Date/Time\":true")), HAS_ALL & ~HAS_TIME, "Date/Time" },

    { "several faults", unit_lit("{\"Version\":1,\"SKmsUri\":\"/\","
      SERVICE "}"), HAS_SERVICE, "Version" },
    { "only a ServiceID", unit_lit("{" SERVICE "}"), HAS_SERVICE,
      "Version" },
    { "empty object", unit_lit("{}"), 0, "Version" },

    { "nothing", unit_lit(""), 0, "JSON" },
    { "absent", unit_none, 0, "JSON" },
    { "no JSON", unit_lit("Version=1.0.0"), 0, "JSON" },
    { "array", unit_lit("[" BODY(VERSION, SKMS_URI, SERVICE, DATE_TIME)
      "]"), 0, "object" },
    { "string", unit_lit("\"a\""), 0, "object" },
    { "null", unit_lit("null"), 0, "object" },
    { "two objects", unit_lit(WITH("\"a\":1") WITH("\"a\":1")), 0,
      "JSON" },
    { "name twice", unit_lit(WITH(SERVICE)), 0, "JSON" },
    { "name twice, escaped", unit_lit(WITH(
      "\"Service\\u0049D\":\"other\"")), 0, "JSON" },
    { "name twice in an unknown member", unit_lit(WITH(
      "\"a\":[{\"b\":1,\"b\":1}]")), 0, "JSON" },
    { "raw NUL behind", unit_lit(WITH("\"a\":1") "\0"), 0, "JSON" },
    { "U+0000 in a name", unit_lit(WITH("\"a\\u0000\":1")), 0, "JSON" },
    { "no UTF-8", unit_lit(WITH("\"a\":\"\xff\"")), 0, "JSON" },
    { "no UTF-8 in ServiceID", unit_lit(BODY(VERSION, SKMS_URI,
      "\"ServiceID\":\"\xe9\"", DATE_TIME)), 0, "JSON" }
};


static void
test_members(void **state)
{
    int                has;
    size_t             i;
    seal_km_request_t  request;

    for (i = 0; i < unit_n(bodies); i++) {
        unit_check(bodies[i].name,
                   decode(&request, bodies[i].body)
                   == (bodies[i].error == NULL ? SEAL_KM_OK
                                              : SEAL_KM_MALFORMED_REQUEST));

        if (bodies[i].error == NULL) {
            unit_check(bodies[i].name, request.error == NULL);

        } else {
            unit_check(bodies[i].name, request.error != NULL);
            unit_check(bodies[i].name,
                       strstr(request.error, bodies[i].error) != NULL);
        }

        has = (request.version.data != NULL ? HAS_VERSION : 0)
              | (request.skms_uri.data != NULL ? HAS_URI : 0)
              | (request.service_id.data != NULL ? HAS_SERVICE : 0);

        unit_check(bodies[i].name, has == (bodies[i].has & ~HAS_TIME));
        unit_check(bodies[i].name, request.identity.data == NULL);

        if ((bodies[i].has & HAS_TIME) == 0) {
            unit_check(bodies[i].name, request.date_time == 0);
        }

        seal_km_arena_free(&arena);
    }
}


static void
test_uri_length(void **state)
{
    char               *body;
    size_t              n;
    seal_km_request_t   request;

    static char  path[2100];

    for (n = 2020; n < 2030; n++) {
        memset(path, 'a', n);
        path[n] = '\0';
        body = unit_format("{\"SKmsUri\":\"https://skm.example/%s\"}", path);

        (void) decode(&request, unit_text(body));
        assert_int_equal(request.skms_uri.data != NULL, n + 20 <= 2048);
        seal_km_arena_free(&arena);
    }
}


/* what a log gets holds nothing of the request */

static void
test_error_is_static(void **state)
{
    seal_km_request_t  request;

    (void) decode(&request, unit_str("{\"Version\":\"S3cret\\n\"}"));
    assert_null(strstr(request.error, "S3cret"));
    assert_string_equal(request.error, "Version is not a string of 1 to 255 "
                        "bytes without control characters");
    seal_km_arena_free(&arena);

    (void) decode(&request, unit_str("{\"Versio\":\"S3cret\\n\"}"));
    assert_string_equal(request.error, "Version is missing");
    seal_km_arena_free(&arena);
}


static void
test_check_version(void **state)
{
    seal_km_request_t  request;

    static const seal_km_str_t  versions[] = {
        unit_lit("1.0.0"), unit_lit("2.0.0")
    };

    memset(&request, 0, sizeof(request));

    request.version = unit_str("1.0.0");
    assert_int_equal(seal_km_request_check_version(&request, versions, 2),
                     SEAL_KM_OK);
    request.version = unit_str("2.0.0");
    assert_int_equal(seal_km_request_check_version(&request, versions, 2),
                     SEAL_KM_OK);
    assert_int_equal(seal_km_request_check_version(&request, versions, 1),
                     SEAL_KM_UNSUPPORTED_VERSION);
    request.version = unit_str("1.0");
    assert_int_equal(seal_km_request_check_version(&request, versions, 2),
                     SEAL_KM_UNSUPPORTED_VERSION);
    request.version = unit_str("1.0.0 ");
    assert_int_equal(seal_km_request_check_version(&request, versions, 2),
                     SEAL_KM_UNSUPPORTED_VERSION);
    assert_int_equal(seal_km_request_check_version(&request, versions, 0),
                     SEAL_KM_UNSUPPORTED_VERSION);
}


static void
test_check_skms_uri(void **state)
{
    size_t             i, n;
    seal_km_str_t      body;
    seal_km_request_t  request;

    /* the second in another spelling, too */

    static const seal_km_str_t  uris[] = {
        unit_lit("https://skm.example/keys"), unit_lit("urn:skm"),
        unit_lit("URN:skm")
    };

    static const struct {
        const char  *uri;
        int          match;
    } cases[] = {
        { "https://skm.example/keys", 1 },
        { "HTTPS://SKM.EXAMPLE:443/x/../%6beys", 1 },
        { "URN:skm", 1 },
        { "https://skm.example/Keys", 0 },
        { "https://skm.example/keys/", 0 },
        { "https://skm.example/keys?", 0 },
        { "https://skm.example/keys#", 0 },
        { "https://@skm.example/keys", 0 },
        { "https://skm.example/keys?a", 0 },
        { "https://skm.example:80/keys", 0 },
        { "http://skm.example/keys", 0 },
        { "https://skm.example./keys", 0 },
        { "https://skm.example/", 0 },
        { "urn:SKM", 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        for (n = 0; n <= 3; n++) {
            body = unit_text(unit_format("{\"SKmsUri\":\"%s\"}",
                                         cases[i].uri));
            assert_int_equal(seal_km_request_decode(&request, &arena, body,
                                                    uris, n),
                             SEAL_KM_MALFORMED_REQUEST);
            unit_check_str(cases[i].uri, request.skms_uri,
                           unit_text(cases[i].uri));

            unit_check(cases[i].uri,
                       seal_km_request_check_skms_uri(&request, uris, 3)
                       == (cases[i].match ? SEAL_KM_OK
                                          : SEAL_KM_SKMS_URI_MISMATCH));
            seal_km_arena_free(&arena);
        }
    }

    (void) decode(&request, unit_str("{\"SKmsUri\":\"urn:skm\"}"));
    assert_int_equal(seal_km_request_check_skms_uri(&request, uris, 1),
                     SEAL_KM_SKMS_URI_MISMATCH);
    seal_km_arena_free(&arena);

    memset(&request, 0, sizeof(request));
    assert_int_equal(seal_km_request_check_skms_uri(&request, uris, 3),
                     SEAL_KM_SKMS_URI_MISMATCH);
}


/* one that is spelt as the server spells it is not looked at any further */

static void
test_known_uri(void **state)
{
    unsigned           nth;
    seal_km_str_t      body;
    seal_km_request_t  request;

    static const seal_km_str_t  uris[] = { unit_lit("https://skm.example/") };

    body = unit_str(BODY(VERSION, SKMS_URI, SERVICE, DATE_TIME));

    assert_int_equal(seal_km_request_decode(&request, &arena, body, uris, 1),
                     SEAL_KM_OK);
    assert_ptr_equal(request.normal_uri.data, request.skms_uri.data);
    seal_km_arena_free(&arena);

    assert_int_equal(seal_km_request_decode(&request, &arena, body, NULL, 0),
                     SEAL_KM_OK);
    assert_ptr_not_equal(request.normal_uri.data, request.skms_uri.data);
    seal_km_arena_free(&arena);

    /* a normal form has a byte more, and is then too long to be sent */

    body = unit_text(unit_format("{\"SKmsUri\":\"urn:%02045d\"}", 0));

    for (nth = 0; nth < 2; nth++) {
        seal_km_str_t  uri;

        uri.data = body.data + sizeof("{\"SKmsUri\":\"") - 1;
        uri.len = 2049;
        assert_int_equal(seal_km_request_decode(&request, &arena, body, &uri,
                                                nth),
                         SEAL_KM_MALFORMED_REQUEST);
        assert_null(request.skms_uri.data);
        seal_km_arena_free(&arena);
    }
}


static void
test_check_date_time(void **state)
{
    size_t             i;
    seal_km_request_t  request;

    static const struct {
        int64_t  time;
        int64_t  now;
        int64_t  window;
        int      in;
    } cases[] = {
        { 1000, 1000, 0, 1 },
        { 1001, 1000, 0, 0 },
        { 999, 1000, 0, 0 },
        { 1005, 1000, 5, 1 },
        { 995, 1000, 5, 1 },
        { 1006, 1000, 5, 0 },
        { 994, 1000, 5, 0 },
        { 0, 1000, INT64_MAX, 1 },
        { INT64_MAX, 0, INT64_MAX, 1 },
        { INT64_MAX, -1, INT64_MAX, 0 },
        { INT64_MAX, 1700000000, 5, 0 },
        { INT64_MAX, INT64_MIN, INT64_MAX, 0 },
        { 0, INT64_MIN, INT64_MAX, 0 },
        { 0, INT64_MAX, 5, 0 },
        { 1000, 1000, -1, 0 }
    };

    memset(&request, 0, sizeof(request));

    for (i = 0; i < unit_n(cases); i++) {
        request.date_time = cases[i].time;

        assert_int_equal(seal_km_request_check_date_time(&request,
                                        cases[i].now, cases[i].window),
                         cases[i].in ? SEAL_KM_OK
                                     : SEAL_KM_DATE_TIME_OUT_OF_WINDOW);
    }
}


static void
test_names(void **state)
{
    assert_string_equal(seal_km_identity_name(SEAL_KM_IDENTITY_SERVICE),
                        "service");
    assert_string_equal(seal_km_identity_name(SEAL_KM_IDENTITY_CLIENT),
                        "client");
    assert_string_equal(seal_km_identity_name(SEAL_KM_IDENTITY_DEVICE),
                        "device");
    assert_string_equal(seal_km_identity_name(SEAL_KM_IDENTITY_USER), "user");

    assert_null(seal_km_identity_member(SEAL_KM_IDENTITY_SERVICE));
    assert_string_equal(seal_km_identity_member(SEAL_KM_IDENTITY_CLIENT),
                        "ClientID");
    assert_string_equal(seal_km_identity_member(SEAL_KM_IDENTITY_DEVICE),
                        "DeviceID");
    assert_string_equal(seal_km_identity_member(SEAL_KM_IDENTITY_USER),
                        "UserID");
}


static void
test_no_memory(void **state)
{
    long               blocks;
    size_t             i;
    unsigned           nth;
    seal_km_reason_e   rc;
    seal_km_request_t  request;

    static const seal_km_str_t  bodies[] = {
        unit_lit("{\"ServiceID\":\"s\"}"),
        unit_lit(WITH("\"UserID\":\"alice.of.a.longer.name@example.com\"")),
        unit_lit("{\"Date/Time\":123456789012345678901234567890}"),
        unit_lit("no JSON")
    };

    blocks = unit_memory_blocks();

    for (i = 0; i < unit_n(bodies); i++) {
        for (nth = 1; /* void */ ; nth++) {
            unit_memory_fail(nth);
            rc = seal_km_request_decode(&request, &arena, bodies[i], NULL, 0);
            unit_memory_fail(0);

            if (rc != SEAL_KM_INTERNAL_ERROR) {
                break;
            }

            assert_null(request.service_id.data);
            assert_non_null(request.error);
            seal_km_arena_free(&arena);
            assert_int_equal(unit_memory_blocks(), blocks);
        }

        assert_int_equal(rc, i == 1 ? SEAL_KM_OK : SEAL_KM_MALFORMED_REQUEST);
        assert_int_equal(nth, 2);
        seal_km_arena_free(&arena);
        assert_int_equal(unit_memory_blocks(), blocks);
    }
}


/* ignored members may be many, but not without end */

static void
test_values(void **state)
{
    size_t              n;
    char               *p, *text;
    seal_km_request_t   request;

    /* the object, its four members, the array */

    for (n = 1; n <= 1000; n += 125) {
        text = unit_format("%s", WITH("\"more\":["));
        text = realloc(strdup(text), 20000);
        assert_non_null(text);

        p = text + strlen(text) - 1;

        for (size_t i = 6; i < 6 + n; i++) {
            p += sprintf(p, i == 6 ? "{}" : ",[]");
        }

        strcpy(p, "]}");

        assert_int_equal(seal_km_request_decode(&request, &arena,
                                                unit_text(text), NULL, 0),
                         6 + n <= SEAL_KM_REQUEST_VALUES_MAX
                         ? SEAL_KM_OK : SEAL_KM_MALFORMED_REQUEST);
        seal_km_arena_free(&arena);
        free(text);
    }
}


/* RFC 8259 has no greatest integer: such times are far away, but times */

static void
test_large_times(void **state)
{
    size_t             i;
    seal_km_request_t  request;

    static const int  digits[] = { 18, 19, 20, 308, 309, 310, 1000 };

    for (i = 0; i < unit_n(digits); i++) {
        assert_int_equal(decode(&request, unit_text(unit_format("{" VERSION ","
                                    SKMS_URI "," SERVICE
                                    ",\"Date/Time\":1%0*d,\"x\":-1%0*d}",
                                    digits[i], 0, digits[i], 0))),
                         SEAL_KM_OK);
        assert_true(request.date_time >= 1000000000000000000);
        seal_km_arena_free(&arena);
    }

    assert_int_equal(decode(&request, unit_str(BODY(VERSION, SKMS_URI, SERVICE,
                                               "\"Date/Time\":1e308"))),
                     SEAL_KM_MALFORMED_REQUEST);
    seal_km_arena_free(&arena);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_well_formed),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_uri_length),
        cmocka_unit_test(test_error_is_static),
        cmocka_unit_test(test_check_version),
        cmocka_unit_test(test_check_skms_uri),
        cmocka_unit_test(test_check_date_time),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_known_uri),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_large_times)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
