/*
 * JWK Set (RFC 7517): the keys of the SIM-S.  Keys are decoded, and made ready
 * to verify, once, when the set is made; a request only uses them.
 */


#ifndef SEAL_KM_JWKS_H
#define SEAL_KM_JWKS_H


#include "seal_km_algorithm.h"
#include "seal_km_jws.h"


typedef struct seal_km_jwks_s  seal_km_jwks_t;

/*
 * Told what an operator should know of a key; text is one line without an end,
 * holds no key material, and lives during the call only.
 */
typedef void (*seal_km_jwks_notice_pt)(void *data, const char *text);


/* An empty set, to be freed with seal_km_jwks_free(); NULL without memory. */
seal_km_jwks_t *seal_km_jwks_create(void);

/*
 * Adds the keys of text: a JWK Set or a single JWK.  Members of private keys
 * are dropped before anything decodes them (notice tells that they were
 * there).  A key that cannot be used, whatever is wrong with it, is left out
 * and told by notice (RFC 7517, clause 5); "use": "enc" keys are left out
 * silently.  Returns 0; -1 where text is no JSON, is no JWK Set or JWK, names one
 * of its own members twice, or holds no key at all; -2 where memory is out, which
 * says nothing of text.  Unless it is 0, *error is set to a static text, and the
 * set is as it was.
 */
int seal_km_jwks_add(seal_km_jwks_t *jwks, seal_km_str_t text,
    seal_km_jwks_notice_pt notice, void *data, const char **error);

/*
 * Makes jwks show the keys of n other sets, beside its own.  They are looked up
 * in parts, where NULL is none, at each call: the caller may replace them there
 * and frees them, and parts, itself.
 */
void seal_km_jwks_set_parts(seal_km_jwks_t *jwks,
    seal_km_jwks_t *const *parts, size_t n);

/* the algorithms for which the set has a usable key */
seal_km_algorithms_t seal_km_jwks_algorithms(const seal_km_jwks_t *jwks);

/* how many usable keys the set has */
size_t seal_km_jwks_count(const seal_km_jwks_t *jwks);

/* cleanses and frees the set and its keys; NULL does nothing */
void seal_km_jwks_free(seal_km_jwks_t *jwks);

/*
 * Tries the keys that fit the token: of one of its algorithms, and of its kid or
 * without one; whatever their kid, where the token has none.  Returns
 * SEAL_KM_OK, SEAL_KM_TOKEN_KEY where none fits, SEAL_KM_TOKEN_SIGNATURE where
 * none that fits has made the signature, SEAL_KM_INTERNAL_ERROR without memory.
 * The cost is one hash over the token (HMAC, EdDSA: one for each key), and one
 * public-key operation for each key that fits.
 */
seal_km_reason_e seal_km_jwks_verify(const seal_km_jwks_t *jwks,
    const seal_km_jws_t *jws);


#endif /* SEAL_KM_JWKS_H */
