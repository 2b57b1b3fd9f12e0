#include <string.h>

#include "seal_km_query.h"


#define SEAL_KM_QUERY_NAME_MAX  (sizeof("val-service-id") - 1)

/* a value with each of its bytes written as an escape */
#define SEAL_KM_QUERY_VALUE_MAX  (3 * SEAL_KM_NAME_MAX)


typedef enum {
    SEAL_KM_QUERY_SERVICE = 0,
    SEAL_KM_QUERY_TARGET,
    SEAL_KM_QUERY_USER,
    SEAL_KM_QUERY_UE,
    SEAL_KM_QUERY_PARAMS,
    SEAL_KM_QUERY_OTHER = SEAL_KM_QUERY_PARAMS
} seal_km_query_param_e;


/* what a query has of the parameters, before any is decoded */

typedef struct {
    seal_km_str_t          values[SEAL_KM_QUERY_PARAMS];
    unsigned               services;    /* how often it is named */
    unsigned               targets;     /* of all kinds */
    seal_km_query_param_e  target;      /* the last of the first two */
} seal_km_query_found_t;


typedef enum {
    SEAL_KM_QUERY_OK = 0,
    SEAL_KM_QUERY_INVALID,
    SEAL_KM_QUERY_NO_MEMORY
} seal_km_query_e;


#define SEAL_KM_QUERY_TEXT                                                    \
    " is not 1 to 255 bytes of UTF-8 without control characters, "            \
    "percent-encoded"

#define seal_km_query_string(name)  { name, sizeof(name) - 1 }


static const seal_km_str_t  seal_km_query_names[SEAL_KM_QUERY_PARAMS] = {
    [SEAL_KM_QUERY_SERVICE] = seal_km_query_string("val-service-id"),
    [SEAL_KM_QUERY_TARGET]  = seal_km_query_string("val-tgt-ue"),
    [SEAL_KM_QUERY_USER]    = seal_km_query_string("valUserId"),
    [SEAL_KM_QUERY_UE]      = seal_km_query_string("valUeId")
};


/* both in a query and as members of val-tgt-ue */

static const char  *seal_km_query_targets[SEAL_KM_IDENTITY_MAX] = {
    [SEAL_KM_IDENTITY_DEVICE] = "valUeId",
    [SEAL_KM_IDENTITY_USER]   = "valUserId"
};


static const seal_km_query_fault_t  seal_km_query_missing = {
    "val-service-id", "MANDATORY_QUERY_PARAM_MISSING",
    "val-service-id is missing"
};

/* how a parameter must not be there: service twice, target beside another */

static const seal_km_query_fault_t
    seal_km_query_too_many[SEAL_KM_QUERY_PARAMS] =
{
    [SEAL_KM_QUERY_SERVICE] =
        { "val-service-id", "MANDATORY_QUERY_PARAM_INCORRECT",
          "val-service-id is there more than once" },
    [SEAL_KM_QUERY_TARGET] =
        { "val-tgt-ue", "OPTIONAL_QUERY_PARAM_INCORRECT",
          "val-tgt-ue is more than the one target that there may be" },
    [SEAL_KM_QUERY_USER] =
        { "valUserId", "OPTIONAL_QUERY_PARAM_INCORRECT",
          "valUserId is more than the one target that there may be" },
    [SEAL_KM_QUERY_UE] =
        { "valUeId", "OPTIONAL_QUERY_PARAM_INCORRECT",
          "valUeId is more than the one target that there may be" }
};

static const seal_km_query_fault_t
    seal_km_query_incorrect[SEAL_KM_QUERY_PARAMS] =
{
    [SEAL_KM_QUERY_SERVICE] =
        { "val-service-id", "MANDATORY_QUERY_PARAM_INCORRECT",
          "val-service-id" SEAL_KM_QUERY_TEXT },
    [SEAL_KM_QUERY_TARGET] =
        { "val-tgt-ue", "OPTIONAL_QUERY_PARAM_INCORRECT",
          "val-tgt-ue is not a JSON object with either valUserId or valUeId, "
          "a string of 1 to 255 bytes without control characters" },
    [SEAL_KM_QUERY_USER] =
        { "valUserId", "OPTIONAL_QUERY_PARAM_INCORRECT",
          "valUserId" SEAL_KM_QUERY_TEXT },
    [SEAL_KM_QUERY_UE] =
        { "valUeId", "OPTIONAL_QUERY_PARAM_INCORRECT",
          "valUeId" SEAL_KM_QUERY_TEXT }
};


static void seal_km_query_find(seal_km_str_t query,
    seal_km_query_found_t *found);
static seal_km_query_param_e seal_km_query_param(seal_km_str_t raw);
static seal_km_query_e seal_km_query_get_service(
    const seal_km_query_found_t *found, seal_km_request_t *request,
    seal_km_arena_t *arena, const seal_km_query_fault_t **fault);
static seal_km_query_e seal_km_query_get_target(
    const seal_km_query_found_t *found, seal_km_request_t *request,
    seal_km_arena_t *arena, const seal_km_query_fault_t **fault);
