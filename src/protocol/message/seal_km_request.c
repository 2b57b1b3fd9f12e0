#include <string.h>

#include "seal_km_request.h"
#include "seal_km_uri.h"


/* a member of the request, and what to say of it where it is wrong */

typedef struct {
    const char  *name;
    const char  *missing;
    const char  *invalid;
} seal_km_request_member_t;


typedef struct {
    const char                *name;     /* in variables and record keys */
    seal_km_request_member_t   member;
} seal_km_request_identity_t;


#define seal_km_request_string(name)                                          \
    { name, name " is missing",                                               \
      name " is not a string of 1 to 255 bytes without control characters" }


static const seal_km_request_member_t  seal_km_request_version =
    seal_km_request_string("Version");

static const seal_km_request_member_t  seal_km_request_skms_uri =
    { "SKmsUri", "SKmsUri is missing",
      "SKmsUri is not a string with an absolute URI of at most 2048 bytes" };

static const seal_km_request_member_t  seal_km_request_service_id =
    seal_km_request_string("ServiceID");

static const seal_km_request_member_t  seal_km_request_date_time =
    { "Date/Time", "Date/Time is missing",
      "Date/Time is not an integer that is 0 or more" };

static const seal_km_request_identity_t
    seal_km_request_identities[SEAL_KM_IDENTITY_MAX] =
{
    [SEAL_KM_IDENTITY_SERVICE] = { "service", { NULL, NULL, NULL } },
    [SEAL_KM_IDENTITY_CLIENT] =
        { "client", seal_km_request_string("ClientID") },
    [SEAL_KM_IDENTITY_DEVICE] =
        { "device", seal_km_request_string("DeviceID") },
    [SEAL_KM_IDENTITY_USER] =
        { "user", seal_km_request_string("UserID") }
};


static void seal_km_request_get_name(seal_km_request_t *request,
    const seal_km_request_member_t *member, seal_km_str_t *name);
static void seal_km_request_get_skms_uri(seal_km_request_t *request);
static void seal_km_request_get_identity(seal_km_request_t *request);
static void seal_km_request_get_date_time(seal_km_request_t *request);
static const json_t *seal_km_request_get(seal_km_request_t *request,
    const seal_km_request_member_t *member);
static void seal_km_request_fault(seal_km_request_t *request,
    const char *error);


seal_km_reason_e
seal_km_request_decode(seal_km_request_t *request, seal_km_str_t body)
{
    memset(request, 0, sizeof(seal_km_request_t));

    request->json = seal_km_json_decode_clamped(body);

    if (request->json == NULL) {
        seal_km_request_fault(request,
                              "the body is no JSON or names something twice");
        return SEAL_KM_MALFORMED_REQUEST;
    }

    if (!json_is_object(request->json)) {
        seal_km_request_fault(request, "the body is not a JSON object");
        return SEAL_KM_MALFORMED_REQUEST;
    }

    /* all of them: what is valid is echoed even if something else is not */

    seal_km_request_get_name(request, &seal_km_request_version,
                             &request->version);
    seal_km_request_get_skms_uri(request);
    seal_km_request_get_name(request, &seal_km_request_service_id,
                             &request->service_id);
    seal_km_request_get_identity(request);
    seal_km_request_get_date_time(request);

    return (request->error == NULL) ? SEAL_KM_OK : SEAL_KM_MALFORMED_REQUEST;
}


static void
seal_km_request_get_name(seal_km_request_t *request,
    const seal_km_request_member_t *member, seal_km_str_t *name)
{
    seal_km_str_t   value;
    const json_t   *json;

    json = seal_km_request_get(request, member);

    if (json == NULL) {
        return;
    }

    value = seal_km_json_text(json);

    if (value.len == 0
        || value.len > SEAL_KM_NAME_MAX
        || seal_km_str_has_control(value))
    {
        seal_km_request_fault(request, member->invalid);
        return;
    }

    *name = value;
}


static void
seal_km_request_get_skms_uri(seal_km_request_t *request)
{
    char            normal[SEAL_KM_URI_MAX + 1];
    size_t          len;
    seal_km_str_t   value;
    const json_t   *json;

    json = seal_km_request_get(request, &seal_km_request_skms_uri);

    if (json == NULL) {
        return;
    }

    value = seal_km_json_text(json);

    if (seal_km_uri_normalize(value, normal, &len) != 0) {
        seal_km_request_fault(request, seal_km_request_skms_uri.invalid);
        return;
    }

    request->skms_uri = value;
}


/* "Only one of these fields may be present", table 5.3.2-1 */

static void
seal_km_request_get_identity(seal_km_request_t *request)
{
    unsigned                         type, named, n;
    const seal_km_request_member_t  *member;

    named = 0;
    n = 0;

    for (type = SEAL_KM_IDENTITY_CLIENT; type < SEAL_KM_IDENTITY_MAX; type++) {
        member = &seal_km_request_identities[type].member;

        if (json_object_get(request->json, member->name) != NULL) {
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

    member = &seal_km_request_identities[named].member;
    seal_km_request_get_name(request, member, &request->identity);

    if (request->identity.data != NULL) {
        request->identity_type = (seal_km_identity_e) named;
    }
}


static void
seal_km_request_get_date_time(seal_km_request_t *request)
{
    const json_t  *json;

    json = seal_km_request_get(request, &seal_km_request_date_time);

    if (json == NULL) {
        return;
    }

    if (!json_is_integer(json) || json_integer_value(json) < 0) {
        seal_km_request_fault(request, seal_km_request_date_time.invalid);
        return;
    }

    request->date_time = json_integer_value(json);
}


static const json_t *
seal_km_request_get(seal_km_request_t *request,
    const seal_km_request_member_t *member)
{
    const json_t  *json;

    json = json_object_get(request->json, member->name);

    if (json == NULL) {
        seal_km_request_fault(request, member->missing);
    }

    return json;
}


/* keeps the first fault */

static void
seal_km_request_fault(seal_km_request_t *request, const char *error)
{
    if (request->error == NULL) {
        request->error = error;
    }
}


void
seal_km_request_free(seal_km_request_t *request)
{
    seal_km_json_free(request->json);

    memset(request, 0, sizeof(seal_km_request_t));
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
    char           normal[SEAL_KM_URI_MAX + 1];
    size_t         i;
    seal_km_str_t  uri;

    uri.data = normal;

    if (seal_km_uri_normalize(request->skms_uri, normal, &uri.len) != 0) {
        return SEAL_KM_SKMS_URI_MISMATCH;
    }

    for (i = 0; i < n; i++) {
        if (seal_km_str_equal(uri, uris[i])) {
            return SEAL_KM_OK;
        }
    }

    return SEAL_KM_SKMS_URI_MISMATCH;
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
    return seal_km_request_identities[type].member.name;
}
