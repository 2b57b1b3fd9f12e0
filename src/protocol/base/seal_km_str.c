#include <stdint.h>
#include <string.h>

#include "seal_km_str.h"


/* the upper bits of eight bytes at once */
#define SEAL_KM_STR_HIGH   0x8080808080808080u

/* bytes that are looked at without a branch */
#define SEAL_KM_STR_BLOCK  32

/* of an unsigned char, 1 or 0; each operand is evaluated, so that none branches */
#define seal_km_str_is_control(c)  (((c) < 0x20) | ((c) == 0x7f))
#define seal_km_str_is_escaped(c)                                             \
    (((c) < 0x20) | ((c) == '"') | ((c) == '\\'))


static inline size_t seal_km_str_unescaped(seal_km_str_t s,
    unsigned char other);
static inline size_t seal_km_str_blocks(seal_km_str_t s, size_t block,
    size_t n, unsigned char other);


seal_km_str_t
seal_km_str_of(const char *text)
{
    seal_km_str_t  s;

    s.data = text;
    s.len = (text == NULL) ? 0 : strlen(text);

    return s;
}


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


/*
 * The three below look at a block at once, without a branch for each byte: such
 * a loop the compiler makes vector instructions of.  What is left over, and a
 * block in which there is something, is looked at byte by byte.
 */

int
seal_km_str_has_control(seal_km_str_t s)
{
    size_t         i;
    unsigned char  c, found;

    while (s.len >= SEAL_KM_STR_BLOCK) {
        found = 0;

        for (i = 0; i < SEAL_KM_STR_BLOCK; i++) {
            c = (unsigned char) s.data[i];
            found |= seal_km_str_is_control(c);
        }

        if (found) {
            return 1;
        }

        s.data += SEAL_KM_STR_BLOCK;
        s.len -= SEAL_KM_STR_BLOCK;
    }

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        if (seal_km_str_is_control(c)) {
            return 1;
        }
    }

    return 0;
}


size_t
seal_km_str_plain(seal_km_str_t s)
{
    return seal_km_str_unescaped(s, 0);
}


int
seal_km_str_is_simple(seal_km_str_t s)
{
    return seal_km_str_unescaped(s, 0x80) == s.len;
}


/* how many bytes there are before the first that is escaped, or has a bit of other */

static inline size_t
seal_km_str_unescaped(seal_km_str_t s, unsigned char other)
{
    size_t  n;

    n = seal_km_str_blocks(s, SEAL_KM_STR_BLOCK, 0, other);

    /* most names are shorter than that */
    n = seal_km_str_blocks(s, SEAL_KM_STR_BLOCK / 4, n, other);

    return seal_km_str_blocks(s, 1, n, other);
}


/* the same of whole blocks, behind n bytes of which it is known */

static inline size_t
seal_km_str_blocks(seal_km_str_t s, size_t block, size_t n,
    unsigned char other)
{
    size_t         i;
    unsigned char  c, found;

    for ( /* void */ ; s.len - n >= block; n += block) {
        found = 0;

        for (i = 0; i < block; i++) {
            c = (unsigned char) s.data[n + i];
            found |= seal_km_str_is_escaped(c) | (c & other);
        }

        if (found) {
            break;
        }
    }

    return n;
}


int
seal_km_str_is_pem(seal_km_str_t s)
{
    size_t  i, n;

    static const char  begin[] = "-----BEGIN ";

    n = sizeof(begin) - 1;

    for (i = 0; i + n <= s.len; i++) {
        if (memcmp(s.data + i, begin, n) == 0) {
            return 1;
        }
    }

    return 0;
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
