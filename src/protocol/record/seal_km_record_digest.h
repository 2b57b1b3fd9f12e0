/*
 * What a log may say of the record that was delivered: the first half of an
 * HMAC-SHA256 (RFC 2104) over it.  Who has the key can tell which record it
 * was; who has only the log cannot guess.
 */


#ifndef SEAL_KM_RECORD_DIGEST_H
#define SEAL_KM_RECORD_DIGEST_H


#include "seal_km_str.h"


/* hexadecimal digits of a digest, and the fewest bytes of a key */
#define SEAL_KM_RECORD_DIGEST_SIZE     16
#define SEAL_KM_RECORD_DIGEST_KEY_MIN  16


/* made ready with its key */
typedef struct seal_km_record_digest_s  seal_km_record_digest_t;


/*
 * To be freed with seal_km_record_digest_free(), which cleanses it; NULL
 * without memory.  key is copied, to where core dumps leave it out, and lies
 * nowhere else once this has returned.
 */
seal_km_record_digest_t *seal_km_record_digest_create(seal_km_str_t key);

/* NULL does nothing */
void seal_km_record_digest_free(seal_km_record_digest_t *digest);

/*
 * Writes SEAL_KM_RECORD_DIGEST_SIZE lower-case digits to dst, no NUL.  Returns
 * 0, or -1 where OpenSSL fails.
 */
int seal_km_record_digest(seal_km_record_digest_t *digest,
    seal_km_str_t record, char *dst);


#endif /* SEAL_KM_RECORD_DIGEST_H */
