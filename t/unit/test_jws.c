/*
 * What is said of a token before there are keys.
 */

#include "unit.h"

#include <openssl/err.h>

#include "seal_km_jws.h"


#define ALL   (~(seal_km_algorithms_t) 0)
#define ES256 "eyJhbGciOiJFUzI1NiJ9"         /* {"alg":"ES256"} */


static seal_km_reason_e
read_all(seal_km_jws_t *jws, const char *text)
{
    seal_km_reason_e  rc;

    memset(jws, 0xa5, sizeof(seal_km_jws_t));
    rc = seal_km_jws_read(jws, unit_text(text), ALL);

    assert_int_equal(rc == SEAL_KM_OK, jws->header != NULL);
    assert_int_equal(rc == SEAL_KM_OK, jws->arena.block != NULL);

    return rc;
}


static seal_km_reason_e
reason_of(const char *text)
{
    seal_km_jws_t     jws;
    seal_km_reason_e  rc;

    rc = read_all(&jws, text);
    seal_km_jws_free(&jws);

    return rc;
}


static char *
with_header(const char *header)
{
    return unit_format("%s.AAAA.AAAA", unit_base64url(header, strlen(header)));
}


static void
test_split(void **state)
{
    size_t                i;
    seal_km_jws_parts_t   parts;

    static const char *const  wrong[] = { "", ".", "a", "a.b", "...", "a.b.c.",
                                          ".a.b.c", "a.b.c.d.e" };

    for (i = 0; i < unit_n(wrong); i++) {
        unit_check(wrong[i], seal_km_jws_split(unit_text(wrong[i]), &parts)
                             == -1);
    }

    assert_int_equal(seal_km_jws_split(unit_str("ab.cde.f"), &parts), 0);
    unit_check_str("header", parts.header, unit_str("ab"));
    unit_check_str("payload", parts.payload, unit_str("cde"));
    unit_check_str("signature", parts.signature, unit_str("f"));
    unit_check_str("input", parts.input, unit_str("ab.cde"));

    assert_int_equal(seal_km_jws_split(unit_str(".."), &parts), 0);
    assert_int_equal(parts.header.len + parts.payload.len
                     + parts.signature.len, 0);
}


static void
test_read(void **state)
{
    char             *text;
    json_t           *payload;
    seal_km_str_t     decoded;
    seal_km_jws_t     jws;
    seal_km_arena_t   arena;

    static const char  header[] = "{\"alg\":\"EdDSA\",\"kid\":\"a\\u0000\"}";

    text = unit_format("%s.%s.%s",
                       unit_base64url(header, strlen(header)),
                       unit_base64url("[1]", 3), unit_base64url("sig", 3));

    assert_int_equal(read_all(&jws, text), SEAL_KM_OK);
    assert_int_equal(jws.algorithms,
                     seal_km_algorithms_named(unit_str("EdDSA")));
    unit_check_str("kid", jws.kid, unit_str("a\0"));
    unit_check_str("signature", jws.signature, unit_str("sig"));

    seal_km_arena_init(&arena, NULL);
    assert_int_equal(seal_km_jws_decode_payload(&jws.parts, &arena,
                                                &decoded, &payload),
                     SEAL_KM_JSON_OK);
    assert_true(json_is_array(payload));
    unit_check_str("payload", decoded, unit_str("[1]"));
    seal_km_arena_free(&arena);

    seal_km_jws_free(&jws);
    assert_null(jws.header);
    seal_km_jws_free(&jws);

    /* without a kid, and of those allowed only */

    text = ES256 "..";
    assert_int_equal(read_all(&jws, text), SEAL_KM_OK);
    assert_null(jws.kid.data);
    assert_int_equal(jws.signature.len, 0);
    assert_int_equal(seal_km_jws_decode_payload(&jws.parts, &arena,
                                                &decoded, &payload),
                     SEAL_KM_JSON_INVALID);
    assert_null(payload);
    seal_km_arena_free(&arena);
    seal_km_jws_free(&jws);

    assert_int_equal(seal_km_jws_read(&jws, unit_text(text),
                             ~seal_km_algorithms_named(unit_str("ES256"))),
                     SEAL_KM_TOKEN_ALGORITHM);
    assert_null(jws.header);
}


/* rows 6.2 and 6.3, without a key; the payload is what it may be */

