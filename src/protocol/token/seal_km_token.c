#include <string.h>
#include <strings.h>

#include "seal_km_token.h"


/* client_id and sub, in bytes (TS 33.434, Annex A: 255 for sub) */
#define SEAL_KM_TOKEN_NAME_MAX  255


#define SEAL_KM_TOKEN_SCHEME  "Bearer"
#define SEAL_KM_TOKEN_MEDIA   "application/"


static seal_km_reason_e seal_km_token_get_claims(seal_km_token_t *token,
    const seal_km_jws_t *jws, const seal_km_token_profile_t *profile,
    seal_km_token_fault_t *fault);
static seal_km_reason_e seal_km_token_read_claims(seal_km_token_t *token,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault);
static seal_km_reason_e seal_km_token_get_times(seal_km_token_t *token,
    seal_km_token_fault_t *fault);
static seal_km_reason_e seal_km_token_get_names(seal_km_token_t *token,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault);
static seal_km_reason_e seal_km_token_get_scope(seal_km_token_t *token,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault);
static int seal_km_token_is_scopes(const json_t *json);
static int seal_km_token_join_scopes(seal_km_token_t *token,
    const json_t *json);
static const char *seal_km_token_first(const json_t *claims,
    const seal_km_str_t *names, size_t n);
static seal_km_reason_e seal_km_token_malformed(seal_km_token_fault_t *fault,
    const char *claim, const char *what);
static int seal_km_token_get_binding(const json_t *claims,
    seal_km_token_t *token);
static int seal_km_token_has_type(const json_t *header,
    const seal_km_token_profile_t *profile);


static const seal_km_str_t  seal_km_token_client_id = { "client_id", 9 };
static const seal_km_str_t  seal_km_token_scope = { "scope", 5 };

/* TS 33.434, Annex A */
static const seal_km_token_profile_t  seal_km_token_annex_a = {
    &seal_km_token_client_id, 1,
    &seal_km_token_scope, 1,
    NULL, 0
};


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

    *token = s;

    return SEAL_KM_OK;
}


seal_km_reason_e
seal_km_token_verify(seal_km_token_t *token, seal_km_str_t text,
    const seal_km_jwks_t *jwks, seal_km_algorithms_t allowed,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault)
{
    seal_km_jws_t          jws;
    seal_km_reason_e       rc;
    seal_km_token_fault_t  unsaid;

    if (profile == NULL) {
        profile = &seal_km_token_annex_a;
    }

    if (fault == NULL) {
        fault = &unsaid;
    }

    fault->claim = NULL;
    fault->what = NULL;

    memset(token, 0, sizeof(seal_km_token_t));

    rc = seal_km_jws_read(&jws, text, allowed);

    if (rc == SEAL_KM_OK) {
        rc = seal_km_jwks_verify(jwks, &jws);
    }

    /* nothing looks at the claims of a token that nobody vouches for */

    if (rc == SEAL_KM_OK) {
        rc = seal_km_token_get_claims(token, &jws, profile, fault);
    }

    seal_km_jws_free(&jws);

    return rc;
}


static seal_km_reason_e
seal_km_token_get_claims(seal_km_token_t *token, const seal_km_jws_t *jws,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault)
{
    seal_km_json_e     rc;
    seal_km_reason_e   reason;

    rc = seal_km_jws_decode_payload(&jws->parts, &token->arena,
                                    &token->claims_text, &token->claims);

    if (rc == SEAL_KM_JSON_NO_MEMORY) {
        reason = SEAL_KM_INTERNAL_ERROR;

    } else if (rc != SEAL_KM_JSON_OK) {
        reason = seal_km_token_malformed(fault, NULL, "are no JSON, or name "
                                                "something twice");

    } else if (!json_is_object(token->claims)) {
        reason = seal_km_token_malformed(fault, NULL, "are no JSON object");

    } else {
        reason = seal_km_token_read_claims(token, profile, fault);
    }

    if (reason != SEAL_KM_OK) {
        seal_km_token_free(token);
        return reason;
    }

    token->type_refused = !seal_km_token_has_type(jws->header, profile);

    return SEAL_KM_OK;
}


static seal_km_reason_e
seal_km_token_read_claims(seal_km_token_t *token,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault)
{
    seal_km_reason_e  reason;

    reason = seal_km_token_get_times(token, fault);

    if (reason == SEAL_KM_OK) {
        reason = seal_km_token_get_names(token, profile, fault);
    }

    if (reason == SEAL_KM_OK) {
        reason = seal_km_token_get_scope(token, profile, fault);
    }

    if (reason == SEAL_KM_OK
        && seal_km_token_get_binding(token->claims, token) != 0)
    {
        return seal_km_token_malformed(fault, "cnf", "is no object, or its "
                                            "\"x5t#S256\" is no string");
    }

    return reason;
}


/* RFC 7519, clause 2: NumericDate */

static seal_km_reason_e
seal_km_token_get_times(seal_km_token_t *token, seal_km_token_fault_t *fault)
{
    const json_t  *json;

    json = json_object_get(token->claims, "exp");

    if (!json_is_number(json)) {
        return seal_km_token_malformed(fault, "exp", json ? "is not a number"
                                                          : "is missing");
    }

    token->exp = json_number_value(json);

    json = json_object_get(token->claims, "nbf");

    if (json == NULL) {
        return SEAL_KM_OK;
    }

    if (!json_is_number(json)) {
        return seal_km_token_malformed(fault, "nbf", "is not a number");
    }

    token->nbf = json_number_value(json);
    token->has_nbf = 1;

    return SEAL_KM_OK;
}


/* iss, of which the policy judges, sub and the client id */

