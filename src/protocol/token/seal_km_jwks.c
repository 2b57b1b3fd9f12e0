#include <string.h>

#include "seal_km_jwk.h"
#include "seal_km_jwks.h"
#include "seal_km_jwks_text.h"
#include "seal_km_secret.h"


#define SEAL_KM_JWKS_NO_MEMORY   "memory is out"
#define SEAL_KM_JWKS_NO_JSON     "is no JSON, or names something twice"


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


static seal_km_json_e seal_km_jwks_read(seal_km_jwks_text_t *parts,
    seal_km_jwk_key_t **keys, seal_km_jwks_notice_pt notice, void *data,
    const char **error);
static seal_km_json_e seal_km_jwks_read_key(seal_km_jwk_t *jwk,
    seal_km_str_t text, seal_km_jwk_key_t **key);
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


int
seal_km_jwks_add(seal_km_jwks_t *jwks, seal_km_str_t text,
    seal_km_jwks_notice_pt notice, void *data, const char **error)
{
    seal_km_json_e        rc;
    seal_km_jwk_key_t    *keys, **last;
    seal_km_jwks_text_t   parts;

    keys = NULL;

    rc = seal_km_jwks_text_open(&parts, text, error);

    if (rc == SEAL_KM_JSON_OK) {
        rc = seal_km_jwks_read(&parts, &keys, notice, data, error);
    }

    if (rc != SEAL_KM_JSON_OK) {
        seal_km_jwks_free_keys(keys);

        if (rc == SEAL_KM_JSON_NO_MEMORY) {
            *error = SEAL_KM_JWKS_NO_MEMORY;
            return -2;
        }

        return -1;
    }

    for (last = &jwks->keys; *last != NULL; last = &(*last)->next) {
        /* void */
    }

    *last = keys;
    *error = NULL;

    return 0;
}


static seal_km_json_e
seal_km_jwks_read(seal_km_jwks_text_t *parts, seal_km_jwk_key_t **keys,
    seal_km_jwks_notice_pt notice, void *data, const char **error)
{
    seal_km_str_t    text;
    seal_km_jwk_t    jwk;
    seal_km_json_e   rc;

    memset(&jwk, 0, sizeof(seal_km_jwk_t));

    jwk.notice = notice;
    jwk.data = data;

    while (seal_km_jwks_text_next(parts, &text)) {
        jwk.position++;

        rc = seal_km_jwks_read_key(&jwk, text, keys);

        if (rc == SEAL_KM_JSON_INVALID
            && (parts->single
                || seal_km_jwks_text_check(text) == SEAL_KM_JSON_INVALID))
        {
            *error = SEAL_KM_JWKS_NO_JSON;
            return rc;
        }

        if (rc == SEAL_KM_JSON_NO_MEMORY) {
            return rc;
        }

        /* RFC 7517, clause 5: such a key is ignored, and not the others */

        if (rc == SEAL_KM_JSON_INVALID) {
            seal_km_jwk_tell_unusable(&jwk, "it names something twice, or has"
                                      " a number that is too large");
        }

        if (*keys != NULL) {
            keys = &(*keys)->next;
        }
    }

    return SEAL_KM_JSON_OK;
}


static seal_km_json_e
seal_km_jwks_read_key(seal_km_jwk_t *jwk, seal_km_str_t text,
    seal_km_jwk_key_t **key)
{
    json_t           *json;
    seal_km_json_e    rc;
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    rc = seal_km_json_parse(&arena, text, SEAL_KM_JSON_ANY, &json);

    if (rc == SEAL_KM_JSON_OK) {
        jwk->json = json;

        if (seal_km_jwk_read(jwk, key) == -1) {
            rc = SEAL_KM_JSON_NO_MEMORY;
        }

        jwk->json = NULL;
    }

    seal_km_arena_free(&arena);

    return rc;
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


size_t
seal_km_jwks_count(const seal_km_jwks_t *jwks)
{
    size_t                    part, n;
    const seal_km_jwk_key_t  *key;

    n = 0;

    seal_km_jwks_foreach(jwks, key, part) {
        n++;
    }

    return n;
}


void
seal_km_jwks_free(seal_km_jwks_t *jwks)
{
    if (jwks == NULL) {
        return;
    }

    seal_km_jwks_free_keys(jwks->keys);
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
