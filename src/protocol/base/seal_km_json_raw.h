/*
 * Values of a JSON text as they stand in it: a tree keeps of a number what fits
 * in 64 bits or a double, and two that differ may become one.
 *
 * Each text here is one that seal_km_json_parse() has decoded, or a value out
 * of one.
 */


#ifndef SEAL_KM_JSON_RAW_H
#define SEAL_KM_JSON_RAW_H


#include "seal_km_json.h"


/*
 * The value of the member of that name, which is compared after unescaping;
 * data == NULL where text is no object or has none.  It points into text.
 */
seal_km_str_t seal_km_json_raw_member(seal_km_str_t text, seal_km_str_t name);

/*
 * Writes text to dst without white space, and each string as json_dumps() does:
 * with escapes for quotes, backslashes and control characters alone.  Numbers
 * keep their digits, but for "-0", which is 0.  dst has room for text.len
 * bytes.  Returns how many were written.
 */
size_t seal_km_json_raw_compact(seal_km_str_t text, char *dst);


#endif /* SEAL_KM_JSON_RAW_H */
