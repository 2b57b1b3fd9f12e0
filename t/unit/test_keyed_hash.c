/*
 * The keyed hash: what it is, and that no bit of text or key is lost.
 */

#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "seal_km_keyed_hash.h"


static unsigned char  key[SEAL_KM_KEYED_HASH_KEY_SIZE];


static void
hash_parts(const unsigned char *k, const seal_km_str_t *parts, size_t n,
    unsigned char *digest)
{
    seal_km_keyed_hash_t  *hash;

    hash = seal_km_keyed_hash_create(k);
    assert_non_null(hash);
    assert_int_equal(seal_km_keyed_hash(hash, parts, n, digest), 0);
    seal_km_keyed_hash_free(hash);
}


static void
hash_text(const char *text, size_t len, unsigned char *digest)
{
    seal_km_str_t  part;

    part.data = text;
    part.len = len;

    hash_parts(key, &part, 1, digest);
}


static int
setup(void **state)
{
    unsigned  i;

    for (i = 0; i < sizeof(key); i++) {
        key[i] = (unsigned char) (i * 7 + 1);
    }

    return 0;
}


/* OpenSSL's own GMAC, and AES over that */

static void
test_construction(void **state)
{
    int              len;
    size_t           n;
    EVP_MAC         *mac;
    OSSL_PARAM       params[3];
    EVP_MAC_CTX     *ctx;
    unsigned char    tag[16], want[16], got[16], iv[12];
    EVP_CIPHER_CTX  *aes;

    static const char  text[] = "header.payload.signature, longer than a block";

    memset(iv, 0, sizeof(iv));

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER,
                                                 "AES-256-GCM", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, iv,
                                                  sizeof(iv));
    params[2] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, "GMAC", NULL);
    ctx = EVP_MAC_CTX_new(mac);
    assert_int_equal(EVP_MAC_init(ctx, key, 32, params), 1);
    assert_int_equal(EVP_MAC_update(ctx, (const unsigned char *) text,
                                    sizeof(text) - 1), 1);
    assert_int_equal(EVP_MAC_final(ctx, tag, &n, sizeof(tag)), 1);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);

    aes = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(aes, EVP_aes_256_ecb(), NULL, key + 32,
                                        NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(aes, want, &len, tag, sizeof(tag)), 1);
    EVP_CIPHER_CTX_free(aes);

    hash_text(text, sizeof(text) - 1, got);
    assert_memory_equal(got, want, sizeof(want));
}


static void
test_used_again(void **state)
{
    unsigned               i;
    unsigned char          first[16], digest[16];
    seal_km_keyed_hash_t  *hash;

    const seal_km_str_t  whole[] = { unit_lit("one text in its parts") };
    const seal_km_str_t  parts[] = {
        unit_lit("one text"), unit_lit(""), { NULL, 0 }, unit_lit(" in its"),
        unit_lit(" parts")
    };

    hash = seal_km_keyed_hash_create(key);
    assert_non_null(hash);

    assert_int_equal(seal_km_keyed_hash(hash, whole, 1, first), 0);

    for (i = 0; i < 3; i++) {
        assert_int_equal(seal_km_keyed_hash(hash, parts, unit_n(parts),
                                            digest), 0);
        assert_memory_equal(digest, first, sizeof(digest));
    }

    seal_km_keyed_hash_free(hash);
    seal_km_keyed_hash_free(NULL);
}


static void
test_every_bit_counts(void **state)
{
    char            text[100];
    size_t          i;
    unsigned char   first[16], digest[16];
    seal_km_str_t   part;

    memset(text, 'a', sizeof(text));
    hash_text(text, sizeof(text), first);

    for (i = 0; i < 8 * sizeof(text); i++) {
        text[i / 8] ^= (char) (1 << i % 8);
        hash_text(text, sizeof(text), digest);
        assert_memory_not_equal(digest, first, sizeof(digest));
        text[i / 8] ^= (char) (1 << i % 8);
    }

    for (i = 0; i < sizeof(text); i++) {
        hash_text(text, i, digest);
        assert_memory_not_equal(digest, first, sizeof(digest));
    }

    part.data = text;
    part.len = sizeof(text);

    for (i = 0; i < 8 * sizeof(key); i++) {
        key[i / 8] ^= (unsigned char) (1 << i % 8);
        hash_parts(key, &part, 1, digest);
        assert_memory_not_equal(digest, first, sizeof(digest));
        key[i / 8] ^= (unsigned char) (1 << i % 8);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_construction),
        cmocka_unit_test(test_used_again),
        cmocka_unit_test(test_every_bit_counts)
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
