#include <string.h>

#include "seal_km_jwks_text.h"
#include "seal_km_secret.h"


/* in the skeleton in place of each value that is looked at by itself */
#define SEAL_KM_JWKS_PLACEHOLDER  '0'

/* what begins a key or a certificate as nginx's own directives take it */


/*
 * The skeleton is the text without the values of its members, and without those
 * in keys: what jansson says of that is said of all that is no key's matter.
 */

typedef struct {
    const char           *p;
    const char           *last;
    char                 *dst;
    seal_km_str_t         name;   /* the last one, with its quotes */
    seal_km_jwks_text_t  *jwks;
} seal_km_jwks_scan_t;


static seal_km_json_e seal_km_jwks_text_scan(seal_km_jwks_scan_t *scan);
static seal_km_json_e seal_km_jwks_text_scan_value(seal_km_jwks_scan_t *scan);
static void seal_km_jwks_text_scan_keys(seal_km_jwks_scan_t *scan);
static int seal_km_jwks_text_put(seal_km_jwks_scan_t *scan, const char *end);
static seal_km_json_e seal_km_jwks_text_is_keys(seal_km_str_t name, int *is);
static seal_km_json_e seal_km_jwks_text_judge(seal_km_jwks_text_t *jwks,
    seal_km_str_t skeleton, const char **error);
static const char *seal_km_jwks_text_judge_members(seal_km_jwks_text_t *jwks,
    const json_t *json);
static const char *seal_km_jwks_text_skip_space(const char *p,
    const char *last);
static const char *seal_km_jwks_text_skip_string(const char *p,
    const char *last);
static const char *seal_km_jwks_text_skip_value(const char *p,
    const char *last);


seal_km_json_e
seal_km_jwks_text_open(seal_km_jwks_text_t *jwks, seal_km_str_t text,
    const char **error)
{
    char                 *buffer;
    seal_km_str_t         skeleton;
    seal_km_json_e        rc;
    seal_km_jwks_scan_t   scan;

    memset(jwks, 0, sizeof(seal_km_jwks_text_t));
    jwks->rest = text;

    /* what to say of it, should it be no JSON */

    *error = seal_km_str_is_pem(text)
             ? "is PEM, and has to be a JWK Set: JSON with each public key"
               " as a JWK"
             : "is no JSON, or names something twice";

    if (text.len == 0) {
        return SEAL_KM_JSON_INVALID;
    }

    buffer = seal_km_secret_alloc(text.len);

    if (buffer == NULL) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    memset(&scan, 0, sizeof(seal_km_jwks_scan_t));

    scan.p = text.data;
    scan.last = text.data + text.len;
    scan.dst = buffer;
    scan.jwks = jwks;

    rc = seal_km_jwks_text_scan(&scan);

    if (rc == SEAL_KM_JSON_OK) {
        skeleton.data = buffer;
        skeleton.len = (size_t) (scan.dst - buffer);

        rc = seal_km_jwks_text_judge(jwks, skeleton, error);
    }

    seal_km_secret_free(buffer);

    return rc;
}


/* whatever is no object at all is copied as it is, to be told of by jansson */

static seal_km_json_e
seal_km_jwks_text_scan(seal_km_jwks_scan_t *scan)
{
    int             object;
    const char     *p;
    seal_km_json_e  rc;

    p = seal_km_jwks_text_skip_space(scan->p, scan->last);
    object = (p < scan->last && *p == '{');

    while (scan->p < scan->last) {
        p = scan->p;

        if (*p == '"') {
            scan->p = seal_km_jwks_text_skip_string(p, scan->last);
            scan->name.data = p;
            scan->name.len = (size_t) (scan->p - p);

            memcpy(scan->dst, p, scan->name.len);
            scan->dst += scan->name.len;
            continue;
        }

        *scan->dst++ = *scan->p++;

        if (*p == ':' && object) {
            rc = seal_km_jwks_text_scan_value(scan);

            if (rc != SEAL_KM_JSON_OK) {
                return rc;
            }
        }
    }

    return SEAL_KM_JSON_OK;
}


static seal_km_json_e
seal_km_jwks_text_scan_value(seal_km_jwks_scan_t *scan)
{
    int             is_keys;
    const char     *end;
    seal_km_str_t   value;
    seal_km_json_e  rc;

    rc = seal_km_jwks_text_is_keys(scan->name, &is_keys);

    if (rc != SEAL_KM_JSON_OK) {
        return rc;
    }

    scan->p = seal_km_jwks_text_skip_space(scan->p, scan->last);

    if (is_keys && scan->p < scan->last && *scan->p == '[') {
        seal_km_jwks_text_scan_keys(scan);
        return SEAL_KM_JSON_OK;
    }

    end = seal_km_jwks_text_skip_value(scan->p, scan->last);

    value.data = scan->p;
    value.len = (size_t) (end - scan->p);

    if (!seal_km_jwks_text_put(scan, end)) {
        return SEAL_KM_JSON_OK;
    }

    return seal_km_jwks_text_check(value);
}


static void
seal_km_jwks_text_scan_keys(seal_km_jwks_scan_t *scan)
{
    char         c;
    const char  *start;

    *scan->dst++ = *scan->p++;
    start = scan->p;

    while (scan->p < scan->last) {
        (void) seal_km_jwks_text_put(scan,
                      seal_km_jwks_text_skip_value(scan->p, scan->last));

        if (scan->p == scan->last) {
            break;
        }

        c = *scan->p++;
        *scan->dst++ = c;

        if (c != ',') {
            break;
        }
    }

    scan->jwks->rest.data = start;
    scan->jwks->rest.len = (size_t) (scan->p - start);
}


