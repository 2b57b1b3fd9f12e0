#include <string.h>

#include "seal_km_json_measure.h"


/* the least number of digits of an integer that may not fit in 64 bits */
#define SEAL_KM_JSON_INT_DIGITS  19


/* kinds of bytes outside of strings; 0: of a number or a word */
#define SEAL_KM_JSON_SPACE  1
#define SEAL_KM_JSON_MARK   2
#define SEAL_KM_JSON_QUOTE  3


static const char *seal_km_json_skip_string(const char *p, const char *last);
static int seal_km_json_is_large(const char *p, const char *last);
static const char *seal_km_json_limit(int negative);


static const unsigned char  seal_km_json_kinds[256] = {
    ['\0'] = SEAL_KM_JSON_MARK,
    ['\t'] = SEAL_KM_JSON_SPACE,
    ['\n'] = SEAL_KM_JSON_SPACE,
    ['\r'] = SEAL_KM_JSON_SPACE,
    [' '] = SEAL_KM_JSON_SPACE,
    ['"'] = SEAL_KM_JSON_QUOTE,
    [','] = SEAL_KM_JSON_MARK,
    [':'] = SEAL_KM_JSON_MARK,
    ['['] = SEAL_KM_JSON_MARK,
    [']'] = SEAL_KM_JSON_MARK,
    ['{'] = SEAL_KM_JSON_MARK,
    ['}'] = SEAL_KM_JSON_MARK
};

#define seal_km_json_kind(c)  seal_km_json_kinds[(unsigned char) (c)]


int
seal_km_json_measure(seal_km_str_t text, seal_km_json_measure_t *measure)
{
    size_t       opened;
    const char  *p, *next, *last;

    p = text.data;
    last = p + text.len;

    measure->values = 1;
    measure->longest = 0;
    measure->large = 0;

    /* 1 behind "[" or "{", which holds nothing if its end is next */
    opened = 0;

    for ( /* void */ ; p < last; p = next) {
        next = seal_km_json_skip(p, last);

        if ((size_t) (next - p) > measure->longest) {
            measure->longest = (size_t) (next - p);
        }

        switch (seal_km_json_kind(*p)) {

        case SEAL_KM_JSON_SPACE:
            continue;

        case SEAL_KM_JSON_QUOTE:
            break;

        case SEAL_KM_JSON_MARK:

            if (*p == '\0') {
                return -1;
            }

            if (*p == ']' || *p == '}') {
                measure->values -= opened;

            } else if (*p != ':') {
                measure->values++;
            }

            break;

        default:
            measure->large += (size_t) seal_km_json_is_large(p, next);
            break;
        }

        opened = (*p == '[' || *p == '{');
    }

    return 0;
}


const char *
seal_km_json_skip(const char *p, const char *last)
{
    switch (seal_km_json_kind(*p)) {

    case SEAL_KM_JSON_QUOTE:
        return seal_km_json_skip_string(p, last);

    case SEAL_KM_JSON_SPACE:
    case SEAL_KM_JSON_MARK:
        return p + 1;

    default:
        break;
    }

    while (p < last && seal_km_json_kind(*p) == 0) {
        p++;
    }

    return p;
}


static const char *
seal_km_json_skip_string(const char *p, const char *last)
{
    const char  *quote, *escape;

    p++;
    quote = NULL;

    while (p < last) {

        /* looked for once, however many escape sequences come before it */

        if (quote == NULL || quote < p) {
            quote = memchr(p, '"', (size_t) (last - p));

            if (quote == NULL) {
                return last;
            }
        }

        escape = memchr(p, '\\', (size_t) (quote - p));

        if (escape == NULL) {
            return quote + 1;
        }

        p = escape + 2;
    }

    return last;
}


/* 1 if that is an integer as JSON has it, and beyond 64 bits */

static int
seal_km_json_is_large(const char *p, const char *last)
{
    int          negative;
    size_t       n;
    const char  *digit;

    negative = (*p == '-');
    p += negative;
    n = (size_t) (last - p);

    if (n < SEAL_KM_JSON_INT_DIGITS || *p == '0') {
        return 0;
    }

    for (digit = p; digit < last; digit++) {
        if (*digit < '0' || *digit > '9') {
            return 0;
        }
    }

    return n > SEAL_KM_JSON_INT_DIGITS
           || memcmp(p, seal_km_json_limit(negative), n) > 0;
}


/* the digits of the last integer in 64 bits */

static const char *
seal_km_json_limit(int negative)
{
    return negative ? "9223372036854775808" : "9223372036854775807";
}


size_t
seal_km_json_copy(seal_km_str_t text, char *dst, int clamp)
{
    int          negative;
    char        *d;
    const char  *p, *next, *last;

    p = text.data;
    last = p + text.len;
    d = dst;

    for ( /* void */ ; p < last; p = next) {
        next = seal_km_json_skip(p, last);

        if (!seal_km_json_is_large(p, next)) {
            memcpy(d, p, (size_t) (next - p));
            d += next - p;

        } else if (clamp) {
            negative = (*p == '-');
            *d = '-';
            d += negative;
            memcpy(d, seal_km_json_limit(negative), SEAL_KM_JSON_INT_DIGITS);
            d += SEAL_KM_JSON_INT_DIGITS;

        } else {
            memcpy(d, p, (size_t) (next - p));
            d += next - p;
            *d++ = '.';
            *d++ = '0';
        }
    }

    return (size_t) (d - dst);
}
