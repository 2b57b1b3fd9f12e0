#include <stdio.h>
#include <string.h>

#include "seal_km_json_measure.h"
#include "seal_km_json_names.h"
#include "seal_km_json_raw.h"


static const char *seal_km_json_raw_space(const char *p, const char *last);
static const char *seal_km_json_raw_value(const char *p, const char *last);
static int seal_km_json_raw_is(const char *p, const char *last,
    seal_km_str_t name);
static char *seal_km_json_raw_string(const char *p, const char *last,
    char *dst);
static char *seal_km_json_raw_escape(uint32_t c, char *dst);
static size_t seal_km_json_raw_utf8(uint32_t c, char *dst);


seal_km_str_t
seal_km_json_raw_member(seal_km_str_t text, seal_km_str_t name)
{
    const char     *p, *next, *last;
    seal_km_str_t   value;

    value.data = NULL;
    value.len = 0;

    last = text.data + text.len;
    p = seal_km_json_raw_space(text.data, last);

    if (p == last || *p != '{') {
        return value;
    }

    /* behind what opens the object, or parts its members */

    do {
        p = seal_km_json_raw_space(p + 1, last);

        if (p == last || *p != '"') {
            break;
        }

        next = seal_km_json_skip(p, last);

        if (seal_km_json_raw_is(p + 1, next - 1, name)) {
            p = seal_km_json_raw_space(next, last);
            p = seal_km_json_raw_space(p + 1, last);

            value.data = p;
            value.len = (size_t) (seal_km_json_raw_value(p, last) - p);

            return value;
        }

        p = seal_km_json_raw_space(next, last);
        p = seal_km_json_raw_space(p + 1, last);
        p = seal_km_json_raw_value(p, last);
        p = seal_km_json_raw_space(p, last);

    } while (p < last && *p == ',');

    return value;
}


static const char *
seal_km_json_raw_space(const char *p, const char *last)
{
    while (p < last
           && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    {
        p++;
    }

    return p;
}


/* what is behind the value at p */

static const char *
seal_km_json_raw_value(const char *p, const char *last)
{
    size_t  depth;

    depth = 0;

    while (p < last) {

        if (*p == '[' || *p == '{') {
            depth++;

        } else if (*p == ']' || *p == '}') {
            depth--;
        }

        p = seal_km_json_skip(p, last);

        if (depth == 0) {
            break;
        }
    }

    return p;
}


/* 1 if what is between the quotes is the name */

static int
seal_km_json_raw_is(const char *p, const char *last, seal_km_str_t name)
{
    char    c[4];
    size_t  i, n;

    for (i = 0; p < last; i += n) {

        if (*p == '\\') {
            n = seal_km_json_raw_utf8(seal_km_json_escape(&p), c);

        } else {
            c[0] = *p++;
            n = 1;
        }

        if (n > name.len - i || memcmp(c, name.data + i, n) != 0) {
            return 0;
        }
    }

    return i == name.len;
}


size_t
seal_km_json_raw_compact(seal_km_str_t text, char *dst)
{
    char        *d;
    size_t       n;
    const char  *p, *next, *last;

    p = text.data;
    last = p + text.len;
    d = dst;

    for (p = seal_km_json_raw_space(p, last);
         p < last;
         p = seal_km_json_raw_space(next, last))
    {
        next = seal_km_json_skip(p, last);
        n = (size_t) (next - p);

        if (*p == '"') {
            d = seal_km_json_raw_string(p + 1, next - 1, d);

        } else if (n == 2 && p[0] == '-' && p[1] == '0') {
            *d++ = '0';

        } else {
            memcpy(d, p, n);
            d += n;
        }
    }

    return (size_t) (d - dst);
}


static char *
seal_km_json_raw_string(const char *p, const char *last, char *dst)
{
    *dst++ = '"';

    while (p < last) {

        if (*p == '\\') {
            dst = seal_km_json_raw_escape(seal_km_json_escape(&p), dst);

        } else {
            *dst++ = *p++;
        }
    }

    *dst++ = '"';

    return dst;
}


/* what was an escape, and still is one where it has to be; never longer */

static char *
seal_km_json_raw_escape(uint32_t c, char *dst)
{
    char         hex[sizeof("\\u0000")];
    const char  *p;

    static const char  escaped[] = "\"\\\b\f\n\r\t";
    static const char  letters[] = "\"\\bfnrt";

    if (c >= 0x20 && c != '"' && c != '\\') {
        return dst + seal_km_json_raw_utf8(c, dst);
    }

    p = (c == 0) ? NULL : strchr(escaped, (int) c);

    if (p != NULL) {
        *dst++ = '\\';
        *dst++ = letters[p - escaped];
        return dst;
    }

    (void) snprintf(hex, sizeof(hex), "\\u%04X", (unsigned) c & 0xff);
    memcpy(dst, hex, sizeof(hex) - 1);

    return dst + sizeof(hex) - 1;
}


/* RFC 3629; returns the bytes, at most 4 */

static size_t
seal_km_json_raw_utf8(uint32_t c, char *dst)
{
    if (c < 0x80) {
        dst[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        dst[0] = (char) (0xc0 | c >> 6);
        dst[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        dst[0] = (char) (0xe0 | c >> 12);
        dst[1] = (char) (0x80 | (c >> 6 & 0x3f));
        dst[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    dst[0] = (char) (0xf0 | c >> 18);
    dst[1] = (char) (0x80 | (c >> 12 & 0x3f));
    dst[2] = (char) (0x80 | (c >> 6 & 0x3f));
    dst[3] = (char) (0x80 | (c & 0x3f));

    return 4;
}
