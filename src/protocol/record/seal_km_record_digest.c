/*
 * HMAC-SHA256 by OpenSSL.  Its context keeps the key, and states that are as good
 * as the key, on the heap: so there is one for each record, which is wiped with
 * it, and the key itself lies where core dumps leave it out.
 */


#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "seal_km_record_digest.h"
#include "seal_km_vault.h"


/* bytes of an HMAC-SHA256 */
#define SEAL_KM_RECORD_DIGEST_MAC  32


struct seal_km_record_digest_s {
    seal_km_vault_t   vault;
    EVP_MAC          *mac;
    unsigned char    *key;
    size_t            len;
};


static int seal_km_record_digest_mac(seal_km_record_digest_t *digest,
    seal_km_str_t record, unsigned char *mac);


seal_km_record_digest_t *
seal_km_record_digest_create(seal_km_str_t key)
{
    seal_km_record_digest_t  *digest;

    digest = OPENSSL_zalloc(sizeof(seal_km_record_digest_t));

    if (digest == NULL) {
        ERR_clear_error();
        return NULL;
    }

    digest->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    digest->key = seal_km_vault_alloc(&digest->vault, key.len);

    if (digest->mac == NULL || digest->key == NULL) {
        ERR_clear_error();
        seal_km_record_digest_free(digest);
        return NULL;
    }

    memcpy(digest->key, key.data, key.len);
    digest->len = key.len;

    return digest;
}


void
seal_km_record_digest_free(seal_km_record_digest_t *digest)
{
    if (digest == NULL) {
        return;
    }

    EVP_MAC_free(digest->mac);
    seal_km_vault_free(&digest->vault);
    OPENSSL_free(digest);
}


int
seal_km_record_digest(seal_km_record_digest_t *digest, seal_km_str_t record,
    char *dst)
{
    size_t         i;
    unsigned char  mac[SEAL_KM_RECORD_DIGEST_MAC];

    static const char  digits[] = "0123456789abcdef";

    if (seal_km_record_digest_mac(digest, record, mac) != 0) {
        ERR_clear_error();
        return -1;
    }

    for (i = 0; i < SEAL_KM_RECORD_DIGEST_SIZE / 2; i++) {
        *dst++ = digits[mac[i] >> 4];
        *dst++ = digits[mac[i] & 0x0f];
    }

    OPENSSL_cleanse(mac, sizeof(mac));

    return 0;
}


static int
seal_km_record_digest_mac(seal_km_record_digest_t *digest,
    seal_km_str_t record, unsigned char *mac)
{
    int           rc;
    char          name[] = "SHA256";
    size_t        len;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *ctx;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
                                                 0);
    params[1] = OSSL_PARAM_construct_end();

    ctx = EVP_MAC_CTX_new(digest->mac);

    if (ctx == NULL) {
        return -1;
    }

    rc = (EVP_MAC_init(ctx, digest->key, digest->len, params) == 1
          && EVP_MAC_update(ctx, (const unsigned char *) record.data,
                            record.len)
             == 1
          && EVP_MAC_final(ctx, mac, &len, SEAL_KM_RECORD_DIGEST_MAC) == 1)
         ? 0 : -1;

    /* wipes the key and the states */
    EVP_MAC_CTX_free(ctx);

    return rc;
}
