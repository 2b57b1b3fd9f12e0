#include <string.h>
#include <strings.h>

#include "seal_km_capif.h"
#include "seal_km_claims.h"
#include "seal_km_json_raw.h"
#include "seal_km_secret.h"


static int seal_km_claims_names(const json_t *claim,
    const seal_km_str_t *values, size_t n);
static int seal_km_claims_is_one_of(const json_t *json,
    const seal_km_str_t *values, size_t n);
static int seal_km_claims_set_text(const json_t *claim, seal_km_str_t raw,
    int join, seal_km_str_t *text, char **buffer);
static int seal_km_claims_is_list(const json_t *claim);
static char *seal_km_claims_join(const json_t *claim);
static char *seal_km_claims_compact(seal_km_str_t raw);
static const char *seal_km_claims_find(const json_t *claims,
    seal_km_str_t name);


seal_km_reason_e
seal_km_claims_check_time(const seal_km_token_t *token, int64_t leeway,
    double now)
{
    if (now - (double) leeway >= token->exp) {
        return SEAL_KM_TOKEN_EXPIRED;
    }

    if (token->has_nbf && now + (double) leeway < token->nbf) {
        return SEAL_KM_TOKEN_NOT_YET_VALID;
    }

    return SEAL_KM_OK;
}


seal_km_reason_e
seal_km_claims_check(const seal_km_token_t *token,
    const seal_km_claims_policy_t *policy, double now)
{
    const json_t      *claim;
    seal_km_reason_e   reason;

    reason = seal_km_claims_check_time(token, policy->leeway, now);

    if (reason != SEAL_KM_OK) {
        return reason;
    }

    if (policy->nissuers > 0) {
        claim = json_object_get(token->claims, "iss");

        if (!seal_km_claims_is_one_of(claim, policy->issuers,
                                      policy->nissuers))
        {
            return SEAL_KM_TOKEN_ISSUER;
        }
    }

    if (policy->naudiences > 0) {
        claim = json_object_get(token->claims, "aud");

        if (!seal_km_claims_names(claim, policy->audiences,
                                  policy->naudiences))
        {
            return SEAL_KM_TOKEN_AUDIENCE;
        }
    }

    return SEAL_KM_OK;
}


/* 1 if the claim is one of the values, or an array of strings that has one */

static int
seal_km_claims_names(const json_t *claim, const seal_km_str_t *values,
    size_t n)
{
    int            found;
    size_t         i;
    const json_t  *entry;

    if (!json_is_array(claim)) {
        return seal_km_claims_is_one_of(claim, values, n);
    }

    found = 0;

    for (i = 0; i < json_array_size(claim); i++) {
        entry = json_array_get(claim, i);

        if (!json_is_string(entry)) {
            return 0;
        }

        found |= seal_km_claims_is_one_of(entry, values, n);
    }

    return found;
}


static int
seal_km_claims_is_one_of(const json_t *json, const seal_km_str_t *values,
    size_t n)
{
    size_t         i;
    seal_km_str_t  s;

    s = seal_km_json_text(json);

    if (s.data == NULL) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (seal_km_str_equal(s, values[i])) {
            return 1;
        }
    }

    return 0;
}


int
seal_km_claims_has_scope(const seal_km_token_t *token, seal_km_str_t scope)
{
    const char     *p, *last;
    seal_km_str_t   word;

    if (token->scope.data == NULL || scope.len == 0) {
        return 0;
    }

    if (seal_km_capif_is_scope(scope)) {
        return seal_km_capif_is_held(token->scope, scope);
    }

    p = token->scope.data;
    last = p + token->scope.len;

    for ( ;; ) {
        word.data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        word.len = (size_t) (p - word.data);

        if (seal_km_str_equal(word, scope)) {
            return 1;
        }

        if (p == last) {
            return 0;
        }

        p++;
    }
}


int
seal_km_claims_is_scope_token(seal_km_str_t s)
{
    char    c;
    size_t  i;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\') {
            return 0;
        }
    }

    return s.len > 0;
}


seal_km_reason_e
seal_km_claims_check_identity(const seal_km_token_t *token, const char *claim,
    seal_km_str_t identity)
{
    int  found;

    if (token->claims != NULL) {
        found = seal_km_claims_names(json_object_get(token->claims, claim),
                                     &identity, 1);

    } else {
        found = seal_km_extract_has_identity(token, claim, identity);
    }

    return found ? SEAL_KM_OK : SEAL_KM_IDENTITY_MISMATCH;
}


