/*
 * The answer of SS_KeyInfoRetrieval (TS 29.549, clause 7.6.1): what a VAL server
 * gets of a record.
 */


#ifndef SEAL_KM_KEY_INFO_H
#define SEAL_KM_KEY_INFO_H


#include "seal_km_response.h"


/* skms_id with data == NULL is left out; all but record are UTF-8 */
typedef struct {
    seal_km_str_t        user_uri;      /* data == NULL: "" */
    seal_km_str_t        skms_id;
    seal_km_str_t        service_id;
    seal_km_identity_e   target_type;   /* ..._SERVICE: no target */
    seal_km_str_t        target;
    seal_km_payload_e    form;          /* of keyInfo */
    seal_km_str_t        record;        /* one that can be so, and what */
    int                  simple;        /* is known of it: see
                                           seal_km_response_check_payload() */
} seal_km_key_info_t;


/* bytes of the message */
size_t seal_km_key_info_size(const seal_km_key_info_t *info);

/*
 * Writes the message, without a NUL, to dst, which has room for
 * seal_km_key_info_size(); returns its end.  keyInfo is a string in any case:
 * the record's text, of SEAL_KM_PAYLOAD_JSON too, or its base64.
 */
char *seal_km_key_info_write(const seal_km_key_info_t *info, char *dst);


#endif /* SEAL_KM_KEY_INFO_H */