/* 1 if there is a value up to end; nothing leaves nothing in the skeleton */

static int
seal_km_jwks_text_put(seal_km_jwks_scan_t *scan, const char *end)
{
    const char  *p;

    p = seal_km_jwks_text_skip_space(scan->p, end);
    scan->p = end;

    if (p == end) {
        return 0;
    }

    *scan->dst++ = SEAL_KM_JWKS_PLACEHOLDER;

    return 1;
}


static seal_km_json_e
seal_km_jwks_text_is_keys(seal_km_str_t name, int *is)
{
    json_t           *json;
    seal_km_str_t     text;
    seal_km_json_e    rc;
    seal_km_arena_t   arena;

    *is = 0;

    seal_km_arena_init(&arena, NULL);

    rc = seal_km_json_parse(&arena, name, 1, &json);

    if (rc == SEAL_KM_JSON_OK) {
        text = seal_km_json_text(json);
        *is = (text.len == 4 && memcmp(text.data, "keys", 4) == 0);
    }

    seal_km_arena_free(&arena);

    /* a bad name is the skeleton's matter */

    return (rc == SEAL_KM_JSON_NO_MEMORY) ? rc : SEAL_KM_JSON_OK;
}


static seal_km_json_e
seal_km_jwks_text_judge(seal_km_jwks_text_t *jwks, seal_km_str_t skeleton,
    const char **error)
{
    json_t           *json;
    const char       *wrong;
    seal_km_json_e    rc;
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    rc = seal_km_json_parse(&arena, skeleton, SEAL_KM_JSON_ANY, &json);

    if (rc == SEAL_KM_JSON_OK) {
        wrong = seal_km_jwks_text_judge_members(jwks, json);

        if (wrong != NULL) {
            *error = wrong;
            rc = SEAL_KM_JSON_INVALID;
        }
    }

    seal_km_arena_free(&arena);

    return rc;
}


/* what is wrong with a JWK Set or JWK as a whole, NULL if nothing is */

static const char *
seal_km_jwks_text_judge_members(seal_km_jwks_text_t *jwks, const json_t *json)
{
    const json_t  *keys;

    if (!json_is_object(json)) {
        return "is no JSON object";
    }

    keys = json_object_get(json, "keys");

    if (keys == NULL) {
        jwks->single = 1;

        return (json_object_get(json, "kty") == NULL)
               ? "is neither a JWK Set nor a JWK: it has no keys and no kty"
               : NULL;
    }

    if (!json_is_array(keys)) {
        return "is no JWK Set: keys is no array";
    }

    return (json_array_size(keys) == 0) ? "holds no key" : NULL;
}


int
seal_km_jwks_text_next(seal_km_jwks_text_t *jwks, seal_km_str_t *key)
{
    const char  *p, *last, *end;

    if (jwks->done) {
        return 0;
    }

    *key = jwks->rest;

    if (jwks->single) {
        jwks->done = 1;
        return 1;
    }

    /* what ends a key has been found before: a comma, or the bracket */

    p = jwks->rest.data;
    last = p + jwks->rest.len;
    end = seal_km_jwks_text_skip_value(p, last);

    key->len = (size_t) (end - p);

    jwks->done = (*end != ',');
    jwks->rest.data = end + 1;
    jwks->rest.len = (size_t) (last - (end + 1));

    return 1;
}


seal_km_json_e
seal_km_jwks_text_check(seal_km_str_t text)
{
    int            failed;
    json_t        *json;
    json_error_t   error;

    if (memchr(text.data, '\0', text.len) != NULL) {
        return SEAL_KM_JSON_INVALID;
    }

    memset(&error, 0, sizeof(json_error_t));

    seal_km_secret_enter();

    json = json_loadb(text.data, text.len, JSON_DECODE_ANY|JSON_ALLOW_NUL,
                      &error);
    json_decref(json);

    failed = seal_km_secret_has_failed();

    seal_km_secret_leave();

    if (failed) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    if (json == NULL
        && json_error_code(&error) != json_error_numeric_overflow
        && json_error_code(&error) != json_error_null_byte_in_key)
    {
        return SEAL_KM_JSON_INVALID;
    }

    return SEAL_KM_JSON_OK;
}


static const char *
seal_km_jwks_text_skip_space(const char *p, const char *last)
{
    while (p < last
           && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    {
        p++;
    }

    return p;
}


/* behind the string that begins at p, or the end where that has none */

static const char *
seal_km_jwks_text_skip_string(const char *p, const char *last)
{
    for (p++; p < last; p++) {

        if (*p == '"') {
            return p + 1;
        }

        if (*p == '\\' && last - p > 1) {
            p++;
        }
    }

    return last;
}


/* the comma or the bracket that ends the value at p, or the end */

static const char *
seal_km_jwks_text_skip_value(const char *p, const char *last)
{
    size_t  depth;

    depth = 0;

    while (p < last) {

        switch (*p) {

        case '"':
            p = seal_km_jwks_text_skip_string(p, last);
            continue;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            if (depth == 0) {
                return p;
            }

            depth--;
            break;

        case ',':
            if (depth == 0) {
                return p;
            }

            break;

        default:
            break;
        }

        p++;
    }

    return p;
}
