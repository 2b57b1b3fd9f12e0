/*
 * Key bytes lie in a vault; all else of a key is no secret.
 */


#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "seal_km_base64.h"
#include "seal_km_json.h"
#include "seal_km_jwe_keys.h"
#include "seal_km_secret.h"
#include "seal_km_vault.h"


/* a line for an operator */
#define SEAL_KM_JWE_NOTICE_MAX  512


typedef struct seal_km_jwe_node_s  seal_km_jwe_node_t;


/* secret is NULL in a key that cannot be used, whose kid is known all the same */

struct seal_km_jwe_node_s {
    seal_km_jwe_node_t   *next;
    seal_km_jwe_key_t     key;
};


struct seal_km_jwe_keys_s {
    EVP_CIPHER           *cipher;
    seal_km_jwe_node_t   *first;
    seal_km_vault_t       vault;
    size_t                n;
};


/* a key on its way into the set */

typedef struct {
    const json_t            *json;
    unsigned                 position;       /* from 1 */
    seal_km_jwe_notice_pt    notice;
    void                    *data;
} seal_km_jwe_jwk_t;


static int seal_km_jwe_keys_read(seal_km_jwe_keys_t *keys, const json_t *json,
    seal_km_jwe_jwk_t *jwk, const char **error);
static int seal_km_jwe_keys_read_one(seal_km_jwe_keys_t *keys,
    const seal_km_jwe_jwk_t *jwk, const char **error);
static const char *seal_km_jwe_keys_unusable(const json_t *json);
static int seal_km_jwe_keys_is_for_decryption(const json_t *json);
static const json_t *seal_km_jwe_keys_member(const json_t *json,
    const char *name);
static void seal_km_jwe_keys_tell(const seal_km_jwe_jwk_t *jwk,
    seal_km_str_t kid, const char *why);
static seal_km_jwe_node_t *seal_km_jwe_keys_lookup(
    const seal_km_jwe_keys_t *keys, seal_km_str_t kid);
static seal_km_jwe_node_t *seal_km_jwe_keys_insert(seal_km_jwe_keys_t *keys,
    seal_km_str_t kid);
static int seal_km_jwe_keys_set_secret(seal_km_jwe_keys_t *keys,
    seal_km_jwe_node_t *node, seal_km_str_t k);


seal_km_jwe_keys_t *
seal_km_jwe_keys_create(void)
{
    seal_km_jwe_keys_t  *keys;

    keys = seal_km_secret_alloc(sizeof(seal_km_jwe_keys_t));
    if (keys == NULL) {
        return NULL;
    }

    memset(keys, 0, sizeof(seal_km_jwe_keys_t));

    keys->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);

    if (keys->cipher == NULL) {
        ERR_clear_error();
        seal_km_secret_free(keys);
        return NULL;
    }

    return keys;
}


int
seal_km_jwe_keys_add(seal_km_jwe_keys_t *keys, seal_km_str_t text,
    seal_km_jwe_notice_pt notice, void *data, const char **error)
{
    int                 rc;
    json_t             *json;
    seal_km_arena_t     arena;
    seal_km_jwe_jwk_t   jwk;

    seal_km_arena_init(&arena, NULL);

    jwk.position = 0;
    jwk.notice = notice;
    jwk.data = data;

    switch (seal_km_json_parse(&arena, text, SEAL_KM_JSON_ANY, &json)) {

    case SEAL_KM_JSON_OK:
        rc = seal_km_jwe_keys_read(keys, json, &jwk, error);
        break;

    case SEAL_KM_JSON_INVALID:
        *error = seal_km_str_is_pem(text)
                 ? "is PEM, and has to be a JWK Set: JSON with each secret key"
                   " as a JWK"
                 : "is no JSON, or names something twice";
        rc = -1;
        break;

    default: /* SEAL_KM_JSON_NO_MEMORY */
        *error = "cannot be read: out of memory";
        rc = -1;
        break;
    }

    seal_km_arena_free(&arena);

    return rc;
}


