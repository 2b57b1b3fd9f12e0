/*
 * What is written beside the response of KM-UU: the answer of a key retrieval, its
 * ProblemDetails, and notices.  Each is JSON, and Jansson reads in it what it was
 * made of, and nothing else.  The first byte of the input tells which, and of what
 * form; the second how much of the rest are names.
 */


#include <jansson.h>

#include "fuzz.h"
#include "seal_km_base64.h"
#include "seal_km_key_info.h"
#include "seal_km_notice.h"
#include "seal_km_problem.h"


#define FUZZ_NAME_MAX  64


static void fuzz_key_info(unsigned form, seal_km_str_t name,
    seal_km_str_t record);
static void fuzz_target(json_t *json, const seal_km_key_info_t *info);
static void fuzz_record(json_t *json, const seal_km_key_info_t *info);
static void fuzz_notice(unsigned form, seal_km_str_t name);
static void fuzz_problem(unsigned form, seal_km_str_t query);
static seal_km_reason_e fuzz_reason(unsigned form);
static json_t *fuzz_load(char *text, const char *end, size_t size);
static size_t fuzz_string(json_t *json, const char *name, seal_km_str_t value);
static size_t fuzz_integer(json_t *json, const char *name, int64_t value);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t         *json;
    size_t          len;
    seal_km_str_t   name, rest;

    if (size < 2) {
        return 0;
    }

    len = data[1] % FUZZ_NAME_MAX;
    len = (len < size - 2) ? len : size - 2;
    name = fuzz_str(data + 2, len);
    rest = fuzz_str(data + 2 + len, size - 2 - len);

    /* names are UTF-8 */
    json = json_stringn(name.data, name.len);

    if (json == NULL) {
        return 0;
    }

    json_decref(json);

    switch (data[0] % 3) {

    case 0:
        fuzz_key_info(data[0] / 3, name, rest);
        break;

    case 1:
        fuzz_notice(data[0] / 3, name);
        break;

    default:
        fuzz_problem(data[0] / 3, rest);
        break;
    }

    return 0;
}


static void
fuzz_key_info(unsigned form, seal_km_str_t name, seal_km_str_t record)
{
    char                *text;
    json_t              *json;
    size_t               size, n;
    seal_km_key_info_t   info;

    memset(&info, 0, sizeof(info));
    info.service_id = name;
    info.form = form % 3;
    info.record = record;
    form /= 3;

    if (form & 1) {
        info.user_uri = name;
    }

    if (form & 2) {
        info.skms_id = name;
    }

    if (form & 4) {
        info.target_type = (form & 8) ? SEAL_KM_IDENTITY_USER
                                      : SEAL_KM_IDENTITY_DEVICE;
        info.target = name;
    }

    if (seal_km_response_check_payload(info.form, record, &info.simple)
        != SEAL_KM_OK)
    {
        return;
    }

    size = seal_km_key_info_size(&info);
    text = fuzz_alloc(size);
    json = fuzz_load(text, seal_km_key_info_write(&info, text), size);

    n = fuzz_string(json, "userUri", info.user_uri.data
                                     ? name : seal_km_str_of(""));
    n += fuzz_string(json, "skmsId", info.skms_id);
    n += fuzz_string(json, "valService", name);
    n += info.target_type != SEAL_KM_IDENTITY_SERVICE;
    fuzz_target(json, &info);
    fuzz_record(json, &info);
    fuzz_assert(json_object_size(json) == n + 1);

    json_decref(json);
    free(text);
}


static void
fuzz_target(json_t *json, const seal_km_key_info_t *info)
{
    json_t  *target;

    target = json_object_get(json, "valTgtUe");

    if (info->target_type == SEAL_KM_IDENTITY_SERVICE) {
        fuzz_assert(target == NULL);
        return;
    }

    fuzz_assert(json_object_size(target) == 1);
    fuzz_string(target, info->target_type == SEAL_KM_IDENTITY_USER
                        ? "valUserId" : "valUeId", info->target);
}


/* its text in any form, or its base64 */

static void
fuzz_record(json_t *json, const seal_km_key_info_t *info)
{
    char    *base64;
    size_t   size;

    if (info->form != SEAL_KM_PAYLOAD_BASE64) {
        fuzz_string(json, "keyInfo", info->record);
        return;
    }

    size = seal_km_base64_encoded_size(info->record.len);
    base64 = fuzz_alloc(size);
    seal_km_base64_encode(info->record, base64);
    fuzz_string(json, "keyInfo", fuzz_str(base64, size));
    free(base64);
}


