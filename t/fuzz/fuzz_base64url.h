/*
 * base64url without padding (RFC 7515, clause 2), as JOSE writes it.
 */


#ifndef FUZZ_BASE64URL_H
#define FUZZ_BASE64URL_H


#include "fuzz.h"
#include "seal_km_base64.h"


/* where it ends; dst has room for seal_km_base64_encoded_size() */

static inline char *
fuzz_base64url(seal_km_str_t s, char *dst)
{
    char  *p, *last;

    seal_km_base64_encode(s, dst);
    last = dst + seal_km_base64_encoded_size(s.len);

    while (last > dst && last[-1] == '=') {
        last--;
    }

    for (p = dst; p < last; p++) {
        *p = (*p == '+') ? '-' : (*p == '/') ? '_' : *p;
    }

    return last;
}


#endif /* FUZZ_BASE64URL_H */