static int
seal_km_jwe_keys_read(seal_km_jwe_keys_t *keys, const json_t *json,
    seal_km_jwe_jwk_t *jwk, const char **error)
{
    size_t         i, n;
    const json_t  *set;

    set = json_object_get(json, "keys");

    if (set == NULL && json_object_get(json, "kty") != NULL) {
        jwk->json = json;
        jwk->position = 1;
        return seal_km_jwe_keys_read_one(keys, jwk, error);
    }

    n = json_array_size(set);

    if (n == 0) {
        *error = "is neither a JWK Set with keys nor a JWK";
        return -1;
    }

    for (i = 0; i < n; i++) {
        jwk->json = json_array_get(set, i);
        jwk->position++;

        if (seal_km_jwe_keys_read_one(keys, jwk, error) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
seal_km_jwe_keys_read_one(seal_km_jwe_keys_t *keys,
    const seal_km_jwe_jwk_t *jwk, const char **error)
{
    const char          *why;
    seal_km_str_t        kid;
    seal_km_jwe_node_t  *node;

    kid = seal_km_json_string(jwk->json, "kid");

    if (kid.len == 0 || kid.len > SEAL_KM_JWE_KID_MAX) {
        kid.data = NULL;
        seal_km_jwe_keys_tell(jwk, kid, "it has no \"kid\" of 1 to 255 bytes");
        return 0;
    }

    if (seal_km_jwe_keys_lookup(keys, kid) != NULL) {
        *error = "has a \"kid\" that is there twice";
        return -1;
    }

    node = seal_km_jwe_keys_insert(keys, kid);

    if (node == NULL) {
        *error = "cannot be read: out of memory";
        return -1;
    }

    why = seal_km_jwe_keys_unusable(jwk->json);

    if (why == NULL) {

        switch (seal_km_jwe_keys_set_secret(keys, node,
                                     seal_km_json_string(jwk->json, "k")))
        {
        case 0:
            return 0;

        case -1:
            *error = "cannot be read: out of memory";
            return -1;

        default:
            why = "\"k\" is not 32 bytes in base64url without padding";
            break;
        }
    }

    seal_km_jwe_keys_tell(jwk, kid, why);

    return 0;
}


/* why a JWK is no key for A256GCM; NULL if it is, but for its bytes */

static const char *
seal_km_jwe_keys_unusable(const json_t *json)
{
    const char    *text;
    const json_t  *member;

    text = json_string_value(json_object_get(json, "kty"));

    if (text == NULL || strcmp(text, "oct") != 0) {
        return "its \"kty\" is not \"oct\"";
    }

    member = seal_km_jwe_keys_member(json, "alg");
    text = json_string_value(member);

    if (member != NULL
        && (text == NULL
            || (strcmp(text, "dir") != 0 && strcmp(text, "A256GCM") != 0)))
    {
        return "its \"alg\" is neither \"dir\" nor \"A256GCM\"";
    }

    member = seal_km_jwe_keys_member(json, "use");
    text = json_string_value(member);

    if (member != NULL && (text == NULL || strcmp(text, "enc") != 0)) {
        return "its \"use\" is not \"enc\"";
    }

    if (!seal_km_jwe_keys_is_for_decryption(json)) {
        return "its \"key_ops\" lack \"decrypt\"";
    }

    return NULL;
}


/* RFC 7517, clause 4.3; an empty array says as little as none */

static int
seal_km_jwe_keys_is_for_decryption(const json_t *json)
{
    int            found;
    size_t         i;
    const char    *text;
    const json_t  *ops;

    ops = seal_km_jwe_keys_member(json, "key_ops");

    if (ops == NULL || (json_is_array(ops) && json_array_size(ops) == 0)) {
        return 1;
    }

    found = 0;

    for (i = 0; i < json_array_size(ops); i++) {
        text = json_string_value(json_array_get(ops, i));

        if (text == NULL) {
            return 0;
        }

        if (strcmp(text, "decrypt") == 0) {
            found = 1;
        }
    }

    return found;
}


/* a member that is null counts as absent */

static const json_t *
seal_km_jwe_keys_member(const json_t *json, const char *name)
{
    const json_t  *member;

    member = json_object_get(json, name);

    return json_is_null(member) ? NULL : member;
}


static void
seal_km_jwe_keys_tell(const seal_km_jwe_jwk_t *jwk, seal_km_str_t kid,
    const char *why)
{
    char  text[SEAL_KM_JWE_NOTICE_MAX];

    if (kid.data == NULL || seal_km_str_has_control(kid)) {
        snprintf(text, sizeof(text), "key %u is left out: %s", jwk->position,
                 why);

    } else {
        snprintf(text, sizeof(text), "key %u, \"%.*s\", is left out: %s",
                 jwk->position, (int) kid.len, kid.data, why);
    }

    jwk->notice(jwk->data, text);
}


static seal_km_jwe_node_t *
seal_km_jwe_keys_lookup(const seal_km_jwe_keys_t *keys, seal_km_str_t kid)
{
    seal_km_jwe_node_t  *node;

    for (node = keys->first; node != NULL; node = node->next) {
        if (seal_km_str_equal(node->key.kid, kid)) {
            break;
        }
    }

    return node;
}


static seal_km_jwe_node_t *
seal_km_jwe_keys_insert(seal_km_jwe_keys_t *keys, seal_km_str_t kid)
{
    char                *text;
    seal_km_jwe_node_t  *node;

    node = seal_km_secret_alloc(sizeof(seal_km_jwe_node_t) + kid.len);
    if (node == NULL) {
        return NULL;
    }

    text = (char *) node + sizeof(seal_km_jwe_node_t);
    memcpy(text, kid.data, kid.len);

    node->key.kid.data = text;
    node->key.kid.len = kid.len;
    node->key.secret = NULL;

    node->next = keys->first;
    keys->first = node;

    return node;
}


/* 0, or -1 without memory, or 1: k is no key */

static int
seal_km_jwe_keys_set_secret(seal_km_jwe_keys_t *keys,
    seal_km_jwe_node_t *node, seal_km_str_t k)
{
    int             rc;
    size_t          len;
    unsigned char  *secret, decoded[SEAL_KM_JWE_KEY_SIZE + 3];

    if (k.data == NULL
        || seal_km_base64url_decoded_size(k.len) > sizeof(decoded))
    {
        return 1;
    }

    rc = seal_km_base64url_decode(k, decoded, &len);

    if (rc != 0 || len != SEAL_KM_JWE_KEY_SIZE) {
        OPENSSL_cleanse(decoded, sizeof(decoded));
        return 1;
    }

    secret = seal_km_vault_alloc(&keys->vault, SEAL_KM_JWE_KEY_SIZE);

    if (secret != NULL) {
        memcpy(secret, decoded, SEAL_KM_JWE_KEY_SIZE);
        node->key.secret = secret;
        keys->n++;
    }

    OPENSSL_cleanse(decoded, sizeof(decoded));

    return (secret == NULL) ? -1 : 0;
}


size_t
seal_km_jwe_keys_count(const seal_km_jwe_keys_t *keys)
{
    return keys->n;
}


const seal_km_jwe_key_t *
seal_km_jwe_keys_find(const seal_km_jwe_keys_t *keys, seal_km_str_t kid)
{
    seal_km_jwe_node_t  *node;

    node = seal_km_jwe_keys_lookup(keys, kid);

    return (node == NULL || node->key.secret == NULL) ? NULL : &node->key;
}


const EVP_CIPHER *
seal_km_jwe_keys_cipher(const seal_km_jwe_keys_t *keys)
{
    return keys->cipher;
}


void
seal_km_jwe_keys_free(seal_km_jwe_keys_t *keys)
{
    seal_km_jwe_node_t  *node;

    if (keys == NULL) {
        return;
    }

    while (keys->first != NULL) {
        node = keys->first;
        keys->first = node->next;
        seal_km_secret_free(node);
    }

    seal_km_vault_free(&keys->vault);

    EVP_CIPHER_free(keys->cipher);
    seal_km_secret_free(keys);
}
