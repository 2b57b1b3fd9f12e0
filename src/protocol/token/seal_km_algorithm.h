/*
 * The JWS algorithms (RFC 7518, clause 3.1; RFC 8037, clause 3.1) and the
 * keys that each takes.
 */


#ifndef SEAL_KM_ALGORITHM_H
#define SEAL_KM_ALGORITHM_H


#include <jwt.h>

#include "seal_km_str.h"


/* how many there are: the indices are 0 to SEAL_KM_ALGORITHM_N - 1 */
#define SEAL_KM_ALGORITHM_N  13


/* a set of algorithms: one bit each, 1 << index */
typedef unsigned  seal_km_algorithms_t;


typedef struct {
    const char       *name;      /* JWS "alg" */
    jwt_alg_t         jwt_alg;   /* LibJWT's name of it */
    jwk_key_type_t    kty;
    const char       *curve;     /* JWK "crv"; NULL: any that kty has */
    unsigned          min_bits;  /* of the key: RFC 7518, 3.2 and 3.3 */
} seal_km_algorithm_t;


/* index of the algorithm of that exact name; -1 if unknown ("none" is) */
int seal_km_algorithm_find(seal_km_str_t name);

/* the algorithm of an index; NULL behind the last one */
const seal_km_algorithm_t *seal_km_algorithm(int index);

/* all that take a public key: what seal_km_algorithms allows by default */
seal_km_algorithms_t seal_km_algorithms_asymmetric(void);


#endif /* SEAL_KM_ALGORITHM_H */
