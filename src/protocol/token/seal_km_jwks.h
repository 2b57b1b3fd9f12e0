/*
 * JWK Set (RFC 7517): the keys of the SIM-S.  Keys are decoded once, when the
 * set is made; a request only looks them up.
 */


#ifndef SEAL_KM_JWKS_H
#define SEAL_KM_JWKS_H


#include "seal_km_algorithm.h"


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
 * there).  A key that cannot be used is left out and told by notice; "use":
 * "enc" keys are left out silently.  Returns 0, or -1 with *error set to a
 * static text where text is no JSON, names something twice, is no JWK Set or
 * JWK, holds no key at all, or where memory is out; the set is then as it was.
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

/* 1 if the set has a usable key of exactly that kid */
int seal_km_jwks_has_kid(const seal_km_jwks_t *jwks, seal_km_str_t kid);

/* the algorithms for which the set has a usable key */
seal_km_algorithms_t seal_km_jwks_algorithms(const seal_km_jwks_t *jwks);

/* cleanses and frees the set and its keys; NULL does nothing */
void seal_km_jwks_free(seal_km_jwks_t *jwks);

/*
 * Tries the keys that fit the algorithm (an index of seal_km_algorithm()) and
 * the kid: those of that kid and those without one; all, if kid.data is NULL.
 * token is the whole compact JWS, NUL-terminated.  Returns the number of keys
 * that were tried, 0 where none fits; *verified is set to 1 where one of them
 * verified the signature, else to 0.
 */
unsigned seal_km_jwks_verify(seal_km_jwks_t *jwks, int algorithm,
    seal_km_str_t kid, const char *token, int *verified);

/*
 * 1 if one of the same keys verifies the signature, decoded, over the signing
 * input; 0 if none does.  For tokens whose header or claims LibJWT cannot
 * decode, which seal_km_jwks_verify() therefore takes for ill signed.
 */
int seal_km_jwks_verify_raw(const seal_km_jwks_t *jwks, int algorithm,
    seal_km_str_t kid, seal_km_str_t input, seal_km_str_t signature);


#endif /* SEAL_KM_JWKS_H */