static void
fuzz_notice(unsigned form, seal_km_str_t name)
{
    char              *text;
    json_t            *json;
    size_t             size, n;
    seal_km_notice_t   notice;

    memset(&notice, 0, sizeof(notice));
    notice.time = (int64_t) (form * 0x123456789abcdef);
    notice.count = INT64_MIN + (int64_t) form;
    notice.skms_uri = name;
    notice.reason = name;
    notice.error_code = (form & 1) ? name : seal_km_str_of(NULL);
    notice.service_id = (form & 2) ? name : seal_km_str_of(NULL);
    notice.identity_type = (form & 4) ? name : seal_km_str_of(NULL);
    notice.identity = (form & 8) ? name : seal_km_str_of(NULL);
    notice.client_id = (form & 16) ? name : seal_km_str_of(NULL);

    size = seal_km_notice_size(&notice);
    text = fuzz_alloc(size);
    json = fuzz_load(text, seal_km_notice_write(&notice, text), size);

    n = fuzz_integer(json, "time", notice.time);
    n += fuzz_integer(json, "count", notice.count);
    n += fuzz_string(json, "skmsUri", notice.skms_uri);
    n += fuzz_string(json, "reason", notice.reason);
    n += fuzz_string(json, "errorCode", notice.error_code);
    n += fuzz_string(json, "serviceId", notice.service_id);
    n += fuzz_string(json, "identityType", notice.identity_type);
    n += fuzz_string(json, "identity", notice.identity);
    n += fuzz_string(json, "clientId", notice.client_id);
    fuzz_assert(json_object_size(json) == n);

    json_decref(json);
    free(text);
}


/* of any reason, or of what is wrong with a query */

static void
fuzz_problem(unsigned form, seal_km_str_t query)
{
    char                         *text;
    json_t                       *json, *params, *param;
    size_t                        size, n;
    seal_km_arena_t               arena;
    seal_km_request_t             request;
    const seal_km_reason_t       *row;
    const seal_km_query_fault_t  *fault;

    seal_km_arena_init(&arena, NULL);
    (void) seal_km_query_decode(&request, &fault, &arena, query);
    seal_km_arena_free(&arena);

    row = seal_km_reason_retrieval(fault ? SEAL_KM_MALFORMED_REQUEST
                                         : fuzz_reason(form));
    size = seal_km_problem_size(row, fault);
    text = fuzz_alloc(size);
    json = fuzz_load(text, seal_km_problem_write(row, fault, text), size);

    fuzz_assert(json_is_string(json_object_get(json, "title")));
    n = 1 + fuzz_integer(json, "status", row->status);
    n += fuzz_string(json, "detail", seal_km_str_of(row->description));
    params = json_object_get(json, "invalidParams");

    if (fault != NULL) {
        n += fuzz_string(json, "cause", seal_km_str_of(fault->cause));
        fuzz_assert(json_array_size(params) == 1);
        param = json_array_get(params, 0);
        fuzz_assert(fuzz_string(param, "param", seal_km_str_of(fault->param))
                    + fuzz_string(param, "reason",
                                  seal_km_str_of(fault->reason))
                    == json_object_size(param));
        n++;

    } else {
        fuzz_assert(params == NULL);
        n += json_object_get(json, "cause") != NULL;
    }

    fuzz_assert(json_object_size(json) == n);

    json_decref(json);
    free(text);
}


/* a refusal of this interface, which has no media type and no body */

static seal_km_reason_e
fuzz_reason(unsigned form)
{
    seal_km_reason_e  reason;

    reason = form % SEAL_KM_REASON_MAX;

    return (reason == SEAL_KM_OK
            || reason == SEAL_KM_UNSUPPORTED_MEDIA_TYPE
            || reason == SEAL_KM_REQUEST_TOO_LARGE) ? SEAL_KM_INTERNAL_ERROR
                                                    : reason;
}


/* of just that size */

static json_t *
fuzz_load(char *text, const char *end, size_t size)
{
    json_t  *json;

    fuzz_assert((size_t) (end - text) == size);

    json = json_loadb(text, size, JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, NULL);
    fuzz_assert(json_is_object(json));

    return json;
}


/* how many members that is: 0 where there is nothing to tell */

static size_t
fuzz_string(json_t *json, const char *name, seal_km_str_t value)
{
    json_t  *member;

    member = json_object_get(json, name);

    if (value.data == NULL) {
        fuzz_assert(member == NULL);
        return 0;
    }

    fuzz_assert(json_is_string(member));
    fuzz_assert(json_string_length(member) == value.len);
    fuzz_assert(memcmp(json_string_value(member), value.data, value.len) == 0);

    return 1;
}


static size_t
fuzz_integer(json_t *json, const char *name, int64_t value)
{
    json_t  *member;

    member = json_object_get(json, name);
    fuzz_assert(json_is_integer(member));
    fuzz_assert(json_integer_value(member) == value);

    return 1;
}
