/*
 * The extract of a verified token: what is read out of it is what the token
 * says, and what does not fit is known not to be there.
 */

#include "unit.h"

#include "seal_km_claims.h"
#include "seal_km_extract.h"
#include "seal_km_secret.h"


static const seal_km_str_t  identities[] = {
    unit_lit("sub"), unit_lit("names"), unit_lit("device_id")
};

static const seal_km_str_t  texts[] = {
    unit_lit("role"), unit_lit("big"), unit_lit("n"), unit_lit("nothing"),
    unit_lit("clientrole")
};

static const seal_km_str_t  path0[] = { unit_lit("names") };
static const seal_km_str_t  path1[] = { unit_lit("a"), unit_lit("b") };
static const seal_km_str_t  path2[] = { unit_lit("https://ns/x") };

static const seal_km_claim_path_t  paths[] = {
    { path0, 1 }, { path1, 2 }, { path2, 1 }
};

static const seal_km_extract_names_t  names = {
    identities, unit_n(identities), texts, unit_n(texts), paths,
    unit_n(paths)
};


static void
verify(seal_km_token_t *token, const char *claims)
{
    seal_km_jwks_t  *jwks;

    jwks = unit_jwks(unit_jwk(unit_key("p256"), NULL));

    assert_int_equal(seal_km_token_verify(token,
                         unit_text(unit_token("ES256", unit_key("p256"),
                                              "{\"alg\":\"ES256\"}", claims)),
                         jwks, seal_km_algorithms_asymmetric(), NULL, NULL),
                     SEAL_KM_OK);

    seal_km_jwks_free(jwks);
}


static void
check_same(const char *claims)
{
    char              buf[SEAL_KM_EXTRACT_MAX], *b1, *b2;
    size_t            i, n;
    seal_km_str_t     extract, t1, t2;
    seal_km_token_t   token, copy;

    static const seal_km_str_t  who[] = {
        unit_lit("alice"), unit_lit("bob"), unit_lit(""), unit_lit("a\0b")
    };

    verify(&token, claims);

    extract.len = seal_km_extract_write(&token, &names, buf);
    extract.data = unit_exact((seal_km_str_t) { buf, extract.len });
    unit_check(claims, extract.len > 0);

    assert_int_equal(seal_km_extract_read(&copy, extract, &names), 0);

    unit_check(claims, copy.exp == token.exp && copy.nbf == token.nbf
                       && copy.has_nbf == token.has_nbf
                       && copy.binding == token.binding
                       && !copy.left_out && copy.claims == NULL);

    unit_check_str(claims, copy.client_id, token.client_id);
    unit_check_str(claims, copy.sub, token.sub);
    unit_check_str(claims, copy.iss, token.iss);
    unit_check_str(claims, copy.scope, token.scope);
    unit_check_str(claims, copy.thumbprint, token.thumbprint);
    unit_check(claims, !copy.sub.data == !token.sub.data);
    unit_check(claims, !copy.iss.data == !token.iss.data);
    unit_check(claims, !copy.scope.data == !token.scope.data);

    for (i = 0; i < unit_n(identities); i++) {
        for (n = 0; n < unit_n(who); n++) {
            unit_check(claims, seal_km_claims_check_identity(&copy,
                                                identities[i].data, who[n])
                               == seal_km_claims_check_identity(&token,
                                                identities[i].data, who[n]));
        }
    }

    for (i = 0; i < unit_n(texts); i++) {
        assert_int_equal(seal_km_claims_text(&token, texts[i], &t1, &b1), 0);
        assert_int_equal(seal_km_claims_text(&copy, texts[i], &t2, &b2), 0);

        unit_check_str(claims, t2, t1);
        unit_check(claims, !t1.data == !t2.data && b2 == NULL);

        seal_km_secret_free(b1);
    }

    for (i = 0; i < unit_n(paths); i++) {
        assert_int_equal(seal_km_claims_path_text(&token, paths, i, &t1, &b1),
                         0);
        assert_int_equal(seal_km_claims_path_text(&copy, paths, i, &t2, &b2),
                         0);

        unit_check_str(claims, t2, t1);
        unit_check(claims, !t1.data == !t2.data && b2 == NULL);

        seal_km_secret_free(b1);
    }

    assert_int_equal(seal_km_claims_path_text(&copy, paths, unit_n(paths), &t2,
                                              &b2), 1);

    /* a name that nobody foresaw */
    assert_int_equal(seal_km_claims_text(&copy, unit_str("other"), &t2, &b2),
                     1);

    free((char *) extract.data);
    seal_km_token_free(&copy);
    seal_km_token_free(&token);
}


