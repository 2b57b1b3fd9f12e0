#include <string.h>

#include "seal_km_request.h"
#include "seal_km_uri.h"


#define SEAL_KM_REQUEST_NO_MEMORY  "memory is out"


typedef enum {
    SEAL_KM_REQUEST_VERSION = 0,
    SEAL_KM_REQUEST_SKMS_URI,
    SEAL_KM_REQUEST_SERVICE_ID,
    SEAL_KM_REQUEST_CLIENT_ID,
    SEAL_KM_REQUEST_DEVICE_ID,
    SEAL_KM_REQUEST_USER_ID,
    SEAL_KM_REQUEST_DATE_TIME,
    SEAL_KM_REQUEST_MEMBERS
} seal_km_request_member_e;


/* a member of the request, and what to say of it where it is wrong */

typedef struct {
    const char                *name;
    const char                *missing;
    const char                *invalid;
} seal_km_request_member_t;


typedef struct {
    const char                *name;     /* in variables and record keys */
    seal_km_request_member_e   member;
} seal_km_request_identity_t;


#define seal_km_request_string(name)                                          \
    { name, name " is missing",                                               \
      name " is not a string of 1 to 255 bytes without control characters" }


/* the last, without a name, is none */

static const seal_km_request_member_t
    seal_km_request_members[SEAL_KM_REQUEST_MEMBERS + 1] =
{
    [SEAL_KM_REQUEST_VERSION] = seal_km_request_string("Version"),
    [SEAL_KM_REQUEST_SKMS_URI] =
        { "SKmsUri", "SKmsUri is missing",
          "SKmsUri is not a string with an absolute URI of at most 2048 bytes" },
    [SEAL_KM_REQUEST_SERVICE_ID] = seal_km_request_string("ServiceID"),
    [SEAL_KM_REQUEST_CLIENT_ID] = seal_km_request_string("ClientID"),
    [SEAL_KM_REQUEST_DEVICE_ID] = seal_km_request_string("DeviceID"),
    [SEAL_KM_REQUEST_USER_ID] = seal_km_request_string("UserID"),
    [SEAL_KM_REQUEST_DATE_TIME] =
        { "Date/Time", "Date/Time is missing",
          "Date/Time is not an integer that is 0 or more" }
};

static const seal_km_request_identity_t
    seal_km_request_identities[SEAL_KM_IDENTITY_MAX] =
{
    [SEAL_KM_IDENTITY_SERVICE] = { "service", SEAL_KM_REQUEST_MEMBERS },
    [SEAL_KM_IDENTITY_CLIENT] = { "client", SEAL_KM_REQUEST_CLIENT_ID },
    [SEAL_KM_IDENTITY_DEVICE] = { "device", SEAL_KM_REQUEST_DEVICE_ID },
    [SEAL_KM_IDENTITY_USER] = { "user", SEAL_KM_REQUEST_USER_ID }
};


static void seal_km_request_find(json_t *json, const json_t **found);
static void seal_km_request_get_name(seal_km_request_t *request,
    const json_t **found, seal_km_request_member_e which, seal_km_str_t *name);
static int seal_km_request_get_skms_uri(seal_km_request_t *request,
    const json_t **found, seal_km_arena_t *arena, const seal_km_str_t *uris,
    size_t n);
static void seal_km_request_get_identity(seal_km_request_t *request,
    const json_t **found);
static void seal_km_request_get_date_time(seal_km_request_t *request,
    const json_t **found);
static const json_t *seal_km_request_get(seal_km_request_t *request,
    const json_t **found, seal_km_request_member_e which);
static int seal_km_request_is_one_of(seal_km_str_t uri,
    const seal_km_str_t *uris, size_t n);
static void seal_km_request_fault(seal_km_request_t *request,
    const char *error);


