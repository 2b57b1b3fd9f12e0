#include "unit.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

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
    { "Ed25519", "ed25519", "ed25519b", 64 },
    { "Ed448", "ed448", NULL, 114 },
    { "HS256", "oct32", "oct33", 32 },
    { "HS384", "oct48", "oct49", 48 },
    { "HS512", "oct64", "oct65", 64 }
};


static const seal_km_algorithm_t *
algorithm(const char *name)
{
    int  i;

    for (i = 0; seal_km_algorithms_named(unit_text(name)) != (1u << i); i++) {
        assert_true(i < SEAL_KM_ALGORITHM_N);
    }

    return seal_km_algorithm(i);
}


/* NULL where there is no memory */

static seal_km_verifier_t *
verifier(const char *alg, const char *name)
{
    const unit_key_t         *key;
    seal_km_verifier_t       *v;
    seal_km_signature_key_t   raw;

    key = unit_key(name);
    raw.pkey = key->pkey;
    raw.secret = key->secret;
    raw.secret_len = key->secret_len;

    v = seal_km_verifier_create(algorithm(alg), &raw);

    if (v == NULL) {
        ERR_clear_error();
    }

    assert_int_equal(ERR_peek_error(), 0);

    return v;
}


static seal_km_signature_e
verify_with(seal_km_verifier_t *v, const char *input,
    const unsigned char *sig, size_t len)
{
    char                 *copy;
    seal_km_str_t         signature;
    seal_km_signature_t   s;
    seal_km_signature_e   rc;

    signature.data = (const char *) sig;
    signature.len = len;
    copy = unit_exact(signature);
    signature.data = copy;

    memset(&s, 0xa5, sizeof(s));
    seal_km_signature_init(&s, unit_text(input), signature);
    rc = seal_km_signature_verify(&s, v);

    /* a refusal leaves nothing for the next TLS connection to find */

    assert_int_equal(ERR_peek_error(), 0);

    free(copy);

    return rc;
}


/* 1 or 0, by the same verifier each time */

static int
verify(const char *alg, const char *name, const char *input,
    const unsigned char *sig, size_t len)
{
    seal_km_signature_e         rc;
    static const char          *last_alg, *last_name;
    static seal_km_verifier_t  *v;

    if (v == NULL || strcmp(alg, last_alg) != 0
        || strcmp(name, last_name) != 0)
    {
        seal_km_verifier_free(v);
        v = verifier(alg, name);
        assert_non_null(v);

        last_alg = alg;
        last_name = name;
    }

    rc = verify_with(v, input, sig, len);
    assert_int_not_equal(rc, SEAL_KM_SIGNATURE_NO_MEMORY);

    return rc == SEAL_KM_SIGNATURE_RIGHT;
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


/* what was made of a signature for one key is used for the next, if it fits */

static void
test_several_keys(void **state)
{
    size_t                i, j, len;
    unsigned char        *sig;
    seal_km_str_t         signature;
    seal_km_verifier_t   *v[unit_n(algs)];
    seal_km_signature_t   s;

    for (i = 0; i < unit_n(algs); i++) {
        v[i] = verifier(algs[i].alg, algs[i].key);
        assert_non_null(v[i]);
    }

    for (i = 0; i < unit_n(algs); i++) {
        sig = unit_signature(algs[i].alg, unit_key(algs[i].key), INPUT, &len);
        signature.data = (char *) sig;
        signature.len = len;

        seal_km_signature_init(&s, unit_str(INPUT), signature);

        for (j = 0; j < 3 * unit_n(algs); j++) {
            unit_check(algs[i].alg,
                       seal_km_signature_verify(&s, v[j % unit_n(algs)])
                       == (i == j % unit_n(algs)
                           ? SEAL_KM_SIGNATURE_RIGHT
                           : SEAL_KM_SIGNATURE_WRONG));
        }
    }

    for (i = 0; i < unit_n(algs); i++) {
        seal_km_verifier_free(v[i]);
    }

    seal_km_verifier_free(NULL);
}


/* what others have left in OpenSSL's queue is not taken for an answer */

static void
test_foreign_errors(void **state)
{
    size_t               len;
    unsigned char       *sig;
    seal_km_verifier_t  *v;

    v = verifier("ES256", "p256");
    sig = unit_signature("ES256", unit_key("p256"), INPUT, &len);

    ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
    assert_int_equal(verify_with(v, INPUT "x", sig, len),
                     SEAL_KM_SIGNATURE_WRONG);

    ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
    assert_int_equal(verify_with(v, INPUT, sig, len),
                     SEAL_KM_SIGNATURE_RIGHT);

    seal_km_verifier_free(v);
}


/* RFC 7518, 3.5, has one length of the salt; any is taken */

static void
test_salts(void **state)
{
    size_t          i, len;
    EVP_MD_CTX     *md;
    EVP_PKEY_CTX   *ctx;
    unsigned char   sig[512];

    static const int  salts[] = { 0, 1, 20, 32, 64, 222 };

    for (i = 0; i < unit_n(salts); i++) {
        md = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(md, &ctx, EVP_sha256(), NULL,
                                            unit_key("rsa")->pkey), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx,
                                               RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salts[i]), 1);

        len = sizeof(sig);
        assert_int_equal(EVP_DigestSign(md, sig, &len,
                                        (const unsigned char *) INPUT,
                                        strlen(INPUT)), 1);
        EVP_MD_CTX_free(md);

        assert_int_equal(verify("PS256", "rsa", INPUT, sig, len), 1);
        assert_int_equal(verify("RS256", "rsa", INPUT, sig, len), 0);
        assert_int_equal(verify("PS512", "rsa", INPUT, sig, len), 0);
    }
}


