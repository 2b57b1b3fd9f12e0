/*
 * Strict JSON on top of jansson: I-JSON's rules (RFC 7493) and memory that is
 * cleansed when it is freed, for what is decoded here are tokens' claims,
 * identities and key material.
 *
 * jansson does not look whether each of its allocations worked: where one
 * fails, a character may be missing in a string, and nobody is told.  So what
 * a parse needs is there before it begins, and what it gives back is thrown
 * away if it still ran out of memory.
 */


#ifndef SEAL_KM_JSON_H
#define SEAL_KM_JSON_H


#include <jansson.h>

#include "seal_km_arena.h"
#include "seal_km_str.h"


typedef enum {
    SEAL_KM_JSON_OK = 0,
    SEAL_KM_JSON_INVALID,
    SEAL_KM_JSON_NO_MEMORY   /* says nothing of the text */
} seal_km_json_e;


/* for max_values: as many as there are */
#define SEAL_KM_JSON_ANY  ((size_t) -1)


/*
 * Decodes one JSON text of any type.  Invalid is: what is no JSON or no
 * UTF-8, a name twice in any object at any depth (compared after unescaping),
 * U+0000 in a name, a raw NUL byte anywhere, a number beyond an IEEE 754
 * double, more than 2048 levels, anything behind the value but white space,
 * and more than max_values values (names do not count), which are counted
 * before any is decoded.  An integer that does not fit in 64 bits becomes a
 * real.  U+0000 in a string value is kept: take json_string_length(), never
 * strlen().
 *
 * The tree lies in the arena and lives as long as that, without any function
 * to free it: json_decref(), json_incref() and all that changes a value must
 * not be called, while what only reads (json_object_get(), json_is_...(),
 * iterators) may be at any time.  *json is set with SEAL_KM_JSON_OK, else NULL.
 * text is not needed any more.
 *
 * What has to outlive the text goes into the arena of a request, which its
 * owner frees when the request ends; what only is looked at goes into one of
 * the caller's own:
 *
 *     seal_km_arena_init(&arena, NULL);
 *
 *     rc = seal_km_json_parse(&arena, text, SEAL_KM_JSON_ANY, &json);
 *     if (rc == SEAL_KM_JSON_OK) {
 *         ...
 *     }
 *
 *     seal_km_arena_free(&arena);
 *
 * SEAL_KM_JSON_NO_MEMORY must become SEAL_KM_INTERNAL_ERROR, never a refusal
 * of the text.
 */
seal_km_json_e seal_km_json_parse(seal_km_arena_t *arena, seal_km_str_t text,
    size_t max_values, json_t **json);

/*
 * The same, but an integer of any size that does not fit in 64 bits becomes
 * the greatest, or least, that does: it still is an integer, whatever else it
 * is taken for.
 */
seal_km_json_e seal_km_json_parse_clamped(seal_km_arena_t *arena,
    seal_km_str_t text, size_t max_values, json_t **json);

/*
 * The same as seal_km_json_parse(), of all that RFC 8259 takes for JSON: a name
 * may be there twice, or have U+0000 in it, a number may be of any size, escapes
 * may be halves of surrogate pairs, and there may be any number of levels (see
 * seal_km_json_loosen()).  For telling what a text is, never for taking anything
 * from it.
 */
seal_km_json_e seal_km_json_parse_loose(seal_km_arena_t *arena,
    seal_km_str_t text, size_t max_values, json_t **json);


/* the string value of an object's member; data == NULL if it has none */
seal_km_str_t seal_km_json_string(const json_t *object, const char *name);

/* the text of a JSON string; data == NULL if json is no string */
seal_km_str_t seal_km_json_text(const json_t *json);


#endif /* SEAL_KM_JSON_H */
