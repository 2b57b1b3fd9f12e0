/*
 * The access token (TS 33.434, clause 5.3.2 and Annex A): a JWT (RFC 7519)
 * signed as a JWS in compact form (RFC 7515), presented as RFC 6750 says.
 */


#ifndef SEAL_KM_TOKEN_H
#define SEAL_KM_TOKEN_H


#include "seal_km_json.h"
#include "seal_km_jwks.h"
#include "seal_km_jws.h"
#include "seal_km_reason.h"


/* the claim cnf: what the client has to prove beside having the token */
typedef enum {
    SEAL_KM_BINDING_NONE = 0,       /* nothing: there is no cnf */
    SEAL_KM_BINDING_CERTIFICATE,    /* x5t#S256 of RFC 8705, clause 3.1 */
    SEAL_KM_BINDING_UNKNOWN         /* something that is not understood */
} seal_km_binding_e;


typedef struct seal_km_extract_names_s  seal_km_extract_names_t;


/*
 * Where a SIM-S puts what is needed of its tokens.  Names end with a NUL.  NULL
 * in place of a profile is Annex A's: client_id, scope, any type.
 */
typedef struct {
    /* the first that there is is the client id; none: none is needed */
    const seal_km_str_t  *client_ids;
    size_t                nclient_ids;

    /* the first that there is holds the scopes */
    const seal_km_str_t  *scopes;
    size_t                nscopes;

    /* "typ" of the header, without "application/"; none: any */
    const seal_km_str_t  *types;
    size_t                ntypes;
} seal_km_token_profile_t;


/* what is wrong with the claims, for a log: static text, and no value */
typedef struct {
    const char           *claim;    /* NULL: the claims as a whole */
    const char           *what;     /* NULL: nothing is known */
} seal_km_token_fault_t;


/*
 * The claims of a verified token.  Strings point into claims, or into what
 * seal_km_extract_read() was given, which then has set extract and names.
 */
typedef struct {
    json_t             *claims;      /* in arena */
    seal_km_str_t       claims_text; /* what they were decoded from, in arena */
    seal_km_arena_t     arena;
    double              exp;         /* RFC 7519 NumericDate, seconds */
    double              nbf;
    unsigned            has_nbf:1;
    seal_km_str_t       client_id;   /* data == NULL if absent */
    seal_km_str_t       sub;         /* likewise */
    seal_km_str_t       iss;         /* likewise, or if it is no string */
    seal_km_str_t       scope;       /* likewise; words between spaces */
    unsigned            type_refused:1;  /* by the profile */
    seal_km_binding_e   binding;
    seal_km_str_t       thumbprint;  /* as cnf has it, ..._CERTIFICATE only */

    seal_km_str_t                   extract;   /* where claims is NULL */
    const seal_km_extract_names_t  *names;
    unsigned                        left_out:1;  /* extract lacks a text */
} seal_km_token_t;


/*
 * What is behind "Bearer" in the value of an Authorization header (RFC 6750,
 * clause 2.1), without spaces around it.  *token points into value.  Returns
 * SEAL_KM_OK or SEAL_KM_TOKEN_MISSING (another scheme, or nothing behind it;
 * value.data may be NULL for a request without the header).  That it has the
 * alphabet of a token is not looked at: seal_km_token_verify() takes nothing but
 * base64url and two dots.
 */
seal_km_reason_e seal_km_token_find(seal_km_str_t value,
    seal_km_str_t *token);

/*
 * Verifies the compact JWS in text with the keys of jwks and the algorithms
 * allowed, and takes its claims out, which are not decoded before its signature
 * is known to be right.  Returns, first fault first: SEAL_KM_TOKEN_MALFORMED,
 * _ALGORITHM (both as seal_km_jws_read(), which can be asked without keys),
 * _KEY, _SIGNATURE, _MALFORMED (claims), or SEAL_KM_OK: only then *token holds
 * something; SEAL_KM_INTERNAL_ERROR where there is no memory to tell.  Time,
 * issuer and audience are seal_km_claims.h's matter, and a type that profile
 * refuses is told by token->type_refused.  profile and fault may be NULL;
 * *fault is set in any case, and says something where claims are malformed.
 */
seal_km_reason_e seal_km_token_verify(seal_km_token_t *token,
    seal_km_str_t text, const seal_km_jwks_t *jwks,
    seal_km_algorithms_t allowed, const seal_km_token_profile_t *profile,
    seal_km_token_fault_t *fault);

/*
 * Fills in claims for a token out of seal_km_extract_read(): text is the token
 * that the extract was made of, known to be verified.  Returns 0 or -1.
 */
int seal_km_token_decode_claims(seal_km_token_t *token, seal_km_str_t text);

/*
 * A media type as RFC 7515, clause 4.1.9 compares it: without "application/",
 * if it begins so in any case.
 */
seal_km_str_t seal_km_token_type(seal_km_str_t type);

/* cleanses and frees; harmless on a zeroed token and when repeated */
void seal_km_token_free(seal_km_token_t *token);


#endif /* SEAL_KM_TOKEN_H */
