#include <string.h>

#include "seal_km_jwk.h"
#include "seal_km_jwks.h"
#include "seal_km_secret.h"


#define SEAL_KM_JWKS_NO_MEMORY   "memory is out"


struct seal_km_jwks_s {
    seal_km_jwk_key_t      *keys;
    seal_km_jwks_t *const  *parts;
    size_t                  nparts;
};


/* goes through all keys of a set and of its parts; part is a size_t */

#define seal_km_jwks_foreach(jwks, key, part)                                 \
    for ((part) = 0, (key) = seal_km_jwks_skip(jwks, (jwks)->keys, &(part));  \
         (key) != NULL;                                                       \
         (key) = seal_km_jwks_skip(jwks, (key)->next, &(part)))


static int seal_km_jwks_is_pem(seal_km_str_t text);
static int seal_km_jwks_read(const json_t *json, seal_km_jwk_key_t **keys,
    seal_km_jwks_notice_pt notice, void *data, const char **error);
static const char *seal_km_jwks_check_set(const json_t *json);
static void seal_km_jwks_free_keys(seal_km_jwk_key_t *key);
static seal_km_jwk_key_t *seal_km_jwks_skip(const seal_km_jwks_t *jwks,
    seal_km_jwk_key_t *key, size_t *part);
static seal_km_verifier_t *seal_km_jwks_verifier(
    const seal_km_jwk_key_t *key, const seal_km_jws_t *jws);


seal_km_jwks_t *
seal_km_jwks_create(void)
{
    seal_km_jwks_t  *jwks;

    jwks = seal_km_secret_alloc(sizeof(seal_km_jwks_t));

    if (jwks != NULL) {
        memset(jwks, 0, sizeof(seal_km_jwks_t));
    }

    return jwks;
}


/* a key or a certificate in the form that nginx's other directives take */

static int
seal_km_jwks_is_pem(seal_km_str_t text)
{
    static const char  begin[] = "-----BEGIN ";

    size_t  i;

    for (i = 0; i + sizeof(begin) - 1 <= text.len; i++) {
        if (memcmp(text.data + i, begin, sizeof(begin) - 1) == 0) {
            return 1;
        }
    }

    return 0;
}


int
seal_km_jwks_add(seal_km_jwks_t *jwks, seal_km_str_t text,
    seal_km_jwks_notice_pt notice, void *data, const char **error)
{
    int                 rc;
    json_t             *json;
    seal_km_jwk_key_t  *keys, **last;

    json = seal_km_json_decode(text);

    if (json == NULL) {
        *error = seal_km_jwks_is_pem(text)
                 ? "is PEM, and has to be a JWK Set: JSON with each public "
                   "key as a JWK"
                 : "is no JSON, or names something twice";
        return -1;
    }

    keys = NULL;

    seal_km_secret_enter();

    rc = seal_km_jwks_read(json, &keys, notice, data, error);

    if (rc != 0) {
        seal_km_jwks_free_keys(keys);
        keys = NULL;
    }

    seal_km_secret_leave();
    seal_km_json_free(json);

    for (last = &jwks->keys; *last != NULL; last = &(*last)->next) {
        /* void */
    }

    *last = keys;

    return rc;
}


static int
seal_km_jwks_read(const json_t *json, seal_km_jwk_key_t **keys,
    seal_km_jwks_notice_pt notice, void *data, const char **error)
{
    size_t         i, n;
    const json_t  *array;
    seal_km_jwk_t  jwk;

    *error = seal_km_jwks_check_set(json);

    if (*error != NULL) {
        return -1;
    }

    array = json_object_get(json, "keys");
    n = (array == NULL) ? 1 : json_array_size(array);

    for (i = 0; i < n; i++) {
        memset(&jwk, 0, sizeof(seal_km_jwk_t));

        jwk.json = (array == NULL) ? json : json_array_get(array, i);
        jwk.position = (unsigned) i + 1;
        jwk.notice = notice;
        jwk.data = data;

        if (seal_km_jwk_read(&jwk, keys) == -1) {
            *error = SEAL_KM_JWKS_NO_MEMORY;
            return -1;
        }

        if (*keys != NULL) {
            keys = &(*keys)->next;
        }
    }

    return 0;
}


/* what is wrong with a JWK Set or JWK as a whole, NULL if nothing is */

