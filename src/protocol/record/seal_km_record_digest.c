#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "seal_km_record_digest.h"


/* bytes of an HMAC-SHA256 */
#define SEAL_KM_RECORD_DIGEST_MAC  32


seal_km_record_digest_t *
seal_km_record_digest_create(seal_km_str_t key)
{
    char          name[] = "SHA256";
    EVP_MAC      *mac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *digest;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
                                                 0);
    params[1] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    digest = EVP_MAC_CTX_new(mac);

    /* the context holds a reference of its own */
    EVP_MAC_free(mac);

    if (digest != NULL
        && EVP_MAC_init(digest, (const unsigned char *) key.data, key.len,
                        params)
           != 1)
    {
        EVP_MAC_CTX_free(digest);
        digest = NULL;
    }

    if (digest == NULL) {
        ERR_clear_error();
    }

    return digest;
}


void
seal_km_record_digest_free(seal_km_record_digest_t *digest)
{
    EVP_MAC_CTX_free(digest);
}


int
seal_km_record_digest(seal_km_record_digest_t *digest, seal_km_str_t record,
    char *dst)
{
    size_t         i, len;
    unsigned char  mac[SEAL_KM_RECORD_DIGEST_MAC];

    static const char  digits[] = "0123456789abcdef";

    /* without a key it begins anew with the one that it has */

    if (EVP_MAC_init(digest, NULL, 0, NULL) != 1
        || EVP_MAC_update(digest, (const unsigned char *) record.data,
                          record.len)
           != 1
        || EVP_MAC_final(digest, mac, &len, sizeof(mac)) != 1)
    {
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