static void
test_paths(void **state)
{
    char              *buffer;
    size_t             i, n;
    seal_km_str_t      text;
    seal_km_token_t    token;

    static const struct {
        const char     *claims;
        seal_km_str_t   texts[3];
    } cases[] = {
        { "\"names\":\"x y\",\"a\":{\"b\":1},\"https://ns/x\":true",
          { unit_lit("x y"), unit_lit("1"), unit_lit("true") } },
        { "\"names\":[\"x\",\"y\"],\"a\":{\"b\":[]},"
          "\"https://ns/x\":[\"z\"]",
          { unit_lit("x,y"), unit_lit(""), unit_lit("z") } },
        { "\"names\":[\"x\",1],\"a\":{\"b\":{\"c\":\"d\"}},"
          "\"https://ns/x\":null",
          { unit_lit("[\"x\",1]"), unit_lit("{\"c\":\"d\"}"), unit_none } },
        { "\"names\":[\"x\\n\"],\"a\":[\"b\"],\"https://ns/X\":1",
          { unit_none, unit_none, unit_none } },
        { "\"names\":[\"\\u0000\"],\"a\":\"b\",\"a.b\":1",
          { unit_none, unit_none, unit_none } },
        { "\"names\":[\"x\",36893488147419103232],"
          "\"a\":{\"b\":36893488147419103233},"
          "\"https://ns/x\":{\"b\":36893488147419103234}",
          { unit_lit("[\"x\",36893488147419103232]"),
            unit_lit("36893488147419103233"),
            unit_lit("{\"b\":36893488147419103234}") } },
        { "\"names\":\"\",\"a\":{\"b\":null},\"b\":1",
          { unit_lit(""), unit_none, unit_none } }
    };

    for (i = 0; i < unit_n(cases); i++) {
        verify(&token, unit_format("{\"exp\":1,\"client_id\":\"c\",%s}",
                                   cases[i].claims));

        for (n = 0; n < 3; n++) {
            assert_int_equal(seal_km_claims_path_text(&token, paths, n, &text,
                                                      &buffer), 0);
            unit_check(cases[i].claims,
                       !text.data == !cases[i].texts[n].data);
            unit_check_str(cases[i].claims, text, cases[i].texts[n]);
            seal_km_secret_free(buffer);
        }

        seal_km_token_free(&token);

        check_same(unit_format("{\"exp\":1,\"client_id\":\"c\",%s}",
                               cases[i].claims));
    }
}


static void
test_same(void **state)
{
    (void) state;

    check_same("{\"exp\":1.5,\"client_id\":\"c\"}");
    check_same("{\"exp\":1.5,\"client_id\":\"c\",\"iss\":\"i\"}");
    check_same("{\"exp\":1.5,\"client_id\":\"c\",\"iss\":[\"i\"]}");
    check_same("{\"exp\":-1e300,\"nbf\":0,\"client_id\":\"c\",\"sub\":\"\","
               "\"scope\":\"\"}");
    check_same("{\"exp\":9,\"nbf\":8.25,\"client_id\":\"c\",\"sub\":\"alice\","
               "\"scope\":\"a b\",\"names\":[\"x\",\"alice\",\"a\\u0000b\"],"
               "\"role\":\"admin\",\"n\":17,\"big\":[1,{\"b\":null}],"
               "\"clientRole\":\"x\",\"cnf\":{\"x5t#S256\":\"abc\"}}");
    check_same("{\"exp\":9,\"client_id\":\"c\",\"names\":[\"alice\",1],"
               "\"device_id\":[],\"role\":\"a\\nb\",\"cnf\":{\"jkt\":\"x\"}}");
    check_same("{\"exp\":9,\"client_id\":\"c\",\"names\":{\"alice\":1},"
               "\"device_id\":\"bob\",\"role\":\"\",\"sub\":\"a\\u0000b\"}");
}