int
seal_km_claims_text(const seal_km_token_t *token, seal_km_str_t name,
    seal_km_str_t *text, char **buffer)
{
    const char     *key;
    seal_km_str_t   raw;

    text->data = NULL;
    text->len = 0;
    *buffer = NULL;

    if (token->claims == NULL) {
        return (seal_km_extract_text(token, name, text) != 0);
    }

    key = seal_km_claims_find(token->claims, name);

    if (key == NULL) {
        return 0;
    }

    name.data = key;
    raw = seal_km_json_raw_member(token->claims_text, name);

    return seal_km_claims_set_text(json_object_get(token->claims, key), raw, 0,
                                   text, buffer);
}


int
seal_km_claims_path_text(const seal_km_token_t *token,
    const seal_km_claim_path_t *paths, size_t i, seal_km_str_t *text,
    char **buffer)
{
    size_t         n;
    const json_t  *claim;
    seal_km_str_t  raw;

    text->data = NULL;
    text->len = 0;
    *buffer = NULL;

    if (token->claims == NULL) {
        return (seal_km_extract_path_text(token, i, text) != 0);
    }

    claim = token->claims;
    raw = token->claims_text;

    for (n = 0; n < paths[i].n && claim != NULL; n++) {
        claim = json_object_get(claim, paths[i].members[n].data);
        raw = seal_km_json_raw_member(raw, paths[i].members[n]);
    }

    return seal_km_claims_set_text(claim, raw, 1, text, buffer);
}


/* raw is the claim in its own text; join: an array of strings is no JSON */

static int
seal_km_claims_set_text(const json_t *claim, seal_km_str_t raw, int join,
    seal_km_str_t *text, char **buffer)
{
    char           *made;
    seal_km_str_t   s;

    if (claim == NULL || json_is_null(claim)) {
        return 0;
    }

    made = NULL;

    if (json_is_string(claim)) {
        s = seal_km_json_text(claim);

    } else {
        made = (join && seal_km_claims_is_list(claim))
               ? seal_km_claims_join(claim) : seal_km_claims_compact(raw);

        if (made == NULL) {
            return -1;
        }

        s.data = made;
        s.len = strlen(made);
    }

    if (seal_km_str_has_control(s)) {
        seal_km_secret_free(made);
        return 0;
    }

    *text = s;
    *buffer = made;

    return 0;
}


/* 1 if that is an array of nothing but strings */

static int
seal_km_claims_is_list(const json_t *claim)
{
    size_t  i;

    if (!json_is_array(claim)) {
        return 0;
    }

    for (i = 0; i < json_array_size(claim); i++) {
        if (!json_is_string(json_array_get(claim, i))) {
            return 0;
        }
    }

    return 1;
}


/* such an array as "a,b"; a NUL in one of them becomes U+0001, which is a
   control character as well */

static char *
seal_km_claims_join(const json_t *claim)
{
    char           *joined, *p;
    size_t          i, k, size;
    seal_km_str_t   s;

    size = 1;

    for (i = 0; i < json_array_size(claim); i++) {
        size += seal_km_json_text(json_array_get(claim, i)).len + 1;
    }

    joined = seal_km_secret_alloc(size);

    if (joined == NULL) {
        return NULL;
    }

    p = joined;

    for (i = 0; i < json_array_size(claim); i++) {
        s = seal_km_json_text(json_array_get(claim, i));

        if (i > 0) {
            *p++ = ',';
        }

        for (k = 0; k < s.len; k++) {
            *p++ = (s.data[k] != '\0') ? s.data[k] : '\1';
        }
    }

    *p = '\0';

    return joined;
}


/*
 * JSON of its own text: a tree has 64 bits for an integer, and a double for any
 * other number, so that two ids might become one.
 */

static char *
seal_km_claims_compact(seal_km_str_t raw)
{
    char  *text;

    text = seal_km_secret_alloc(raw.len + 1);

    if (text != NULL) {
        text[seal_km_json_raw_compact(raw, text)] = '\0';
    }

    return text;
}


/* the name of the claim as the token has it; NULL: none, or not one alone */

static const char *
seal_km_claims_find(const json_t *claims, seal_km_str_t name)
{
    void        *iter;
    json_t      *object;
    unsigned     n;
    const char  *key, *found;

    /* jansson's iterators take no const object, but change nothing */

    object = (json_t *) claims;
    found = NULL;
    n = 0;

    for (iter = json_object_iter(object);
         iter != NULL;
         iter = json_object_iter_next(object, iter))
    {
        key = json_object_iter_key(iter);

        if (strlen(key) != name.len
            || strncasecmp(key, name.data, name.len) != 0)
        {
            continue;
        }

        if (memcmp(key, name.data, name.len) == 0) {
            return key;
        }

        found = key;
        n++;
    }

    return (n == 1) ? found : NULL;
}
