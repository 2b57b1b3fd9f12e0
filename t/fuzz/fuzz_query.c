/*
 * The query of a key retrieval: what it gives is within its limits, is the same
 * when each of its bytes is escaped, and is not changed by other parameters.
 */


#include "fuzz.h"
#include "seal_km_query.h"


static void fuzz_check(const seal_km_request_t *request,
    const seal_km_query_fault_t *fault, seal_km_reason_e reason);
static void fuzz_again(const seal_km_request_t *request);
static void fuzz_around(seal_km_str_t query, const seal_km_request_t *request,
    seal_km_reason_e reason);
static void fuzz_same(seal_km_str_t query, const seal_km_request_t *request,
    seal_km_reason_e reason);
static char *fuzz_escape(char *p, const char *name, seal_km_str_t value);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                         *text;
    seal_km_arena_t               arena;
    seal_km_reason_e              reason;
    seal_km_request_t             request;
    const seal_km_query_fault_t  *fault;

    text = fuzz_alloc(size);
    memcpy(text, data, size);

    seal_km_arena_init(&arena, NULL);

    reason = seal_km_query_decode(&request, &fault, &arena,
                                  fuzz_str(text, size));

    fuzz_check(&request, fault, reason);

    if (reason == SEAL_KM_OK) {
        fuzz_again(&request);
    }

    fuzz_around(fuzz_str(text, size), &request, reason);

    seal_km_arena_free(&arena);
    free(text);

    return 0;
}


static void
fuzz_check(const seal_km_request_t *request,
    const seal_km_query_fault_t *fault, seal_km_reason_e reason)
{
    size_t         i;
    seal_km_str_t  value[2];

    fuzz_assert(reason == SEAL_KM_OK || reason == SEAL_KM_MALFORMED_REQUEST);
    fuzz_assert((fault == NULL) == (reason == SEAL_KM_OK));
    fuzz_assert(request->error == (fault ? fault->reason : NULL));

    fuzz_assert(reason != SEAL_KM_OK || request->service_id.data != NULL);
    fuzz_assert((request->identity.data != NULL)
                == (request->identity_type != SEAL_KM_IDENTITY_SERVICE));
    fuzz_assert(request->identity_type != SEAL_KM_IDENTITY_CLIENT);

    value[0] = request->service_id;
    value[1] = request->identity;

    for (i = 0; i < 2; i++) {
        if (value[i].data != NULL) {
            fuzz_assert(value[i].len > 0 && value[i].len <= SEAL_KM_NAME_MAX);
            fuzz_assert(seal_km_str_is_utf8(value[i]));
            fuzz_assert(!seal_km_str_has_control(value[i]));
        }
    }
}


static void
fuzz_again(const seal_km_request_t *request)
{
    char  text[6 * SEAL_KM_NAME_MAX + 64], *p;

    p = text;

    if (request->identity.data != NULL) {
        p = fuzz_escape(p, seal_km_query_target_name(request->identity_type),
                        request->identity);
        *p++ = '&';
    }

    p = fuzz_escape(p, "val-service-id", request->service_id);

    fuzz_same(fuzz_str(text, (size_t) (p - text)), request, SEAL_KM_OK);
}


static char *
fuzz_escape(char *p, const char *name, seal_km_str_t value)
{
    size_t  i;

    p += sprintf(p, "%s=", name);

    for (i = 0; i < value.len; i++) {
        p += sprintf(p, "%%%02X", (unsigned char) value.data[i]);
    }

    return p;
}


static void
fuzz_around(seal_km_str_t query, const seal_km_request_t *request,
    seal_km_reason_e reason)
{
    char    *text;
    size_t   size;

    static const char  before[] = "valUser=%&;&";
    static const char  after[] = "&val-tgt-uex={&%00";

    size = sizeof(before) - 1 + query.len + sizeof(after) - 1;

    text = fuzz_alloc(size);

    memcpy(text, before, sizeof(before) - 1);
    memcpy(text + sizeof(before) - 1, query.data, query.len);
    memcpy(text + size - (sizeof(after) - 1), after, sizeof(after) - 1);

    fuzz_same(fuzz_str(text, size), request, reason);

    free(text);
}


static void
fuzz_same(seal_km_str_t query, const seal_km_request_t *request,
    seal_km_reason_e reason)
{
    seal_km_arena_t               arena;
    seal_km_request_t             other;
    const seal_km_query_fault_t  *fault;

    seal_km_arena_init(&arena, NULL);

    fuzz_assert(seal_km_query_decode(&other, &fault, &arena, query) == reason);
    fuzz_assert(seal_km_str_equal(other.service_id, request->service_id));
    fuzz_assert(seal_km_str_equal(other.identity, request->identity));
    fuzz_assert(other.identity_type == request->identity_type);
    fuzz_assert(other.error == request->error);

    seal_km_arena_free(&arena);
}
