#include <string.h>
#include <strings.h>

#include "seal_km_base64.h"
#include "seal_km_secret.h"
#include "seal_km_token.h"


/* client_id and sub, in bytes (TS 33.434, Annex A: 255 for sub) */
#define SEAL_KM_TOKEN_NAME_MAX  255


#define SEAL_KM_TOKEN_SCHEME  "Bearer"


/* a compact JWS, decoded; all but the signing input lies in buffer */

typedef struct {
    unsigned char  *buffer;
    seal_km_str_t   signing_input;
    seal_km_str_t   header;
    seal_km_str_t   payload;
    seal_km_str_t   signature;
} seal_km_token_jws_t;


static int seal_km_token_is_b64token(seal_km_str_t s);
static seal_km_reason_e seal_km_token_split(seal_km_str_t text,
    seal_km_token_jws_t *jws);
static int seal_km_token_decode_part(seal_km_str_t text, seal_km_str_t *part,
    unsigned char **p);
static seal_km_reason_e seal_km_token_check_signature(
    const seal_km_token_jws_t *jws, seal_km_str_t text, seal_km_jwks_t *jwks,
    seal_km_algorithms_t allowed);
static int seal_km_token_check_header(const json_t *header);
static seal_km_reason_e seal_km_token_try_keys(const json_t *header,
    const seal_km_token_jws_t *jws, seal_km_str_t text, seal_km_jwks_t *jwks,
    seal_km_algorithms_t allowed);
static int seal_km_token_is_plain(seal_km_str_t text);
static seal_km_reason_e seal_km_token_get_claims(seal_km_token_t *token,
    seal_km_str_t payload);
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
    seal_km_jwks_t *jwks, seal_km_algorithms_t allowed)
{
    seal_km_reason_e     rc;
    seal_km_token_jws_t  jws;

    memset(token, 0, sizeof(seal_km_token_t));

    rc = seal_km_token_split(text, &jws);

    if (rc == SEAL_KM_OK) {
        rc = seal_km_token_check_signature(&jws, text, jwks, allowed);
    }

    /* nothing looks at the claims of a token that nobody vouches for */

    if (rc == SEAL_KM_OK) {
        rc = seal_km_token_get_claims(token, jws.payload);
    }

    seal_km_secret_free(jws.buffer);

    return rc;
}


