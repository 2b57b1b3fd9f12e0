#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "seal_km_keyed_hash.h"
#include "seal_km_secret.h"


/* bytes of one of the two keys */
#define SEAL_KM_KEYED_HASH_AES  (SEAL_KM_KEYED_HASH_KEY_SIZE / 2)


/* contexts that have their keys, so that a hash needs no memory */

struct seal_km_keyed_hash_s {
    EVP_CIPHER_CTX  *gcm;
    EVP_CIPHER_CTX  *aes;
};


static EVP_CIPHER_CTX *seal_km_keyed_hash_cipher(const char *name,
    const unsigned char *key);
static int seal_km_keyed_hash_feed(EVP_CIPHER_CTX *gcm, seal_km_str_t part);


seal_km_keyed_hash_t *
seal_km_keyed_hash_create(const unsigned char *key)
{
    seal_km_keyed_hash_t  *hash;

    hash = seal_km_secret_alloc(sizeof(seal_km_keyed_hash_t));

    if (hash == NULL) {
        return NULL;
    }

    hash->gcm = seal_km_keyed_hash_cipher("AES-256-GCM", key);
    hash->aes = seal_km_keyed_hash_cipher("AES-256-ECB",
                                          key + SEAL_KM_KEYED_HASH_AES);

    if (hash->gcm == NULL || hash->aes == NULL) {
        seal_km_keyed_hash_free(hash);
        ERR_clear_error();
        return NULL;
    }

    return hash;
}


static EVP_CIPHER_CTX *
seal_km_keyed_hash_cipher(const char *name, const unsigned char *key)
{
    EVP_CIPHER      *cipher;
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();
    cipher = EVP_CIPHER_fetch(NULL, name, NULL);

    if (ctx == NULL || cipher == NULL
        || EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL) != 1
        || EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
    {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }

    /* the context has its own reference */
    EVP_CIPHER_free(cipher);

    return ctx;
}


void
seal_km_keyed_hash_free(seal_km_keyed_hash_t *hash)
{
    if (hash == NULL) {
        return;
    }

    /* OpenSSL cleanses the keys in them */
    EVP_CIPHER_CTX_free(hash->gcm);
    EVP_CIPHER_CTX_free(hash->aes);

    seal_km_secret_free(hash);
}


int
seal_km_keyed_hash(seal_km_keyed_hash_t *hash, const seal_km_str_t *parts,
    size_t n, unsigned char *digest)
{
    int            len;
    size_t         i;
    OSSL_PARAM     params[2];
    unsigned char  tag[SEAL_KM_KEYED_HASH_SIZE];

    static const unsigned char  nonce[12];

    if (EVP_EncryptInit_ex2(hash->gcm, NULL, NULL, nonce, NULL) != 1) {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        if (seal_km_keyed_hash_feed(hash->gcm, parts[i]) != 0) {
            goto failed;
        }
    }

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                  tag, sizeof(tag));
    params[1] = OSSL_PARAM_construct_end();

    if (EVP_EncryptFinal_ex(hash->gcm, digest, &len) == 1
        && EVP_CIPHER_CTX_get_params(hash->gcm, params) == 1
        && EVP_EncryptUpdate(hash->aes, digest, &len, tag, sizeof(tag)) == 1
        && len == SEAL_KM_KEYED_HASH_SIZE)
    {
        return 0;
    }

failed:

    ERR_clear_error();

    return -1;
}


/* as what is authenticated and not encrypted; OpenSSL counts in int */

static int
seal_km_keyed_hash_feed(EVP_CIPHER_CTX *gcm, seal_km_str_t part)
{
    int  len;

    if (part.len == 0) {
        return 0;
    }

    if (part.len > INT_MAX
        || EVP_EncryptUpdate(gcm, NULL, &len,
                             (const unsigned char *) part.data,
                             (int) part.len)
           != 1)
    {
        return -1;
    }

    return 0;
}
