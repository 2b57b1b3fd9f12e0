/*
 * A request's body, and all that is made of it: checks, the name of the record,
 * and a response that echoes it and carries the body as its payload.
 */


#include "fuzz.h"
#include "seal_km_record_key.h"
#include "seal_km_request.h"
#include "seal_km_response.h"


static void fuzz_members(const seal_km_request_t *request,
    seal_km_reason_e rc);
static void fuzz_record_key(const seal_km_request_t *request);
static void fuzz_response(const seal_km_request_t *request,
    seal_km_str_t body);
static void fuzz_message(const seal_km_response_t *response);
static int fuzz_same(const json_t *json, const char *name,
    seal_km_str_t value);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t             *json;
    seal_km_str_t       body;
    seal_km_arena_t     arena;
    seal_km_reason_e    rc;
    seal_km_request_t   request;

    body = fuzz_str(data, size);

    seal_km_arena_init(&arena, NULL);

    rc = seal_km_request_decode(&request, &arena, body, NULL, 0);
    fuzz_assert(rc == SEAL_KM_OK || rc == SEAL_KM_MALFORMED_REQUEST);
    fuzz_assert((rc == SEAL_KM_OK) == (request.error == NULL));

    if (rc == SEAL_KM_OK) {
        fuzz_assert(seal_km_json_parse_clamped(&arena, body,
                                               SEAL_KM_REQUEST_VALUES_MAX,
                                               &json)
                    == SEAL_KM_JSON_OK);
    }

    fuzz_members(&request, rc);

    if (request.service_id.data != NULL) {
        fuzz_record_key(&request);
    }

    fuzz_response(&request, body);

    seal_km_arena_free(&arena);

    return 0;
}


static void
fuzz_members(const seal_km_request_t *request, seal_km_reason_e rc)
{
    size_t         i;
    seal_km_str_t  names[3];

    fuzz_assert((request->skms_uri.data == NULL)
                == (request->normal_uri.data == NULL));

    names[0] = request->version;
    names[1] = request->service_id;
    names[2] = request->identity;

    for (i = 0; i < 3; i++) {
        if (names[i].data != NULL) {
            fuzz_assert(names[i].len > 0 && names[i].len <= SEAL_KM_NAME_MAX);
            fuzz_assert(!seal_km_str_has_control(names[i]));
            fuzz_assert(seal_km_str_is_utf8(names[i]));
        }
    }

    fuzz_assert((request->identity_type == SEAL_KM_IDENTITY_SERVICE)
                == (request->identity.data == NULL));
    fuzz_assert(request->date_time >= 0);

    if (rc == SEAL_KM_OK) {
        fuzz_assert(request->version.data != NULL);
        fuzz_assert(request->skms_uri.data != NULL);
        fuzz_assert(request->service_id.data != NULL);
    }

    fuzz_assert(seal_km_request_check_version(request, names, 0)
                == SEAL_KM_UNSUPPORTED_VERSION);
    fuzz_assert(seal_km_request_check_date_time(request, request->date_time, 0)
                == SEAL_KM_OK);
    (void) seal_km_request_check_skms_uri(request, names, 3);
}


static void
fuzz_record_key(const seal_km_request_t *request)
{
    char    *key;
    size_t   i, n, colons;

    n = seal_km_record_key_size(request, fuzz_str("p:", 2));
    key = fuzz_alloc(n);
    fuzz_assert(seal_km_record_key_write(request, fuzz_str("p:", 2), key)
                == key + n);

    /* the ServiceID has no colon of its own */

    for (i = 0, colons = 0; i < n - request->identity.len; i++) {
        colons += (key[i] == ':');
    }

    fuzz_assert(colons == (request->identity.data == NULL ? 2 : 3));

    free(key);
}


static void
fuzz_response(const seal_km_request_t *request, seal_km_str_t body)
{
    int                 type;
    seal_km_response_t  response;

    memset(&response, 0, sizeof(seal_km_response_t));

    response.skms_uri = request->skms_uri;
    response.service_id = request->service_id;
    response.identity_type = request->identity_type;
    response.identity = request->identity;
    response.date_time = request->date_time;
    response.error_code = "04";

    fuzz_message(&response);

    response.error_code = NULL;
    response.payload = body;

    if (seal_km_str_is_utf8(body)) {
        response.user_uri = body;
    }

    for (type = 0; type <= SEAL_KM_PAYLOAD_BASE64; type++) {
        response.payload_type = (seal_km_payload_e) type;

        if (seal_km_response_check_payload(response.payload_type, body,
                                           &response.simple)
            == SEAL_KM_OK)
        {
            fuzz_message(&response);

        } else {
            fuzz_assert(type != SEAL_KM_PAYLOAD_BASE64);
        }
    }
}


static void
fuzz_message(const seal_km_response_t *response)
{
    char             *text;
    size_t            n;
    json_t           *json;
    const json_t     *payload;
    seal_km_arena_t   arena;

    n = seal_km_response_size(response);
    text = fuzz_alloc(n);
    fuzz_assert(seal_km_response_write(response, text) == text + n);

    seal_km_arena_init(&arena, NULL);
    (void) seal_km_json_parse(&arena, fuzz_str(text, n), SEAL_KM_JSON_ANY,
                              &json);

    /* a payload at jansson's limit of nesting is one level too deep in here */

    if (json == NULL) {
        fuzz_assert(response->payload_type == SEAL_KM_PAYLOAD_JSON
                    && response->payload.len > 2000);
        seal_km_arena_free(&arena);
        free(text);
        return;
    }

    fuzz_assert(fuzz_same(json, "UserUri", response->user_uri));
    fuzz_assert(fuzz_same(json, "SKmsUri", response->skms_uri));
    fuzz_assert(fuzz_same(json, "ServiceID", response->service_id));

    if (response->identity.data != NULL) {
        fuzz_assert(fuzz_same(json,
                        seal_km_identity_member(response->identity_type),
                        response->identity));
    }

    fuzz_assert(json_integer_value(json_object_get(json, "Date/Time"))
                == response->date_time);

    payload = json_object_get(json, "Payload");
    fuzz_assert((payload == NULL) == (response->payload.len == 0));

    if (payload != NULL && response->payload_type == SEAL_KM_PAYLOAD_STRING) {
        fuzz_assert(fuzz_same(json, "Payload", response->payload));
    }

    seal_km_arena_free(&arena);
    free(text);
}


static int
fuzz_same(const json_t *json, const char *name, seal_km_str_t value)
{
    seal_km_str_t  s;

    s = seal_km_json_string(json, name);

    return (s.data == NULL) == (value.data == NULL)
           && seal_km_str_equal(s, value);
}
