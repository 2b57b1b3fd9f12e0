#include <string.h>

#include "seal_km_base64.h"
#include "seal_km_json_check.h"
#include "seal_km_response.h"


/* digits and sign of any int64_t */
#define SEAL_KM_RESPONSE_INT_SIZE  20


static seal_km_reason_e seal_km_response_check_json(seal_km_str_t record);
static size_t seal_km_response_member_size(const char *name,
    seal_km_str_t value);
static size_t seal_km_response_payload_size(
    const seal_km_response_t *response);
static size_t seal_km_response_string_size(seal_km_str_t s);
static size_t seal_km_response_int(int64_t n, char *dst);
static char *seal_km_response_member(char *dst, const char *name,
    seal_km_str_t value);
static char *seal_km_response_payload(char *dst,
    const seal_km_response_t *response);
static char *seal_km_response_name(char *dst, const char *name);
static char *seal_km_response_string(char *dst, seal_km_str_t s);
static char *seal_km_response_copy(char *dst, seal_km_str_t s);
static char seal_km_response_escape(char c);
static seal_km_str_t seal_km_response_text(const char *text);


seal_km_reason_e
seal_km_response_check_payload(seal_km_payload_e type, seal_km_str_t record)
{
    if (record.len == 0) {
        return SEAL_KM_OK;
    }

    switch (type) {

    case SEAL_KM_PAYLOAD_STRING:
        return seal_km_str_is_utf8(record) ? SEAL_KM_OK
                                           : SEAL_KM_PAYLOAD_INVALID;

    case SEAL_KM_PAYLOAD_JSON:
        return seal_km_response_check_json(record);

    default: /* SEAL_KM_PAYLOAD_BASE64 */
        return SEAL_KM_OK;
    }
}


static seal_km_reason_e
seal_km_response_check_json(seal_km_str_t record)
{
    switch (seal_km_json_check(record)) {

    case SEAL_KM_JSON_OK:
        return SEAL_KM_OK;

    case SEAL_KM_JSON_INVALID:
        return SEAL_KM_PAYLOAD_INVALID;

    default: /* SEAL_KM_JSON_NO_MEMORY: nobody knows what the record is */
        return SEAL_KM_INTERNAL_ERROR;
    }
}


size_t
seal_km_response_size(const seal_km_response_t *response)
{
    char    number[SEAL_KM_RESPONSE_INT_SIZE];
    size_t  size;

    size = seal_km_response_member_size("UserUri", response->user_uri)
           + seal_km_response_member_size("SKmsUri", response->skms_uri)
           + seal_km_response_member_size("ServiceID", response->service_id)
           + seal_km_response_member_size("SKmsID", response->skms_id)
           + seal_km_response_member_size("ErrorCode",
                             seal_km_response_text(response->error_code))
           + seal_km_response_payload_size(response);

    if (response->identity_type != SEAL_KM_IDENTITY_SERVICE) {
        size += seal_km_response_member_size(
                           seal_km_identity_member(response->identity_type),
                           response->identity);
    }

    size += sizeof(",\"Date/Time\":") - 1
            + seal_km_response_int(response->date_time, number);

    /* the first member has a brace where the others have a comma */

    return size + 1;
}


/* each member is counted with the comma before it */

static size_t
seal_km_response_member_size(const char *name, seal_km_str_t value)
{
    if (value.data == NULL) {
        return 0;
    }

    return strlen(name) + sizeof(",\"\":") - 1
           + seal_km_response_string_size(value);
}


static size_t
seal_km_response_payload_size(const seal_km_response_t *response)
{
    size_t  size;

    if (response->payload.len == 0) {
        return 0;
    }

    switch (response->payload_type) {

    case SEAL_KM_PAYLOAD_STRING:
        size = seal_km_response_string_size(response->payload);
        break;

    case SEAL_KM_PAYLOAD_JSON:
        size = response->payload.len;
        break;

    default: /* SEAL_KM_PAYLOAD_BASE64 */
        size = seal_km_base64_encoded_size(response->payload.len) + 2;
        break;
    }

    return sizeof(",\"Payload\":") - 1 + size;
}


static size_t
seal_km_response_string_size(seal_km_str_t s)
{
    size_t  size, n;

    size = s.len + 2;

    for ( ;; ) {
        n = seal_km_str_plain(s);

        if (n == s.len) {
            return size;
        }

        size += seal_km_response_escape(s.data[n]) ? 1
                                                   : sizeof("\\u00XX") - 2;
        s.data += n + 1;
        s.len -= n + 1;
    }
}


static size_t
seal_km_response_int(int64_t n, char *dst)
{
    char      text[SEAL_KM_RESPONSE_INT_SIZE], *p, *last;
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


char *
seal_km_response_write(const seal_km_response_t *response, char *dst)
{
    char  *start;

    start = dst;

    dst = seal_km_response_member(dst, "UserUri", response->user_uri);
    dst = seal_km_response_member(dst, "SKmsUri", response->skms_uri);
    dst = seal_km_response_member(dst, "ServiceID", response->service_id);
    dst = seal_km_response_member(dst, "SKmsID", response->skms_id);

    if (response->identity_type != SEAL_KM_IDENTITY_SERVICE) {
        dst = seal_km_response_member(dst,
                           seal_km_identity_member(response->identity_type),
                           response->identity);
    }

    dst = seal_km_response_name(dst, "Date/Time");
    dst += seal_km_response_int(response->date_time, dst);

    dst = seal_km_response_member(dst, "ErrorCode",
                                  seal_km_response_text(response->error_code));
    dst = seal_km_response_payload(dst, response);

    *start = '{';
    *dst++ = '}';

    return dst;
}


static char *
seal_km_response_member(char *dst, const char *name, seal_km_str_t value)
{
    if (value.data == NULL) {
        return dst;
    }

    dst = seal_km_response_name(dst, name);

    return seal_km_response_string(dst, value);
}


static char *
seal_km_response_payload(char *dst, const seal_km_response_t *response)
{
    seal_km_str_t  payload;

    payload = response->payload;

    if (payload.len == 0) {
        return dst;
    }

    dst = seal_km_response_name(dst, "Payload");

    switch (response->payload_type) {

    case SEAL_KM_PAYLOAD_STRING:
        return seal_km_response_string(dst, payload);

    case SEAL_KM_PAYLOAD_JSON:
        return seal_km_response_copy(dst, payload);

    default: /* SEAL_KM_PAYLOAD_BASE64 */
        *dst++ = '"';
        seal_km_base64_encode(payload, dst);
        dst += seal_km_base64_encoded_size(payload.len);
        *dst++ = '"';
        return dst;
    }
}


static char *
seal_km_response_name(char *dst, const char *name)
{
    *dst++ = ',';
    *dst++ = '"';
    dst = seal_km_response_copy(dst, seal_km_response_text(name));
    *dst++ = '"';
    *dst++ = ':';

    return dst;
}


/* escapes what RFC 8259, clause 7, demands, and nothing else */

static char *
seal_km_response_string(char *dst, seal_km_str_t s)
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

        escape = seal_km_response_escape((char) c);

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


static char *
seal_km_response_copy(char *dst, seal_km_str_t s)
{
    memcpy(dst, s.data, s.len);

    return dst + s.len;
}


/* what stands for c with a backslash before it; 0: there is no such one */

static char
seal_km_response_escape(char c)
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


static seal_km_str_t
seal_km_response_text(const char *text)
{
    seal_km_str_t  s;

    s.data = text;
    s.len = (text == NULL) ? 0 : strlen(text);

    return s;
}
