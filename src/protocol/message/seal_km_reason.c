#include <stddef.h>

#include "seal_km_reason.h"


/*
 * ErrorCodes are those of TS 33.434, table 5.3.3-2.  405, 406, 413, 415, 425 are
 * not among the statuses that it maps to: they are HTTP's own way of saying
 * that a request could not be validated.  Neither is 429, HTTP's way of saying
 * "not now": the request may be as good as any, so its code is that of a server
 * which does not answer it.
 */

static const seal_km_reason_t  seal_km_reasons[SEAL_KM_REASON_MAX] = {

    [SEAL_KM_OK] =
        { "ok", 200, NULL,
          "The request is granted" },

    [SEAL_KM_TLS_REQUIRED] =
        { "tls_required", 403, "04",
          "The request must be sent over TLS" },

    [SEAL_KM_EARLY_DATA] =
        { "early_data", 425, "04",
          "The request must not be sent as TLS early data" },

    [SEAL_KM_METHOD_NOT_ALLOWED] =
        { "method_not_allowed", 405, "04",
          "The method must be POST" },

    [SEAL_KM_NOT_ACCEPTABLE] =
        { "not_acceptable", 406, "04",
          "The client must accept application/json" },

    [SEAL_KM_UNSUPPORTED_MEDIA_TYPE] =
        { "unsupported_media_type", 415, "04",
          "The body must be of type application/json and without encoding" },

    [SEAL_KM_REQUEST_TOO_LARGE] =
        { "request_too_large", 413, "04",
          "The body is too large" },

    [SEAL_KM_TOKEN_MISSING] =
        { "token_missing", 401, "03",
          "The request has no access token" },

    [SEAL_KM_TOKEN_MALFORMED] =
        { "token_malformed", 401, "03",
          "The access token is malformed" },

    [SEAL_KM_TOKEN_ALGORITHM] =
        { "token_algorithm", 401, "03",
          "The algorithm of the access token is not allowed" },

    [SEAL_KM_TOKEN_KEY] =
        { "token_key", 401, "03",
          "No key fits the access token" },

    [SEAL_KM_TOKEN_SIGNATURE] =
        { "token_signature", 401, "03",
          "The signature of the access token is not valid" },

    [SEAL_KM_TOKEN_EXPIRED] =
        { "token_expired", 401, "03",
          "The access token has expired" },

    [SEAL_KM_TOKEN_NOT_YET_VALID] =
        { "token_not_yet_valid", 401, "03",
          "The access token is not valid yet" },

    [SEAL_KM_TOKEN_ISSUER] =
        { "token_issuer", 401, "03",
          "The issuer of the access token is not accepted" },

    [SEAL_KM_TOKEN_AUDIENCE] =
        { "token_audience", 401, "03",
          "The access token is for another audience" },

    [SEAL_KM_TOKEN_BINDING] =
        { "token_binding", 401, "03",
          "The access token is not bound to the certificate of the client" },

    [SEAL_KM_TOKEN_TYPE] =
        { "token_type", 401, "03",
          "The access token is not of an accepted type" },

    [SEAL_KM_MALFORMED_REQUEST] =
        { "malformed_request", 400, "04",
          "The body is not a well-formed SEAL KM request" },

    [SEAL_KM_UNSUPPORTED_VERSION] =
        { "unsupported_version", 400, "04",
          "The version of the request is not supported" },

    [SEAL_KM_RATE_LIMITED] =
        { "rate_limited", 429, "01",
          "The client has sent too many requests" },

    [SEAL_KM_INSUFFICIENT_SCOPE] =
        { "insufficient_scope", 403, "04",
          "The access token lacks the scope that key management demands" },

    [SEAL_KM_SKMS_URI_MISMATCH] =
        { "skms_uri_mismatch", 403, "04",
          "SKmsUri names another key management server" },

    [SEAL_KM_DATE_TIME_OUT_OF_WINDOW] =
        { "date_time_out_of_window", 403, "04",
          "Date/Time is too far from the time of the server" },

    [SEAL_KM_IDENTITY_MISMATCH] =
        { "identity_mismatch", 403, "04",
          "The access token does not speak for the identity in the request" },

    [SEAL_KM_POLICY] =
        { "policy", 403, "04",
          "The policy of the server does not allow the request" },

    [SEAL_KM_NOT_FOUND] =
        { "not_found", 404, "02",
          "There is no key material for what the request names" },

    [SEAL_KM_STORE_UNAVAILABLE] =
        { "store_unavailable", 500, "01",
          "The store of key material is not available" },

    [SEAL_KM_STORE_TIMEOUT] =
        { "store_timeout", 500, "01",
          "The store of key material did not answer in time" },

    [SEAL_KM_STORE_ERROR] =
        { "store_error", 500, "01",
          "The store of key material answered with an error" },

    [SEAL_KM_PAYLOAD_INVALID] =
        { "payload_invalid", 500, "01",
          "The key material is not of the configured form" },

    [SEAL_KM_RECORD_INVALID] =
        { "record_invalid", 500, "01",
          "The key material could not be decrypted" },

    [SEAL_KM_INTERNAL_ERROR] =
        { "internal_error", 500, "01",
          "The server could not process the request" }
};


/*
 * The rows that SS_KeyInfoRetrieval says otherwise: it knows no POST and no body,
 * and its statuses are HTTP's alone: where 33.434 has but 500, a store that is not
 * there now is a 503.  Words and ErrorCodes are the same.
 */

static const seal_km_reason_t  seal_km_reason_retrievals[SEAL_KM_REASON_MAX] = {

    [SEAL_KM_METHOD_NOT_ALLOWED] =
        { "method_not_allowed", 405, "04",
          "The method must be GET" },

    [SEAL_KM_MALFORMED_REQUEST] =
        { "malformed_request", 400, "04",
          "The query does not ask for key information as it must" },

    [SEAL_KM_STORE_UNAVAILABLE] =
        { "store_unavailable", 503, "01",
          "The store of key material is not available" },

    [SEAL_KM_STORE_TIMEOUT] =
        { "store_timeout", 503, "01",
          "The store of key material did not answer in time" }
};


const seal_km_reason_t *
seal_km_reason(seal_km_reason_e reason)
{
    /* the cast catches negative values as well */

    if ((unsigned) reason >= SEAL_KM_REASON_MAX) {
        reason = SEAL_KM_INTERNAL_ERROR;
    }

    return &seal_km_reasons[reason];
}


const seal_km_reason_t *
seal_km_reason_retrieval(seal_km_reason_e reason)
{
    if ((unsigned) reason < SEAL_KM_REASON_MAX
        && seal_km_reason_retrievals[reason].word != NULL)
    {
        return &seal_km_reason_retrievals[reason];
    }

    return seal_km_reason(reason);
}
