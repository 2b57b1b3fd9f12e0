#include <string.h>

#include "seal_km_json_check.h"
#include "seal_km_json_write.h"
#include "seal_km_response.h"


static seal_km_reason_e seal_km_response_check_json(seal_km_str_t record);
static size_t seal_km_response_payload_size(
    const seal_km_response_t *response);
static char *seal_km_response_payload(char *dst,
    const seal_km_response_t *response);


seal_km_reason_e
seal_km_response_check_payload(seal_km_payload_e type, seal_km_str_t record,
    int *simple)
{
    *simple = 0;

    if (record.len == 0) {
        return SEAL_KM_OK;
    }

    switch (type) {

    case SEAL_KM_PAYLOAD_STRING:
        *simple = seal_km_str_is_simple(record);

        return (*simple || seal_km_str_is_utf8(record))
               ? SEAL_KM_OK : SEAL_KM_PAYLOAD_INVALID;

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
    char    number[SEAL_KM_JSON_INT_SIZE];
    size_t  size;

    size = seal_km_json_member_size("UserUri", response->user_uri)
           + seal_km_json_member_size("SKmsUri", response->skms_uri)
           + seal_km_json_member_size("ServiceID", response->service_id)
           + seal_km_json_member_size("SKmsID", response->skms_id)
           + seal_km_json_member_size("ErrorCode",
                             seal_km_str_of(response->error_code))
           + seal_km_response_payload_size(response);

    if (response->identity_type != SEAL_KM_IDENTITY_SERVICE) {
        size += seal_km_json_member_size(
                           seal_km_identity_member(response->identity_type),
                           response->identity);
    }

    size += sizeof(",\"Date/Time\":") - 1
            + seal_km_json_write_int(response->date_time, number);

    /* the first member has a brace where the others have a comma */

    return size + 1;
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
        size = response->simple ? seal_km_json_simple_size(response->payload)
                                : seal_km_json_string_size(response->payload);
        break;

    case SEAL_KM_PAYLOAD_JSON:
        size = response->payload.len;
        break;

    default: /* SEAL_KM_PAYLOAD_BASE64 */
        size = seal_km_json_base64_size(response->payload);
        break;
    }

    return sizeof(",\"Payload\":") - 1 + size;
}


char *
seal_km_response_write(const seal_km_response_t *response, char *dst)
{
    char  *start;

    start = dst;

    dst = seal_km_json_write_member(dst, "UserUri", response->user_uri);
    dst = seal_km_json_write_member(dst, "SKmsUri", response->skms_uri);
    dst = seal_km_json_write_member(dst, "ServiceID", response->service_id);
    dst = seal_km_json_write_member(dst, "SKmsID", response->skms_id);

    if (response->identity_type != SEAL_KM_IDENTITY_SERVICE) {
        dst = seal_km_json_write_member(dst,
                           seal_km_identity_member(response->identity_type),
                           response->identity);
    }

    dst = seal_km_json_write_name(dst, "Date/Time");
    dst += seal_km_json_write_int(response->date_time, dst);

    dst = seal_km_json_write_member(dst, "ErrorCode",
                                  seal_km_str_of(response->error_code));
    dst = seal_km_response_payload(dst, response);

    *start = '{';
    *dst++ = '}';

    return dst;
}


static char *
seal_km_response_payload(char *dst, const seal_km_response_t *response)
{
    seal_km_str_t  payload;

    payload = response->payload;

    if (payload.len == 0) {
        return dst;
    }

    dst = seal_km_json_write_name(dst, "Payload");

    switch (response->payload_type) {

    case SEAL_KM_PAYLOAD_STRING:
        return response->simple ? seal_km_json_write_simple(dst, payload)
                                : seal_km_json_write_string(dst, payload);

    case SEAL_KM_PAYLOAD_JSON:
        memcpy(dst, payload.data, payload.len);
        return dst + payload.len;

    default: /* SEAL_KM_PAYLOAD_BASE64 */
        return seal_km_json_write_base64(dst, payload);
    }
}
