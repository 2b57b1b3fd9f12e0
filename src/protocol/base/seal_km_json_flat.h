/*
 * Objects of which only strings and integers are wanted.  Most of those that
 * come are flat: no value in a value, no escape sequence, nothing beyond ASCII.
 * These are read where they lie, in one pass and without memory; all others are
 * jansson's.  What is read is the same.
 */


#ifndef SEAL_KM_JSON_FLAT_H
#define SEAL_KM_JSON_FLAT_H


#include <stdint.h>

#include "seal_km_json.h"


/* members of a flat object, at most */
#define SEAL_KM_JSON_FLAT_MAX  12


typedef enum {
    SEAL_KM_JSON_ABSENT = 0,
    SEAL_KM_JSON_STRING,
    SEAL_KM_JSON_INTEGER,
    SEAL_KM_JSON_OTHER
} seal_km_json_kind_e;


typedef struct {
    seal_km_json_kind_e    kind;
    seal_km_str_t          text;      /* data == NULL: it is no string */
    int64_t                integer;   /* 0: it is none, or 0 */
} seal_km_json_value_t;


typedef struct {
    seal_km_str_t          name;
    seal_km_json_value_t   value;
} seal_km_json_member_t;


/* an object in one of two forms; zeroed: no object */
typedef struct {
    json_t                *tree;      /* NULL: it is flat */
    size_t                 n;
    seal_km_json_member_t  member[SEAL_KM_JSON_FLAT_MAX];
} seal_km_json_object_t;


/* what to do of a text that is no flat object */
typedef seal_km_json_e (*seal_km_json_parse_pt)(seal_km_arena_t *arena,
    seal_km_str_t text, size_t max_values, json_t **json);


/*
 * Reads text as parse, one of seal_km_json_parse() and its kin, would, and says
 * what that would; strings lie in text, or in the arena.  max_values is at least
 * SEAL_KM_JSON_FLAT_MAX + 1.  A text of another type than object is fine, and
 * has no members: see seal_km_json_is_object().
 */
seal_km_json_e seal_km_json_read(seal_km_json_object_t *object,
    seal_km_arena_t *arena, seal_km_str_t text, size_t max_values,
    seal_km_json_parse_pt parse);

/* 1, or 0 where the text was of another type */
int seal_km_json_is_object(const seal_km_json_object_t *object);

/* how many members the object has */
size_t seal_km_json_size(const seal_km_json_object_t *object);

/* the value of a member */
seal_km_json_value_t seal_km_json_get(const seal_km_json_object_t *object,
    const char *name);


#endif /* SEAL_KM_JSON_FLAT_H */
