#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "seal_km_base64.h"


/* characters whose alphabet is looked at without a branch */
#define SEAL_KM_BASE64_BLOCK  32

/* what has no value, alone or in the OR of several */
#define SEAL_KM_BASE64_NONE   0x1000000u

/* RFC 4648, clause 5: the value of a character, where it is in four of them */
#define seal_km_base64url_at(c, shift)                                        \
    ((c) >= 'A' && (c) <= 'Z' ? (uint32_t) ((c) - 'A') << (shift)             \
     : (c) >= 'a' && (c) <= 'z' ? (uint32_t) ((c) - 'a' + 26) << (shift)      \
     : (c) >= '0' && (c) <= '9' ? (uint32_t) ((c) - '0' + 52) << (shift)      \
     : (c) == '-' ? (uint32_t) 62 << (shift)                                  \
     : (c) == '_' ? (uint32_t) 63 << (shift)                                  \
     : SEAL_KM_BASE64_NONE)

#define seal_km_base64url_4(c, shift)                                         \
    seal_km_base64url_at(c, shift), seal_km_base64url_at(c + 1, shift),       \
    seal_km_base64url_at(c + 2, shift), seal_km_base64url_at(c + 3, shift)

#define seal_km_base64url_16(c, shift)                                        \
    seal_km_base64url_4(c, shift), seal_km_base64url_4(c + 4, shift),         \
    seal_km_base64url_4(c + 8, shift), seal_km_base64url_4(c + 12, shift)

#define seal_km_base64url_64(c, shift)                                        \
    seal_km_base64url_16(c, shift), seal_km_base64url_16(c + 16, shift),      \
    seal_km_base64url_16(c + 32, shift), seal_km_base64url_16(c + 48, shift)

#define seal_km_base64url_256(shift)                                          \
    seal_km_base64url_64(0, shift), seal_km_base64url_64(64, shift),          \
    seal_km_base64url_64(128, shift), seal_km_base64url_64(192, shift)


static uint32_t seal_km_base64url_bits(const char *src);
static int seal_km_base64url_decode_rest(seal_km_str_t src,
    unsigned char *dst, size_t *len);
static unsigned seal_km_base64url_value(char c);


/*
 * The bits of the first of four characters, of the second, third and fourth:
 * one table for each place, so that four loads and three ORs make three bytes.
 */

static const uint32_t  seal_km_base64url_values[4][256] = {
    { seal_km_base64url_256(18) },
    { seal_km_base64url_256(12) },
    { seal_km_base64url_256(6) },
    { seal_km_base64url_256(0) }
};


int
seal_km_base64url_decode(seal_km_str_t src, unsigned char *dst, size_t *len)
{
    uint16_t        low;
    uint32_t        first, second, high;
    unsigned char  *p;

    p = dst;

    /* dst may be src: what is overwritten was read before */

    for ( /* void */ ; src.len >= 8; src.data += 8, src.len -= 8) {
        first = seal_km_base64url_bits(src.data);
        second = seal_km_base64url_bits(src.data + 4);

        if ((first | second) & SEAL_KM_BASE64_NONE) {
            return -1;
        }

        /* six bytes as two numbers, whatever the machine's order is */

        high = htobe32(first << 8 | second >> 16);
        low = htobe16((uint16_t) second);

        memcpy(p, &high, sizeof(high));
        memcpy(p + sizeof(high), &low, sizeof(low));

        p += 6;
    }

    if (src.len >= 4) {
        first = seal_km_base64url_bits(src.data);

        if (first & SEAL_KM_BASE64_NONE) {
            return -1;
        }

        *p++ = (unsigned char) (first >> 16);
        *p++ = (unsigned char) (first >> 8);
        *p++ = (unsigned char) first;

        src.data += 4;
        src.len -= 4;
    }

    if (seal_km_base64url_decode_rest(src, p, len) != 0) {
        return -1;
    }

    *len += (size_t) (p - dst);

    return 0;
}


/* of four characters, with SEAL_KM_BASE64_NONE where one has none */

static uint32_t
seal_km_base64url_bits(const char *src)
{
    return seal_km_base64url_values[0][(unsigned char) src[0]]
           | seal_km_base64url_values[1][(unsigned char) src[1]]
           | seal_km_base64url_values[2][(unsigned char) src[2]]
           | seal_km_base64url_values[3][(unsigned char) src[3]];
}


/* less than four characters; what is left over of them belongs to no byte */

static int
seal_km_base64url_decode_rest(seal_km_str_t src, unsigned char *dst,
    size_t *len)
{
    size_t    i;
    unsigned  value, bits;

    if (src.len == 0) {
        *len = 0;
        return 0;
    }

    if (src.len == 1) {
        return -1;
    }

    bits = 0;

    for (i = 0; i < 3; i++) {
        value = (i < src.len) ? seal_km_base64url_value(src.data[i]) : 0;

        if (value == SEAL_KM_BASE64_NONE) {
            return -1;
        }

        bits = bits << 6 | value;
    }

    if (bits & (src.len == 2 ? 0x3ff : 0x3)) {
        return -1;
    }

    *len = src.len - 1;

    dst[0] = (unsigned char) (bits >> 10);

    if (src.len == 3) {
        dst[1] = (unsigned char) (bits >> 2);
    }

    return 0;
}


int
seal_km_base64url_is_valid(seal_km_str_t src)
{
    size_t         i, n;
    unsigned       last;
    unsigned char  c, letter, mark, other;

    for (n = 0; src.len - n >= SEAL_KM_BASE64_BLOCK; n += SEAL_KM_BASE64_BLOCK)
    {
        other = 0;

        for (i = 0; i < SEAL_KM_BASE64_BLOCK; i++) {
            c = (unsigned char) src.data[n + i];
            letter = (unsigned char) ((c | 0x20) - 'a');
            mark = (unsigned char) (c - '-');

            /* between "-" and the digits there are two that are none of ours */

            other |= ((letter > 25) & (mark > '9' - '-') & (c != '_'))
                     | ((unsigned char) (mark - 1) < 2);
        }

        if (other) {
            return 0;
        }
    }

    for ( /* void */ ; n < src.len; n++) {
        if (seal_km_base64url_value(src.data[n]) == SEAL_KM_BASE64_NONE) {
            return 0;
        }
    }

    last = (src.len == 0) ? 0
                          : seal_km_base64url_value(src.data[src.len - 1]);

    /* the bits of the last character that belong to no byte */

    switch (src.len % 4) {

    case 0:
        return 1;

    case 2:
        return (last & 0x0f) == 0;

    case 3:
        return (last & 0x03) == 0;

    default:
        return 0;
    }
}


static unsigned
seal_km_base64url_value(char c)
{
    return seal_km_base64url_values[3][(unsigned char) c];
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
