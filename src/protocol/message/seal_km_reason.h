/*
 * The one table that maps reason, HTTP status, ErrorCode and words
 * (TS 33.434, table 5.3.3-2; RFC 6750, clause 3.1), whatever is spoken.
 */


#ifndef SEAL_KM_REASON_H
#define SEAL_KM_REASON_H


/* in the order of the checks: of two faults the one listed first decides */
typedef enum {
    SEAL_KM_OK = 0,

    SEAL_KM_TLS_REQUIRED,
    SEAL_KM_EARLY_DATA,
    SEAL_KM_METHOD_NOT_ALLOWED,
    SEAL_KM_NOT_ACCEPTABLE,
    SEAL_KM_UNSUPPORTED_MEDIA_TYPE,
    SEAL_KM_REQUEST_TOO_LARGE,

    SEAL_KM_TOKEN_MISSING,
    SEAL_KM_TOKEN_MALFORMED,
    SEAL_KM_TOKEN_ALGORITHM,
    SEAL_KM_TOKEN_KEY,
    SEAL_KM_TOKEN_SIGNATURE,
    SEAL_KM_TOKEN_EXPIRED,
    SEAL_KM_TOKEN_NOT_YET_VALID,
    SEAL_KM_TOKEN_ISSUER,
    SEAL_KM_TOKEN_AUDIENCE,
    SEAL_KM_TOKEN_BINDING,
    SEAL_KM_TOKEN_TYPE,

    SEAL_KM_MALFORMED_REQUEST,
    SEAL_KM_UNSUPPORTED_VERSION,
    SEAL_KM_RATE_LIMITED,
    SEAL_KM_INSUFFICIENT_SCOPE,
    SEAL_KM_SKMS_URI_MISMATCH,
    SEAL_KM_DATE_TIME_OUT_OF_WINDOW,
    SEAL_KM_IDENTITY_MISMATCH,
    SEAL_KM_POLICY,

    SEAL_KM_NOT_FOUND,
    SEAL_KM_STORE_UNAVAILABLE,
    SEAL_KM_STORE_TIMEOUT,
    SEAL_KM_STORE_ERROR,
    SEAL_KM_PAYLOAD_INVALID,
    SEAL_KM_RECORD_INVALID,

    SEAL_KM_INTERNAL_ERROR,

    SEAL_KM_REASON_MAX
} seal_km_reason_e;


typedef struct {
    const char  *word;         /* for logs, variables and metrics */
    unsigned     status;       /* HTTP status code */
    const char  *error_code;   /* "01" to "04"; NULL for SEAL_KM_OK */
    const char  *description;  /* one English sentence without quotes or
                                  backslashes: also the error_description of
                                  RFC 6750 */
} seal_km_reason_t;


/* Never NULL; any value outside the enum gives SEAL_KM_INTERNAL_ERROR's row. */
const seal_km_reason_t *seal_km_reason(seal_km_reason_e reason);

/*
 * The same for SS_KeyInfoRetrieval (TS 29.549): status and description are its own
 * where the table speaks of POST and a body, or TS 33.434 has no other status than
 * 500.
 */
const seal_km_reason_t *seal_km_reason_retrieval(seal_km_reason_e reason);


#endif /* SEAL_KM_REASON_H */
