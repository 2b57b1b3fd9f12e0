#include <openssl/err.h>

#include "seal_km_sha256.h"


seal_km_sha256_t *
seal_km_sha256_create(void)
{
    EVP_MD_CTX  *sha256;

    sha256 = EVP_MD_CTX_new();

    if (sha256 != NULL && EVP_DigestInit_ex(sha256, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(sha256);
        sha256 = NULL;
    }

    if (sha256 == NULL) {
        ERR_clear_error();
    }

    return sha256;
}


void
seal_km_sha256_free(seal_km_sha256_t *sha256)
{
    EVP_MD_CTX_free(sha256);
}


int
seal_km_sha256(seal_km_sha256_t *sha256, const seal_km_str_t *parts, size_t n,
    unsigned char *digest)
{
    size_t  i;

    /* without a type OpenSSL need not look for the algorithm again */

    if (EVP_DigestInit_ex(sha256, NULL, NULL) != 1) {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(sha256, parts[i].data, parts[i].len) != 1) {
            goto failed;
        }
    }

    if (EVP_DigestFinal_ex(sha256, digest, NULL) == 1) {
        return 0;
    }

failed:

    ERR_clear_error();

    return -1;
}
