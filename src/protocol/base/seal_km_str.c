#include <string.h>

#include "seal_km_str.h"


static size_t seal_km_str_utf8_char(const unsigned char *p, size_t len);


int
seal_km_str_equal(seal_km_str_t a, seal_km_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


int
seal_km_str_is_utf8(seal_km_str_t s)
{
    size_t                n;
    const unsigned char  *p, *last;

    p = (const unsigned char *) s.data;
    last = p + s.len;

    while (p < last) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        n = seal_km_str_utf8_char(p, (size_t) (last - p));

        if (n == 0) {
            return 0;
        }

        p += n;
    }

    return 1;
}


/*
 * Bytes of the character of two to four bytes at p, 0 if it is ill-formed.
 * The second byte alone tells overlong forms, surrogates and what lies beyond
 * U+10FFFF (RFC 3629, clause 4).
 */

static size_t
seal_km_str_utf8_char(const unsigned char *p, size_t len)
{
    size_t         i, n;
    unsigned char  min, max;

    min = 0x80;
    max = 0xbf;

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        min = (p[0] == 0xe0) ? 0xa0 : min;
        max = (p[0] == 0xed) ? 0x9f : max;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        min = (p[0] == 0xf0) ? 0x90 : min;
        max = (p[0] == 0xf4) ? 0x8f : max;

    } else {
        return 0;
    }

    if (len < n || p[1] < min || p[1] > max) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


int
seal_km_str_has_control(seal_km_str_t s)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        if (c < 0x20 || c == 0x7f) {
            return 1;
        }
    }

    return 0;
}
