/*
 * The key that a JWK makes: LibJWT decodes it, OpenSSL verifies with it.
 */


#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "seal_km_jwk_key.h"
#include "seal_km_secret.h"


/* what surrounds the values of a minimal JWK */
#define SEAL_KM_JWK_FRAME_MAX   64


static seal_km_jwk_key_e seal_km_jwk_key_try(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key);
static jwk_set_t *seal_km_jwk_create_set(const seal_km_jwk_t *jwk);
static seal_km_jwk_key_e seal_km_jwk_use_item(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const jwk_item_t *item);
static seal_km_jwk_key_e seal_km_jwk_use_secret(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const jwk_item_t *item);
static seal_km_jwk_key_e seal_km_jwk_use_public_key(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const jwk_item_t *item);
static EVP_PKEY *seal_km_jwk_read_pem(const jwk_item_t *item);
static int seal_km_jwk_is_pkey(const seal_km_jwk_t *jwk, EVP_PKEY *pkey);
static seal_km_jwk_key_e seal_km_jwk_set_verifiers(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const seal_km_signature_key_t *raw);


/* LibJWT has nothing left when this is over */

seal_km_jwk_key_e
seal_km_jwk_make_key(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key)
{
    seal_km_jwk_key_e  rc;

    rc = seal_km_jwk_key_try(jwk, key);

    /*
     * Where memory is out LibJWT says only that something was wrong, and OpenSSL
     * often no more.  A key that is left out for that would be missing for as
     * long as the set is in force: what is refused has to be refused twice.
     */

    if (rc == SEAL_KM_JWK_KEY_UNDECODABLE || rc == SEAL_KM_JWK_KEY_REFUSED) {
        seal_km_jwk_key_clear(key);
        rc = seal_km_jwk_key_try(jwk, key);
    }

    return rc;
}


static seal_km_jwk_key_e
seal_km_jwk_key_try(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key)
{
    jwk_set_t          *set;
    seal_km_jwk_key_e   rc;

    ERR_clear_error();

    seal_km_secret_enter();

    rc = SEAL_KM_JWK_KEY_NO_MEMORY;
    set = seal_km_jwk_create_set(jwk);

    if (set != NULL) {
        rc = seal_km_jwk_use_item(jwk, key, jwks_item_get(set, 0));
        jwks_free(set);
    }

    if (seal_km_secret_has_failed()
        || (rc != SEAL_KM_JWK_KEY_OK && seal_km_secret_openssl_has_failed()))
    {
        rc = SEAL_KM_JWK_KEY_NO_MEMORY;
    }

    seal_km_secret_leave();

    return rc;
}


void
seal_km_jwk_key_clear(seal_km_jwk_key_t *key)
{
    int  i;

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        seal_km_verifier_free(key->verifiers[i]);
        key->verifiers[i] = NULL;
    }

    key->algorithms = 0;
}


/* The key as LibJWT knows it: alg, use and what is private stay behind. */

static jwk_set_t *
seal_km_jwk_create_set(const seal_km_jwk_t *jwk)
{
    char           *text, *p, *last;
    size_t          i, size;
    jwk_set_t      *set;
    const char     *name;
    seal_km_str_t   value;

    size = SEAL_KM_JWK_FRAME_MAX;

    for (i = 0; i < SEAL_KM_JWK_MEMBERS; i++) {
        if (jwk->type->members[i] != NULL) {
            size += seal_km_json_string(jwk->json, jwk->type->members[i]).len;
        }
    }

    text = seal_km_secret_alloc(size);

    if (text == NULL) {
        return NULL;
    }

    p = text;
    last = text + size;

    p += snprintf(p, (size_t) (last - p), "{\"kty\":\"%s\"", jwk->type->name);

    if (jwk->curve != NULL) {
        p += snprintf(p, (size_t) (last - p), ",\"crv\":\"%s\"", jwk->curve);
    }

    for (i = 0; i < SEAL_KM_JWK_MEMBERS; i++) {
        name = jwk->type->members[i];

        if (name != NULL) {
            value = seal_km_json_string(jwk->json, name);
            p += snprintf(p, (size_t) (last - p), ",\"%s\":\"%s\"", name,
                          value.data);
        }
    }

    *p++ = '}';

    set = jwks_create_strn(text, (size_t) (p - text));

    seal_km_secret_free(text);

    return set;
}


