#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "seal_km_base64.h"


/* characters that are decoded at once, without a branch */
#define SEAL_KM_BASE64_BLOCK  32

/* value where the condition is 1, 0 where it is 0 */
#define seal_km_base64url_if(condition, value)                                \
    ((unsigned char) -(condition) & (unsigned char) (value))

/* what has no value, alone or in the OR of several */
#define SEAL_KM_BASE64_NONE  0x40


static int seal_km_base64url_block(const char *src, unsigned char *values);
static void seal_km_base64url_pack(const unsigned char *values,
    unsigned char *dst);
static int seal_km_base64url_decode_rest(seal_km_str_t src,
    unsigned char *dst, size_t *len);
static unsigned seal_km_base64url_value(char c);


/* the value of each character of base64url */

static const unsigned char  seal_km_base64url_values[256] = {
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x3e, 0x40, 0x40,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
    0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12,
    0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x40, 0x40, 0x40, 0x40, 0x3f,
    0x40, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24,
    0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30,
    0x31, 0x32, 0x33, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40
};


int
seal_km_base64url_decode(seal_km_str_t src, unsigned char *dst, size_t *len)
{
    size_t          i;
    unsigned        a, b, c, d, bits;
    unsigned char  *p, values[SEAL_KM_BASE64_BLOCK];

    p = dst;

    /* dst may be src: what is overwritten was read before */

    while (src.len >= SEAL_KM_BASE64_BLOCK) {

        if (seal_km_base64url_block(src.data, values) != 0) {
            return -1;
        }

        for (i = 0; i < SEAL_KM_BASE64_BLOCK; i += 8) {
            seal_km_base64url_pack(values + i, p);
            p += 6;
        }

        src.data += SEAL_KM_BASE64_BLOCK;
        src.len -= SEAL_KM_BASE64_BLOCK;
    }

    for ( /* void */ ; src.len >= 4; src.data += 4, src.len -= 4) {
        a = seal_km_base64url_value(src.data[0]);
        b = seal_km_base64url_value(src.data[1]);
        c = seal_km_base64url_value(src.data[2]);
        d = seal_km_base64url_value(src.data[3]);

        if ((a | b | c | d) & SEAL_KM_BASE64_NONE) {
            return -1;
        }

        bits = a << 18 | b << 12 | c << 6 | d;

        *p++ = (unsigned char) (bits >> 16);
        *p++ = (unsigned char) (bits >> 8);
        *p++ = (unsigned char) bits;
    }

    if (seal_km_base64url_decode_rest(src, p, len) != 0) {
        return -1;
    }

    *len += (size_t) (p - dst);

    return 0;
}


/*
 * The values of a block of characters; -1 if one of them has none, which is 0
 * then, as only that of "A" is.  Of such a loop, without branches, the compiler
 * makes vector instructions.
 */

static int
seal_km_base64url_block(const char *restrict src,
    unsigned char *restrict values)
{
    size_t         i;
    unsigned char  c, upper, lower, digit, bad;

    bad = 0;

    for (i = 0; i < SEAL_KM_BASE64_BLOCK; i++) {
        c = (unsigned char) src[i];
        upper = (unsigned char) (c - 'A');
        lower = (unsigned char) (c - 'a');
        digit = (unsigned char) (c - '0');

        values[i] = seal_km_base64url_if(upper < 26, upper)
                    | seal_km_base64url_if(lower < 26, lower + 26)
                    | seal_km_base64url_if(digit < 10, digit + 52)
                    | seal_km_base64url_if(c == '-', 62)
                    | seal_km_base64url_if(c == '_', 63);

        bad |= (values[i] == 0) & (c != 'A');
    }

    return bad ? -1 : 0;
}


/* eight values become six bytes: in pairs, in pairs of these, and once more */

static void
seal_km_base64url_pack(const unsigned char *values, unsigned char *dst)
{
    uint16_t  high;
    uint32_t  low;
    uint64_t  v;

    v = (uint64_t) values[0] << 56 | (uint64_t) values[1] << 48
        | (uint64_t) values[2] << 40 | (uint64_t) values[3] << 32
        | (uint64_t) values[4] << 24 | (uint64_t) values[5] << 16
        | (uint64_t) values[6] << 8 | (uint64_t) values[7];

    v = (v & 0x3f003f003f003f00) >> 2 | (v & 0x003f003f003f003f);
    v = (v & 0x0fff00000fff0000) >> 4 | (v & 0x00000fff00000fff);
    v = (v & 0x00ffffff00000000) >> 8 | (v & 0x0000000000ffffff);

    /* as two numbers of two and four bytes, whatever the machine's order is */

    high = htobe16((uint16_t) (v >> 32));
    low = htobe32((uint32_t) v);

    memcpy(dst, &high, sizeof(high));
    memcpy(dst + sizeof(high), &low, sizeof(low));
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
    return seal_km_base64url_values[(unsigned char) c];
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