static const char *
seal_km_jwks_check_set(const json_t *json)
{
    size_t         i;
    const json_t  *array;

    if (!json_is_object(json)) {
        return "is no JSON object";
    }

    array = json_object_get(json, "keys");

    if (array == NULL) {
        return (json_object_get(json, "kty") == NULL)
               ? "is neither a JWK Set nor a JWK: it has no keys and no kty"
               : NULL;
    }

    if (!json_is_array(array)) {
        return "is no JWK Set: keys is no array";
    }

    for (i = 0; i < json_array_size(array); i++) {
        if (!json_is_object(json_array_get(array, i))) {
            return "is no JWK Set: something in keys is no object";
        }
    }

    return (json_array_size(array) == 0) ? "holds no key" : NULL;
}


void
seal_km_jwks_set_parts(seal_km_jwks_t *jwks, seal_km_jwks_t *const *parts,
    size_t n)
{
    jwks->parts = parts;
    jwks->nparts = n;
}


/* key, or where that is NULL the first key of the next part that has any */

static seal_km_jwk_key_t *
seal_km_jwks_skip(const seal_km_jwks_t *jwks, seal_km_jwk_key_t *key,
    size_t *part)
{
    const seal_km_jwks_t  *next;

    while (key == NULL && *part < jwks->nparts) {
        next = jwks->parts[(*part)++];

        if (next != NULL) {
            key = next->keys;
        }
    }

    return key;
}


int
seal_km_jwks_has_kid(const seal_km_jwks_t *jwks, seal_km_str_t kid)
{
    size_t                    part;
    const seal_km_jwk_key_t  *key;

    seal_km_jwks_foreach(jwks, key, part) {
        if (key->kid.data != NULL && seal_km_str_equal(key->kid, kid)) {
            return 1;
        }
    }

    return 0;
}


seal_km_algorithms_t
seal_km_jwks_algorithms(const seal_km_jwks_t *jwks)
{
    size_t                    part;
    seal_km_algorithms_t      set;
    const seal_km_jwk_key_t  *key;

    set = 0;

    seal_km_jwks_foreach(jwks, key, part) {
        set |= key->algorithms;
    }

    return set;
}


void
seal_km_jwks_free(seal_km_jwks_t *jwks)
{
    if (jwks == NULL) {
        return;
    }

    seal_km_secret_enter();
    seal_km_jwks_free_keys(jwks->keys);
    seal_km_secret_leave();

    seal_km_secret_free(jwks);
}


static void
seal_km_jwks_free_keys(seal_km_jwk_key_t *key)
{
    seal_km_jwk_key_t  *next;

    for ( /* void */ ; key != NULL; key = next) {
        next = key->next;
        seal_km_jwk_free(key);
    }
}


seal_km_reason_e
seal_km_jwks_verify(const seal_km_jwks_t *jwks, const seal_km_jws_t *jws)
{
    size_t                    part;
    seal_km_reason_e          rc;
    seal_km_verifier_t       *verifier;
    seal_km_signature_t       signature;
    const seal_km_jwk_key_t  *key;

    rc = SEAL_KM_TOKEN_KEY;

    seal_km_signature_init(&signature, jws->parts.input, jws->signature);

    seal_km_jwks_foreach(jwks, key, part) {

        verifier = seal_km_jwks_verifier(key, jws);

        if (verifier == NULL) {
            continue;
        }

        switch (seal_km_signature_verify(&signature, verifier)) {

        case SEAL_KM_SIGNATURE_RIGHT:
            return SEAL_KM_OK;

        case SEAL_KM_SIGNATURE_WRONG:
            rc = SEAL_KM_TOKEN_SIGNATURE;
            break;

        default: /* SEAL_KM_SIGNATURE_NO_MEMORY */
            return SEAL_KM_INTERNAL_ERROR;
        }
    }

    return rc;
}


/* the key, ready for the token's algorithm; NULL where it does not fit */

static seal_km_verifier_t *
seal_km_jwks_verifier(const seal_km_jwk_key_t *key, const seal_km_jws_t *jws)
{
    int                   i;
    seal_km_algorithms_t  fits;

    fits = key->algorithms & jws->algorithms;

    if (fits == 0
        || (jws->kid.data != NULL
            && key->kid.data != NULL
            && !seal_km_str_equal(jws->kid, key->kid)))
    {
        return NULL;
    }

    /* one: a token names several for keys of several curves only */

    for (i = 0; (fits & (1u << i)) == 0; i++) {
        /* void */
    }

    return key->verifiers[i];
}
