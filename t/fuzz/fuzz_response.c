/*
 * What is written is JSON, and Jansson reads in it what it was made of: any
 * payload in each of its forms.  The first byte of the input tells which, and how
 * much of the rest are names.
 */


#include <jansson.h>

#include "fuzz.h"
#include "seal_km_base64.h"
#include "seal_km_response.h"


#define FUZZ_NAME_MAX  64


static int fuzz_is_read_alone(const seal_km_response_t *response);
static json_t *fuzz_read(const seal_km_response_t *response);
static void fuzz_is(json_t *json, const char *name, seal_km_str_t value);
static void fuzz_identity(json_t *json, const seal_km_response_t *response);
static void fuzz_payload(json_t *json, const seal_km_response_t *response);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t              *json, *name;
    size_t               len;
    seal_km_str_t        text;
    seal_km_response_t   response;

    if (size < 2) {
        return 0;
    }

    len = data[1] % FUZZ_NAME_MAX;
    len = (len < size - 2) ? len : size - 2;
    text = fuzz_str(data + 2, len);

    /* names come decoded out of a request, whose strings are UTF-8 */
    name = json_stringn(text.data, text.len);

    if (name == NULL) {
        return 0;
    }

    memset(&response, 0, sizeof(seal_km_response_t));
    response.user_uri = text;
    response.skms_uri = text;
    response.service_id = text;
    response.identity_type = data[0] % 4;
    response.identity = text;
    response.date_time = (int64_t) size * 0x123456789;
    response.payload_type = data[0] / 4 % 3;
    response.payload = fuzz_str(data + 2 + len, size - 2 - len);

    if (seal_km_response_check_payload(response.payload_type, response.payload,
                                       &response.simple)
        == SEAL_KM_OK
        && fuzz_is_read_alone(&response))
    {
        json = fuzz_read(&response);

        fuzz_is(json, "UserUri", text);
        fuzz_is(json, "SKmsUri", text);
        fuzz_is(json, "ServiceID", text);
        fuzz_assert(json_integer_value(json_object_get(json, "Date/Time"))
                    == response.date_time);
        fuzz_identity(json, &response);
        fuzz_payload(json, &response);

        json_decref(json);
    }

    json_decref(name);

    return 0;
}


/* Jansson has bounds for numbers, which JSON has not */

static int
fuzz_is_read_alone(const seal_km_response_t *response)
{
    json_t  *json;

    if (response->payload_type != SEAL_KM_PAYLOAD_JSON
        || response->payload.len == 0)
    {
        return 1;
    }

    json = json_loadb(response->payload.data, response->payload.len,
                      JSON_DECODE_ANY|JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL,
                      NULL);
    json_decref(json);

    return json != NULL;
}


static json_t *
fuzz_read(const seal_km_response_t *response)
{
    char          *text, *end;
    size_t         size;
    json_t        *json;
    json_error_t   error;

    size = seal_km_response_size(response);
    text = fuzz_alloc(size);
    end = seal_km_response_write(response, text);
    fuzz_assert((size_t) (end - text) == size);

    json = json_loadb(text, (size_t) (end - text),
                      JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, &error);
    fuzz_assert(json_is_object(json));
    free(text);

    return json;
}


static void
fuzz_is(json_t *json, const char *name, seal_km_str_t value)
{
    json_t  *member;

    member = json_object_get(json, name);
    fuzz_assert(json_is_string(member));
    fuzz_assert(json_string_length(member) == value.len);
    fuzz_assert(value.len == 0
                || memcmp(json_string_value(member), value.data, value.len)
                   == 0);
}


/* one member of the three, or none */

static void
fuzz_identity(json_t *json, const seal_km_response_t *response)
{
    int       type;
    unsigned  n;

    n = 0;

    for (type = SEAL_KM_IDENTITY_CLIENT; type < SEAL_KM_IDENTITY_MAX; type++) {
        n += json_object_get(json, seal_km_identity_member(type)) != NULL;
    }

    fuzz_assert(n == (response->identity_type != SEAL_KM_IDENTITY_SERVICE));

    if (n) {
        fuzz_is(json, seal_km_identity_member(response->identity_type),
                response->identity);
    }
}


static void
fuzz_payload(json_t *json, const seal_km_response_t *response)
{
    char           *text;
    json_t         *payload, *same;
    seal_km_str_t   record;

    payload = json_object_get(json, "Payload");
    record = response->payload;

    if (record.len == 0) {
        fuzz_assert(payload == NULL);
        return;
    }

    switch (response->payload_type) {

    case SEAL_KM_PAYLOAD_STRING:
        fuzz_is(json, "Payload", record);
        break;

    case SEAL_KM_PAYLOAD_JSON:
        same = json_loadb(record.data, record.len,
                          JSON_DECODE_ANY|JSON_REJECT_DUPLICATES
                          |JSON_ALLOW_NUL, NULL);
        fuzz_assert(json_equal(same, payload));
        json_decref(same);
        break;

    default:
        text = fuzz_alloc(seal_km_base64_encoded_size(record.len));
        seal_km_base64_encode(record, text);
        fuzz_is(json, "Payload",
                fuzz_str(text, seal_km_base64_encoded_size(record.len)));
        free(text);
        break;
    }
}
