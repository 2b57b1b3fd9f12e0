/*
 * The name of a key material record.  In the ServiceID alone "%" is written
 * "%25" and ":" is written "%3A": no two (service, identity) pairs share a
 * name.
 */


#ifndef SEAL_KM_RECORD_KEY_H
#define SEAL_KM_RECORD_KEY_H


#include "seal_km_request.h"


/* bytes of the name of the record that a well-formed request asks for */
size_t seal_km_record_key_size(const seal_km_request_t *request,
    seal_km_str_t prefix);

/* writes the name, without a NUL, to dst and returns its end */
char *seal_km_record_key_write(const seal_km_request_t *request,
    seal_km_str_t prefix, char *dst);


#endif /* SEAL_KM_RECORD_KEY_H */