static seal_km_query_e seal_km_query_read_target(seal_km_str_t raw,
    seal_km_request_t *request, seal_km_arena_t *arena);
static seal_km_query_e seal_km_query_read_json(seal_km_str_t text,
    seal_km_request_t *request, seal_km_arena_t *arena);
static seal_km_query_e seal_km_query_text(seal_km_str_t raw,
    seal_km_arena_t *arena, seal_km_str_t *text);
static seal_km_query_e seal_km_query_unescape(seal_km_str_t raw,
    seal_km_arena_t *arena, seal_km_str_t *text);
static int seal_km_query_is_name(seal_km_str_t text);
static int seal_km_query_char(const char **p, const char *last);
static int seal_km_query_hex(char c);


seal_km_reason_e
seal_km_query_decode(seal_km_request_t *request,
    const seal_km_query_fault_t **fault, seal_km_arena_t *arena,
    seal_km_str_t query)
{
    seal_km_query_e        service, target;
    seal_km_query_found_t  found;

    memset(request, 0, sizeof(seal_km_request_t));
    *fault = NULL;

    seal_km_query_find(query, &found);

    /* both: what is valid may be told even if the other is not */

    service = seal_km_query_get_service(&found, request, arena, fault);
    target = seal_km_query_get_target(&found, request, arena, fault);

    if (service == SEAL_KM_QUERY_NO_MEMORY || target == SEAL_KM_QUERY_NO_MEMORY)
    {
        *fault = NULL;
        request->error = "memory is out";
        return SEAL_KM_INTERNAL_ERROR;
    }

    if (*fault != NULL) {
        request->error = (*fault)->reason;
        return SEAL_KM_MALFORMED_REQUEST;
    }

    return SEAL_KM_OK;
}


static void
seal_km_query_find(seal_km_str_t query, seal_km_query_found_t *found)
{
    seal_km_str_t          name, value;
    seal_km_query_param_e  param;

    found->services = 0;
    found->targets = 0;
    found->target = SEAL_KM_QUERY_OTHER;

    while (query.data != NULL) {
        value = seal_km_str_cut(&query, '&');
        name = seal_km_str_cut(&value, '=');

        param = seal_km_query_param(name);

        if (param == SEAL_KM_QUERY_OTHER) {
            continue;
        }

        found->values[param] = value;

        if (param == SEAL_KM_QUERY_SERVICE) {
            found->services++;

        } else if (++found->targets <= 2) {
            found->target = param;
        }
    }
}


/* what cannot be decoded is no name of ours */

static seal_km_query_param_e
seal_km_query_param(seal_km_str_t raw)
{
    int             c;
    char            buf[SEAL_KM_QUERY_NAME_MAX];
    unsigned        param;
    const char     *p, *last;
    seal_km_str_t   name;

    name.data = buf;
    name.len = 0;

    p = raw.data;
    last = p + raw.len;

    while (p < last) {
        c = seal_km_query_char(&p, last);

        if (c < 0 || name.len == sizeof(buf)) {
            return SEAL_KM_QUERY_OTHER;
        }

        buf[name.len++] = (char) c;
    }

    for (param = 0; param < SEAL_KM_QUERY_PARAMS; param++) {
        if (seal_km_str_equal(name, seal_km_query_names[param])) {
            break;
        }
    }

    return (seal_km_query_param_e) param;
}


static seal_km_query_e
seal_km_query_get_service(const seal_km_query_found_t *found,
    seal_km_request_t *request, seal_km_arena_t *arena,
    const seal_km_query_fault_t **fault)
{
    seal_km_query_e  rc;

    if (found->services != 1) {
        *fault = (found->services == 0)
                 ? &seal_km_query_missing
                 : &seal_km_query_too_many[SEAL_KM_QUERY_SERVICE];
        return SEAL_KM_QUERY_INVALID;
    }

    rc = seal_km_query_text(found->values[SEAL_KM_QUERY_SERVICE], arena,
                            &request->service_id);

    if (rc == SEAL_KM_QUERY_INVALID) {
        *fault = &seal_km_query_incorrect[SEAL_KM_QUERY_SERVICE];
    }

    return rc;
}


/* keeps a fault that is there already */

static seal_km_query_e
seal_km_query_get_target(const seal_km_query_found_t *found,
    seal_km_request_t *request, seal_km_arena_t *arena,
    const seal_km_query_fault_t **fault)
{
    seal_km_str_t                 raw;
    seal_km_query_e               rc;
    const seal_km_query_fault_t  *own;

    if (found->targets == 0) {
        return SEAL_KM_QUERY_OK;
    }

    own = NULL;
    rc = SEAL_KM_QUERY_INVALID;

    if (found->targets > 1) {
        own = &seal_km_query_too_many[found->target];

    } else {
        raw = found->values[found->target];

        if (found->target == SEAL_KM_QUERY_TARGET) {
            rc = seal_km_query_read_target(raw, request, arena);

        } else {
            rc = seal_km_query_text(raw, arena, &request->identity);
            request->identity_type = (found->target == SEAL_KM_QUERY_USER)
                                     ? SEAL_KM_IDENTITY_USER
                                     : SEAL_KM_IDENTITY_DEVICE;
        }

        if (rc == SEAL_KM_QUERY_INVALID) {
            own = &seal_km_query_incorrect[found->target];
        }
    }

    if (rc != SEAL_KM_QUERY_OK) {
        request->identity_type = SEAL_KM_IDENTITY_SERVICE;
    }

    if (*fault == NULL) {
        *fault = own;
    }

    return rc;
}


