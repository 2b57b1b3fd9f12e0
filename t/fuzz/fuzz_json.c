/*
 * A JSON text, three times: decoded in an arena, checked without decoding, and
 * as jansson alone takes it.  All of them have the same verdict, and none needs
 * memory that was not there before it began.
 */


#include "fuzz.h"
#include "seal_km_json_check.h"
#include "seal_km_json_loose.h"
#include "seal_km_json_measure.h"
#include "seal_km_json_raw.h"


static void fuzz_memory(const seal_km_arena_t *arena,
    const seal_km_arena_t *before);
static void fuzz_loose(seal_km_str_t text, json_t *json);
static int fuzz_jansson(seal_km_str_t text);
static void fuzz_clamped(seal_km_str_t text, int valid);
static void fuzz_raw(seal_km_str_t text, json_t *json);
static json_t *fuzz_decode(seal_km_arena_t *arena, seal_km_str_t text);
static size_t fuzz_count(const json_t *json);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               valid;
    json_t           *json, *bounded;
    seal_km_str_t     text;
    seal_km_arena_t   arena, before;
    seal_km_json_e    rc;

    text = fuzz_str(data, size);

    /* so that the arena has a block, and another would be seen */

    seal_km_arena_init(&arena, NULL);
    fuzz_assert(seal_km_arena_reserve(&arena, 400 * size + 4096) == 0);
    before = arena;

    rc = seal_km_json_parse(&arena, text, SEAL_KM_JSON_ANY, &json);
    fuzz_assert(rc == SEAL_KM_JSON_OK || rc == SEAL_KM_JSON_INVALID);
    fuzz_memory(&arena, &before);

    valid = (rc == SEAL_KM_JSON_OK);
    fuzz_assert(valid == (json != NULL));

    fuzz_assert(seal_km_json_check(text) == rc);

    if (size > 0 && memchr(data, 0, size) == NULL) {
        fuzz_assert(fuzz_jansson(text) == valid);

    } else {
        fuzz_assert(!valid);
    }

    fuzz_loose(text, json);

    if (valid) {
        size = fuzz_count(json);

        fuzz_assert(seal_km_json_parse(&arena, text, size, &bounded)
                    == SEAL_KM_JSON_OK);
        fuzz_assert(json_equal(json, bounded));
        fuzz_assert(seal_km_json_parse(&arena, text, size - 1, &bounded)
                    == SEAL_KM_JSON_INVALID);

        fuzz_raw(text, json);
    }

    fuzz_clamped(text, valid);

    seal_km_arena_free(&arena);

    return 0;
}


/* no block has come to those that were there */

static void
fuzz_memory(const seal_km_arena_t *arena, const seal_km_arena_t *before)
{
    fuzz_assert(arena->block == before->block);
}


/* as reals, integers may have any size */

static int
fuzz_jansson(seal_km_str_t text)
{
    int      valid;
    json_t  *json;

    json = json_loadb(text.data, text.len,
                      JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL|JSON_DECODE_ANY
                      |JSON_DECODE_INT_AS_REAL, NULL);
    valid = (json != NULL);
    json_decref(json);

    return valid;
}


/* what is valid is so when it is loosened, and has the same names */

static void
fuzz_loose(seal_km_str_t text, json_t *json)
{
    char             *dst;
    void             *iter;
    size_t            len;
    json_t           *loose;
    seal_km_str_t     name;
    seal_km_arena_t   arena;
    seal_km_json_e    rc;

    seal_km_arena_init(&arena, NULL);

    dst = fuzz_alloc(text.len);
    len = seal_km_json_loosen(text, dst);
    fuzz_assert(len <= text.len);
    free(dst);

    rc = seal_km_json_parse_loose(&arena, text, SEAL_KM_JSON_ANY, &loose);
    fuzz_assert(rc == SEAL_KM_JSON_OK
                || (rc == SEAL_KM_JSON_INVALID && json == NULL));

    for (iter = json_object_iter(json);
         iter != NULL;
         iter = json_object_iter_next(json, iter))
    {
        name = seal_km_str_of(json_object_iter_key(iter));

        if (seal_km_str_is_simple(name)) {
            fuzz_assert(json_object_get(loose, name.data) != NULL);
        }
    }

    seal_km_arena_free(&arena);
}


/* what is valid is so with its large integers clamped, too */

static void
fuzz_clamped(seal_km_str_t text, int valid)
{
    json_t           *json;
    seal_km_arena_t   arena;
    seal_km_json_e    rc;

    seal_km_arena_init(&arena, NULL);

    rc = seal_km_json_parse_clamped(&arena, text, SEAL_KM_JSON_ANY, &json);
    fuzz_assert(rc == SEAL_KM_JSON_OK
                || (rc == SEAL_KM_JSON_INVALID && !valid));

    seal_km_arena_free(&arena);
}


/* members are where they are, and the compact form says the same */

static void
fuzz_raw(seal_km_str_t text, json_t *json)
{
    char             *dst, *again;
    void             *iter;
    json_t           *value;
    seal_km_str_t     compact, name, raw;
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    dst = fuzz_alloc(text.len);
    compact = fuzz_str(dst, seal_km_json_raw_compact(text, dst));
    fuzz_assert(json_equal(fuzz_decode(&arena, compact), json));

    again = fuzz_alloc(compact.len);
    fuzz_assert(seal_km_json_raw_compact(compact, again) == compact.len
                && memcmp(again, dst, compact.len) == 0);

    for (iter = json_object_iter(json);
         iter != NULL;
         iter = json_object_iter_next(json, iter))
    {
        value = json_object_iter_value(iter);
        name.data = json_object_iter_key(iter);
        name.len = strlen(name.data);

        raw = seal_km_json_raw_member(text, name);
        fuzz_assert(json_equal(fuzz_decode(&arena, raw), value));

        raw = seal_km_json_raw_member(compact, name);
        fuzz_assert(json_equal(fuzz_decode(&arena, raw), value));
    }

    free(again);
    free(dst);
    seal_km_arena_free(&arena);
}


static json_t *
fuzz_decode(seal_km_arena_t *arena, seal_km_str_t text)
{
    json_t  *json;

    fuzz_assert(text.data != NULL);
    fuzz_assert(seal_km_json_parse(arena, text, SEAL_KM_JSON_ANY, &json)
                == SEAL_KM_JSON_OK);
    return json;
}


static size_t
fuzz_count(const json_t *json)
{
    void    *iter;
    size_t   i, n;
    json_t  *object;

    n = 1;

    for (i = 0; i < json_array_size(json); i++) {
        n += fuzz_count(json_array_get(json, i));
    }

    object = (json_t *) json;

    for (iter = json_object_iter(object);
         iter != NULL;
         iter = json_object_iter_next(object, iter))
    {
        n += fuzz_count(json_object_iter_value(iter));
    }

    return n;
}
