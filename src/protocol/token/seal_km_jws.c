#include <string.h>

#include "seal_km_base64.h"
#include "seal_km_jws.h"


static seal_km_reason_e seal_km_jws_decode(seal_km_jws_t *jws);
static seal_km_reason_e seal_km_jws_decode_part(seal_km_str_t text,
    seal_km_arena_t *arena, seal_km_str_t *part);
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
    seal_km_str_t     header;
    seal_km_reason_e  rc;

    if (!seal_km_base64url_is_valid(jws->parts.payload)) {
        return SEAL_KM_TOKEN_MALFORMED;
    }

    rc = seal_km_jws_decode_part(jws->parts.header, &jws->arena, &header);

    if (rc == SEAL_KM_OK) {
        rc = seal_km_jws_decode_part(jws->parts.signature, &jws->arena,
                                     &jws->signature);
    }

    if (rc != SEAL_KM_OK) {
        return rc;
    }

    switch (seal_km_json_parse(&jws->arena, header, SEAL_KM_JWS_HEADER_VALUES,
                               &jws->header))
    {

    case SEAL_KM_JSON_OK:
        return SEAL_KM_OK;

    case SEAL_KM_JSON_INVALID:
        return SEAL_KM_TOKEN_MALFORMED;

    default: /* SEAL_KM_JSON_NO_MEMORY */
        return SEAL_KM_INTERNAL_ERROR;
    }
}


static seal_km_reason_e
seal_km_jws_decode_part(seal_km_str_t text, seal_km_arena_t *arena,
    seal_km_str_t *part)
{
    unsigned char  *p;

    p = seal_km_arena_alloc(arena, seal_km_base64url_decoded_size(text.len));

    if (p == NULL) {
        return SEAL_KM_INTERNAL_ERROR;
    }

    part->data = (const char *) p;

    return (seal_km_base64url_decode(text, p, &part->len) == 0)
           ? SEAL_KM_OK : SEAL_KM_TOKEN_MALFORMED;
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
    seal_km_arena_free(&jws->arena);

    memset(jws, 0, sizeof(seal_km_jws_t));
}


seal_km_json_e
seal_km_jws_decode_payload(const seal_km_jws_parts_t *parts,
    seal_km_arena_t *arena, seal_km_str_t *text, json_t **json)
{
    *json = NULL;

    switch (seal_km_jws_decode_part(parts->payload, arena, text)) {

    case SEAL_KM_OK:
        return seal_km_json_parse(arena, *text, SEAL_KM_JSON_ANY, json);

    case SEAL_KM_INTERNAL_ERROR:
        return SEAL_KM_JSON_NO_MEMORY;

    default: /* SEAL_KM_TOKEN_MALFORMED */
        return SEAL_KM_JSON_INVALID;
    }
}
