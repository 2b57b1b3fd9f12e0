#include "seal_km_base64.h"


/* the value of a character of base64url, SEAL_KM_BASE64_NONE if it has none */
#define SEAL_KM_BASE64_NONE  0x40


static unsigned seal_km_base64url_value(char c);


int
seal_km_base64url_decode(seal_km_str_t src, unsigned char *dst, size_t *len)
{
    size_t          i;
    unsigned        value, bits, nbits;
    unsigned char  *p;

    if (src.len % 4 == 1) {
        return -1;
    }

    p = dst;
    bits = 0;
    nbits = 0;

    for (i = 0; i < src.len; i++) {
        value = seal_km_base64url_value(src.data[i]);

        if (value == SEAL_KM_BASE64_NONE) {
            return -1;
        }

        bits = (bits << 6 | value) & 0xfff;
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            *p++ = (unsigned char) (bits >> nbits);
        }
    }

    /* what is left over belongs to no byte */

    if ((bits & ((1u << nbits) - 1)) != 0) {
        return -1;
    }

    *len = (size_t) (p - dst);

    return 0;
}


static unsigned
seal_km_base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned) (c - 'A');
    }

    if (c >= 'a' && c <= 'z') {
        return (unsigned) (c - 'a') + 26;
    }

    if (c >= '0' && c <= '9') {
        return (unsigned) (c - '0') + 52;
    }

    switch (c) {

    case '-':
        return 62;

    case '_':
        return 63;

    default:
        return SEAL_KM_BASE64_NONE;
    }
}


void
seal_km_base64_encode(seal_km_str_t src, char *dst)
{
    size_t                left;
    unsigned              bits;
    const unsigned char  *p;

    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    p = (const unsigned char *) src.data;

    for (left = src.len; left >= 3; left -= 3) {
        bits = (unsigned) p[0] << 16 | (unsigned) p[1] << 8 | p[2];
        p += 3;

        *dst++ = alphabet[bits >> 18];
        *dst++ = alphabet[bits >> 12 & 0x3f];
        *dst++ = alphabet[bits >> 6 & 0x3f];
        *dst++ = alphabet[bits & 0x3f];
    }

    if (left == 0) {
        return;
    }

    bits = (unsigned) p[0] << 16 | (left == 2 ? (unsigned) p[1] << 8 : 0);

    *dst++ = alphabet[bits >> 18];
    *dst++ = alphabet[bits >> 12 & 0x3f];
    *dst++ = (left == 2) ? alphabet[bits >> 6 & 0x3f] : '=';
    *dst++ = '=';
}
