/*
 * Strict JSON on top of jansson: I-JSON's rules (RFC 7493) and memory that is
 * cleansed when it is freed, for what is decoded here are tokens' claims,
 * identities and key material.
 */


#ifndef SEAL_KM_JSON_H
#define SEAL_KM_JSON_H


#include <jansson.h>

#include "seal_km_str.h"


/*
 * Decodes one JSON text of any type.  Refused (NULL): what is no JSON or no
 * UTF-8, a name twice in any object at any depth (compared after unescaping),
 * U+0000 in a name, a raw NUL byte anywhere, a number beyond an IEEE 754
 * double, and anything behind the value but white space.  An integer that
 * does not fit in 64 bits becomes a real.  U+0000 in a string value is kept:
 * take json_string_length(), never strlen().
 *
 * The caller frees the result with seal_km_json_free(), never json_decref():
 * it lies in memory of seal_km_secret.h.
 */
json_t *seal_km_json_decode(seal_km_str_t text);

/*
 * The same, but an integer that does not fit in 64 bits becomes the greatest,
 * or least, that does: it still is an integer, whatever else it is taken for.
 */
json_t *seal_km_json_decode_clamped(seal_km_str_t text);

/* frees and cleanses what seal_km_json_decode() gave; NULL does nothing */
void seal_km_json_free(json_t *json);

/* 1 if seal_km_json_decode() would accept text; nothing is kept */
int seal_km_json_is_valid(seal_km_str_t text);

/* the string value of an object's member; data == NULL if it has none */
seal_km_str_t seal_km_json_string(const json_t *object, const char *name);

/* the text of a JSON string; data == NULL if json is no string */
seal_km_str_t seal_km_json_text(const json_t *json);


#endif /* SEAL_KM_JSON_H */