/*
 * Memory that runs out at each place in turn: a good signature may not be told
 * to be one, but no bad one gets to be good.
 */

static void
test_no_memory(void **state)
{
    int                   bad;
    long                  blocks;
    size_t                i, len;
    unsigned              nth, n;
    unsigned char        *sig;
    seal_km_verifier_t   *v;
    seal_km_signature_e   rc, want;

    for (i = 0; i < 2 * unit_n(algs); i++) {
        bad = i % 2;
        sig = unit_signature(algs[i / 2].alg, unit_key(algs[i / 2].key),
                             INPUT, &len);
        sig[len - 1] ^= bad;
        want = bad ? SEAL_KM_SIGNATURE_WRONG : SEAL_KM_SIGNATURE_RIGHT;

        /* what OpenSSL keeps from a first use is there afterwards */

        v = verifier(algs[i / 2].alg, algs[i / 2].key);
        assert_int_equal(verify_with(v, INPUT, sig, len), want);
        blocks = unit_memory_blocks();

        for (nth = 1; /* void */ ; nth++) {
            unit_memory_fail(nth);
            rc = verify_with(v, INPUT, sig, len);
            n = unit_memory_count();
            unit_memory_fail(0);

            if (n < nth) {
                break;
            }

            unit_check(algs[i / 2].alg, rc == SEAL_KM_SIGNATURE_NO_MEMORY
                                        || rc == SEAL_KM_SIGNATURE_WRONG);
            assert_int_equal(unit_memory_blocks(), blocks);
        }

        /* EdDSA may need none at all */

        assert_int_equal(rc, want);
        assert_true(nth > 1 || algs[i / 2].alg[1] == 'd');

        /* and a failure does not stick */

        assert_int_equal(verify_with(v, INPUT, sig, len), want);
        seal_km_verifier_free(v);
    }
}


static void
test_no_memory_for_verifier(void **state)
{
    long                 blocks;
    size_t               i;
    unsigned             nth;
    seal_km_verifier_t  *v;

    for (i = 0; i < unit_n(algs); i++) {
        seal_km_verifier_free(verifier(algs[i].alg, algs[i].key));
        blocks = unit_memory_blocks();

        for (nth = 1; /* void */ ; nth++) {
            unit_memory_fail(nth);
            v = verifier(algs[i].alg, algs[i].key);
            unit_memory_fail(0);

            if (v != NULL) {
                break;
            }

            assert_int_equal(unit_memory_blocks(), blocks);
        }

        assert_true(nth > 2);
        seal_km_verifier_free(v);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_other_algorithm),
        cmocka_unit_test(test_ecdsa_values),
        cmocka_unit_test(test_several_keys),
        cmocka_unit_test(test_foreign_errors),
        cmocka_unit_test(test_salts),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_verifier)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
