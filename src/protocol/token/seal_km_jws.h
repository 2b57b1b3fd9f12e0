/*
 * A JWS in compact form (RFC 7515, clause 7.1), as far as it can be judged
 * without a key: its three parts, its header and its algorithm.
 */


#ifndef SEAL_KM_JWS_H
#define SEAL_KM_JWS_H


#include "seal_km_algorithm.h"
#include "seal_km_json.h"
#include "seal_km_reason.h"


/*
 * The most values that a header may have: a chain of certificates (x5c) and a
 * key (jwk) leave most of them, and a sender whom nobody vouches for cannot make
 * us build large trees.
 */
#define SEAL_KM_JWS_HEADER_VALUES  200


/* the three parts, in base64url, and what is signed: all point into the text */
typedef struct {
    seal_km_str_t          header;
    seal_km_str_t          payload;
    seal_km_str_t          signature;
    seal_km_str_t          input;       /* header, dot, payload */
} seal_km_jws_parts_t;


typedef struct {
    seal_km_jws_parts_t    parts;
    json_t                *header;
    seal_km_algorithms_t   algorithms;  /* those allowed that "alg" names */
    seal_km_str_t          kid;         /* in header; data == NULL: none */
    seal_km_str_t          signature;   /* decoded */
    seal_km_arena_t        arena;       /* of both */
} seal_km_jws_t;


/* 0 if text has exactly three parts, whatever they are; else -1 */
int seal_km_jws_split(seal_km_str_t text, seal_km_jws_parts_t *parts);

/*
 * All that can be said of text before there are keys, first fault first:
 * SEAL_KM_TOKEN_MALFORMED where it is not three parts of base64url, or its
 * header is no JSON object with a string "alg", has more than
 * SEAL_KM_JWS_HEADER_VALUES, names something twice, has "crit" or "b64", or a
 * "kid" that is no string; SEAL_KM_TOKEN_ALGORITHM where "alg" is none of
 * those allowed; SEAL_KM_INTERNAL_ERROR where there is no memory to tell.  No
 * key can save such a token: nobody need wait for keys, or get them, for it.
 *
 * Of the payload nothing is looked at but its alphabet.  SEAL_KM_OK: *jws is to
 * be freed with seal_km_jws_free(), and text, which it points into, outlives
 * it.  Else *jws is zeroed.
 */
seal_km_reason_e seal_km_jws_read(seal_km_jws_t *jws, seal_km_str_t text,
    seal_km_algorithms_t allowed);

/* cleanses and frees; harmless on a zeroed jws and when repeated */
void seal_km_jws_free(seal_km_jws_t *jws);

/*
 * The payload, a JSON text of any type, and what it says, both in the arena:
 * see seal_km_json_parse().  *text is set where *json is.
 */
seal_km_json_e seal_km_jws_decode_payload(const seal_km_jws_parts_t *parts,
    seal_km_arena_t *arena, seal_km_str_t *text, json_t **json);


#endif /* SEAL_KM_JWS_H */
