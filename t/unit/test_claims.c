#include "unit.h"

#include "seal_km_claims.h"
#include "seal_km_secret.h"


/* a token with those claims, as if it had been verified */

static void
token_of(seal_km_token_t *token, seal_km_str_t claims)
{
    memset(token, 0, sizeof(seal_km_token_t));

    token->claims_text = claims;

    assert_int_equal(seal_km_json_parse(&token->arena, claims,
                                        SEAL_KM_JSON_ANY, &token->claims),
                     SEAL_KM_JSON_OK);
    assert_true(json_is_object(token->claims));

    token->exp = json_number_value(json_object_get(token->claims, "exp"));
    token->nbf = json_number_value(json_object_get(token->claims, "nbf"));
    token->has_nbf = (json_object_get(token->claims, "nbf") != NULL);
    token->scope = seal_km_json_string(token->claims, "scope");
}


static const struct {
    const char        *claims;
    double             now;
    int64_t            leeway;
    seal_km_reason_e   rc;
} times[] = {
    { "{\"exp\":1000}", 999, 0, SEAL_KM_OK },
    { "{\"exp\":1000}", 1000, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1000}", 1001, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1000}", 1029, 30, SEAL_KM_OK },
    { "{\"exp\":1000}", 1030, 30, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1000.5}", 1000, 0, SEAL_KM_OK },
    { "{\"exp\":1000.5}", 1000.4, 0, SEAL_KM_OK },
    { "{\"exp\":1000.5}", 1000.5, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1000.5}", 1001, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1000}", 1000.1, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1e3}", 999, 0, SEAL_KM_OK },
    { "{\"exp\":-1}", 0, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":0}", 0, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1e308}", 9e18, 0, SEAL_KM_OK },
    { "{\"exp\":-1e308}", 0, 30, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":99999999999999999999}", 1000, 0, SEAL_KM_OK },

    { "{\"exp\":2000,\"nbf\":1000}", 1000, 0, SEAL_KM_OK },
    { "{\"exp\":2000,\"nbf\":1000}", 999, 0,
      SEAL_KM_TOKEN_NOT_YET_VALID },
    { "{\"exp\":2000,\"nbf\":1000}", 970, 30, SEAL_KM_OK },
    { "{\"exp\":2000,\"nbf\":1000}", 969, 30,
      SEAL_KM_TOKEN_NOT_YET_VALID },
    { "{\"exp\":2000,\"nbf\":1000.5}", 1000, 0,
      SEAL_KM_TOKEN_NOT_YET_VALID },
    { "{\"exp\":2000,\"nbf\":1000.5}", 1000.5, 0, SEAL_KM_OK },
    { "{\"exp\":2000,\"nbf\":1000.5}", 1001, 0, SEAL_KM_OK },
    { "{\"exp\":2000,\"nbf\":-5}", 0, 0, SEAL_KM_OK },

    /* a token that is never valid has expired first of all */

    { "{\"exp\":1000,\"nbf\":2000}", 1500, 0, SEAL_KM_TOKEN_EXPIRED },
    { "{\"exp\":1000,\"nbf\":2000}", 500, 0,
      SEAL_KM_TOKEN_NOT_YET_VALID },

    /* iat is not checked */

    { "{\"exp\":2000,\"iat\":5000}", 1000, 0, SEAL_KM_OK }
};


static void
test_times(void **state)
{
    size_t                    i;
    seal_km_token_t           token;
    seal_km_claims_policy_t   policy;

    memset(&policy, 0, sizeof(policy));

    for (i = 0; i < unit_n(times); i++) {
        policy.leeway = times[i].leeway;
        token_of(&token, unit_text(times[i].claims));

        unit_check(times[i].claims,
                   seal_km_claims_check(&token, &policy, times[i].now)
                   == times[i].rc);

        seal_km_token_free(&token);
    }
}