static seal_km_reason_e
seal_km_token_split(seal_km_str_t text, seal_km_token_jws_t *jws)
{
    const char     *p, *last, *dot1, *dot2;
    unsigned char  *dst;
    seal_km_str_t   header, payload, signature;

    jws->buffer = NULL;

    p = text.data;
    last = p + text.len;

    dot1 = memchr(p, '.', text.len);

    if (dot1 == NULL) {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    dot2 = memchr(dot1 + 1, '.', (size_t) (last - (dot1 + 1)));

    if (dot2 == NULL) {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    header.data = p;
    header.len = (size_t) (dot1 - p);
    payload.data = dot1 + 1;
    payload.len = (size_t) (dot2 - payload.data);
    signature.data = dot2 + 1;
    signature.len = (size_t) (last - signature.data);

    jws->signing_input.data = p;
    jws->signing_input.len = (size_t) (dot2 - p);

    /* decoding makes all shorter, but the macro has room for rounding */

    jws->buffer = seal_km_secret_alloc(
                             seal_km_base64url_decoded_size(header.len)
                             + seal_km_base64url_decoded_size(payload.len)
                             + seal_km_base64url_decoded_size(signature.len));

    if (jws->buffer == NULL) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    dst = jws->buffer;

    if (seal_km_token_decode_part(header, &jws->header, &dst) != 0
        || seal_km_token_decode_part(payload, &jws->payload, &dst) != 0
        || seal_km_token_decode_part(signature, &jws->signature, &dst) != 0)
    {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    return SEAL_KM_OK;
}


static int
seal_km_token_decode_part(seal_km_str_t text, seal_km_str_t *part,
    unsigned char **p)
{
    part->data = (const char *) *p;

    if (seal_km_base64url_decode(text, *p, &part->len) != 0) {
        return -1;
    }

    *p += part->len;

    return 0;
}


static seal_km_reason_e
seal_km_token_check_signature(const seal_km_token_jws_t *jws,
    seal_km_str_t text, seal_km_jwks_t *jwks, seal_km_algorithms_t allowed)
{
    json_t            *header;
    seal_km_reason_e   rc;

    header = seal_km_json_decode(jws->header);

    if (seal_km_token_check_header(header) == 0) {
        rc = seal_km_token_try_keys(header, jws, text, jwks, allowed);

    } else {
        rc = SEAL_KM_TOKEN_MALFORMED;
    }

    seal_km_json_free(header);

    return rc;
}


/*
 * RFC 7515, clause 4.1.11: a token with an extension that is not understood is
 * refused, and "b64" (RFC 7797) would change what is signed, even where "crit"
 * does not name it.
 */

static int
seal_km_token_check_header(const json_t *header)
{
    const json_t  *kid;

    if (!json_is_object(header)
        || !json_is_string(json_object_get(header, "alg"))
        || json_object_get(header, "crit") != NULL
        || json_object_get(header, "b64") != NULL)
    {
        return -1;
    }

    kid = json_object_get(header, "kid");

    return (kid == NULL || json_is_string(kid)) ? 0 : -1;
}


static seal_km_reason_e
seal_km_token_try_keys(const json_t *header, const seal_km_token_jws_t *jws,
    seal_km_str_t text, seal_km_jwks_t *jwks, seal_km_algorithms_t allowed)
{
    int            algorithm, verified;
    seal_km_str_t  kid;

    algorithm = seal_km_algorithm_find(seal_km_json_string(header, "alg"));

    if (algorithm < 0 || (allowed & (1u << algorithm)) == 0) {
        return SEAL_KM_TOKEN_ALGORITHM;
    }

    kid = seal_km_json_string(header, "kid");

    if (seal_km_jwks_verify(jwks, algorithm, kid, text.data, &verified) == 0) {
        return SEAL_KM_TOKEN_KEY;
    }

    /* LibJWT says the same of a wrong signature and of JSON that it could not
       decode, and so never came to the signature */

    if (!verified
        && !(seal_km_token_is_plain(jws->header)
             && seal_km_token_is_plain(jws->payload)))
    {
        verified = seal_km_jwks_verify_raw(jwks, algorithm, kid,
                                           jws->signing_input,
                                           jws->signature);
    }

    return verified ? SEAL_KM_OK : SEAL_KM_TOKEN_SIGNATURE;
}


/* 1 for what every release of LibJWT can decode */

static int
seal_km_token_is_plain(seal_km_str_t text)
{
    int      plain;
    json_t  *json;

    /* where LibJWT's text ends, and json_loadb() goes on behind a number */

    if (text.len == 0 || memchr(text.data, '\0', text.len) != NULL) {
        return 0;
    }

    seal_km_secret_enter();

    json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    plain = json_is_object(json);
    json_decref(json);

    seal_km_secret_leave();

    return plain;
}


static seal_km_reason_e
seal_km_token_get_claims(seal_km_token_t *token, seal_km_str_t payload)
{
    json_t  *claims;

    claims = seal_km_json_decode(payload);
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
    int                   unknown;
    json_t               *header;
    seal_km_str_t         kid;
    seal_km_token_jws_t   jws;

    unknown = 0;

    if (seal_km_token_split(text, &jws) == SEAL_KM_OK) {
        header = seal_km_json_decode(jws.header);
        kid = seal_km_json_string(header, "kid");

        unknown = (kid.data != NULL && !seal_km_jwks_has_kid(jwks, kid));

        seal_km_json_free(header);
    }

    seal_km_secret_free(jws.buffer);

    return unknown;
}


int
seal_km_token_decode_claims(seal_km_token_t *token, seal_km_str_t text)
{
    seal_km_token_jws_t  jws;

    if (seal_km_token_split(text, &jws) == SEAL_KM_OK) {
        token->claims = seal_km_json_decode(jws.payload);
    }

    seal_km_secret_free(jws.buffer);

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
