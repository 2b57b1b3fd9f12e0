/*
 * jansson, when an allocation fails in the middle of a text: it may go on with
 * a character less.  That cannot happen as long as what is reserved suffices,
 * so here nothing is reserved, and each allocation fails in turn, and it alone.
 */


#include "unit.h"

#include "seal_km_arena.h"


static unsigned  alloc_nth, alloc_calls;


static void *
failing_alloc(seal_km_arena_t *arena, size_t size)
{
    if (++alloc_calls == alloc_nth) {
        arena->failed = 1;
        return NULL;
    }

    return seal_km_arena_alloc(arena, size);
}


#define seal_km_arena_reserve(arena, size)  0
#define seal_km_arena_alloc(arena, size)    failing_alloc(arena, size)

#include "seal_km_json.c"


static void
test_each_allocation(void **state)
{
    json_t           *json;
    seal_km_arena_t   arena;
    seal_km_json_e    rc;

    /* the buffer of the lexer grows in the name of 20 bytes */

    static const seal_km_str_t  text =
        unit_lit("{\"sub\":\"alice@v2x.example.org\",\"a\":[1,2.5,{}]}");

    seal_km_arena_init(&arena, NULL);

    for (alloc_nth = 1; /* void */ ; alloc_nth++) {
        alloc_calls = 0;
        rc = seal_km_json_parse(&arena, text, SEAL_KM_JSON_ANY, &json);

        if (alloc_calls < alloc_nth) {
            break;
        }

        assert_int_equal(rc, SEAL_KM_JSON_NO_MEMORY);
        assert_null(json);
        seal_km_arena_free(&arena);
    }

    assert_true(alloc_nth > 15);
    assert_int_equal(rc, SEAL_KM_JSON_OK);
    unit_check_str("sub", seal_km_json_string(json, "sub"),
                   unit_str("alice@v2x.example.org"));
    seal_km_arena_free(&arena);
}


/* what failed before is not held against the next text */

static void
test_next_text(void **state)
{
    json_t           *json;
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    alloc_nth = 1;
    alloc_calls = 0;
    assert_int_equal(seal_km_json_parse(&arena, unit_str("[1]"),
                                        SEAL_KM_JSON_ANY, &json),
                     SEAL_KM_JSON_NO_MEMORY);
    assert_int_equal(seal_km_json_parse(&arena, unit_str("[1]"),
                                        SEAL_KM_JSON_ANY, &json),
                     SEAL_KM_JSON_OK);

    arena.failed = 1;
    assert_int_equal(seal_km_json_parse(&arena, unit_str("[1]"),
                                        SEAL_KM_JSON_ANY, &json),
                     SEAL_KM_JSON_OK);

    seal_km_arena_free(&arena);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_each_allocation),
        cmocka_unit_test(test_next_text)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
