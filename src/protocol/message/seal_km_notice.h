/*
 * What an operator is told of a refusal (TS 33.434, clause 5.3.3: he may be
 * notified of errors), as JSON.
 */


#ifndef SEAL_KM_NOTICE_H
#define SEAL_KM_NOTICE_H


#include "seal_km_reason.h"
#include "seal_km_request.h"


/* a string with data == NULL is left out; all are UTF-8 */
typedef struct {
    int64_t              time;            /* seconds since 1970 */
    seal_km_str_t        skms_uri;
    seal_km_str_t        reason;
    seal_km_str_t        error_code;
    seal_km_str_t        service_id;
    seal_km_str_t        identity_type;   /* "service", "client" ... */
    seal_km_str_t        identity;
    seal_km_str_t        client_id;       /* of a token that was verified */
    int64_t              count;           /* how often it was so */
} seal_km_notice_t;


/* bytes of the message */
size_t seal_km_notice_size(const seal_km_notice_t *notice);

/*
 * Writes the message, without a NUL, to dst, which has room for
 * seal_km_notice_size(); returns its end.
 */
char *seal_km_notice_write(const seal_km_notice_t *notice, char *dst);


#endif /* SEAL_KM_NOTICE_H */
