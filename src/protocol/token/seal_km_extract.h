/*
 * The extract of a verified token: of its claims those that are needed, in a
 * few bytes that can be kept and read again without parsing.  It holds nothing
 * of the token's text or signature.
 */


#ifndef SEAL_KM_EXTRACT_H
#define SEAL_KM_EXTRACT_H


#include "seal_km_token.h"


/* bytes of the largest extract */
#define SEAL_KM_EXTRACT_MAX  1920


/*
 * The claims that are needed beside those that seal_km_token_t has; names end
 * with a NUL.
 */
typedef struct {
    const seal_km_str_t  *members;      /* the claim, and those inside of it */
    size_t                n;
} seal_km_claim_path_t;


struct seal_km_extract_names_s {
    const seal_km_str_t  *identities;   /* to be compared with identities */
    size_t                nidentities;
    const seal_km_str_t  *texts;        /* for variables */
    size_t                ntexts;
    const seal_km_claim_path_t  *paths; /* likewise, each found by its index */
    size_t                npaths;
};


/*
 * Writes the extract of a token that seal_km_token_verify() has filled to dst,
 * which has room for SEAL_KM_EXTRACT_MAX bytes.  Returns its size, or 0 where
 * the claims do not fit.  The text of a variable that does not fit is left out,
 * and token->left_out tells so once the extract is read.
 */
size_t seal_km_extract_write(const seal_km_token_t *token,
    const seal_km_extract_names_t *names, char *dst);

/*
 * Makes *token what it was, but for claims, which is NULL: seal_km_claims.h
 * reads the extract in its place.  The token points into extract and names.
 * Returns 0, or -1 where it is no extract for these names.
 */
int seal_km_extract_read(seal_km_token_t *token, seal_km_str_t extract,
    const seal_km_extract_names_t *names);

/* 1 if the claim of that name is, or holds, the identity */
int seal_km_extract_has_identity(const seal_km_token_t *token,
    const char *claim, seal_km_str_t identity);

/*
 * 0: *text is the text for the variable of that name, data == NULL if there is
 * none.  -1: it was left out, or the name is none of names->texts.
 */
int seal_km_extract_text(const seal_km_token_t *token, seal_km_str_t name,
    seal_km_str_t *text);

/* the same for names->paths[i] */
int seal_km_extract_path_text(const seal_km_token_t *token, size_t i,
    seal_km_str_t *text);


#endif /* SEAL_KM_EXTRACT_H */
