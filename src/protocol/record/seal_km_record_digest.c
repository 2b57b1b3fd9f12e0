/*
 * HMAC (RFC 2104) made of SHA-256: OpenSSL's own HMAC keeps the key, and the
 * state that begins with it, which is as good as the key, in memory of its
 * choice.
 */


#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "seal_km_record_digest.h"
#include "seal_km_sha256.h"
#include "seal_km_vault.h"


/* bytes that SHA-256 takes at once: B of RFC 2104 */
#define SEAL_KM_RECORD_DIGEST_BLOCK  64


/* the key, filled up with zeroes, after exclusive or with ipad and opad */

typedef struct {
    char                           inner[SEAL_KM_RECORD_DIGEST_BLOCK];
    char                           outer[SEAL_KM_RECORD_DIGEST_BLOCK];
} seal_km_record_digest_pads_t;


struct seal_km_record_digest_s {
    seal_km_vault_t                vault;
    seal_km_record_digest_pads_t  *pads;
    seal_km_sha256_t              *sha256;
};


static int seal_km_record_digest_set_key(seal_km_record_digest_t *digest,
    seal_km_str_t key);
static int seal_km_record_digest_hash(seal_km_record_digest_t *digest,
    const char *pad, seal_km_str_t text, unsigned char *hash);


seal_km_record_digest_t *
seal_km_record_digest_create(seal_km_str_t key)
{
    seal_km_record_digest_t  *digest;

    digest = OPENSSL_zalloc(sizeof(seal_km_record_digest_t));

    if (digest == NULL) {
        ERR_clear_error();
        return NULL;
    }

    digest->pads = seal_km_vault_alloc(&digest->vault,
                                       sizeof(seal_km_record_digest_pads_t));
    digest->sha256 = seal_km_sha256_create();

    if (digest->pads == NULL || digest->sha256 == NULL
        || seal_km_record_digest_set_key(digest, key) != 0)
    {
        seal_km_record_digest_free(digest);
        return NULL;
    }

    return digest;
}


/* a key that is longer than a block is hashed (RFC 2104, clause 2) */

static int
seal_km_record_digest_set_key(seal_km_record_digest_t *digest,
    seal_km_str_t key)
{
    size_t                         i;
    seal_km_record_digest_pads_t  *pads;

    pads = digest->pads;

    if (key.len > SEAL_KM_RECORD_DIGEST_BLOCK) {
        if (seal_km_sha256(digest->sha256, &key, 1,
                           (unsigned char *) pads->inner)
            != 0)
        {
            return -1;
        }

    } else {
        memcpy(pads->inner, key.data, key.len);
    }

    for (i = 0; i < SEAL_KM_RECORD_DIGEST_BLOCK; i++) {
        pads->outer[i] = pads->inner[i] ^ 0x5c;
        pads->inner[i] ^= 0x36;
    }

    return 0;
}


static int
seal_km_record_digest_hash(seal_km_record_digest_t *digest, const char *pad,
    seal_km_str_t text, unsigned char *hash)
{
    seal_km_str_t  parts[2];

    parts[0].data = pad;
    parts[0].len = SEAL_KM_RECORD_DIGEST_BLOCK;
    parts[1] = text;

    return seal_km_sha256(digest->sha256, parts, 2, hash);
}


void
seal_km_record_digest_free(seal_km_record_digest_t *digest)
{
    if (digest == NULL) {
        return;
    }

    seal_km_sha256_free(digest->sha256);
    seal_km_vault_free(&digest->vault);
    OPENSSL_free(digest);
}


int
seal_km_record_digest(seal_km_record_digest_t *digest, seal_km_str_t record,
    char *dst)
{
    int            rc;
    size_t         i;
    seal_km_str_t  inner;
    unsigned char  mac[SEAL_KM_SHA256_SIZE];

    static const char  digits[] = "0123456789abcdef";

    inner.data = (const char *) mac;
    inner.len = sizeof(mac);

    rc = seal_km_record_digest_hash(digest, digest->pads->inner, record, mac);

    if (rc == 0) {
        rc = seal_km_record_digest_hash(digest, digest->pads->outer, inner,
                                        mac);
    }

    if (rc == 0) {
        for (i = 0; i < SEAL_KM_RECORD_DIGEST_SIZE / 2; i++) {
            *dst++ = digits[mac[i] >> 4];
            *dst++ = digits[mac[i] & 0x0f];
        }
    }

    OPENSSL_cleanse(mac, sizeof(mac));

    return rc;
}
