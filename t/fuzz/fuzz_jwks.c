/*
 * JWK Sets: a text is taken or leaves the set as it was, the same again gives the
 * same again, and each key that is left out is told in one line.
 */


#include <openssl/err.h>

#include "fuzz.h"
#include "seal_km_jwks.h"


static void fuzz_notice(void *data, const char *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              rc;
    size_t           n;
    uint8_t         *copy;
    const char      *error;
    seal_km_jwks_t  *jwks;

    copy = fuzz_alloc(size);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    error = NULL;
    jwks = seal_km_jwks_create();
    fuzz_assert(jwks != NULL);

    rc = seal_km_jwks_add(jwks, fuzz_str(copy, size), fuzz_notice, NULL,
                          &error);
    fuzz_assert((rc != 0) == (error != NULL));

    n = seal_km_jwks_count(jwks);
    fuzz_assert(rc == 0 || n == 0);
    fuzz_assert((n == 0) == (seal_km_jwks_algorithms(jwks) == 0));

    /* the same once more: as many keys again, or refused as before */
    error = NULL;
    fuzz_assert(seal_km_jwks_add(jwks, fuzz_str(copy, size), fuzz_notice, NULL,
                                 &error)
                == rc);
    fuzz_assert(seal_km_jwks_count(jwks) == 2 * n);
    fuzz_assert(ERR_peek_error() == 0);

    seal_km_jwks_free(jwks);
    free(copy);

    return 0;
}


static void
fuzz_notice(void *data, const char *text)
{
    (void) data;

    fuzz_assert(strlen(text) < 512);
    fuzz_assert(strchr(text, '\n') == NULL);
}
