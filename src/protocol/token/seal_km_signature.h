/*
 * JWS signatures (RFC 7518, clause 3; RFC 8037, clause 3.1) by OpenSSL alone.
 *
 * LibJWT verifies the signatures of all but very few tokens.  It decodes header
 * and claims first though, with less than JSON allows (no integer beyond 64
 * bits, no U+0000), and says nothing of the signature where it cannot: that is
 * what this is for.
 */


#ifndef SEAL_KM_SIGNATURE_H
#define SEAL_KM_SIGNATURE_H


#include <openssl/evp.h>

#include "seal_km_algorithm.h"


/* a public key, or for HMAC a secret */
typedef struct {
    EVP_PKEY             *pkey;
    const unsigned char  *secret;
    size_t                secret_len;
} seal_km_signature_key_t;


/*
 * 1 if signature, decoded, is one of the algorithm over input.  The key is one
 * that fits the algorithm: its type, curve and size are not looked at.
 */
int seal_km_signature_verify(const seal_km_algorithm_t *algorithm,
    const seal_km_signature_key_t *key, seal_km_str_t input,
    seal_km_str_t signature);


#endif /* SEAL_KM_SIGNATURE_H */
