/*
 * A set that shows the keys of others, and what it says of a token's kid.
 */

#include "unit.h"

#include "seal_km_jwks.h"
#include "seal_km_token.h"


#define CLAIMS  "{\"exp\":9,\"client_id\":\"c\"}"


static seal_km_reason_e
verify(seal_km_jwks_t *jwks, const char *key, const char *header)
{
    seal_km_token_t   token;
    seal_km_reason_e  rc;

    rc = seal_km_token_verify(&token, unit_text(unit_token("ES256",
                                                unit_key(key), header, CLAIMS)),
                              jwks, seal_km_algorithms_asymmetric(), NULL, NULL);
    seal_km_token_free(&token);

    return rc;
}


static void
test_parts(void **state)
{
    seal_km_jwks_t  *view, *parts[3];

    static const char  a[] = "{\"alg\":\"ES256\",\"kid\":\"a\"}";
    static const char  b[] = "{\"alg\":\"ES256\",\"kid\":\"b\"}";

    (void) state;

    view = seal_km_jwks_create();
    assert_non_null(view);

    memset(parts, 0, sizeof(parts));
    seal_km_jwks_set_parts(view, parts, unit_n(parts));

    assert_int_equal(seal_km_jwks_algorithms(view), 0);
    assert_int_equal(verify(view, "p256", a), SEAL_KM_TOKEN_KEY);

    /* wherever it is among the parts */

    parts[2] = unit_jwks(unit_jwk(unit_key("p256"), "\"kid\":\"a\""));
    assert_int_equal(verify(view, "p256", a), SEAL_KM_OK);
    assert_int_equal(verify(view, "p256", b), SEAL_KM_TOKEN_KEY);
    assert_int_equal(seal_km_jwks_algorithms(view),
                     seal_km_jwks_algorithms(parts[2]));

    parts[0] = unit_jwks(unit_jwk(unit_key("p384"), "\"kid\":\"b\""));
    assert_int_equal(verify(view, "p256", a), SEAL_KM_OK);
    assert_int_equal(verify(view, "p256", b), SEAL_KM_TOKEN_KEY);
    assert_int_equal(seal_km_jwks_algorithms(view),
                     seal_km_jwks_algorithms(parts[0])
                     | seal_km_jwks_algorithms(parts[2]));

    /* replaced and taken away */

    seal_km_jwks_free(parts[0]);
    parts[0] = parts[2];
    parts[2] = NULL;
    assert_int_equal(verify(view, "p256", a), SEAL_KM_OK);

    seal_km_jwks_free(parts[0]);
    parts[0] = NULL;
    assert_int_equal(verify(view, "p256", a), SEAL_KM_TOKEN_KEY);

    seal_km_jwks_free(view);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