static const struct {
    seal_km_str_t      claims;      /* without exp */
    seal_km_reason_e   both;        /* issuer and audience are checked */
    seal_km_reason_e   issuer;
    seal_km_reason_e   audience;
} named[] = {
#define I  SEAL_KM_TOKEN_ISSUER
#define A  SEAL_KM_TOKEN_AUDIENCE
    { unit_lit("\"iss\":\"https://sim.example\","
      "\"aud\":\"https://skm.example/\""), 0, 0, 0 },
    { unit_lit("\"iss\":\"i2\",\"aud\":\"a2\""), 0, 0, 0 },
    { unit_lit("\"iss\":\"i2\",\"aud\":[\"x\",\"a2\"]"), 0, 0, 0 },
    { unit_lit("\"iss\":\"i2\",\"aud\":[\"a2\"]"), 0, 0, 0 },
    { unit_lit("\"x\":1"), I, I, A },
    { unit_lit("\"iss\":\"i2\""), A, 0, A },
    { unit_lit("\"aud\":\"a2\""), I, I, 0 },
    { unit_lit("\"iss\":\"x\",\"aud\":\"x\""), I, I, A },
    { unit_lit("\"iss\":\"I2\",\"aud\":\"A2\""), I, I, A },
    { unit_lit("\"iss\":\"i2\\u0000\",\"aud\":\"a2\\u0000\""), I, I, A },
    { unit_lit("\"iss\":\"https://sim.example/\",\"aud\":\"a2/\""), I, I,
      A },
    { unit_lit("\"iss\":\"\",\"aud\":\"\""), I, I, A },
    { unit_lit("\"iss\":[\"i2\"],\"aud\":\"a2\""), I, I, 0 },
    { unit_lit("\"iss\":null,\"aud\":null"), I, I, A },
    { unit_lit("\"iss\":1,\"aud\":2"), I, I, A },
    { unit_lit("\"iss\":\"i2\",\"aud\":[]"), A, 0, A },
    { unit_lit("\"iss\":\"i2\",\"aud\":[\"x\"]"), A, 0, A },
    { unit_lit("\"iss\":\"i2\",\"aud\":[\"a2\",1]"), A, 0, A },
    { unit_lit("\"iss\":\"i2\",\"aud\":[null,\"a2\"]"), A, 0, A },
    { unit_lit("\"iss\":\"i2\",\"aud\":[[\"a2\"]]"), A, 0, A },
    { unit_lit("\"iss\":\"i2\",\"aud\":{\"a2\":\"a2\"}"), A, 0, A },
    { unit_lit("\"iss\":\"i2\",\"aud\":\"a2 x\""), A, 0, A }
#undef I
#undef A
};


static void
test_issuer_and_audience(void **state)
{
    size_t                    i;
    seal_km_token_t           token;
    seal_km_claims_policy_t   policy;

    static const seal_km_str_t  issuers[] = {
        unit_lit("https://sim.example"), unit_lit("i2")
    };
    static const seal_km_str_t  audiences[] = {
        unit_lit("https://skm.example/"), unit_lit("a2")
    };

    for (i = 0; i < unit_n(named); i++) {
        token_of(&token, unit_text(unit_format("{\"exp\":1000,%s}",
                                               named[i].claims.data)));

        memset(&policy, 0, sizeof(policy));
        unit_check(named[i].claims.data,
                   seal_km_claims_check(&token, &policy, 0) == SEAL_KM_OK);

        policy.issuers = issuers;
        policy.nissuers = 2;
        unit_check(named[i].claims.data,
                   seal_km_claims_check(&token, &policy, 0)
                   == named[i].issuer);

        policy.audiences = audiences;
        policy.naudiences = 2;
        unit_check(named[i].claims.data,
                   seal_km_claims_check(&token, &policy, 0) == named[i].both);

        policy.nissuers = 0;
        unit_check(named[i].claims.data,
                   seal_km_claims_check(&token, &policy, 0)
                   == named[i].audience);

        /* time comes before */

        unit_check(named[i].claims.data,
                   seal_km_claims_check(&token, &policy, 1000)
                   == SEAL_KM_TOKEN_EXPIRED);

        seal_km_token_free(&token);
    }
}


