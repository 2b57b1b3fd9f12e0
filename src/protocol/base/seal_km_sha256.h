/*
 * SHA-256 of several texts in a row, for what is compared instead of them.
 */


#ifndef SEAL_KM_SHA256_H
#define SEAL_KM_SHA256_H


#include <openssl/evp.h>

#include "seal_km_str.h"


#define SEAL_KM_SHA256_SIZE  32


/* what is used again for each hash, so that none needs memory */
typedef EVP_MD_CTX  seal_km_sha256_t;


/* To be freed with seal_km_sha256_free(); NULL without memory. */
seal_km_sha256_t *seal_km_sha256_create(void);

/* NULL does nothing */
void seal_km_sha256_free(seal_km_sha256_t *sha256);

/*
 * Writes the hash of the n parts, one behind the other, to digest, which has
 * room for SEAL_KM_SHA256_SIZE bytes.  Where a part ends is not hashed.
 * Returns 0, or -1 where OpenSSL fails.
 */
int seal_km_sha256(seal_km_sha256_t *sha256, const seal_km_str_t *parts,
    size_t n, unsigned char *digest);


#endif /* SEAL_KM_SHA256_H */
