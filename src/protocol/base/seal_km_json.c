#include <float.h>
#include <string.h>

#include "seal_km_json.h"
#include "seal_km_secret.h"


/* the least number of digits of an integer that may not fit in 64 bits */
#define SEAL_KM_JSON_INT_DIGITS  19


static json_t *seal_km_json_load(seal_km_str_t text, size_t flags,
    int *overflow);
static json_t *seal_km_json_load_large_integers(seal_km_str_t text,
    int clamp);
static size_t seal_km_json_copy_large_integers(seal_km_str_t text, char *dst,
    int clamp);
static const char *seal_km_json_copy_string(const char *p, const char *last,
    char **dst);
static const char *seal_km_json_copy_number(const char *p, const char *last,
    char **dst, int clamp);
static int seal_km_json_is_large(const char *digits, size_t n, int negative);
static const char *seal_km_json_limit(int negative);


json_t *
seal_km_json_decode(seal_km_str_t text)
{
    int      overflow;
    json_t  *json;

    json = seal_km_json_load(text, 0, &overflow);

    if (json == NULL && overflow) {
        json = seal_km_json_load_large_integers(text, 0);
    }

    return json;
}


json_t *
seal_km_json_decode_clamped(seal_km_str_t text)
{
    int      overflow;
    json_t  *json;

    json = seal_km_json_load(text, 0, &overflow);

    if (json == NULL && overflow) {
        json = seal_km_json_load_large_integers(text, 1);
    }

    return json;
}


int
seal_km_json_is_valid(seal_km_str_t text)
{
    int      overflow;
    json_t  *json;

    json = seal_km_json_load(text, JSON_DECODE_INT_AS_REAL, &overflow);

    if (json == NULL) {
        return 0;
    }

    seal_km_json_free(json);

    return 1;
}


void
seal_km_json_free(json_t *json)
{
    if (json == NULL) {
        return;
    }

    seal_km_secret_enter();
    json_decref(json);
    seal_km_secret_leave();
}


static json_t *
seal_km_json_load(seal_km_str_t text, size_t flags, int *overflow)
{
    json_t        *json;
    json_error_t   error;

    *overflow = 0;

    /* jansson lets a NUL pass where it ends a number */

    if (text.len == 0 || memchr(text.data, '\0', text.len) != NULL) {
        return NULL;
    }

    /* JSON_ALLOW_NUL is about escapes in values: in a name jansson refuses
       U+0000 even so */

    flags |= JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL|JSON_DECODE_ANY;

    /* jansson sets no code where it finds no memory to begin */
    memset(&error, 0, sizeof(json_error_t));

    seal_km_secret_enter();
    json = json_loadb(text.data, text.len, flags, &error);
    seal_km_secret_leave();

    if (json == NULL) {
        *overflow = (json_error_code(&error) == json_error_numeric_overflow);
    }

    return json;
}


/*
 * RFC 8259 knows no greatest integer, jansson refuses what is beyond 64 bits.
 * Written as reals such integers are decoded, and refused only where they are
 * beyond a double too.  With clamp they stay integers, the next that there are.
 */

static json_t *
seal_km_json_load_large_integers(seal_km_str_t text, int clamp)
{
    int             overflow;
    char           *buf;
    json_t         *json;
    seal_km_str_t   copy;

    /* two characters more for each large integer, which has that many digits */

    buf = seal_km_secret_alloc(text.len
                               + text.len / SEAL_KM_JSON_INT_DIGITS * 2);
    if (buf == NULL) {
        return NULL;
    }

    copy.data = buf;
    copy.len = seal_km_json_copy_large_integers(text, buf, clamp);

    json = seal_km_json_load(copy, 0, &overflow);

    seal_km_secret_free(buf);

    return json;
}


static size_t
seal_km_json_copy_large_integers(seal_km_str_t text, char *dst, int clamp)
{
    char        *d;
    const char  *p, *last;

    p = text.data;
    last = text.data + text.len;
    d = dst;

    while (p < last) {

        if (*p == '"') {
            p = seal_km_json_copy_string(p, last, &d);

        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            p = seal_km_json_copy_number(p, last, &d, clamp);

        } else {
            *d++ = *p++;
        }
    }

    return (size_t) (d - dst);
}


static const char *
seal_km_json_copy_string(const char *p, const char *last, char **dst)
{
    char  *d;

    d = *dst;

    *d++ = *p++;

    while (p < last) {

        if (*p == '\\' && last - p > 1) {
            *d++ = *p++;

        } else if (*p == '"') {
            *d++ = *p++;
            break;
        }

        *d++ = *p++;
    }

    *dst = d;

    return p;
}


static const char *
seal_km_json_copy_number(const char *p, const char *last, char **dst,
    int clamp)
{
    int          negative, integer;
    size_t       n;
    const char  *start, *digits;

    start = p;
    negative = (*p == '-');
    integer = 1;

    p += negative;
    digits = p;

    for ( /* void */ ; p < last; p++) {

        if (*p == '.' || *p == 'e' || *p == 'E' || *p == '+' || *p == '-') {
            integer = 0;

        } else if (*p < '0' || *p > '9') {
            break;
        }
    }

    n = (size_t) (p - start);
    memcpy(*dst, start, n);

    if (!integer || !seal_km_json_is_large(digits, (size_t) (p - digits),
                                           negative))
    {
        *dst += n;
        return p;
    }

    /* neither makes anything of what is beyond a double, or no JSON at all */

    if (clamp && *digits != '0' && p - digits <= DBL_MAX_10_EXP) {
        memcpy(*dst + negative, seal_km_json_limit(negative),
               SEAL_KM_JSON_INT_DIGITS);
        *dst += negative + SEAL_KM_JSON_INT_DIGITS;
        return p;
    }

    *dst += n;
    *(*dst)++ = '.';
    *(*dst)++ = '0';

    return p;
}


/* 1 if an integer of n digits, written as JSON has it, is beyond 64 bits */

static int
seal_km_json_is_large(const char *digits, size_t n, int negative)
{
    if (n != SEAL_KM_JSON_INT_DIGITS) {
        return n > SEAL_KM_JSON_INT_DIGITS;
    }

    return memcmp(digits, seal_km_json_limit(negative),
                  SEAL_KM_JSON_INT_DIGITS)
           > 0;
}


/* the digits of the last integer in 64 bits */

static const char *
seal_km_json_limit(int negative)
{
    return negative ? "9223372036854775808" : "9223372036854775807";
}


seal_km_str_t
seal_km_json_string(const json_t *object, const char *name)
{
    return seal_km_json_text(json_object_get(object, name));
}


seal_km_str_t
seal_km_json_text(const json_t *json)
{
    seal_km_str_t  s;

    s.data = json_string_value(json);
    s.len = json_string_length(json);

    return s;
}