static void
test_scope(void **state)
{
    size_t           i;
    seal_km_token_t  token;

    static const struct {
        seal_km_str_t  claim;
        seal_km_str_t  scope;
        int            has;
    } cases[] = {
        { unit_lit("seal:km"), unit_lit("seal:km"), 1 },
        { unit_lit("a seal:km b"), unit_lit("seal:km"), 1 },
        { unit_lit("seal:km b"), unit_lit("seal:km"), 1 },
        { unit_lit("a seal:km"), unit_lit("seal:km"), 1 },
        { unit_lit("a  seal:km   b"), unit_lit("seal:km"), 1 },
        { unit_lit(" seal:km "), unit_lit("seal:km"), 1 },
        { unit_lit("seal:km2 seal:km"), unit_lit("seal:km"), 1 },

        { unit_lit("seal:km2"), unit_lit("seal:km"), 0 },
        { unit_lit("xseal:km"), unit_lit("seal:km"), 0 },
        { unit_lit("seal:k"), unit_lit("seal:km"), 0 },
        { unit_lit("SEAL:KM"), unit_lit("seal:km"), 0 },
        { unit_lit("seal:km,b"), unit_lit("seal:km"), 0 },
        { unit_lit("seal:km\tb"), unit_lit("seal:km"), 0 },
        { unit_lit("seal:km\0"), unit_lit("seal:km"), 0 },
        { unit_lit(""), unit_lit("seal:km"), 0 },
        { unit_lit("   "), unit_lit("seal:km"), 0 },
        { unit_none, unit_lit("seal:km"), 0 },

        { unit_lit("a"), unit_lit(""), 0 },
        { unit_lit(""), unit_lit(""), 0 },
        { unit_lit("a  b"), unit_lit(""), 0 },
        { unit_lit("a b"), unit_none, 0 },
        { unit_none, unit_none, 0 },
        { unit_lit("a b"), unit_lit("a b"), 0 },
        { unit_lit("a b"), unit_lit(" "), 0 },
        { unit_lit("a b"), unit_lit("a "), 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        char  *copy;

        memset(&token, 0, sizeof(token));
        copy = unit_exact(cases[i].claim);
        token.scope = cases[i].claim;
        token.scope.data = (token.scope.data == NULL) ? NULL : copy;

        assert_int_equal(seal_km_claims_has_scope(&token, cases[i].scope),
                         cases[i].has);
        free(copy);
    }
}


static void
test_scope_token(void **state)
{
    int            c;
    char           text[2];
    seal_km_str_t  s;

    s.data = text;
    s.len = 2;
    text[0] = 'a';

    for (c = 0; c < 256; c++) {
        text[1] = (char) c;
        assert_int_equal(seal_km_claims_is_scope_token(s),
                         c == 0x21 || (c >= 0x23 && c <= 0x5b)
                         || (c >= 0x5d && c <= 0x7e));
    }

    assert_int_equal(seal_km_claims_is_scope_token(unit_str("seal:km")), 1);
    assert_int_equal(seal_km_claims_is_scope_token(unit_str("")), 0);
}


static void
test_identity(void **state)
{
    size_t           i;
    seal_km_token_t  token;

    static const struct {
        const char     *claims;
        seal_km_str_t   identity;
        int             match;
    } cases[] = {
        { "{\"c\":\"alice\"}", unit_lit("alice"), 1 },
        { "{\"c\":[\"bob\",\"alice\"]}", unit_lit("alice"), 1 },
        { "{\"c\":\"\xc3\xa9\"}", unit_lit("\xc3\xa9"), 1 },
        { "{\"c\":\"\\u00e9\"}", unit_lit("\xc3\xa9"), 1 },

        { "{}", unit_lit("alice"), 0 },
        { "{\"C\":\"alice\"}", unit_lit("alice"), 0 },
        { "{\"c\":\"Alice\"}", unit_lit("alice"), 0 },
        { "{\"c\":\"alice2\"}", unit_lit("alice"), 0 },
        { "{\"c\":\"alic\"}", unit_lit("alice"), 0 },
        { "{\"c\":\"alice\\u0000\"}", unit_lit("alice"), 0 },
        { "{\"c\":\"e\\u0301\"}", unit_lit("\xc3\xa9"), 0 },
        { "{\"c\":null}", unit_lit("alice"), 0 },
        { "{\"c\":{\"alice\":\"alice\"}}", unit_lit("alice"), 0 },
        { "{\"c\":1}", unit_lit("1"), 0 },
        { "{\"c\":true}", unit_lit("true"), 0 },
        { "{\"c\":[]}", unit_lit("alice"), 0 },
        { "{\"c\":[\"bob\"]}", unit_lit("alice"), 0 },
        { "{\"c\":[\"alice\",1]}", unit_lit("alice"), 0 },
        { "{\"c\":[[\"alice\"]]}", unit_lit("alice"), 0 },
        { "{\"c\":\"alice bob\"}", unit_lit("alice"), 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        token_of(&token, unit_text(cases[i].claims));

        unit_check(cases[i].claims,
                   seal_km_claims_check_identity(&token, "c",
                                                 cases[i].identity)
                   == (cases[i].match ? SEAL_KM_OK
                                      : SEAL_KM_IDENTITY_MISMATCH));

        seal_km_token_free(&token);
    }
}


static const struct {
    const char     *claims;
    seal_km_str_t   name;
    seal_km_str_t   text;       /* data == NULL: none */
} texts[] = {
    { "{\"a\":\"x\"}", unit_lit("a"), unit_lit("x") },
    { "{\"a\":\"\"}", unit_lit("a"), unit_lit("") },
    { "{\"a\":\"\\\"\\\\/\xc3\xa9\"}", unit_lit("a"),
      unit_lit("\"\\/\xc3\xa9") },
    { "{\"a\":1}", unit_lit("a"), unit_lit("1") },
    { "{\"a\":-5}", unit_lit("a"), unit_lit("-5") },
    { "{\"a\":1.5}", unit_lit("a"), unit_lit("1.5") },
    { "{\"a\":0.1}", unit_lit("a"), unit_lit("0.1") },
    { "{\"a\":[0.30000000000000004,\"0.1\"]}", unit_lit("a"),
      unit_lit("[0.30000000000000004,\"0.1\"]") },
    { "{\"a\":1e3}", unit_lit("a"), unit_lit("1e3") },
    { "{\"a\":1.0}", unit_lit("a"), unit_lit("1.0") },
    { "{\"a\":-0}", unit_lit("a"), unit_lit("0") },
    { "{\"a\":9223372036854775808}", unit_lit("a"),
      unit_lit("9223372036854775808") },
    { "{\"a\":9223372036854775809}", unit_lit("a"),
      unit_lit("9223372036854775809") },
    { "{\"a\":-123456789012345678901234567890}", unit_lit("a"),
      unit_lit("-123456789012345678901234567890") },
    { "{\"A\":98765432109876543210}", unit_lit("a"),
      unit_lit("98765432109876543210") },
    { "{\"b\":{\"a\":1},\"\\u0061\": [ 98765432109876543211 , {\"x\" :"
      "98765432109876543212}]}", unit_lit("a"),
      unit_lit("[98765432109876543211,{\"x\":98765432109876543212}]") },
    { "{\"a\":true}", unit_lit("a"), unit_lit("true") },
    { "{\"a\":false}", unit_lit("a"), unit_lit("false") },
    { "{\"a\":null}", unit_lit("a"), unit_none },
    { "{\"a\":[null]}", unit_lit("a"), unit_lit("[null]") },
    { "{\"a\": [ \"x\" , 1 ]}", unit_lit("a"), unit_lit("[\"x\",1]") },
    { "{\"a\": { \"x\" : {} , \"b\": 1}}", unit_lit("a"),
      unit_lit("{\"x\":{},\"b\":1}") },
    { "{\"a\":[\"\\n\"]}", unit_lit("a"), unit_lit("[\"\\n\"]") },
    { "{\"\":1}", unit_lit(""), unit_lit("1") },

    { "{\"SKeyProv\":\"x\"}", unit_lit("skeyprov"), unit_lit("x") },
    { "{\"SKeyProv\":\"x\"}", unit_lit("SKeyProv"), unit_lit("x") },
    { "{\"skeyprov\":\"y\",\"SKeyProv\":\"x\"}", unit_lit("skeyprov"),
      unit_lit("y") },
    { "{\"SKeyProv\":\"x\",\"skeyprov\":\"y\"}", unit_lit("skeyprov"),
      unit_lit("y") },
    { "{\"SKeyProv\":\"x\",\"SKEYPROV\":\"y\"}", unit_lit("skeyprov"),
      unit_none },

    { "{\"a\":1}", unit_lit("b"), unit_none },
    { "{\"a\":1}", unit_lit("ab"), unit_none },
    { "{\"ab\":1}", unit_lit("a"), unit_none },
    { "{\"a\":1}", unit_lit("a\0"), unit_none },
    { "{\"a\":1}", unit_lit(""), unit_none },
    { "{}", unit_lit("a"), unit_none },
    { "{\"a\":\"x\\ny\"}", unit_lit("a"), unit_none },
    { "{\"a\":\"x\\u0000\"}", unit_lit("a"), unit_none },
    { "{\"a\":\"\x7f\"}", unit_lit("a"), unit_none },
    { "{\"a\":[\"\x7f\"]}", unit_lit("a"), unit_none }
};


static void
test_text(void **state)
{
    int              rc;
    char            *buffer;
    size_t           i;
    seal_km_str_t    text;
    seal_km_token_t  token;

    for (i = 0; i < unit_n(texts); i++) {
        token_of(&token, unit_text(texts[i].claims));
        buffer = (char *) 1;
        text.data = "x";
        text.len = 1;

        rc = seal_km_claims_text(&token, texts[i].name, &text, &buffer);

        unit_check(texts[i].claims, rc == 0);
        unit_check(texts[i].claims, (text.data == NULL)
                                    == (texts[i].text.data == NULL));
        unit_check_str(texts[i].claims, text, texts[i].text);
        unit_check(texts[i].claims, buffer == NULL || buffer == text.data);

        seal_km_secret_free(buffer);
        seal_km_token_free(&token);
    }
}


static void
test_text_no_memory(void **state)
{
    char            *buffer;
    long             blocks;
    unsigned         nth;
    seal_km_str_t    text;
    seal_km_token_t  token;

    token_of(&token, unit_str("{\"a\":[1,{\"b\":\"c\"}],\"s\":\"t\"}"));
    blocks = unit_memory_blocks();

    for (nth = 1; /* void */ ; nth++) {
        int  rc;

        unit_memory_fail(nth);
        rc = seal_km_claims_text(&token, unit_str("a"), &text, &buffer);
        unit_memory_fail(0);

        if (rc == 0) {
            break;
        }

        assert_int_equal(rc, -1);
        assert_null(text.data);
        assert_null(buffer);
        assert_int_equal(unit_memory_blocks(), blocks);
    }

    assert_true(nth > 1);
    seal_km_secret_free(buffer);

    /* a string needs none */

    unit_memory_fail(1);
    assert_int_equal(seal_km_claims_text(&token, unit_str("s"), &text,
                                         &buffer), 0);
    unit_memory_fail(0);
    assert_null(buffer);
    unit_check_str("s", text, unit_str("t"));

    seal_km_token_free(&token);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_issuer_and_audience),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_scope_token),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
