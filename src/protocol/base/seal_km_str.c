#include <stdint.h>
#include <string.h>

#include "seal_km_str.h"


/* eight bytes at once: their upper bits, and each one's lowest */
#define SEAL_KM_STR_HIGH  0x8080808080808080u
#define SEAL_KM_STR_LOW   0x0101010101010101u

/* not 0 if one of the bytes is below n, which is at most 0x80, or is c */
#define seal_km_str_below(word, n)                                            \
    (((word) - SEAL_KM_STR_LOW * (n)) & ~(word) & SEAL_KM_STR_HIGH)
#define seal_km_str_byte(word, c)                                             \
    seal_km_str_below((word) ^ SEAL_KM_STR_LOW * (c), 1)


int
seal_km_str_equal(seal_km_str_t a, seal_km_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


int
seal_km_str_is_utf8(seal_km_str_t s)
{
    size_t       n;
    uint64_t     word;
    const char  *p, *last;

    p = s.data;
    last = p + s.len;

    while (p < last) {

        if ((unsigned char) *p >= 0x80) {
            n = seal_km_str_utf8_char(p, (size_t) (last - p));

            if (n == 0) {
                return 0;
            }

            p += n;
            continue;
        }

        while ((size_t) (last - p) >= sizeof(word)) {
            memcpy(&word, p, sizeof(word));

            if (word & SEAL_KM_STR_HIGH) {
                break;
            }

            p += sizeof(word);
        }

        while (p < last && (unsigned char) *p < 0x80) {
            p++;
        }
    }

    return 1;
}


/*
 * The second byte alone tells overlong forms, surrogates and what lies beyond
 * U+10FFFF (RFC 3629, clause 4).
 */

size_t
seal_km_str_utf8_char(const char *s, size_t len)
{
    size_t                i, n;
    unsigned char         min, max;
    const unsigned char  *p;

    p = (const unsigned char *) s;

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
    uint64_t       word;
    const char    *p, *last;
    unsigned char  c;

    p = s.data;
    last = p + s.len;

    for ( /* void */ ; (size_t) (last - p) >= sizeof(word); p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));

        if (seal_km_str_below(word, 0x20) || seal_km_str_byte(word, 0x7f)) {
            return 1;
        }
    }

    for ( /* void */ ; p < last; p++) {
        c = (unsigned char) *p;

        if (c < 0x20 || c == 0x7f) {
            return 1;
        }
    }

    return 0;
}


size_t
seal_km_str_plain(seal_km_str_t s)
{
    uint64_t       word;
    const char    *p, *last;
    unsigned char  c;

    p = s.data;
    last = p + s.len;

    for ( /* void */ ; (size_t) (last - p) >= sizeof(word); p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));

        if (seal_km_str_below(word, 0x20)
            || seal_km_str_byte(word, '"')
            || seal_km_str_byte(word, '\\'))
        {
            break;
        }
    }

    for ( /* void */ ; p < last; p++) {
        c = (unsigned char) *p;

        if (c < 0x20 || c == '"' || c == '\\') {
            break;
        }
    }

    return (size_t) (p - s.data);
}


seal_km_str_t
seal_km_str_cut(seal_km_str_t *rest, char c)
{
    const char     *p;
    seal_km_str_t   part;

    part = *rest;

    p = (rest->len > 0) ? memchr(rest->data, c, rest->len) : NULL;

    if (p == NULL) {
        rest->data = NULL;
        rest->len = 0;

    } else {
        part.len = (size_t) (p - part.data);
        rest->data = p + 1;
        rest->len -= part.len + 1;
    }

    return part;
}
