/*
 * What a verified token allows (RFC 7519, clause 4.1; RFC 6749, clause 3.3).
 */


#ifndef SEAL_KM_CLAIMS_H
#define SEAL_KM_CLAIMS_H


#include "seal_km_extract.h"


typedef struct {
    const seal_km_str_t  *issuers;     /* none: iss is not checked */
    size_t                nissuers;
    const seal_km_str_t  *audiences;   /* none: aud is not checked */
    size_t                naudiences;
    int64_t               leeway;      /* seconds, for exp and nbf */
} seal_km_claims_policy_t;


/*
 * exp, then nbf; now and leeway in seconds, now with its fraction, since theirs
 * may have one (RFC 7519, clause 2: NumericDate).  Returns SEAL_KM_OK,
 * SEAL_KM_TOKEN_EXPIRED (now - leeway >= exp) or _NOT_YET_VALID (now + leeway <
 * nbf).
 */
seal_km_reason_e seal_km_claims_check_time(const seal_km_token_t *token,
    int64_t leeway, double now);

/*
 * exp, nbf, iss, aud, in this order; now as above.  Returns SEAL_KM_OK,
 * SEAL_KM_TOKEN_EXPIRED, _NOT_YET_VALID, _ISSUER or _AUDIENCE.  Not for a
 * token out of an extract, which has no aud.
 */
seal_km_reason_e seal_km_claims_check(const seal_km_token_t *token,
    const seal_km_claims_policy_t *policy, double now);

/*
 * 1 if scope is one of the words, separated by spaces, of the claim scope, or
 * one of CAPIF that such a word lists: see seal_km_capif.h.
 */
int seal_km_claims_has_scope(const seal_km_token_t *token,
    seal_km_str_t scope);

/* 1 if s is a scope-token of RFC 6749, clause 3.3, safe inside quotes */
int seal_km_claims_is_scope_token(seal_km_str_t s);

/*
 * SEAL_KM_OK if the claim of that name is the identity, or an array of strings
 * that holds it; else SEAL_KM_IDENTITY_MISMATCH.
 */
seal_km_reason_e seal_km_claims_check_identity(const seal_km_token_t *token,
    const char *claim, seal_km_str_t identity);

/*
 * The claim as text for a variable.  name is compared exactly, then without
 * regard to case (nginx lower-cases the names of variables), which must give a
 * single claim.  A string is its value, anything else its compact JSON, with
 * the digits of numbers as the token has them.
 * Returns 0 with text->data == NULL where there is no such claim or its text
 * holds control characters.  *buffer, if not NULL on return, holds the text
 * and is to be freed with seal_km_secret_free().  Returns -1 without memory,
 * 1 where the token came out of an extract that does not have the claim.
 */
int seal_km_claims_text(const seal_km_token_t *token, seal_km_str_t name,
    seal_km_str_t *text, char **buffer);

/*
 * What is at the end of paths[i], which an extract has under the same index:
 * names are compared exactly.  A string is its value, an array of nothing but
 * strings these with commas between them, null is nothing, and anything else
 * its compact JSON.  Otherwise as seal_km_claims_text().
 */
int seal_km_claims_path_text(const seal_km_token_t *token,
    const seal_km_claim_path_t *paths, size_t i, seal_km_str_t *text,
    char **buffer);


#endif /* SEAL_KM_CLAIMS_H */
