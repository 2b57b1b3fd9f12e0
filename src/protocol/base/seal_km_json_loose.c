#include <string.h>

#include "seal_km_json_loose.h"
#include "seal_km_json_measure.h"
#include "seal_km_json_names.h"


/* jansson reads 2048 */
#define SEAL_KM_JSON_LOOSE_LEVELS  1000

/* an integer of so many digits fits in 64 bits */
#define SEAL_KM_JSON_LOOSE_DIGITS  18

/* bytes of "\u0000" */
#define SEAL_KM_JSON_LOOSE_ESCAPE  6


static char *seal_km_json_loosen_token(const char *p, const char *last,
    char *dst);
static char *seal_km_json_loosen_string(const char *p, const char *last,
    char *dst);
static int seal_km_json_is_odd(const char *p, const char *last);
static char *seal_km_json_loosen_number(const char *p, const char *last,
    char *dst);


size_t
seal_km_json_loosen(seal_km_str_t text, char *dst)
{
    char        *d;
    size_t       depth;
    const char  *p, *next, *last;

    p = text.data;
    last = p + text.len;
    d = dst;
    depth = 0;

    for ( /* void */ ; p < last; p = next) {
        next = seal_km_json_skip(p, last);

        if ((*p == ']' || *p == '}') && depth > 0) {
            depth--;
        }

        if (depth <= SEAL_KM_JSON_LOOSE_LEVELS) {
            d = seal_km_json_loosen_token(p, next, d);
        }

        if (*p == '[' || *p == '{') {
            depth++;
        }
    }

    return (size_t) (d - dst);
}


static char *
seal_km_json_loosen_token(const char *p, const char *last, char *dst)
{
    if (*p == '"') {
        return seal_km_json_loosen_string(p, last, dst);
    }

    if (*p == '-' || (*p >= '0' && *p <= '9')) {
        return seal_km_json_loosen_number(p, last, dst);
    }

    memcpy(dst, p, (size_t) (last - p));

    return dst + (last - p);
}


static char *
seal_km_json_loosen_string(const char *p, const char *last, char *dst)
{
    while (p < last) {

        if (seal_km_json_is_odd(p, last)) {
            memcpy(dst, "\\u003f", SEAL_KM_JSON_LOOSE_ESCAPE);
            dst += SEAL_KM_JSON_LOOSE_ESCAPE;
            p += SEAL_KM_JSON_LOOSE_ESCAPE;
            continue;
        }

        if (*p == '\\' && last - p > 1) {
            /* whatever is behind it: it may be a backslash, too */
            *dst++ = *p++;
        }

        *dst++ = *p++;
    }

    return dst;
}


/* 1 if there is an escape sequence of U+0000, or of half of a surrogate pair */

static int
seal_km_json_is_odd(const char *p, const char *last)
{
    int  c;

    if (last - p < SEAL_KM_JSON_LOOSE_ESCAPE || p[0] != '\\' || p[1] != 'u') {
        return 0;
    }

    c = seal_km_json_hex4(p + 2);

    return c == 0 || (c >= 0xd800 && c <= 0xdfff);
}


/* with no more digits than it may have, and an exponent of 0 */

static char *
seal_km_json_loosen_number(const char *p, const char *last, char *dst)
{
    int     exponent;
    size_t  n;

    exponent = 0;
    n = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p < '0' || *p > '9') {
            exponent |= (*p == 'e' || *p == 'E');
            n = 0;
            *dst++ = *p;

        } else if (n++ < (exponent ? 1 : SEAL_KM_JSON_LOOSE_DIGITS)) {
            *dst++ = exponent ? '0' : *p;
        }
    }

    return dst;
}