/* one size too many is one too many, and nothing is written behind the end */

static void
test_full(void **state)
{
    char             *claims;
    size_t            i, n, len;
    seal_km_str_t     extract, text;
    seal_km_token_t   token, copy;
    struct {
        char          buf[SEAL_KM_EXTRACT_MAX];
        char          behind[8];
    } out;

    (void) state;

    for (n = 0; n < 2; n++) {
        len = 0;

        for (i = 1500; i < 2000; i++) {
            claims = unit_format("{\"exp\":9,\"client_id\":\"c\",\"%s\":\"%*s\"}",
                                 n ? "big" : "names", (int) i, "");
            verify(&token, claims);

            memset(&out, 'x', sizeof(out));
            extract.data = out.buf;
            extract.len = seal_km_extract_write(&token, &names, out.buf);

            assert_memory_equal(out.behind, "xxxxxxxx", 8);
            assert_true(extract.len <= SEAL_KM_EXTRACT_MAX);

            seal_km_token_free(&token);

            if (n == 0) {
                assert_true(extract.len > len || extract.len == 0);
                assert_true(len < SEAL_KM_EXTRACT_MAX || extract.len == 0);
                len = extract.len ? extract.len : SEAL_KM_EXTRACT_MAX;
                continue;
            }

            assert_int_equal(seal_km_extract_read(&copy, extract, &names), 0);
            assert_int_equal(copy.left_out,
                             seal_km_extract_text(&copy, unit_str("big"), &text)
                             != 0);
            assert_int_equal(seal_km_extract_text(&copy, unit_str("clientrole"),
                                                  &text), 0);
            assert_true(copy.left_out ? extract.len < 200 : text.data == NULL);
        }

        assert_true(n == 1 || len == SEAL_KM_EXTRACT_MAX);
    }
}


/* what is cut short is no extract, or says less, and is not read beyond */

static void
test_cut(void **state)
{
    char             *p, buf[SEAL_KM_EXTRACT_MAX];
    size_t            len, i;
    seal_km_str_t     extract, text;
    seal_km_token_t   token, copy;

    (void) state;

    verify(&token, "{\"exp\":9,\"client_id\":\"c\",\"sub\":\"alice\","
                   "\"names\":[\"x\",\"bob\"],\"role\":\"admin\"}");
    len = seal_km_extract_write(&token, &names, buf);
    seal_km_token_free(&token);

    for (i = 0; i < len; i++) {
        p = unit_exact((seal_km_str_t) { buf, i });
        extract.data = p;
        extract.len = i;

        if (seal_km_extract_read(&copy, extract, &names) == 0) {
            (void) seal_km_extract_has_identity(&copy, "names",
                                                unit_str("bob"));
            assert_int_equal(seal_km_extract_path_text(&copy,
                                                       unit_n(paths) - 1,
                                                       &text), -1);
        }

        free(p);
    }
}


static void
test_recall(void **state)
{
    char             *buffer, buf[SEAL_KM_EXTRACT_MAX];
    const char       *jws;
    seal_km_str_t     extract, text;
    seal_km_jwks_t   *jwks;
    seal_km_token_t   token, copy;

    (void) state;

    jwks = unit_jwks(unit_jwk(unit_key("p256"), NULL));
    jws = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}",
                     "{\"exp\":9,\"client_id\":\"c\",\"other\":[1]}");

    assert_int_equal(seal_km_token_verify(&token, unit_text(jws), jwks,
                                          seal_km_algorithms_asymmetric(), NULL, NULL),
                     SEAL_KM_OK);

    extract.data = buf;
    extract.len = seal_km_extract_write(&token, &names, buf);
    seal_km_token_free(&token);

    assert_int_equal(seal_km_extract_read(&copy, extract, &names), 0);
    assert_int_equal(seal_km_token_decode_claims(&copy, unit_text("a.b")), -1);
    assert_int_equal(seal_km_token_decode_claims(&copy, unit_text(jws)), 0);
    assert_int_equal(seal_km_claims_text(&copy, unit_str("other"), &text,
                                         &buffer), 0);
    unit_check_str("other", text, unit_str("[1]"));

    seal_km_secret_free(buffer);
    seal_km_token_free(&copy);
    seal_km_jwks_free(jwks);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_recall)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
