/*
 * The JWS algorithms (RFC 7518, clause 3.1; RFC 8037, clause 3.1; RFC 9864,
 * clause 2.2) and the keys that each takes.
 */


#ifndef SEAL_KM_ALGORITHM_H
#define SEAL_KM_ALGORITHM_H


#include <jwt.h>

#include "seal_km_str.h"


/* how many there are: the indices are 0 to SEAL_KM_ALGORITHM_N - 1 */
#define SEAL_KM_ALGORITHM_N  14


/* a set of algorithms: one bit each, 1 << index */
typedef unsigned  seal_km_algorithms_t;


typedef struct {
    const char       *name;      /* JWS "alg" */
    jwk_key_type_t    kty;
    const char       *curve;     /* JWK "crv"; NULL: kty has none */
    const char       *digest;    /* OpenSSL's name of it; NULL: EdDSA */
    unsigned          pss:1;     /* RSASSA-PSS */
    unsigned          min_bits;  /* of the key: RFC 7518, 3.2 and 3.3 */
} seal_km_algorithm_t;


/*
 * The algorithms of exactly that name, as a token, a key or an operator has it:
 * one, or both Ed25519 and Ed448 for "EdDSA", which RFC 8037 calls either; 0
 * for a name that is not known ("none" is not).
 */
seal_km_algorithms_t seal_km_algorithms_named(seal_km_str_t name);

/* the algorithm of an index; NULL outside of 0 to SEAL_KM_ALGORITHM_N - 1 */
const seal_km_algorithm_t *seal_km_algorithm(int index);

/* the version of LibJWT, which decodes keys, such as "3.3.3" */
const char *seal_km_algorithm_library(void);

/* all that take a public key: what seal_km_algorithms allows by default */
seal_km_algorithms_t seal_km_algorithms_asymmetric(void);


#endif /* SEAL_KM_ALGORITHM_H */
