/*
 * Whether a text is strict JSON, without decoding it: for records, which are
 * passed on as they are and may be large.
 */


#ifndef SEAL_KM_JSON_CHECK_H
#define SEAL_KM_JSON_CHECK_H


#include "seal_km_json.h"


/*
 * SEAL_KM_JSON_OK or _INVALID for the same texts as seal_km_json_parse(), so
 * that what this accepts can be decoded there (RFC 8259, RFC 7493: no name
 * twice in an object; no number beyond a double; at most 2048 levels).
 *
 * One pass, in time that is proportional to the text whatever is in it.  16 kB
 * of the stack are used, and at most 32 bytes for each name of the objects that
 * are open at one place; where there is no room for these, no randomness for a
 * hash of names, or text has 4 GB, the result is SEAL_KM_JSON_NO_MEMORY.
 */
seal_km_json_e seal_km_json_check(seal_km_str_t text);


#endif /* SEAL_KM_JSON_CHECK_H */