static void
test_faults(void **state)
{
    size_t  i;

    static const struct {
        const char        *text;
        seal_km_reason_e   rc;
    } cases[] = {
        { "x", SEAL_KM_TOKEN_MALFORMED },
        { "a.b.c", SEAL_KM_TOKEN_MALFORMED },
        { ES256 ".AAAA.AAAA", SEAL_KM_OK },
        { ES256 ".AA.AAAA", SEAL_KM_OK },
        { ES256 ".A.AAAA", SEAL_KM_TOKEN_MALFORMED },
        { ES256 ".AB.AAAA", SEAL_KM_TOKEN_MALFORMED },
        { ES256 ".AA==.AAAA", SEAL_KM_TOKEN_MALFORMED },
        { ES256 ".AA+A.AAAA", SEAL_KM_TOKEN_MALFORMED },
        { ES256 ".AAAA.A", SEAL_KM_TOKEN_MALFORMED },
        { ES256 ".AAAA.AAA/", SEAL_KM_TOKEN_MALFORMED },
        { ES256 "=.AAAA.AAAA", SEAL_KM_TOKEN_MALFORMED }
    };

    static const struct {
        const char        *header;
        seal_km_reason_e   rc;
    } headers[] = {
        { "{\"alg\":\"none\"}", SEAL_KM_TOKEN_ALGORITHM },
        { "{\"alg\":\"\"}", SEAL_KM_TOKEN_ALGORITHM },
        { "{\"alg\":1}", SEAL_KM_TOKEN_MALFORMED },
        { "{\"alg\":\"none\",\"crit\":[]}", SEAL_KM_TOKEN_MALFORMED },
        { "{\"alg\":\"none\",\"kid\":1}", SEAL_KM_TOKEN_MALFORMED },
        { "{}", SEAL_KM_TOKEN_MALFORMED },
        { "[]", SEAL_KM_TOKEN_MALFORMED },
        { "\"", SEAL_KM_TOKEN_MALFORMED },
        { "\"\\", SEAL_KM_TOKEN_MALFORMED }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].text, reason_of(cases[i].text) == cases[i].rc);
    }

    for (i = 0; i < unit_n(headers); i++) {
        unit_check(headers[i].header,
                   reason_of(with_header(headers[i].header))
                   == headers[i].rc);
    }
}


static char *
header_of(const char *value, const char *more, unsigned n)
{
    char      *p, *text;
    unsigned   i;

    text = unit_format("{\"alg\":\"ES256\",\"x\":[%s%*s", value,
                       (int) (n * strlen(more) + 2), "");
    p = text + strlen("{\"alg\":\"ES256\",\"x\":[") + strlen(value);

    for (i = 0; i < n; i++) {
        p = stpcpy(p, more);
    }

    strcpy(p, "]}");

    return with_header(text);
}


/* much of a header is no harm, but many values are */

static void
test_values(void **state)
{
    unsigned  left;

    /* the object, alg, x and its first value */

    left = SEAL_KM_JWS_HEADER_VALUES - 4;

    assert_int_equal(reason_of(header_of("1", ",1", left)), SEAL_KM_OK);
    assert_int_equal(reason_of(header_of("1", ",1", left + 1)),
                     SEAL_KM_TOKEN_MALFORMED);
    assert_int_equal(reason_of(header_of("1", ",[]", left)), SEAL_KM_OK);
    assert_int_equal(reason_of(header_of("1", ",[]", left + 1)),
                     SEAL_KM_TOKEN_MALFORMED);
    assert_int_equal(reason_of(header_of("1", ",{\"a\":1}", left / 2)),
                     SEAL_KM_OK);
    assert_int_equal(reason_of(header_of("1", ",{\"a\":1}", left / 2 + 1)),
                     SEAL_KM_TOKEN_MALFORMED);

    /* long ones are few */

    assert_int_equal(reason_of(header_of("\"\",\"", ",:[{\\\"\\\\\"", 1)),
                     SEAL_KM_OK);
    assert_int_equal(reason_of(with_header(unit_format(
                         "{\"alg\":\"ES256\",\"x\":\"\\\",%s\"}",
                         unit_format("%0*d", 60000, 0)))),
                     SEAL_KM_OK);
}


static void
test_no_memory(void **state)
{
    long               blocks;
    unsigned           n, nth;
    const char        *text;
    seal_km_jws_t      jws;
    seal_km_reason_e   rc;

    text = ES256 ".AAAA.AAAA";
    assert_int_equal(reason_of(text), SEAL_KM_OK);
    blocks = unit_memory_blocks();

    for (nth = 1; /* void */ ; nth++) {
        unit_memory_fail(nth);
        rc = read_all(&jws, text);
        n = unit_memory_count();
        unit_memory_fail(0);

        if (n < nth) {
            break;
        }

        assert_int_equal(rc, SEAL_KM_INTERNAL_ERROR);
        assert_int_equal(unit_memory_blocks(), blocks);
        assert_int_equal(ERR_peek_error(), 0);
    }

    assert_int_equal(rc, SEAL_KM_OK);
    assert_true(nth > 1);
    seal_km_jws_free(&jws);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
