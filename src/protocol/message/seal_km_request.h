/*
 * SEAL KM Request message (TS 33.434, clause 5.3.2, table 5.3.2-1).
 */


#ifndef SEAL_KM_REQUEST_H
#define SEAL_KM_REQUEST_H


#include <stdint.h>

#include "seal_km_json.h"
#include "seal_km_reason.h"


/* ServiceID, ClientID, DeviceID, UserID and Version, in bytes */
#define SEAL_KM_NAME_MAX  255

/*
 * JSON values in a body, itself and those of members that are ignored included:
 * a request has seven members, and each value costs much more than it is long.
 */
#define SEAL_KM_REQUEST_VALUES_MAX  256


/* what beside the ServiceID selects the key material record */
typedef enum {
    SEAL_KM_IDENTITY_SERVICE = 0,     /* nothing: the record of the service */
    SEAL_KM_IDENTITY_CLIENT,
    SEAL_KM_IDENTITY_DEVICE,
    SEAL_KM_IDENTITY_USER,
    SEAL_KM_IDENTITY_MAX
} seal_km_identity_e;


/*
 * The strings lie in the arena that seal_km_request_decode() was given, and
 * live as long as it does, or as the URIs that it was given.  A member that is
 * absent or invalid has data == NULL.
 */
typedef struct {
    seal_km_str_t        version;
    seal_km_str_t        skms_uri;
    seal_km_str_t        normal_uri;  /* its normal form, or one of uris */
    seal_km_str_t        service_id;
    seal_km_identity_e   identity_type;
    seal_km_str_t        identity;    /* data == NULL for ..._SERVICE */
    int64_t              date_time;   /* seconds since 1970-01-01T00:00:00Z */

    /* what is wrong with the request, for a log: static text that holds
       nothing of the request; NULL if it is well-formed */
    const char          *error;
} seal_km_request_t;


/*
 * Decodes body, in memory of the arena.  uris are those that will be given to
 * seal_km_request_check_skms_uri(): an SKmsUri that is spelt as one of them
 * needs no normalisation; n may be 0.
 *
 * Returns SEAL_KM_OK, SEAL_KM_MALFORMED_REQUEST, or SEAL_KM_INTERNAL_ERROR
 * where there is no memory, which says nothing of the body.  In all cases
 * *request holds what was readable and valid, so that a refusal can echo
 * ServiceID and identity.  Where two of ClientID, DeviceID and UserID are
 * named, whatever their values, identity is empty and identity_type
 * SEAL_KM_IDENTITY_SERVICE.
 */
seal_km_reason_e seal_km_request_decode(seal_km_request_t *request,
    seal_km_arena_t *arena, seal_km_str_t body, const seal_km_str_t *uris,
    size_t n);

/* SEAL_KM_OK if Version is one of versions, else SEAL_KM_UNSUPPORTED_VERSION */
seal_km_reason_e seal_km_request_check_version(
    const seal_km_request_t *request, const seal_km_str_t *versions, size_t n);

/*
 * SEAL_KM_OK if SKmsUri names one of uris, else SEAL_KM_SKMS_URI_MISMATCH.
 * Each is there in the normal form of seal_km_uri_normalize(), and may be there
 * in others too, which then are only compared byte for byte.
 */
seal_km_reason_e seal_km_request_check_skms_uri(
    const seal_km_request_t *request, const seal_km_str_t *uris, size_t n);

/*
 * SEAL_KM_OK if Date/Time is at most window seconds before or after now
 * (both in seconds), else SEAL_KM_DATE_TIME_OUT_OF_WINDOW.
 */
seal_km_reason_e seal_km_request_check_date_time(
    const seal_km_request_t *request, int64_t now, int64_t window);

/* "service", "client", "device" or "user": variables, record keys */
const char *seal_km_identity_name(seal_km_identity_e type);

/* "ClientID", "DeviceID" or "UserID"; NULL for SEAL_KM_IDENTITY_SERVICE */
const char *seal_km_identity_member(seal_km_identity_e type);


#endif /* SEAL_KM_REQUEST_H */
