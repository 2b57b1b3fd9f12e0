/*
 * SEAL KM Response message (TS 33.434, clause 5.3.3, table 5.3.3-1).
 */


#ifndef SEAL_KM_RESPONSE_H
#define SEAL_KM_RESPONSE_H


#include "seal_km_reason.h"
#include "seal_km_request.h"


/* how a record becomes Payload */
typedef enum {
    SEAL_KM_PAYLOAD_STRING = 0,   /* its text, as a JSON string */
    SEAL_KM_PAYLOAD_JSON,         /* the JSON value that it holds, as it is */
    SEAL_KM_PAYLOAD_BASE64        /* its bytes, in base64 */
} seal_km_payload_e;


/* a string with data == NULL is left out; all but payload are UTF-8 */
typedef struct {
    seal_km_str_t        user_uri;
    seal_km_str_t        skms_uri;
    seal_km_str_t        service_id;
    seal_km_str_t        skms_id;
    seal_km_identity_e   identity_type;
    seal_km_str_t        identity;
    int64_t              date_time;
    const char          *error_code;     /* NULL on success */
    seal_km_payload_e    payload_type;
    seal_km_str_t        payload;        /* empty: no Payload */
    int                  simple;         /* 1: payload is, as below */
} seal_km_response_t;


/*
 * SEAL_KM_OK if record can be a Payload of that type, else
 * SEAL_KM_PAYLOAD_INVALID, or SEAL_KM_INTERNAL_ERROR where there is no memory
 * to tell.  An empty record always can.  *simple is set, to 1 where it is known
 * by the way that the record is a text that seal_km_str_is_simple(): whoever
 * writes it need not look at its bytes again.
 */
seal_km_reason_e seal_km_response_check_payload(seal_km_payload_e type,
    seal_km_str_t record, int *simple);

/* bytes of the message */
size_t seal_km_response_size(const seal_km_response_t *response);

/*
 * Writes the message, without a NUL, to dst, which has room for
 * seal_km_response_size(), in the order of the table; returns its end.
 */
char *seal_km_response_write(const seal_km_response_t *response, char *dst);


#endif /* SEAL_KM_RESPONSE_H */
