/*
 * One JWK (RFC 7517, clause 4) on its way to become a key: what makes it usable
 * for JWS (RFC 7518, clause 6; RFC 8037), and what is told of one that is not.
 */


#ifndef SEAL_KM_JWK_H
#define SEAL_KM_JWK_H


#include "seal_km_algorithm.h"
#include "seal_km_json.h"
#include "seal_km_signature.h"


/* the most members that make a key */
#define SEAL_KM_JWK_MEMBERS  2


typedef struct seal_km_jwk_type_s  seal_km_jwk_type_t;
typedef struct seal_km_jwk_key_s   seal_km_jwk_key_t;


/* what a key of a type is made of: all that LibJWT gets to see */

struct seal_km_jwk_type_s {
    const char      *name;        /* "kty" */
    jwk_key_type_t   kty;
    const char      *curves[3];
    const char      *members[SEAL_KM_JWK_MEMBERS];  /* in base64url */
    const char      *params[SEAL_KM_JWK_MEMBERS];   /* OpenSSL's numbers */
};


/* a JWK on its way to become a key */

typedef struct {
    const json_t               *json;        /* of any type */
    unsigned                    position;    /* from 1 */
    void                      (*notice)(void *data, const char *text);
    void                       *data;

    const seal_km_jwk_type_t   *type;
    const char                 *curve;
    seal_km_algorithms_t        algorithms;  /* that fit but for the size */
    unsigned char              *values[SEAL_KM_JWK_MEMBERS];
    size_t                      lens[SEAL_KM_JWK_MEMBERS];
} seal_km_jwk_t;


struct seal_km_jwk_key_s {
    seal_km_jwk_key_t        *next;
    seal_km_str_t             kid;         /* data == NULL: none */
    unsigned                  bits;        /* its size */
    seal_km_algorithms_t      algorithms;  /* that it fits */

    /* one for each of them, NULL for the others */
    seal_km_verifier_t       *verifiers[SEAL_KM_ALGORITHM_N];
};


/*
 * Makes a key of jwk, whose first four members the caller has set.  Returns 0
 * with *key, which is the caller's; 1 where the key is left out, which notice is
 * told unless it is for encryption; -1 without memory.  But for 0 *key is not
 * set.
 */
int seal_km_jwk_read(seal_km_jwk_t *jwk, seal_km_jwk_key_t **key);

/* tells notice, if there is one, that the key is left out, and why */
void seal_km_jwk_tell_unusable(const seal_km_jwk_t *jwk, const char *why);

/* frees and cleanses one key, not those behind it */
void seal_km_jwk_free(seal_km_jwk_key_t *key);


#endif /* SEAL_KM_JWK_H */
