/*
 * JWS signatures (RFC 7518, clauses 3.2 to 3.5; RFC 8037, clause 3.1), verified
 * by OpenSSL over the very bytes of the token.
 *
 * What depends on key and algorithm only is prepared once, in a verifier; what
 * depends on the token only (its hash, its signature in OpenSSL's form) is made
 * once for all the keys that it is tried with.
 */


#ifndef SEAL_KM_SIGNATURE_H
#define SEAL_KM_SIGNATURE_H


#include <openssl/evp.h>

#include "seal_km_algorithm.h"


/* r and s of ECDSA in DER: two integers of 66 bytes and a sign, P-521 */
#define SEAL_KM_SIGNATURE_DER_MAX  144


/* a public key, or for HMAC a secret */
typedef struct {
    EVP_PKEY             *pkey;
    const unsigned char  *secret;
    size_t                secret_len;
} seal_km_signature_key_t;


/* a key made ready for one algorithm */
typedef struct seal_km_verifier_s  seal_km_verifier_t;


/* a signature over input, and what was made of both so far */
typedef struct {
    seal_km_str_t               input;
    seal_km_str_t               signature;

    const seal_km_algorithm_t  *algorithm;   /* that the rest is for */
    unsigned                    hashed:1;
    unsigned                    encoded:1;
    unsigned                    hash_len;
    unsigned char               hash[EVP_MAX_MD_SIZE];
    size_t                      der_len;
    unsigned char               der[SEAL_KM_SIGNATURE_DER_MAX];
} seal_km_signature_t;


typedef enum {
    SEAL_KM_SIGNATURE_WRONG = 0,
    SEAL_KM_SIGNATURE_RIGHT,
    SEAL_KM_SIGNATURE_NO_MEMORY      /* it could not be told */
} seal_km_signature_e;


/*
 * A verifier for the algorithm with a key that fits it: type, curve and size are
 * not looked at.  It has its own reference to, or copy of, the key.  NULL where
 * OpenSSL refuses the key, or without memory: its queue of errors may tell which,
 * and is the caller's to clear.  To be freed with seal_km_verifier_free(), which
 * cleanses a secret.  One use at a time.
 */
seal_km_verifier_t *seal_km_verifier_create(
    const seal_km_algorithm_t *algorithm, const seal_km_signature_key_t *key);
void seal_km_verifier_free(seal_km_verifier_t *verifier);

/* Both strings, signature decoded, have to outlive s; nothing is to be freed. */
void seal_km_signature_init(seal_km_signature_t *s, seal_km_str_t input,
    seal_km_str_t signature);

/*
 * Whether the signature is one of the verifier's algorithm with its key.  What
 * OpenSSL has to say of it goes no further: its queue of errors is empty.
 */
seal_km_signature_e seal_km_signature_verify(seal_km_signature_t *s,
    seal_km_verifier_t *verifier);


#endif /* SEAL_KM_SIGNATURE_H */
