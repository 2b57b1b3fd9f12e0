/*
 * Pages for keys, and the digest of records, whose key lies in one.
 */

#include "unit.h"

#include "seal_km_record_digest.h"
#include "seal_km_vault.h"


static void
test_vault(void **state)
{
    size_t            i, j;
    char             *p[200];
    seal_km_vault_t   vault = { NULL };

    seal_km_vault_free(&vault);

    for (i = 0; i < unit_n(p); i++) {
        p[i] = seal_km_vault_alloc(&vault, i + 1);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t) p[i] % 16, 0);

        for (j = 0; j < i + 1; j++) {
            assert_int_equal(p[i][j], 0);
        }

        memset(p[i], (int) i, i + 1);
    }

    for (i = 0; i < unit_n(p); i++) {
        for (j = 0; j < i + 1; j++) {
            assert_int_equal((unsigned char) p[i][j], i);
        }
    }

    /* more than a page has room for */
    p[0] = seal_km_vault_alloc(&vault, SEAL_KM_VAULT_MAX);
    assert_non_null(p[0]);
    memset(p[0], 1, SEAL_KM_VAULT_MAX);

    assert_null(seal_km_vault_alloc(&vault, SEAL_KM_VAULT_MAX + 1));
    assert_null(seal_km_vault_alloc(&vault, SIZE_MAX));
    assert_non_null(seal_km_vault_alloc(&vault, 1));

    seal_km_vault_free(&vault);
    assert_null(vault.pages);
}


/* RFC 4231, clauses 4.2 to 4.8, of which a digest is the first half of half */

static void
test_digest(void **state)
{
    char                      hex[SEAL_KM_RECORD_DIGEST_SIZE];
    size_t                    i, n;
    seal_km_record_digest_t  *digest;

    static char  long_key[131];

    const struct {
        const char     *name;
        seal_km_str_t   key;
        seal_km_str_t   text;
        const char     *hex;
    } cases[] = {
        { "4.2", unit_lit("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                          "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
          unit_lit("Hi There"), "b0344c61d8db3853" },
        { "4.3", unit_lit("Jefe"),
          unit_lit("what do ya want for nothing?"), "5bdcc146bf60754e" },
        { "4.7", { long_key, sizeof(long_key) },
          unit_lit("Test Using Larger Than Block-Size Key - Hash Key First"),
          "60e431591ee0b67f" },
        { "4.8", { long_key, sizeof(long_key) },
          unit_lit("This is a test using a larger than block-size key and a "
                   "larger than block-size data. The key needs to be hashed "
                   "before being used by the HMAC algorithm."),
          "9b09ffa71b942fcb" },
    };

    memset(long_key, 0xaa, sizeof(long_key));

    for (i = 0; i < unit_n(cases); i++) {
        digest = seal_km_record_digest_create(cases[i].key);
        assert_non_null(digest);

        for (n = 0; n < 3; n++) {
            unit_check(cases[i].name,
                       seal_km_record_digest(digest, cases[i].text, hex) == 0);
            unit_check(cases[i].name,
                       memcmp(hex, cases[i].hex, sizeof(hex)) == 0);
        }

        seal_km_record_digest_free(digest);
    }

    seal_km_record_digest_free(NULL);
}


static void
test_no_memory(void **state)
{
    char                      hex[SEAL_KM_RECORD_DIGEST_SIZE];
    long                      blocks;
    unsigned                  n;
    seal_km_record_digest_t  *digest;

    blocks = unit_memory_blocks();

    for (n = 1; /* void */ ; n++) {
        unit_memory_fail(n);
        digest = seal_km_record_digest_create(unit_str("0123456789abcdef"));
        unit_memory_fail(0);

        if (digest != NULL) {
            break;
        }

        assert_int_equal(unit_memory_blocks(), blocks);
    }

    /* its own; some versions of OpenSSL want none for what they have fetched */
    assert_true(n > 1);

    /* OpenSSL may want some for each digest; the next one is well then */

    for (n = 1; /* void */ ; n++) {
        unit_memory_fail(n);

        if (seal_km_record_digest(digest, unit_str("x"), hex) == 0) {
            break;
        }

        unit_memory_fail(0);
        assert_int_equal(seal_km_record_digest(digest, unit_str("x"), hex), 0);
    }

    unit_memory_fail(0);
    seal_km_record_digest_free(digest);
    assert_int_equal(unit_memory_blocks(), blocks);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vault),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