/* {"valUserId":"..."} or {"valUeId":"..."} */

static seal_km_query_e
seal_km_query_read_target(seal_km_str_t raw, seal_km_request_t *request,
    seal_km_arena_t *arena)
{
    seal_km_str_t    text;
    seal_km_query_e  rc;

    rc = seal_km_query_unescape(raw, arena, &text);

    return (rc == SEAL_KM_QUERY_OK)
           ? seal_km_query_read_json(text, request, arena) : rc;
}


static seal_km_query_e
seal_km_query_read_json(seal_km_str_t text, seal_km_request_t *request,
    seal_km_arena_t *arena)
{
    json_t          *json, *user, *ue;
    seal_km_str_t    id;
    seal_km_json_e   rc;

    rc = seal_km_json_parse_clamped(arena, text, SEAL_KM_REQUEST_VALUES_MAX,
                                    &json);

    if (rc == SEAL_KM_JSON_NO_MEMORY) {
        return SEAL_KM_QUERY_NO_MEMORY;
    }

    if (rc != SEAL_KM_JSON_OK || !json_is_object(json)) {
        return SEAL_KM_QUERY_INVALID;
    }

    user = json_object_get(json, "valUserId");
    ue = json_object_get(json, "valUeId");

    /* exactly one of the two, whatever their values */

    if ((user == NULL) == (ue == NULL)) {
        return SEAL_KM_QUERY_INVALID;
    }

    id = seal_km_json_text((user != NULL) ? user : ue);

    if (!seal_km_query_is_name(id)) {
        return SEAL_KM_QUERY_INVALID;
    }

    request->identity = id;
    request->identity_type = (user != NULL) ? SEAL_KM_IDENTITY_USER
                                            : SEAL_KM_IDENTITY_DEVICE;

    return SEAL_KM_QUERY_OK;
}


/* *text stays as it was where raw is none */

static seal_km_query_e
seal_km_query_text(seal_km_str_t raw, seal_km_arena_t *arena,
    seal_km_str_t *text)
{
    seal_km_str_t    decoded;
    seal_km_query_e  rc;

    if (raw.len > SEAL_KM_QUERY_VALUE_MAX) {
        return SEAL_KM_QUERY_INVALID;
    }

    rc = seal_km_query_unescape(raw, arena, &decoded);

    if (rc != SEAL_KM_QUERY_OK) {
        return rc;
    }

    if (!seal_km_query_is_name(decoded) || !seal_km_str_is_utf8(decoded)) {
        return SEAL_KM_QUERY_INVALID;
    }

    *text = decoded;

    return SEAL_KM_QUERY_OK;
}


/* what has no escapes stays where it is */

static seal_km_query_e
seal_km_query_unescape(seal_km_str_t raw, seal_km_arena_t *arena,
    seal_km_str_t *text)
{
    int          c;
    char        *dst;
    const char  *p, *last;

    if (raw.len == 0) {
        return SEAL_KM_QUERY_INVALID;
    }

    *text = raw;

    if (memchr(raw.data, '%', raw.len) == NULL) {
        return SEAL_KM_QUERY_OK;
    }

    dst = seal_km_arena_alloc(arena, raw.len);

    if (dst == NULL) {
        return SEAL_KM_QUERY_NO_MEMORY;
    }

    text->data = dst;

    p = raw.data;
    last = p + raw.len;

    while (p < last) {
        c = seal_km_query_char(&p, last);

        if (c < 0) {
            return SEAL_KM_QUERY_INVALID;
        }

        *dst++ = (char) c;
    }

    text->len = (size_t) (dst - text->data);

    return SEAL_KM_QUERY_OK;
}


/* the limits of a ServiceID, a UserID and a DeviceID */

static int
seal_km_query_is_name(seal_km_str_t text)
{
    return text.len > 0 && text.len <= SEAL_KM_NAME_MAX
           && !seal_km_str_has_control(text);
}


/* the byte at *p, which moves behind it; -1: an escape that is none */

static int
seal_km_query_char(const char **p, const char *last)
{
    int  high, low;

    if (**p != '%') {
        return (unsigned char) *(*p)++;
    }

    if (last - *p < 3) {
        return -1;
    }

    high = seal_km_query_hex((*p)[1]);
    low = seal_km_query_hex((*p)[2]);

    if (high < 0 || low < 0) {
        return -1;
    }

    *p += 3;

    return high << 4 | low;
}


static int
seal_km_query_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


const char *
seal_km_query_target_name(seal_km_identity_e type)
{
    return seal_km_query_targets[type];
}
