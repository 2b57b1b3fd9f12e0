/*
 * SHA-256 of texts in a row.
 */

#include "unit.h"

#include "seal_km_sha256.h"


static void
test_vectors(void **state)
{
    unsigned           i;
    unsigned char      digest[SEAL_KM_SHA256_SIZE];
    seal_km_sha256_t  *sha256;

    /* FIPS 180-2, appendix B */
    static const unsigned char  abc[] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
        0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
        0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad
    };

    const seal_km_str_t  parts[] = {
        unit_lit("a"), unit_lit(""), { NULL, 0 }, unit_lit("bc")
    };

    (void) state;

    sha256 = seal_km_sha256_create();
    assert_non_null(sha256);

    for (i = 0; i < 3; i++) {
        assert_int_equal(seal_km_sha256(sha256, parts, unit_n(parts), digest),
                         0);
        assert_memory_equal(digest, abc, SEAL_KM_SHA256_SIZE);
    }

    assert_int_equal(seal_km_sha256(sha256, parts, 0, digest), 0);
    assert_int_equal(digest[0], 0xe3);

    seal_km_sha256_free(sha256);
    seal_km_sha256_free(NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
