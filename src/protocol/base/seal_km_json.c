#include <string.h>

#include "seal_km_json.h"
#include "seal_km_json_loose.h"
#include "seal_km_json_measure.h"
#include "seal_km_secret.h"


/*
 * What jansson needs for a text, at most, in 64 bits, each allocation rounded
 * up as the arena does it.  A member whose value is an empty object has a copy
 * of its name (18 bytes with NUL, quote and rounding), an entry (72), its share
 * of a hash table that doubled until it was large enough (64), the object (80)
 * and the object's first hash table (128).  All other values have less.  The
 * text of a name is there twice.  The lexer's buffer for one token doubles, so
 * that all of them together are four times the longest.
 */
#define SEAL_KM_JSON_MEMORY         1024
#define SEAL_KM_JSON_VALUE_MEMORY   384
#define SEAL_KM_JSON_NAME_MEMORY    2
#define SEAL_KM_JSON_TOKEN_MEMORY   4

/* no text in memory is so long, for each byte may be a value */
#define SEAL_KM_JSON_MAX                                                      \
    (((size_t) -1 - SEAL_KM_JSON_MEMORY) / (SEAL_KM_JSON_VALUE_MEMORY + 16))


/* whose functions jansson allocates with while it has none of ours */

typedef struct {
    json_malloc_t     malloc_fn;
#if (SEAL_KM_JANSSON_REALLOC)
    json_realloc_t    realloc_fn;
#endif
    json_free_t       free_fn;
} seal_km_json_allocators_t;


static seal_km_json_e seal_km_json_parse_text(seal_km_arena_t *arena,
    seal_km_str_t text, size_t max_values, size_t flags, int clamp,
    json_t **json);
static seal_km_json_e seal_km_json_reserve(seal_km_arena_t *arena,
    const seal_km_json_measure_t *measure, seal_km_str_t *text, int clamp);
static seal_km_json_e seal_km_json_load(seal_km_arena_t *arena,
    seal_km_str_t text, size_t flags, json_t **json);
static void *seal_km_json_alloc(size_t size);
static void seal_km_json_drop(void *p);


/* jansson's functions are told no context */
static seal_km_arena_t  *seal_km_json_arena;


seal_km_json_e
seal_km_json_parse(seal_km_arena_t *arena, seal_km_str_t text,
    size_t max_values, json_t **json)
{
    return seal_km_json_parse_text(arena, text, max_values,
                                   JSON_REJECT_DUPLICATES, 0, json);
}


seal_km_json_e
seal_km_json_parse_clamped(seal_km_arena_t *arena, seal_km_str_t text,
    size_t max_values, json_t **json)
{
    return seal_km_json_parse_text(arena, text, max_values,
                                   JSON_REJECT_DUPLICATES, 1, json);
}


seal_km_json_e
seal_km_json_parse_loose(seal_km_arena_t *arena, seal_km_str_t text,
    size_t max_values, json_t **json)
{
    char  *copy;

    copy = seal_km_arena_alloc(arena, text.len);

    if (copy == NULL) {
        *json = NULL;
        return SEAL_KM_JSON_NO_MEMORY;
    }

    text.len = seal_km_json_loosen(text, copy);
    text.data = copy;

    return seal_km_json_parse_text(arena, text, max_values, 0, 0, json);
}


static seal_km_json_e
seal_km_json_parse_text(seal_km_arena_t *arena, seal_km_str_t text,
    size_t max_values, size_t flags, int clamp, json_t **json)
{
    seal_km_json_e          rc;
    seal_km_json_measure_t  measure;

    *json = NULL;

    if (text.len > SEAL_KM_JSON_MAX) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    /* jansson lets a NUL pass where it ends a number */

    if (text.len == 0
        || seal_km_json_measure(text, &measure) != 0
        || measure.values > max_values)
    {
        return SEAL_KM_JSON_INVALID;
    }

    rc = seal_km_json_reserve(arena, &measure, &text, clamp);

    if (rc != SEAL_KM_JSON_OK) {
        return rc;
    }

    return seal_km_json_load(arena, text, flags, json);
}


/*
 * Makes room for all that follows.  RFC 8259 knows no greatest integer, jansson
 * refuses what is beyond 64 bits: a text that has some is replaced by a copy
 * where they are reals, which are refused only where they are beyond a double
 * too, or, with clamp, integers that fit.
 */

static seal_km_json_e
seal_km_json_reserve(seal_km_arena_t *arena,
    const seal_km_json_measure_t *measure, seal_km_str_t *text, int clamp)
{
    char    *copy;
    size_t   size, len;

    len = text->len + 2 * measure->large;

    size = SEAL_KM_JSON_MEMORY
           + measure->values * SEAL_KM_JSON_VALUE_MEMORY
           + len * SEAL_KM_JSON_NAME_MEMORY
           + (measure->longest + 2) * SEAL_KM_JSON_TOKEN_MEMORY;

    if (measure->large > 0) {
        size += len;
    }

    if (seal_km_arena_reserve(arena, size) != 0) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    if (measure->large == 0) {
        return SEAL_KM_JSON_OK;
    }

    copy = seal_km_arena_alloc(arena, len);

    if (copy == NULL) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    text->len = seal_km_json_copy(*text, copy, clamp);
    text->data = copy;

    return SEAL_KM_JSON_OK;
}


static seal_km_json_e
seal_km_json_load(seal_km_arena_t *arena, seal_km_str_t text, size_t flags,
    json_t **json)
{
    json_t                     *tree;
    seal_km_arena_t            *outer;
    seal_km_json_allocators_t   former;

    outer = seal_km_json_arena;
    seal_km_json_arena = arena;

#if (SEAL_KM_JANSSON_REALLOC)
    json_get_alloc_funcs2(&former.malloc_fn, &former.realloc_fn,
                          &former.free_fn);
#else
    json_get_alloc_funcs(&former.malloc_fn, &former.free_fn);
#endif

    json_set_alloc_funcs(seal_km_json_alloc, seal_km_json_drop);

    (void) seal_km_arena_has_failed(arena);

    /* JSON_ALLOW_NUL is about escapes in values: in a name jansson refuses
       U+0000 even so.  It would write pieces of the text into an error. */

    tree = json_loadb(text.data, text.len,
                      flags|JSON_ALLOW_NUL|JSON_DECODE_ANY,
                      NULL);

#if (SEAL_KM_JANSSON_REALLOC)
    json_set_alloc_funcs2(former.malloc_fn, former.realloc_fn, former.free_fn);
#else
    json_set_alloc_funcs(former.malloc_fn, former.free_fn);
#endif

    seal_km_json_arena = outer;

    if (seal_km_arena_has_failed(arena)) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    if (tree == NULL) {
        return SEAL_KM_JSON_INVALID;
    }

    *json = tree;

    return SEAL_KM_JSON_OK;
}


static void *
seal_km_json_alloc(size_t size)
{
    return seal_km_arena_alloc(seal_km_json_arena, size);
}


/* nothing is given back but with the whole arena */

static void
seal_km_json_drop(void *p)
{
    (void) p;
}


seal_km_str_t
seal_km_json_string(const json_t *object, const char *name)
{
    return seal_km_json_text(json_object_get(object, name));
}


seal_km_str_t
seal_km_json_text(const json_t *json)
{
    seal_km_str_t  s;

    s.data = json_string_value(json);
    s.len = json_string_length(json);

    return s;
}