static seal_km_reason_e
seal_km_token_get_names(seal_km_token_t *token,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault)
{
    const char    *name;
    const json_t  *json;

    token->iss = seal_km_json_string(token->claims, "iss");

    json = json_object_get(token->claims, "sub");
    token->sub = seal_km_json_text(json);

    if (json != NULL && token->sub.data == NULL) {
        return seal_km_token_malformed(fault, "sub", "is not a string");
    }

    if (token->sub.len > SEAL_KM_TOKEN_NAME_MAX) {
        return seal_km_token_malformed(fault, "sub",
                                       "is longer than 255 bytes");
    }

    if (profile->nclient_ids == 0) {
        return SEAL_KM_OK;
    }

    name = seal_km_token_first(token->claims, profile->client_ids,
                               profile->nclient_ids);
    if (name == NULL) {
        return seal_km_token_malformed(fault, profile->client_ids[0].data,
                                       (profile->nclient_ids == 1)
                                       ? "is missing"
                                       : "is missing, and so are the others "
                                         "that may be the client id");
    }

    token->client_id = seal_km_json_string(token->claims, name);

    if (token->client_id.len == 0
        || token->client_id.len > SEAL_KM_TOKEN_NAME_MAX)
    {
        return seal_km_token_malformed(fault, name, "is not a string of 1 to "
                                                    "255 bytes");
    }

    return SEAL_KM_OK;
}


static seal_km_reason_e
seal_km_token_get_scope(seal_km_token_t *token,
    const seal_km_token_profile_t *profile, seal_km_token_fault_t *fault)
{
    const char    *name;
    const json_t  *json;

    name = seal_km_token_first(token->claims, profile->scopes,
                               profile->nscopes);
    if (name == NULL) {
        return SEAL_KM_OK;
    }

    json = json_object_get(token->claims, name);
    token->scope = seal_km_json_text(json);

    if (token->scope.data != NULL) {
        return SEAL_KM_OK;
    }

    if (!seal_km_token_is_scopes(json)) {
        return seal_km_token_malformed(fault, name, "is neither a string nor "
                                                    "an array of strings");
    }

    return (seal_km_token_join_scopes(token, json) == 0)
           ? SEAL_KM_OK : SEAL_KM_INTERNAL_ERROR;
}


static int
seal_km_token_is_scopes(const json_t *json)
{
    size_t  i;

    if (!json_is_array(json)) {
        return 0;
    }

    for (i = 0; i < json_array_size(json); i++) {
        if (!json_is_string(json_array_get(json, i))) {
            return 0;
        }
    }

    return 1;
}


/*
 * Makes the string that the other form is.  A scope with a space in it would
 * become two, of which neither was granted: RFC 6749, clause 3.3 knows none
 * such, nobody can demand it, and it is left out.
 */

static int
seal_km_token_join_scopes(seal_km_token_t *token, const json_t *json)
{
    char           *p;
    size_t          i, size;
    seal_km_str_t   s;

    size = 1;

    for (i = 0; i < json_array_size(json); i++) {
        size += seal_km_json_text(json_array_get(json, i)).len + 1;
    }

    p = seal_km_arena_alloc(&token->arena, size);

    if (p == NULL) {
        return -1;
    }

    token->scope.data = p;

    for (i = 0; i < json_array_size(json); i++) {
        s = seal_km_json_text(json_array_get(json, i));

        if (s.len > 0 && memchr(s.data, ' ', s.len) == NULL) {
            memcpy(p, s.data, s.len);
            p += s.len;
            *p++ = ' ';
        }
    }

    token->scope.len = (size_t) (p - token->scope.data);

    return 0;
}


/* the first of the names that there is a claim of; NULL: none */

static const char *
seal_km_token_first(const json_t *claims, const seal_km_str_t *names,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (json_object_get(claims, names[i].data) != NULL) {
            return names[i].data;
        }
    }

    return NULL;
}


static seal_km_reason_e
seal_km_token_malformed(seal_km_token_fault_t *fault, const char *claim,
    const char *what)
{
    fault->claim = claim;
    fault->what = what;

    return SEAL_KM_TOKEN_MALFORMED;
}


int
seal_km_token_decode_claims(seal_km_token_t *token, seal_km_str_t text)
{
    seal_km_jws_parts_t  parts;

    if (seal_km_jws_split(text, &parts) != 0
        || seal_km_jws_decode_payload(&parts, &token->arena,
                                      &token->claims_text, &token->claims)
           != SEAL_KM_JSON_OK)
    {
        return -1;
    }

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


/* RFC 9068, clause 4; RFC 7515, clause 4.1.9 */

static int
seal_km_token_has_type(const json_t *header,
    const seal_km_token_profile_t *profile)
{
    size_t         i;
    seal_km_str_t  type;

    if (profile->ntypes == 0) {
        return 1;
    }

    type = seal_km_token_type(seal_km_json_string(header, "typ"));

    for (i = 0; i < profile->ntypes; i++) {
        if (type.len == profile->types[i].len
            && type.len > 0
            && strncasecmp(type.data, profile->types[i].data, type.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


seal_km_str_t
seal_km_token_type(seal_km_str_t type)
{
    size_t  n;

    n = sizeof(SEAL_KM_TOKEN_MEDIA) - 1;

    if (type.len > n && strncasecmp(type.data, SEAL_KM_TOKEN_MEDIA, n) == 0) {
        type.data += n;
        type.len -= n;
    }

    return type;
}


void
seal_km_token_free(seal_km_token_t *token)
{
    seal_km_arena_free(&token->arena);

    memset(token, 0, sizeof(seal_km_token_t));
}
