#include <string.h>

#include "seal_km_base64.h"
#include "seal_km_jws.h"
#include "seal_km_secret.h"


static seal_km_reason_e seal_km_jws_decode(seal_km_jws_t *jws);
static size_t seal_km_jws_marks(seal_km_str_t json);
static seal_km_reason_e seal_km_jws_check_header(const json_t *header);


int
seal_km_jws_split(seal_km_str_t text, seal_km_jws_parts_t *parts)
{
    const char  *p, *last, *dot1, *dot2;

    p = text.data;
    last = p + text.len;

    dot1 = memchr(p, '.', text.len);

    if (dot1 == NULL) {
        return -1;
    }

    dot2 = memchr(dot1 + 1, '.', (size_t) (last - (dot1 + 1)));

    if (dot2 == NULL
        || memchr(dot2 + 1, '.', (size_t) (last - (dot2 + 1))) != NULL)
    {
        return -1;
    }

    parts->header.data = p;
    parts->header.len = (size_t) (dot1 - p);
    parts->payload.data = dot1 + 1;
    parts->payload.len = (size_t) (dot2 - parts->payload.data);
    parts->signature.data = dot2 + 1;
    parts->signature.len = (size_t) (last - parts->signature.data);
    parts->input.data = p;
    parts->input.len = (size_t) (dot2 - p);

    return 0;
}


seal_km_reason_e
seal_km_jws_read(seal_km_jws_t *jws, seal_km_str_t text,
    seal_km_algorithms_t allowed)
{
    seal_km_reason_e  rc;

    memset(jws, 0, sizeof(seal_km_jws_t));

    if (seal_km_jws_split(text, &jws->parts) != 0) {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    rc = seal_km_jws_decode(jws);

    if (rc == SEAL_KM_OK) {
        rc = seal_km_jws_check_header(jws->header);
    }

    if (rc == SEAL_KM_OK) {
        jws->kid = seal_km_json_string(jws->header, "kid");
        jws->algorithms = allowed & seal_km_algorithms_named(
                                  seal_km_json_string(jws->header, "alg"));

        if (jws->algorithms == 0) {
            rc = SEAL_KM_TOKEN_ALGORITHM;
        }
    }

    if (rc != SEAL_KM_OK) {
        seal_km_jws_free(jws);
    }

    return rc;
}


static seal_km_reason_e
seal_km_jws_decode(seal_km_jws_t *jws)
{
    size_t                      size;
    unsigned char              *p;
    seal_km_str_t               header;
    const seal_km_jws_parts_t  *parts;

    parts = &jws->parts;

    size = seal_km_base64url_decoded_size(parts->header.len);

    if (!seal_km_base64url_is_valid(parts->payload)) {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    p = seal_km_secret_alloc(size + seal_km_base64url_decoded_size(
                                                     parts->signature.len));
    if (p == NULL) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    jws->buffer = p;
    header.data = (const char *) p;
    jws->signature.data = (const char *) p + size;

    if (seal_km_base64url_decode(parts->header, p, &header.len) != 0
        || seal_km_base64url_decode(parts->signature, p + size,
                                    &jws->signature.len)
           != 0
        || seal_km_jws_marks(header) > SEAL_KM_JWS_HEADER_MARKS)
    {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    jws->header = seal_km_json_decode(header);

    return (jws->header == NULL) ? SEAL_KM_TOKEN_MALFORMED : SEAL_KM_OK;
}


static size_t
seal_km_jws_marks(seal_km_str_t json)
{
    char         c;
    size_t       n;
    unsigned     string;
    const char  *p, *last;

    n = 0;
    string = 0;
    last = json.data + json.len;

    for (p = json.data; p < last; p++) {
        c = *p;

        if (c == '"') {
            string = !string;

        } else if (string) {
            p += (c == '\\');

        } else if (c == ',' || c == ':' || c == '[' || c == '{') {
            n++;
        }
    }

    return n;
}


/*
 * RFC 7515, clause 4.1.11: a token with an extension that is not understood is
 * refused, and "b64" (RFC 7797) would change what is signed, even where "crit"
 * does not name it.
 */

static seal_km_reason_e
seal_km_jws_check_header(const json_t *header)
{
    const json_t  *kid;

    if (!json_is_object(header)
        || !json_is_string(json_object_get(header, "alg"))
        || json_object_get(header, "crit") != NULL
        || json_object_get(header, "b64") != NULL)
    {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    kid = json_object_get(header, "kid");

    return (kid == NULL || json_is_string(kid)) ? SEAL_KM_OK
                                                : SEAL_KM_TOKEN_MALFORMED;
}


void
seal_km_jws_free(seal_km_jws_t *jws)
{
    seal_km_json_free(jws->header);
    seal_km_secret_free(jws->buffer);

    memset(jws, 0, sizeof(seal_km_jws_t));
}


json_t *
seal_km_jws_decode_payload(const seal_km_jws_parts_t *parts)
{
    json_t         *json;
    seal_km_str_t   text;
    unsigned char  *buffer;

    buffer = seal_km_secret_alloc(
                      seal_km_base64url_decoded_size(parts->payload.len));
    if (buffer == NULL) {
        return NULL;
    }

    json = NULL;
    text.data = (const char *) buffer;

    if (seal_km_base64url_decode(parts->payload, buffer, &text.len) == 0) {
        json = seal_km_json_decode(text);
    }

    seal_km_secret_free(buffer);

    return json;
}
