/*
 * The secret keys of encrypted records: those of a JWK Set or of single JWKs
 * (RFC 7517) that are for A256GCM (RFC 7518, clauses 5.3 and 6.4), found by
 * their kid.
 */


#ifndef SEAL_KM_JWE_KEYS_H
#define SEAL_KM_JWE_KEYS_H


#include <openssl/evp.h>

#include "seal_km_str.h"


/* bytes of a key (RFC 7518, clause 5.3), and the most of a kid */
#define SEAL_KM_JWE_KEY_SIZE  32
#define SEAL_KM_JWE_KID_MAX   255


typedef struct seal_km_jwe_keys_s  seal_km_jwe_keys_t;


typedef struct {
    seal_km_str_t          kid;
    const unsigned char   *secret;    /* SEAL_KM_JWE_KEY_SIZE bytes */
} seal_km_jwe_key_t;


/*
 * Told what an operator should know of a key that is left out; text is one
 * line without an end, holds no key material, and lives during the call only.
 */
typedef void (*seal_km_jwe_notice_pt)(void *data, const char *text);


/*
 * An empty set, to be freed with seal_km_jwe_keys_free(); NULL without memory,
 * or where OpenSSL has no AES-256-GCM.
 */
seal_km_jwe_keys_t *seal_km_jwe_keys_create(void);

/*
 * Adds the keys of text.  One that cannot be used, or has no kid, is left out
 * and told by notice: usable is kty "oct" with 32 bytes, alg absent, "dir" or
 * "A256GCM", use absent or "enc", key_ops absent or with "decrypt".  Returns 0,
 * or -1 with *error set to a static text: text is no JSON object with keys, a
 * kid is there twice (in what was added before, too), or memory is out; the
 * set is then good for freeing only.
 */
int seal_km_jwe_keys_add(seal_km_jwe_keys_t *keys, seal_km_str_t text,
    seal_km_jwe_notice_pt notice, void *data, const char **error);

/* how many keys can be used */
size_t seal_km_jwe_keys_count(const seal_km_jwe_keys_t *keys);

/* the key of that kid; NULL if there is none.  It lives as long as keys. */
const seal_km_jwe_key_t *seal_km_jwe_keys_find(const seal_km_jwe_keys_t *keys,
    seal_km_str_t kid);

/* AES-256-GCM, fetched once; it lives as long as keys */
const EVP_CIPHER *seal_km_jwe_keys_cipher(const seal_km_jwe_keys_t *keys);

/* cleanses and frees the set and its keys; NULL does nothing */
void seal_km_jwe_keys_free(seal_km_jwe_keys_t *keys);


#endif /* SEAL_KM_JWE_KEYS_H */
