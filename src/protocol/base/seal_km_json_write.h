/*
 * Writing JSON: the only place that escapes.  Each function has one that tells
 * its size; dst always has that room, and its new end is returned.
 */


#ifndef SEAL_KM_JSON_WRITE_H
#define SEAL_KM_JSON_WRITE_H


#include <stdint.h>

#include "seal_km_str.h"


/* digits and sign of any int64_t */
#define SEAL_KM_JSON_INT_SIZE  20


/*
 * A member of an object with the comma before it, whose value is a string, in
 * UTF-8; nothing where value.data is NULL.  name has nothing to be escaped.
 */
size_t seal_km_json_member_size(const char *name, seal_km_str_t value);
char *seal_km_json_write_member(char *dst, const char *name,
    seal_km_str_t value);

/* the name of a member, a colon behind it and a comma before */
size_t seal_km_json_name_size(const char *name);
char *seal_km_json_write_name(char *dst, const char *name);

/* a string with its quotes; what RFC 8259, clause 7, demands is escaped */
size_t seal_km_json_string_size(seal_km_str_t s);
char *seal_km_json_write_string(char *dst, seal_km_str_t s);

/* the same of one that seal_km_str_is_simple() */
size_t seal_km_json_simple_size(seal_km_str_t s);
char *seal_km_json_write_simple(char *dst, seal_km_str_t s);

/* bytes as a string of their base64, with its quotes */
size_t seal_km_json_base64_size(seal_km_str_t bytes);
char *seal_km_json_write_base64(char *dst, seal_km_str_t bytes);

/* an integer; returns how many bytes it has, SEAL_KM_JSON_INT_SIZE at most */
size_t seal_km_json_write_int(int64_t n, char *dst);


#endif /* SEAL_KM_JSON_WRITE_H */
