#include "unit.h"

#include <openssl/err.h>

#include "seal_km_jwks.h"
#include "seal_km_signature.h"


#define INPUT  "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ"


static const struct {
    const char  *alg;
    const char  *key;
    const char  *other;   /* another key of that type */
    size_t       len;     /* of a signature */
} algs[] = {
    { "RS256", "rsa", "rsa2", 256 },
    { "RS384", "rsa", "rsa2", 256 },
    { "RS512", "rsa", "rsa2", 256 },
    { "PS256", "rsa", "rsa2", 256 },
    { "PS384", "rsa", "rsa2", 256 },
    { "PS512", "rsa", "rsa2", 256 },
    { "ES256", "p256", "p256b", 64 },
    { "ES384", "p384", NULL, 96 },
    { "ES512", "p521", NULL, 132 },
    { "EdDSA", "ed25519", NULL, 64 },
    { "EdDSA", "ed448", NULL, 114 },
    { "HS256", "oct32", "oct33", 32 },
    { "HS384", "oct48", "oct49", 48 },
    { "HS512", "oct64", "oct65", 64 }
};


static int
verify(const char *alg, const char *name, const char *input,
    const unsigned char *sig, size_t len)
{
    int                       rc;
    char                     *copy;
    seal_km_str_t             signature;
    const unit_key_t         *key;
    seal_km_signature_key_t   raw;

    key = unit_key(name);
    raw.pkey = key->pkey;
    raw.secret = key->secret;
    raw.secret_len = key->secret_len;

    signature.data = (const char *) sig;
    signature.len = len;
    copy = unit_exact(signature);
    signature.data = copy;

    rc = seal_km_signature_verify(
               seal_km_algorithm(seal_km_algorithm_find(unit_text(alg))),
               &raw, unit_text(input), signature);

    /* a refusal leaves nothing for the next TLS connection to find */

    assert_int_equal(ERR_peek_error(), 0);

    free(copy);

    return rc;
}


static void
test_verify(void **state)
{
    size_t          i, n, len;
    unsigned char  *sig;

    for (i = 0; i < unit_n(algs); i++) {
        sig = unit_signature(algs[i].alg, unit_key(algs[i].key), INPUT, &len);
        unit_check(algs[i].alg, len == algs[i].len);

        unit_check(algs[i].alg,
                   verify(algs[i].alg, algs[i].key, INPUT, sig, len) == 1);

        unit_check(algs[i].alg,
                   verify(algs[i].alg, algs[i].key, INPUT "x", sig, len) == 0);
        unit_check(algs[i].alg,
                   verify(algs[i].alg, algs[i].key, "", sig, len) == 0);

        if (algs[i].other != NULL) {
            unit_check(algs[i].alg,
                       verify(algs[i].alg, algs[i].other, INPUT, sig, len)
                       == 0);
        }

        /* each length but the right one */

        for (n = 0; n < len; n++) {
            unit_check(algs[i].alg,
                       verify(algs[i].alg, algs[i].key, INPUT, sig, n) == 0);
        }

        sig[len] = 0;
        unit_check(algs[i].alg,
                   verify(algs[i].alg, algs[i].key, INPUT, sig, len + 1) == 0);

        /* a bit here and there */

        for (n = 0; n < len; n += 7) {
            sig[n] ^= 0x10;
            unit_check(algs[i].alg,
                       verify(algs[i].alg, algs[i].key, INPUT, sig, len) == 0);
            sig[n] ^= 0x10;
        }

        unit_check(algs[i].alg,
                   verify(algs[i].alg, algs[i].key, INPUT, sig, len) == 1);
    }
}


/* the hash and the padding are the algorithm's, not the signature's */

static void
test_other_algorithm(void **state)
{
    size_t          i, j, len;
    unsigned char  *sig;

    for (i = 0; i < unit_n(algs); i++) {
        sig = unit_signature(algs[i].alg, unit_key(algs[i].key), INPUT, &len);

        for (j = 0; j < unit_n(algs); j++) {
            if (i != j && strcmp(algs[i].key, algs[j].key) == 0) {
                unit_check(algs[i].alg,
                           verify(algs[j].alg, algs[i].key, INPUT, sig, len)
                           == 0);
            }
        }
    }
}


static void
test_ecdsa_values(void **state)
{
    unsigned char  sig[64];

    memset(sig, 0, sizeof(sig));
    assert_int_equal(verify("ES256", "p256", INPUT, sig, 64), 0);

    memset(sig, 0xff, sizeof(sig));
    assert_int_equal(verify("ES256", "p256", INPUT, sig, 64), 0);

    /* r == s == 1 */

    memset(sig, 0, sizeof(sig));
    sig[31] = sig[63] = 1;
    assert_int_equal(verify("ES256", "p256", INPUT, sig, 64), 0);
}


static void
test_no_memory(void **state)
{
    int             rc;
    long            blocks;
    size_t          i, len;
    unsigned        nth;
    unsigned char  *sig;

    for (i = 0; i < unit_n(algs); i++) {
        sig = unit_signature(algs[i].alg, unit_key(algs[i].key), INPUT, &len);

        /* what OpenSSL keeps from a first use is there afterwards */

        assert_int_equal(verify(algs[i].alg, algs[i].key, INPUT, sig, len), 1);
        blocks = unit_memory_blocks();

        for (nth = 1; /* void */ ; nth++) {
            unit_memory_fail(nth);
            rc = verify(algs[i].alg, algs[i].key, INPUT, sig, len);
            unit_memory_fail(0);

            if (rc == 1) {
                break;
            }

            ERR_clear_error();
            assert_int_equal(unit_memory_blocks(), blocks);
        }

        assert_true(nth > 1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_other_algorithm),
        cmocka_unit_test(test_ecdsa_values),
        cmocka_unit_test(test_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