seal_km_reason_e
seal_km_request_decode(seal_km_request_t *request, seal_km_arena_t *arena,
    seal_km_str_t body, const seal_km_str_t *uris, size_t n)
{
    json_t          *json;
    const json_t    *found[SEAL_KM_REQUEST_MEMBERS];
    seal_km_json_e   rc;

    memset(request, 0, sizeof(seal_km_request_t));

    rc = seal_km_json_parse_clamped(arena, body, SEAL_KM_REQUEST_VALUES_MAX,
                                    &json);

    if (rc == SEAL_KM_JSON_NO_MEMORY) {
        seal_km_request_fault(request, SEAL_KM_REQUEST_NO_MEMORY);
        return SEAL_KM_INTERNAL_ERROR;
    }

    if (rc != SEAL_KM_JSON_OK) {
        seal_km_request_fault(request, "the body is no JSON, names something"
                                       " twice, or has too many values");
        return SEAL_KM_MALFORMED_REQUEST;
    }

    if (!json_is_object(json)) {
        seal_km_request_fault(request, "the body is not a JSON object");
        return SEAL_KM_MALFORMED_REQUEST;
    }

    seal_km_request_find(json, found);

    /* all of them: what is valid is echoed even if something else is not */

    seal_km_request_get_name(request, found, SEAL_KM_REQUEST_VERSION,
                             &request->version);

    if (seal_km_request_get_skms_uri(request, found, arena, uris, n) != 0) {
        request->error = SEAL_KM_REQUEST_NO_MEMORY;
        return SEAL_KM_INTERNAL_ERROR;
    }

    seal_km_request_get_name(request, found, SEAL_KM_REQUEST_SERVICE_ID,
                             &request->service_id);
    seal_km_request_get_identity(request, found);
    seal_km_request_get_date_time(request, found);

    return (request->error == NULL) ? SEAL_KM_OK : SEAL_KM_MALFORMED_REQUEST;
}


/* in one pass: most requests have no more than what is looked for */

static void
seal_km_request_find(json_t *json, const json_t **found)
{
    void        *iter;
    unsigned     i;
    const char  *name, *member;

    memset(found, 0, SEAL_KM_REQUEST_MEMBERS * sizeof(json_t *));

    for (iter = json_object_iter(json);
         iter != NULL;
         iter = json_object_iter_next(json, iter))
    {
        name = json_object_iter_key(iter);

        for (i = 0; i < SEAL_KM_REQUEST_MEMBERS; i++) {
            member = seal_km_request_members[i].name;

            if (name[0] == member[0] && strcmp(name, member) == 0) {
                found[i] = json_object_iter_value(iter);
                break;
            }
        }
    }
}


static void
seal_km_request_get_name(seal_km_request_t *request, const json_t **found,
    seal_km_request_member_e which, seal_km_str_t *name)
{
    const json_t   *json;
    seal_km_str_t   value;

    json = seal_km_request_get(request, found, which);

    if (json == NULL) {
        return;
    }

    value = seal_km_json_text(json);

    if (value.len == 0
        || value.len > SEAL_KM_NAME_MAX
        || seal_km_str_has_control(value))
    {
        seal_km_request_fault(request,
                              seal_km_request_members[which].invalid);
        return;
    }

    *name = value;
}


/* -1 where there is no memory for its normal form */

static int
seal_km_request_get_skms_uri(seal_km_request_t *request, const json_t **found,
    seal_km_arena_t *arena, const seal_km_str_t *uris, size_t n)
{
    char           *normal;
    const char     *invalid;
    const json_t   *json;
    seal_km_str_t   value;

    invalid = seal_km_request_members[SEAL_KM_REQUEST_SKMS_URI].invalid;

    json = seal_km_request_get(request, found, SEAL_KM_REQUEST_SKMS_URI);

    if (json == NULL) {
        return 0;
    }

    value = seal_km_json_text(json);

    if (value.len > SEAL_KM_URI_MAX) {
        seal_km_request_fault(request, invalid);
        return 0;
    }

    if (seal_km_request_is_one_of(value, uris, n)) {
        request->skms_uri = value;
        request->normal_uri = value;
        return 0;
    }

    normal = seal_km_arena_alloc(arena, value.len + 1);

    if (normal == NULL) {
        return -1;
    }

    if (seal_km_uri_normalize(value, normal, &request->normal_uri.len) != 0) {
        seal_km_request_fault(request, invalid);
        return 0;
    }

    request->normal_uri.data = normal;
    request->skms_uri = value;

    return 0;
}


