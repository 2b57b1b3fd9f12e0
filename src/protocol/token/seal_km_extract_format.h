/*
 * The bytes of an extract, which only seal_km_extract.c, that reads it, and
 * seal_km_extract_write.c know: the head; client_id, sub, iss, scope and
 * thumbprint; of each identity the number of strings and the strings; the
 * texts; those of the paths.  A string is its length, in a uint16_t, and its
 * bytes.  It is read by the machine that wrote it.
 */


#ifndef SEAL_KM_EXTRACT_FORMAT_H
#define SEAL_KM_EXTRACT_FORMAT_H


#include <stdint.h>

#include "seal_km_extract.h"


/* in place of a length */
#define SEAL_KM_EXTRACT_ABSENT    0xffff
#define SEAL_KM_EXTRACT_LEFT_OUT  0xfffe


typedef struct {
    double         exp;
    double         nbf;
    unsigned char  has_nbf;
    unsigned char  binding;
    unsigned char  type_refused;
    unsigned char  left_out;   /* of the texts one */
} seal_km_extract_head_t;


#endif /* SEAL_KM_EXTRACT_FORMAT_H */
