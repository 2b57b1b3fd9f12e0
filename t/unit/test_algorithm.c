#include "unit.h"

#include "seal_km_algorithm.h"


static const struct {
    const char      *name;
    jwt_alg_t        jwt_alg;
    jwk_key_type_t   kty;
    const char      *curve;
    unsigned         min_bits;
} rows[] = {
    { "RS256", JWT_ALG_RS256, JWK_KEY_TYPE_RSA, NULL, 2048 },
    { "RS384", JWT_ALG_RS384, JWK_KEY_TYPE_RSA, NULL, 2048 },
    { "RS512", JWT_ALG_RS512, JWK_KEY_TYPE_RSA, NULL, 2048 },
    { "PS256", JWT_ALG_PS256, JWK_KEY_TYPE_RSA, NULL, 2048 },
    { "PS384", JWT_ALG_PS384, JWK_KEY_TYPE_RSA, NULL, 2048 },
    { "PS512", JWT_ALG_PS512, JWK_KEY_TYPE_RSA, NULL, 2048 },
    { "ES256", JWT_ALG_ES256, JWK_KEY_TYPE_EC, "P-256", 0 },
    { "ES384", JWT_ALG_ES384, JWK_KEY_TYPE_EC, "P-384", 0 },
    { "ES512", JWT_ALG_ES512, JWK_KEY_TYPE_EC, "P-521", 0 },
    { "EdDSA", JWT_ALG_EDDSA, JWK_KEY_TYPE_OKP, NULL, 0 },
    { "HS256", JWT_ALG_HS256, JWK_KEY_TYPE_OCT, NULL, 256 },
    { "HS384", JWT_ALG_HS384, JWK_KEY_TYPE_OCT, NULL, 384 },
    { "HS512", JWT_ALG_HS512, JWK_KEY_TYPE_OCT, NULL, 512 }
};


static void
test_rows(void **state)
{
    size_t                      i;
    const seal_km_algorithm_t  *algorithm;

    assert_int_equal(unit_n(rows), SEAL_KM_ALGORITHM_N);

    for (i = 0; i < unit_n(rows); i++) {
        algorithm = seal_km_algorithm((int) i);

        assert_string_equal(algorithm->name, rows[i].name);
        assert_int_equal(algorithm->jwt_alg, rows[i].jwt_alg);
        assert_int_equal(algorithm->kty, rows[i].kty);
        assert_int_equal(algorithm->min_bits, rows[i].min_bits);
        assert_int_equal(jwt_str_alg(rows[i].name), rows[i].jwt_alg);

        if (rows[i].curve == NULL) {
            assert_null(algorithm->curve);

        } else {
            assert_string_equal(algorithm->curve, rows[i].curve);
        }

        assert_int_equal(seal_km_algorithm_find(unit_text(rows[i].name)), i);
    }

    assert_null(seal_km_algorithm(SEAL_KM_ALGORITHM_N));
    assert_null(seal_km_algorithm(-1));
}


static void
test_unknown(void **state)
{
    size_t  i;

    static const struct {
        const char     *name;
        seal_km_str_t   alg;
    } cases[] = {
        { "none", unit_lit("none") },
        { "None", unit_lit("None") },
        { "NONE", unit_lit("NONE") },
        { "nOnE", unit_lit("nOnE") },
        { "empty", unit_lit("") },
        { "absent", unit_none },
        { "lower case", unit_lit("rs256") },
        { "EDDSA in capitals", unit_lit("EDDSA") },
        { "prefix", unit_lit("RS25") },
        { "longer", unit_lit("RS2560") },
        { "NUL behind", unit_lit("RS256\0") },
        { "NUL and more behind", unit_lit("RS256\0x") },
        { "space before", unit_lit(" RS256") },
        { "space behind", unit_lit("RS256 ") },
        { "curve of Bitcoin", unit_lit("ES256K") },
        { "key management", unit_lit("RSA-OAEP") },
        { "Ed25519 by itself", unit_lit("Ed25519") }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].name, seal_km_algorithm_find(cases[i].alg) == -1);
    }
}


static void
test_asymmetric(void **state)
{
    assert_int_equal(seal_km_algorithms_asymmetric(), (1u << 10) - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_asymmetric)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
