#include "unit.h"

#include "seal_km_algorithm.h"


static const struct {
    const char      *name;
    jwk_key_type_t   kty;
    const char      *curve;
    const char      *digest;
    int              pss;
    unsigned         min_bits;
} rows[] = {
    { "RS256", JWK_KEY_TYPE_RSA, NULL, "SHA256", 0, 2048 },
    { "RS384", JWK_KEY_TYPE_RSA, NULL, "SHA384", 0, 2048 },
    { "RS512", JWK_KEY_TYPE_RSA, NULL, "SHA512", 0, 2048 },
    { "PS256", JWK_KEY_TYPE_RSA, NULL, "SHA256", 1, 2048 },
    { "PS384", JWK_KEY_TYPE_RSA, NULL, "SHA384", 1, 2048 },
    { "PS512", JWK_KEY_TYPE_RSA, NULL, "SHA512", 1, 2048 },
    { "ES256", JWK_KEY_TYPE_EC, "P-256", "SHA256", 0, 0 },
    { "ES384", JWK_KEY_TYPE_EC, "P-384", "SHA384", 0, 0 },
    { "ES512", JWK_KEY_TYPE_EC, "P-521", "SHA512", 0, 0 },
    { "Ed25519", JWK_KEY_TYPE_OKP, "Ed25519", NULL, 0, 0 },
    { "Ed448", JWK_KEY_TYPE_OKP, "Ed448", NULL, 0, 0 },
    { "HS256", JWK_KEY_TYPE_OCT, NULL, "SHA256", 0, 256 },
    { "HS384", JWK_KEY_TYPE_OCT, NULL, "SHA384", 0, 384 },
    { "HS512", JWK_KEY_TYPE_OCT, NULL, "SHA512", 0, 512 }
};


static void
check_text(const char *text, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(text);

    } else {
        assert_string_equal(text, wanted);
    }
}


static void
test_rows(void **state)
{
    size_t                      i;
    const seal_km_algorithm_t  *algorithm;

    assert_int_equal(unit_n(rows), SEAL_KM_ALGORITHM_N);

    for (i = 0; i < unit_n(rows); i++) {
        algorithm = seal_km_algorithm((int) i);

        assert_string_equal(algorithm->name, rows[i].name);
        assert_int_equal(algorithm->kty, rows[i].kty);
        assert_int_equal(algorithm->min_bits, rows[i].min_bits);
        assert_int_equal(algorithm->pss, rows[i].pss);
        check_text(algorithm->curve, rows[i].curve);
        check_text(algorithm->digest, rows[i].digest);

        assert_int_equal(seal_km_algorithms_named(unit_text(rows[i].name)),
                         1u << i);
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
        { "curve in capitals", unit_lit("ED25519") },
        { "curve in lower case", unit_lit("ed448") },
        { "another curve", unit_lit("X25519") },
        { "prefix of a curve", unit_lit("Ed2551") },
        { "a curve of ECDSA", unit_lit("P-256") }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].name, seal_km_algorithms_named(cases[i].alg) == 0);
    }
}


/* RFC 8037's one name for what RFC 9864 has two for */

static void
test_eddsa(void **state)
{
    seal_km_algorithms_t  set;

    set = seal_km_algorithms_named(unit_str("EdDSA"));

    assert_int_equal(set, seal_km_algorithms_named(unit_str("Ed25519"))
                          | seal_km_algorithms_named(unit_str("Ed448")));
}


static void
test_asymmetric(void **state)
{
    assert_int_equal(seal_km_algorithms_asymmetric(), (1u << 11) - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_eddsa),
        cmocka_unit_test(test_asymmetric)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
