#include <string.h>

#include "seal_km_algorithm.h"


#define SEAL_KM_ALGORITHM_RSA_BITS  2048

/* RFC 8037, clause 3.1; RFC 9864, clause 2.2, has a name for each curve */
#define SEAL_KM_ALGORITHM_EDDSA     "EdDSA"


static int seal_km_algorithm_is(seal_km_str_t name, const char *known);


/* "none" is not among them */

static const seal_km_algorithm_t
    seal_km_algorithms[SEAL_KM_ALGORITHM_N] =
{

    { "RS256", JWK_KEY_TYPE_RSA, NULL, "SHA256", 0,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "RS384", JWK_KEY_TYPE_RSA, NULL, "SHA384", 0,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "RS512", JWK_KEY_TYPE_RSA, NULL, "SHA512", 0,
      SEAL_KM_ALGORITHM_RSA_BITS },

    { "PS256", JWK_KEY_TYPE_RSA, NULL, "SHA256", 1,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "PS384", JWK_KEY_TYPE_RSA, NULL, "SHA384", 1,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "PS512", JWK_KEY_TYPE_RSA, NULL, "SHA512", 1,
      SEAL_KM_ALGORITHM_RSA_BITS },

    { "ES256", JWK_KEY_TYPE_EC, "P-256", "SHA256", 0, 0 },
    { "ES384", JWK_KEY_TYPE_EC, "P-384", "SHA384", 0, 0 },
    { "ES512", JWK_KEY_TYPE_EC, "P-521", "SHA512", 0, 0 },

    { "Ed25519", JWK_KEY_TYPE_OKP, "Ed25519", NULL, 0, 0 },
    { "Ed448", JWK_KEY_TYPE_OKP, "Ed448", NULL, 0, 0 },

    { "HS256", JWK_KEY_TYPE_OCT, NULL, "SHA256", 0, 256 },
    { "HS384", JWK_KEY_TYPE_OCT, NULL, "SHA384", 0, 384 },
    { "HS512", JWK_KEY_TYPE_OCT, NULL, "SHA512", 0, 512 }
};


seal_km_algorithms_t
seal_km_algorithms_named(seal_km_str_t name)
{
    int                   i, eddsa;
    seal_km_algorithms_t  set;

    set = 0;
    eddsa = seal_km_algorithm_is(name, SEAL_KM_ALGORITHM_EDDSA);

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        if (seal_km_algorithm_is(name, seal_km_algorithms[i].name)
            || (eddsa && seal_km_algorithms[i].kty == JWK_KEY_TYPE_OKP))
        {
            set |= 1u << i;
        }
    }

    return set;
}


static int
seal_km_algorithm_is(seal_km_str_t name, const char *known)
{
    return name.len == strlen(known) && memcmp(name.data, known, name.len) == 0;
}


const seal_km_algorithm_t *
seal_km_algorithm(int index)
{
    if (index < 0 || index >= SEAL_KM_ALGORITHM_N) {
        return NULL;
    }

    return &seal_km_algorithms[index];
}


seal_km_algorithms_t
seal_km_algorithms_asymmetric(void)
{
    int                   i;
    seal_km_algorithms_t  set;

    set = 0;

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        if (seal_km_algorithms[i].kty != JWK_KEY_TYPE_OCT) {
            set |= 1u << i;
        }
    }

    return set;
}


const char *
seal_km_algorithm_library(void)
{
    return JWT_VERSION_STRING;
}
