/*
 * JWK Sets: a text is taken or leaves the set as it was, the same again gives the
 * same again, and what is told of keys is one line each.
 */


#include <openssl/err.h>

#include "fuzz.h"
#include "seal_km_jwks.h"


#define FUZZ_KEY                                                              \
    "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"


static void fuzz_notice(void *data, const char *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              rc;
    size_t           n;
    uint8_t         *copy;
    unsigned         told, again;
    const char      *error;
    seal_km_jwks_t  *jwks;

    told = 0;
    copy = fuzz_alloc(size);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    /* there is a key before */
    error = NULL;
    jwks = seal_km_jwks_create();
    fuzz_assert(jwks != NULL);
    fuzz_assert(seal_km_jwks_add(jwks, fuzz_str(FUZZ_KEY, sizeof(FUZZ_KEY) - 1),
                                 fuzz_notice, &told, &error)
                == 0);
    fuzz_assert(seal_km_jwks_count(jwks) == 1);

    told = 0;
    rc = seal_km_jwks_add(jwks, fuzz_str(copy, size), fuzz_notice, &told,
                          &error);
    fuzz_assert((rc != 0) == (error != NULL));

    n = seal_km_jwks_count(jwks) - 1;
    fuzz_assert(rc == 0 || n == 0);
    fuzz_assert(seal_km_jwks_algorithms(jwks) != 0);

    /* the same once more: as many keys again, or refused as before */
    error = NULL;
    again = 0;
    fuzz_assert(seal_km_jwks_add(jwks, fuzz_str(copy, size), fuzz_notice,
                                 &again, &error)
                == rc);
    fuzz_assert(seal_km_jwks_count(jwks) == 1 + 2 * n);
    fuzz_assert(again == told);
    fuzz_assert(ERR_peek_error() == 0);

    seal_km_jwks_free(jwks);
    free(copy);

    return 0;
}


static void
fuzz_notice(void *data, const char *text)
{
    unsigned  *told = data;

    (*told)++;
    fuzz_assert(strlen(text) < 512);
    fuzz_assert(strchr(text, '\n') == NULL);
}