/* "Only one of these fields may be present", table 5.3.2-1 */

static void
seal_km_request_get_identity(seal_km_request_t *request, const json_t **found)
{
    unsigned  type, named, n;

    named = 0;
    n = 0;

    for (type = SEAL_KM_IDENTITY_CLIENT; type < SEAL_KM_IDENTITY_MAX; type++) {

        if (found[seal_km_request_identities[type].member] != NULL) {
            named = type;
            n++;
        }
    }

    if (n == 0) {
        return;
    }

    if (n > 1) {
        seal_km_request_fault(request,
                         "more than one of ClientID, DeviceID and UserID");
        return;
    }

    seal_km_request_get_name(request, found,
                             seal_km_request_identities[named].member,
                             &request->identity);

    if (request->identity.data != NULL) {
        request->identity_type = (seal_km_identity_e) named;
    }
}


static void
seal_km_request_get_date_time(seal_km_request_t *request,
    const json_t **found)
{
    const json_t  *json;

    json = seal_km_request_get(request, found, SEAL_KM_REQUEST_DATE_TIME);

    if (json == NULL) {
        return;
    }

    if (!json_is_integer(json) || json_integer_value(json) < 0) {
        seal_km_request_fault(request,
                   seal_km_request_members[SEAL_KM_REQUEST_DATE_TIME].invalid);
        return;
    }

    request->date_time = json_integer_value(json);
}


static const json_t *
seal_km_request_get(seal_km_request_t *request, const json_t **found,
    seal_km_request_member_e which)
{
    if (found[which] == NULL) {
        seal_km_request_fault(request, seal_km_request_members[which].missing);
    }

    return found[which];
}


/* keeps the first fault */

static void
seal_km_request_fault(seal_km_request_t *request, const char *error)
{
    if (request->error == NULL) {
        request->error = error;
    }
}


seal_km_reason_e
seal_km_request_check_version(const seal_km_request_t *request,
    const seal_km_str_t *versions, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (seal_km_str_equal(request->version, versions[i])) {
            return SEAL_KM_OK;
        }
    }

    return SEAL_KM_UNSUPPORTED_VERSION;
}


seal_km_reason_e
seal_km_request_check_skms_uri(const seal_km_request_t *request,
    const seal_km_str_t *uris, size_t n)
{
    if (request->normal_uri.data == NULL
        || !seal_km_request_is_one_of(request->normal_uri, uris, n))
    {
        return SEAL_KM_SKMS_URI_MISMATCH;
    }

    return SEAL_KM_OK;
}


static int
seal_km_request_is_one_of(seal_km_str_t uri, const seal_km_str_t *uris,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (seal_km_str_equal(uri, uris[i])) {
            return 1;
        }
    }

    return 0;
}


seal_km_reason_e
seal_km_request_check_date_time(const seal_km_request_t *request, int64_t now,
    int64_t window)
{
    uint64_t  distance;

    /* as unsigned numbers no two times are too far apart to subtract */

    if (request->date_time > now) {
        distance = (uint64_t) request->date_time - (uint64_t) now;

    } else {
        distance = (uint64_t) now - (uint64_t) request->date_time;
    }

    if (window < 0 || distance > (uint64_t) window) {
        return SEAL_KM_DATE_TIME_OUT_OF_WINDOW;
    }

    return SEAL_KM_OK;
}


const char *
seal_km_identity_name(seal_km_identity_e type)
{
    return seal_km_request_identities[type].name;
}


const char *
seal_km_identity_member(seal_km_identity_e type)
{
    return seal_km_request_members[seal_km_request_identities[type].member]
               .name;
}
