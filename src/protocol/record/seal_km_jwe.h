/*
 * A record that is encrypted in Redis: a JWE in compact form (RFC 7516, clause
 * 7.1), "alg":"dir" with "enc":"A256GCM" (RFC 7518, clauses 4.5 and 5.3), whose
 * header names the record.  It is opened or refused, nothing in between.
 */


#ifndef SEAL_KM_JWE_H
#define SEAL_KM_JWE_H


#include "seal_km_jwe_keys.h"


typedef enum {
    SEAL_KM_JWE_OPENED = 0,
    SEAL_KM_JWE_PLAIN,         /* no such JWE, and it may be a plain record */
    SEAL_KM_JWE_MALFORMED,
    SEAL_KM_JWE_UNKNOWN_KID,
    SEAL_KM_JWE_NOT_AUTHENTIC,
    SEAL_KM_JWE_OTHER_RECORD,  /* authentic, and of another name */
    SEAL_KM_JWE_NO_MEMORY
} seal_km_jwe_e;


typedef struct {
    /* the record as it was before it was encrypted; it lies in the value */
    seal_km_str_t    record;

    /* of the header, if there is one that can be read, else empty */
    char             kid[SEAL_KM_JWE_KID_MAX];
    size_t           kid_len;
} seal_km_jwe_t;


/*
 * Opens the value of len bytes that Redis holds under name, the record's full
 * key.  Decoding and decryption happen in place: whatever the outcome, value
 * may have been overwritten, and whoever owns it has to cleanse it.  *jwe is
 * set but for record, which only SEAL_KM_JWE_OPENED sets.
 *
 * A value that is no such JWE is SEAL_KM_JWE_MALFORMED; where plain is set,
 * it is SEAL_KM_JWE_PLAIN (and untouched) unless it has exactly four dots and
 * its first part is base64url of a JSON object with a member "enc".
 */
seal_km_jwe_e seal_km_jwe_open(const seal_km_jwe_keys_t *keys,
    seal_km_str_t name, int plain, char *value, size_t len,
    seal_km_jwe_t *jwe);

/* what is wrong, as the rest of a sentence that begins with the record */
const char *seal_km_jwe_fault(seal_km_jwe_e result);


#endif /* SEAL_KM_JWE_H */
