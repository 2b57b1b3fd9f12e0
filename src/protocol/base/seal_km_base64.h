/*
 * base64url without padding (RFC 7515, clause 2) and base64 with it
 * (RFC 4648, clause 4).
 */


#ifndef SEAL_KM_BASE64_H
#define SEAL_KM_BASE64_H


#include "seal_km_str.h"


/* the most bytes that len characters of base64url decode to */
#define seal_km_base64url_decoded_size(len)  (((len) / 4) * 3 + 2)

/* the characters that len bytes encode to, with padding */
#define seal_km_base64_encoded_size(len)     ((((len) + 2) / 3) * 4)


/*
 * Decodes src to dst, which has room for seal_km_base64url_decoded_size(), and
 * may be src.data.  Returns 0 and sets *len; -1 for a character outside the
 * alphabet, padding, a length that no encoder gives, or bits behind the last
 * byte that are not zero: each byte string has exactly one text.
 */
int seal_km_base64url_decode(seal_km_str_t src, unsigned char *dst,
    size_t *len);

/* 1 if seal_km_base64url_decode() would accept src, at a fraction of its cost */
int seal_km_base64url_is_valid(seal_km_str_t src);

/* Writes exactly seal_km_base64_encoded_size(src.len) characters, no NUL. */
void seal_km_base64_encode(seal_km_str_t src, char *dst);


#endif /* SEAL_KM_BASE64_H */
