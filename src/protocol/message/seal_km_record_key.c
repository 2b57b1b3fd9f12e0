#include <string.h>

#include "seal_km_record_key.h"


static char *seal_km_record_key_copy(char *dst, const char *data, size_t len);


size_t
seal_km_record_key_size(const seal_km_request_t *request, seal_km_str_t prefix)
{
    size_t  i, size;

    size = prefix.len + request->service_id.len + 1
           + strlen(seal_km_identity_name(request->identity_type));

    for (i = 0; i < request->service_id.len; i++) {
        if (request->service_id.data[i] == '%'
            || request->service_id.data[i] == ':')
        {
            size += 2;
        }
    }

    if (request->identity_type != SEAL_KM_IDENTITY_SERVICE) {
        size += 1 + request->identity.len;
    }

    return size;
}


char *
seal_km_record_key_write(const seal_km_request_t *request,
    seal_km_str_t prefix, char *dst)
{
    char         c;
    size_t       i;
    const char  *kind;

    dst = seal_km_record_key_copy(dst, prefix.data, prefix.len);

    for (i = 0; i < request->service_id.len; i++) {
        c = request->service_id.data[i];

        if (c == '%') {
            dst = seal_km_record_key_copy(dst, "%25", 3);

        } else if (c == ':') {
            dst = seal_km_record_key_copy(dst, "%3A", 3);

        } else {
            *dst++ = c;
        }
    }

    kind = seal_km_identity_name(request->identity_type);

    *dst++ = ':';
    dst = seal_km_record_key_copy(dst, kind, strlen(kind));

    if (request->identity_type != SEAL_KM_IDENTITY_SERVICE) {
        *dst++ = ':';
        dst = seal_km_record_key_copy(dst, request->identity.data,
                                      request->identity.len);
    }

    return dst;
}


static char *
seal_km_record_key_copy(char *dst, const char *data, size_t len)
{
    /* memcpy() must not be given NULL, which an absent string has */

    if (len > 0) {
        memcpy(dst, data, len);
    }

    return dst + len;
}
