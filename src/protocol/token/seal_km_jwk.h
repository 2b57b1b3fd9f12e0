/*
 * One JWK (RFC 7517, clause 4) on its way to become a key: what makes it usable
 * (RFC 7518, clause 6; RFC 8037), and the key in the forms that verify with it.
 */


#ifndef SEAL_KM_JWK_H
#define SEAL_KM_JWK_H


#include "seal_km_algorithm.h"
#include "seal_km_json.h"
#include "seal_km_signature.h"


typedef struct seal_km_jwk_type_s  seal_km_jwk_type_t;
typedef struct seal_km_jwk_key_s   seal_km_jwk_key_t;


/* a JWK on its way to become a key */

typedef struct {
    const json_t               *json;
    unsigned                    position;    /* from 1 */
    void                      (*notice)(void *data, const char *text);
    void                       *data;

    const seal_km_jwk_type_t   *type;
    const char                 *curve;
    seal_km_algorithms_t        algorithms;  /* that fit but for the size */
} seal_km_jwk_t;


struct seal_km_jwk_key_s {
    seal_km_jwk_key_t        *next;
    seal_km_str_t             kid;
    jwk_set_t                *set;   /* of this one key */

    /* one for each algorithm that the key fits, NULL for the others */
    jwt_checker_t            *checkers[SEAL_KM_ALGORITHM_N];

    seal_km_signature_key_t   raw;
};


/*
 * Makes a key of jwk, whose first four members the caller has set.  Returns 0
 * with *key, which is the caller's; 1 where the key is left out, which notice
 * is told unless it is for encryption; -1 without memory.  But for 0
 * *key is not set.  To be called between seal_km_secret_enter() and _leave().
 */
int seal_km_jwk_read(seal_km_jwk_t *jwk, seal_km_jwk_key_t **key);

/* frees and cleanses one key, not those behind it; between the same two */
void seal_km_jwk_free(seal_km_jwk_key_t *key);


#endif /* SEAL_KM_JWK_H */
