/*
 * The key that a JWK makes (RFC 7518, clause 6; RFC 8037): LibJWT decodes it,
 * OpenSSL verifies with it.
 */


#ifndef SEAL_KM_JWK_KEY_H
#define SEAL_KM_JWK_KEY_H


#include "seal_km_jwk.h"


typedef enum {
    SEAL_KM_JWK_KEY_OK,
    SEAL_KM_JWK_KEY_NO_MEMORY,
    SEAL_KM_JWK_KEY_UNDECODABLE,  /* the members make no key */
    SEAL_KM_JWK_KEY_REFUSED,      /* by OpenSSL */
    SEAL_KM_JWK_KEY_SHORT         /* for each of jwk->algorithms; see key->bits */
} seal_km_jwk_key_e;


/*
 * Makes of jwk's decoded members what verifies by each of jwk->algorithms that
 * key is long enough for.  key is the caller's, and without verifiers before;
 * where the result is not SEAL_KM_JWK_KEY_OK it is good for nothing but
 * seal_km_jwk_key_clear().
 */
seal_km_jwk_key_e seal_km_jwk_make_key(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key);

/* frees what key verifies with, not key */
void seal_km_jwk_key_clear(seal_km_jwk_key_t *key);


#endif /* SEAL_KM_JWK_KEY_H */
