#include <string.h>

#include "seal_km_algorithm.h"


#define SEAL_KM_ALGORITHM_RSA_BITS  2048


/* RFC 7518, clause 3.1, and RFC 8037, clause 3.1; "none" is not among them */

static const seal_km_algorithm_t
    seal_km_algorithms[SEAL_KM_ALGORITHM_N] =
{

    { "RS256", JWT_ALG_RS256, JWK_KEY_TYPE_RSA, NULL,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "RS384", JWT_ALG_RS384, JWK_KEY_TYPE_RSA, NULL,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "RS512", JWT_ALG_RS512, JWK_KEY_TYPE_RSA, NULL,
      SEAL_KM_ALGORITHM_RSA_BITS },

    { "PS256", JWT_ALG_PS256, JWK_KEY_TYPE_RSA, NULL,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "PS384", JWT_ALG_PS384, JWK_KEY_TYPE_RSA, NULL,
      SEAL_KM_ALGORITHM_RSA_BITS },
    { "PS512", JWT_ALG_PS512, JWK_KEY_TYPE_RSA, NULL,
      SEAL_KM_ALGORITHM_RSA_BITS },

    { "ES256", JWT_ALG_ES256, JWK_KEY_TYPE_EC, "P-256", 0 },
    { "ES384", JWT_ALG_ES384, JWK_KEY_TYPE_EC, "P-384", 0 },
    { "ES512", JWT_ALG_ES512, JWK_KEY_TYPE_EC, "P-521", 0 },

    { "EdDSA", JWT_ALG_EDDSA, JWK_KEY_TYPE_OKP, NULL, 0 },

    { "HS256", JWT_ALG_HS256, JWK_KEY_TYPE_OCT, NULL, 256 },
    { "HS384", JWT_ALG_HS384, JWK_KEY_TYPE_OCT, NULL, 384 },
    { "HS512", JWT_ALG_HS512, JWK_KEY_TYPE_OCT, NULL, 512 }
};


int
seal_km_algorithm_find(seal_km_str_t name)
{
    int          i;
    const char  *known;

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        known = seal_km_algorithms[i].name;

        if (name.len == strlen(known)
            && memcmp(name.data, known, name.len) == 0)
        {
            return i;
        }
    }

    return -1;
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