static seal_km_jwk_key_e
seal_km_jwk_use_item(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key,
    const jwk_item_t *item)
{
    if (item == NULL) {
        return SEAL_KM_JWK_KEY_NO_MEMORY;
    }

    if (jwks_item_error(item)) {
        return SEAL_KM_JWK_KEY_UNDECODABLE;
    }

    if (jwk->type->kty == JWK_KEY_TYPE_OCT) {
        return seal_km_jwk_use_secret(jwk, key, item);
    }

    return seal_km_jwk_use_public_key(jwk, key, item);
}


/*
 * Of a key that LibJWT has made without enough memory, or of one of its
 * releases with another idea of base64url, nothing may come but a refusal: so it
 * has to be what the JWK says.
 */

static seal_km_jwk_key_e
seal_km_jwk_use_secret(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key,
    const jwk_item_t *item)
{
    seal_km_signature_key_t  raw;

    memset(&raw, 0, sizeof(seal_km_signature_key_t));

    if (jwks_item_key_oct(item, &raw.secret, &raw.secret_len) != 0
        || raw.secret_len != jwk->lens[0]
        || CRYPTO_memcmp(raw.secret, jwk->values[0], raw.secret_len) != 0)
    {
        return SEAL_KM_JWK_KEY_UNDECODABLE;
    }

    key->bits = (unsigned) raw.secret_len * 8;

    return seal_km_jwk_set_verifiers(jwk, key, &raw);
}


static seal_km_jwk_key_e
seal_km_jwk_use_public_key(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key,
    const jwk_item_t *item)
{
    int                      bits;
    seal_km_jwk_key_e        rc;
    seal_km_signature_key_t  raw;

    memset(&raw, 0, sizeof(seal_km_signature_key_t));

    raw.pkey = seal_km_jwk_read_pem(item);

    if (raw.pkey == NULL) {
        /* of a key that it has made LibJWT writes a PEM, if there is memory */
        return SEAL_KM_JWK_KEY_NO_MEMORY;
    }

    /* a pkey that was made with too little memory may not know its size */
    bits = EVP_PKEY_get_bits(raw.pkey);

    if (bits > 0 && seal_km_jwk_is_pkey(jwk, raw.pkey)) {
        key->bits = (unsigned) bits;
        rc = seal_km_jwk_set_verifiers(jwk, key, &raw);

    } else {
        rc = SEAL_KM_JWK_KEY_UNDECODABLE;
    }

    EVP_PKEY_free(raw.pkey);

    return rc;
}


static EVP_PKEY *
seal_km_jwk_read_pem(const jwk_item_t *item)
{
    BIO         *bio;
    EVP_PKEY    *pkey;
    const char  *pem;

    pem = jwks_item_pem(item);

    if (pem == NULL) {
        return NULL;
    }

    bio = BIO_new_mem_buf(pem, -1);

    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

    BIO_free(bio);

    return pkey;
}


/* 1 if the numbers, or bytes, of pkey are those of the JWK */

static int
seal_km_jwk_is_pkey(const seal_km_jwk_t *jwk, EVP_PKEY *pkey)
{
    int             same;
    size_t          i, len;
    BIGNUM         *number, *wanted;
    unsigned char   raw[EVP_MAX_MD_SIZE];

    if (jwk->type->kty == JWK_KEY_TYPE_OKP) {
        len = sizeof(raw);

        return EVP_PKEY_get_raw_public_key(pkey, raw, &len) == 1
               && len == jwk->lens[0]
               && memcmp(raw, jwk->values[0], len) == 0;
    }

    same = 1;

    for (i = 0; same && i < SEAL_KM_JWK_MEMBERS; i++) {
        number = NULL;
        wanted = BN_bin2bn(jwk->values[i], (int) jwk->lens[i], NULL);

        same = wanted != NULL
               && EVP_PKEY_get_bn_param(pkey, jwk->type->params[i], &number)
                  == 1
               && BN_cmp(number, wanted) == 0;

        BN_free(number);
        BN_free(wanted);
    }

    return same;
}


static seal_km_jwk_key_e
seal_km_jwk_set_verifiers(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key,
    const seal_km_signature_key_t *raw)
{
    int                         i;
    const seal_km_algorithm_t  *algorithm;

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        algorithm = seal_km_algorithm(i);

        if ((jwk->algorithms & (1u << i)) == 0
            || key->bits < algorithm->min_bits)
        {
            continue;
        }

        key->verifiers[i] = seal_km_verifier_create(algorithm, raw);

        if (key->verifiers[i] == NULL) {
            return SEAL_KM_JWK_KEY_REFUSED;
        }

        key->algorithms |= 1u << i;
    }

    return (key->algorithms != 0) ? SEAL_KM_JWK_KEY_OK
                                  : SEAL_KM_JWK_KEY_SHORT;
}
