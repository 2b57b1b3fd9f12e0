/*
 * The text of a JWK Set (RFC 7517, clause 5) taken apart into those of its
 * keys, so that what is wrong with one of them stays with that one.
 */


#ifndef SEAL_KM_JWKS_TEXT_H
#define SEAL_KM_JWKS_TEXT_H


#include "seal_km_json.h"
#include "seal_km_str.h"


/* what is still to come; it points into the text */
typedef struct {
    seal_km_str_t  rest;
    unsigned       single:1;   /* it was a JWK, not a set */
    unsigned       done:1;
} seal_km_jwks_text_t;


/*
 * Looks at what surrounds the keys: text is a JSON object with an array of keys,
 * none of which has been decoded, or a single JWK.  SEAL_KM_JSON_INVALID or
 * _NO_MEMORY: *error, a static text, says what it is instead.
 */
seal_km_json_e seal_km_jwks_text_open(seal_km_jwks_text_t *jwks,
    seal_km_str_t text, const char **error);

/* 1 with the next key's text in *key, which need not be JSON; 0 at the end */
int seal_km_jwks_text_next(seal_km_jwks_text_t *jwks, seal_km_str_t *key);

/*
 * SEAL_KM_JSON_OK for what is JSON by RFC 8259 alone: seal_km_json_parse() may
 * refuse it even so (a name twice, a number beyond a double, U+0000 in a name).
 */
seal_km_json_e seal_km_jwks_text_check(seal_km_str_t text);


#endif /* SEAL_KM_JWKS_TEXT_H */
