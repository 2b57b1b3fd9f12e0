#include <string.h>

#include "seal_km_base64.h"
#include "seal_km_json_write.h"


static char *seal_km_json_copy(char *dst, const char *data, size_t len);
static char seal_km_json_escape(char c);


size_t
seal_km_json_member_size(const char *name, seal_km_str_t value)
{
    if (value.data == NULL) {
        return 0;
    }

    return seal_km_json_name_size(name) + seal_km_json_string_size(value);
}


char *
seal_km_json_write_member(char *dst, const char *name, seal_km_str_t value)
{
    if (value.data == NULL) {
        return dst;
    }

    dst = seal_km_json_write_name(dst, name);

    return seal_km_json_write_string(dst, value);
}


size_t
seal_km_json_name_size(const char *name)
{
    return strlen(name) + sizeof(",\"\":") - 1;
}


char *
seal_km_json_write_name(char *dst, const char *name)
{
    *dst++ = ',';
    *dst++ = '"';
    dst = seal_km_json_copy(dst, name, strlen(name));
    *dst++ = '"';
    *dst++ = ':';

    return dst;
}


size_t
seal_km_json_string_size(seal_km_str_t s)
{
    size_t  size, n;

    size = s.len + 2;

    for ( ;; ) {
        n = seal_km_str_plain(s);

        if (n == s.len) {
            return size;
        }

        size += seal_km_json_escape(s.data[n]) ? 1 : sizeof("\\u00XX") - 2;
        s.data += n + 1;
        s.len -= n + 1;
    }
}


char *
seal_km_json_write_string(char *dst, seal_km_str_t s)
{
    char            escape;
    size_t          n;
    unsigned char   c;

    static const char  hex[] = "0123456789abcdef";

    *dst++ = '"';

    for ( ;; ) {
        n = seal_km_str_plain(s);
        memcpy(dst, s.data, n);
        dst += n;

        if (n == s.len) {
            break;
        }

        c = (unsigned char) s.data[n];
        s.data += n + 1;
        s.len -= n + 1;

        *dst++ = '\\';

        escape = seal_km_json_escape((char) c);

        if (escape) {
            *dst++ = escape;
            continue;
        }

        *dst++ = 'u';
        *dst++ = '0';
        *dst++ = '0';
        *dst++ = hex[c >> 4];
        *dst++ = hex[c & 0x0f];
    }

    *dst++ = '"';

    return dst;
}


size_t
seal_km_json_simple_size(seal_km_str_t s)
{
    return s.len + 2;
}


char *
seal_km_json_write_simple(char *dst, seal_km_str_t s)
{
    *dst++ = '"';
    dst = seal_km_json_copy(dst, s.data, s.len);
    *dst++ = '"';

    return dst;
}


size_t
seal_km_json_base64_size(seal_km_str_t bytes)
{
    return seal_km_base64_encoded_size(bytes.len) + 2;
}


char *
seal_km_json_write_base64(char *dst, seal_km_str_t bytes)
{
    *dst++ = '"';
    seal_km_base64_encode(bytes, dst);
    dst += seal_km_base64_encoded_size(bytes.len);
    *dst++ = '"';

    return dst;
}


size_t
seal_km_json_write_int(int64_t n, char *dst)
{
    char      text[SEAL_KM_JSON_INT_SIZE], *p, *last;
    uint64_t  rest;

    last = text + sizeof(text);
    p = last;

    /* as an unsigned number the least of all has its opposite, too */
    rest = (n < 0) ? 0 - (uint64_t) n : (uint64_t) n;

    do {
        *--p = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);

    if (n < 0) {
        *--p = '-';
    }

    memcpy(dst, p, (size_t) (last - p));

    return (size_t) (last - p);
}


static char *
seal_km_json_copy(char *dst, const char *data, size_t len)
{
    memcpy(dst, data, len);

    return dst + len;
}


/* what stands for c with a backslash before it; 0: there is no such one */

static char
seal_km_json_escape(char c)
{
    switch (c) {

    case '"':
    case '\\':
        return c;

    case '\b':
        return 'b';

    case '\f':
        return 'f';

    case '\n':
        return 'n';

    case '\r':
        return 'r';

    case '\t':
        return 't';

    default:
        return 0;
    }
}
