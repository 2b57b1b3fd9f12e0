/*
 * A hash with a secret key, by which long texts are found again: several times
 * as fast as SHA-256, even where a processor has instructions for that.
 *
 * It is the AES-256 of a GMAC (NIST SP 800-38D) with a nonce that is always the
 * same.  GMAC's GHASH is a universal hash: for two texts of up to n blocks of 16
 * bytes that are chosen without the key, the probability that they have the same
 * is n / 2^128, whatever is computed to find them.  The AES with another key
 * hides that it is linear: a hash, or how two of them compare, tells nothing of
 * the key.  So it is safe where the key is, and for nothing else: whoever knows
 * the key can make texts of the same hash, and hashes of one key that are told
 * to others are no signature.
 */


#ifndef SEAL_KM_KEYED_HASH_H
#define SEAL_KM_KEYED_HASH_H


#include "seal_km_str.h"


/* of the hash; of the key, random bytes: two keys of AES-256 */
#define SEAL_KM_KEYED_HASH_SIZE      16
#define SEAL_KM_KEYED_HASH_KEY_SIZE  64


typedef struct seal_km_keyed_hash_s  seal_km_keyed_hash_t;


/*
 * Of key, SEAL_KM_KEYED_HASH_KEY_SIZE bytes, which are not needed any more.  To
 * be freed with seal_km_keyed_hash_free(); NULL where OpenSSL fails.
 */
seal_km_keyed_hash_t *seal_km_keyed_hash_create(const unsigned char *key);

/* NULL does nothing */
void seal_km_keyed_hash_free(seal_km_keyed_hash_t *hash);

/*
 * Writes the hash of the n parts, one behind the other, to digest, which has
 * room for SEAL_KM_KEYED_HASH_SIZE bytes.  Where a part ends is not hashed.
 * Returns 0, or -1 where OpenSSL fails.
 */
int seal_km_keyed_hash(seal_km_keyed_hash_t *hash, const seal_km_str_t *parts,
    size_t n, unsigned char *digest);


#endif /* SEAL_KM_KEYED_HASH_H */
