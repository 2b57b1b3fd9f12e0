#include <string.h>
#include <strings.h>

#include "seal_km_token.h"


/* client_id and sub, in bytes (TS 33.434, Annex A: 255 for sub) */
#define SEAL_KM_TOKEN_NAME_MAX  255


#define SEAL_KM_TOKEN_SCHEME  "Bearer"


static int seal_km_token_is_b64token(seal_km_str_t s);
static seal_km_reason_e seal_km_token_get_claims(seal_km_token_t *token,
    const seal_km_jws_t *jws);
static int seal_km_token_get_time(const json_t *claims, const char *name,
    double *time);
static int seal_km_token_get_string(const json_t *claims, const char *name,
    seal_km_str_t *value);
static int seal_km_token_get_binding(const json_t *claims,
    seal_km_token_t *token);


seal_km_reason_e
seal_km_token_find(seal_km_str_t value, seal_km_str_t *token)
{
    size_t         n;
    seal_km_str_t  s;

    n = sizeof(SEAL_KM_TOKEN_SCHEME) - 1;

    if (value.len <= n
        || strncasecmp(value.data, SEAL_KM_TOKEN_SCHEME, n) != 0
        || value.data[n] != ' ')
    {
        return SEAL_KM_TOKEN_MISSING;
    }

    s.data = value.data + n;
    s.len = value.len - n;

    while (s.len > 0 && *s.data == ' ') {
        s.data++;
        s.len--;
    }

    while (s.len > 0 && s.data[s.len - 1] == ' ') {
        s.len--;
    }

    if (s.len == 0) {
        return SEAL_KM_TOKEN_MISSING;
    }

    if (!seal_km_token_is_b64token(s)) {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    *token = s;

    return SEAL_KM_OK;
}


/* RFC 6750, clause 2.1; "=" stands at the end only */

static int
seal_km_token_is_b64token(seal_km_str_t s)
{
    char    c;
    size_t  i;

    while (s.len > 0 && s.data[s.len - 1] == '=') {
        s.len--;
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
            && (c < '0' || c > '9')
            && c != '-' && c != '.' && c != '_' && c != '~' && c != '+'
            && c != '/')
        {
            return 0;
        }
    }

    return s.len > 0;
}


seal_km_reason_e
seal_km_token_verify(seal_km_token_t *token, seal_km_str_t text,
    const seal_km_jwks_t *jwks, seal_km_algorithms_t allowed)
{
    seal_km_jws_t     jws;
    seal_km_reason_e  rc;

    memset(token, 0, sizeof(seal_km_token_t));

    rc = seal_km_jws_read(&jws, text, allowed);

    if (rc == SEAL_KM_OK) {
        rc = seal_km_jwks_verify(jwks, &jws);
    }

    /* nothing looks at the claims of a token that nobody vouches for */

    if (rc == SEAL_KM_OK) {
        rc = seal_km_token_get_claims(token, &jws);
    }

    seal_km_jws_free(&jws);

    return rc;
}


static seal_km_reason_e
seal_km_token_get_claims(seal_km_token_t *token, const seal_km_jws_t *jws)
{
    json_t  *claims;

    claims = seal_km_jws_decode_payload(&jws->parts);
    token->claims = claims;

    if (!json_is_object(claims)) {
        goto malformed;
    }

    if (seal_km_token_get_time(claims, "exp", &token->exp) != 0) {
        goto malformed;
    }

    if (json_object_get(claims, "nbf") != NULL) {

        if (seal_km_token_get_time(claims, "nbf", &token->nbf) != 0) {
            goto malformed;
        }

        token->has_nbf = 1;
    }

    if (seal_km_token_get_string(claims, "client_id", &token->client_id) != 0
        || seal_km_token_get_string(claims, "sub", &token->sub) != 0
        || seal_km_token_get_string(claims, "scope", &token->scope) != 0)
    {
        goto malformed;
    }

    if (token->client_id.data == NULL
        || token->client_id.len > SEAL_KM_TOKEN_NAME_MAX
        || token->sub.len > SEAL_KM_TOKEN_NAME_MAX)
    {
        goto malformed;
    }

    if (seal_km_token_get_binding(claims, token) != 0) {
        goto malformed;
    }

    return SEAL_KM_OK;

malformed:

    seal_km_token_free(token);

    return SEAL_KM_TOKEN_MALFORMED;
}


int
seal_km_token_names_unknown_key(seal_km_str_t text, const seal_km_jwks_t *jwks)
{
    int            unknown;
    seal_km_jws_t  jws;

    unknown = seal_km_jws_read(&jws, text, ~(seal_km_algorithms_t) 0)
                  == SEAL_KM_OK
              && jws.kid.data != NULL
              && !seal_km_jwks_has_kid(jwks, jws.kid);

    seal_km_jws_free(&jws);

    return unknown;
}


int
seal_km_token_decode_claims(seal_km_token_t *token, seal_km_str_t text)
{
    seal_km_jws_parts_t  parts;

    if (seal_km_jws_split(text, &parts) == 0) {
        token->claims = seal_km_jws_decode_payload(&parts);
    }

    return (token->claims == NULL) ? -1 : 0;
}


static int
seal_km_token_get_time(const json_t *claims, const char *name, double *time)
{
    const json_t  *json;

    json = json_object_get(claims, name);

    if (!json_is_number(json)) {
        return -1;
    }

    *time = json_number_value(json);

    return 0;
}


/* -1 if the claim is there but no string */

static int
seal_km_token_get_string(const json_t *claims, const char *name,
    seal_km_str_t *value)
{
    const json_t  *json;

    json = json_object_get(claims, name);

    if (json != NULL && !json_is_string(json)) {
        return -1;
    }

    *value = seal_km_json_text(json);

    return 0;
}


/*
 * RFC 7800, clause 3.1: members of cnf that are not understood may be ignored,
 * unless a profile demands otherwise.  A token that wants more proof than can
 * be had is refused here, as is one whose cnf names no proof at all.
 */

static int
seal_km_token_get_binding(const json_t *claims, seal_km_token_t *token)
{
    const json_t  *cnf, *thumbprint;

    cnf = json_object_get(claims, "cnf");

    if (cnf == NULL) {
        token->binding = SEAL_KM_BINDING_NONE;
        return 0;
    }

    if (!json_is_object(cnf)) {
        return -1;
    }

    thumbprint = json_object_get(cnf, "x5t#S256");

    if (thumbprint != NULL && !json_is_string(thumbprint)) {
        return -1;
    }

    if (thumbprint == NULL || json_object_size(cnf) != 1) {
        token->binding = SEAL_KM_BINDING_UNKNOWN;
        return 0;
    }

    token->binding = SEAL_KM_BINDING_CERTIFICATE;
    token->thumbprint = seal_km_json_text(thumbprint);

    return 0;
}


void
seal_km_token_free(seal_km_token_t *token)
{
    seal_km_json_free(token->claims);

    memset(token, 0, sizeof(seal_km_token_t));
}
