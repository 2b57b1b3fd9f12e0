#include "unit.h"

#include "seal_km_arena.h"


/* of a block, as seal_km_arena.h tells */
#define BLOCK  (16 * 1024)
#define KEPT   64


static unsigned  watched, dirty;


/* counts the blocks in which something is left */

static void
look(const unsigned char *p, size_t size)
{
    size_t  i;

    watched++;

    for (i = 0; i + 4 <= size; i++) {
        if (memcmp(p + i, "S3cr", 4) == 0) {
            dirty++;
            return;
        }
    }
}


static char *
fill(seal_km_arena_t *arena, size_t size)
{
    char  *p;

    p = seal_km_arena_alloc(arena, size);
    assert_non_null(p);
    assert_int_equal((uintptr_t) p % SEAL_KM_ARENA_ALIGN, 0);

    memset(p, 'x', size);

    if (size >= 4) {
        memcpy(p, "S3cr", 4);
        memcpy(p + size - 4, "S3cr", 4);
    }

    return p;
}


/* what is there stays as it is, however much comes behind it */

static void
test_alloc(void **state)
{
    char             *p[300], *q;
    long              blocks;
    size_t            i, k, size;
    seal_km_arena_t   arena;

    blocks = unit_memory_blocks();
    memset(&arena, 0, sizeof(arena));

    for (i = 0; i < unit_n(p); i++) {
        size = i * 7 % 500 + (i % 50 == 49) * 20000;
        p[i] = seal_km_arena_alloc(&arena, size);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t) p[i] % SEAL_KM_ARENA_ALIGN, 0);
        memset(p[i], (int) i, size);
    }

    for (i = 0; i < unit_n(p); i++) {
        size = i * 7 % 500 + (i % 50 == 49) * 20000;
        q = p[i];

        for (k = 0; k < size; k++) {
            assert_int_equal((unsigned char) q[k], i & 0xff);
        }
    }

    assert_int_equal(seal_km_arena_has_failed(&arena), 0);

    seal_km_arena_free(&arena);
    seal_km_arena_free(&arena);
    assert_int_equal(unit_memory_blocks(), blocks);
}


static void
test_reserve(void **state)
{
    size_t           i;
    seal_km_arena_t  arena;

    seal_km_arena_init(&arena, NULL);

    for (i = 1; i < 200000; i = i * 3 + 1) {
        fill(&arena, 100);
        assert_int_equal(seal_km_arena_reserve(&arena, i * 16), 0);

        unit_memory_fail(1);
        fill(&arena, i * 16);
        unit_memory_fail(0);
    }

    /* what cannot be reserved leaves what there is */

    fill(&arena, 16);
    unit_memory_fail(1);
    assert_int_equal(seal_km_arena_reserve(&arena, 10 * BLOCK), -1);
    unit_memory_fail(0);
    assert_int_equal(seal_km_arena_reserve(&arena, SIZE_MAX), -1);
    assert_int_equal(seal_km_arena_reserve(&arena, SIZE_MAX - BLOCK), -1);

    assert_int_equal(seal_km_arena_has_failed(&arena), 0);
    fill(&arena, 16);

    seal_km_arena_free(&arena);
}


static void
test_no_memory(void **state)
{
    long             blocks;
    seal_km_arena_t  arena;

    blocks = unit_memory_blocks();
    seal_km_arena_init(&arena, NULL);

    unit_memory_fail(1);
    assert_null(seal_km_arena_alloc(&arena, 1));
    unit_memory_fail(0);

    assert_int_equal(seal_km_arena_has_failed(&arena), 1);
    assert_int_equal(seal_km_arena_has_failed(&arena), 0);

    fill(&arena, 1);
    assert_int_equal(seal_km_arena_has_failed(&arena), 0);

    assert_null(seal_km_arena_alloc(&arena, SIZE_MAX));
    assert_int_equal(seal_km_arena_has_failed(&arena), 1);
    assert_null(seal_km_arena_alloc(&arena, SIZE_MAX - 16));
    assert_int_equal(seal_km_arena_has_failed(&arena), 1);

    seal_km_arena_free(&arena);
    assert_int_equal(unit_memory_blocks(), blocks);
}


/* whatever is allocated is cleansed, to its first and its last byte */

static void
test_free_cleanses(void **state)
{
    size_t                  size;
    seal_km_arena_t         arena;
    seal_km_arena_cache_t   cache;

    memset(&cache, 0, sizeof(cache));
    watched = dirty = 0;
    unit_memory_watch(look);

    seal_km_arena_init(&arena, NULL);

    for (size = 1; size < 100000; size += 1 + size / 3) {
        fill(&arena, size);
    }

    seal_km_arena_free(&arena);
    assert_true(watched > 5);
    assert_int_equal(dirty, 0);

    /* so is what a cache keeps */

    watched = 0;
    seal_km_arena_init(&arena, &cache);

    fill(&arena, 100);
    fill(&arena, 2 * BLOCK);
    seal_km_arena_free(&arena);
    assert_int_equal(watched, 0);

    seal_km_arena_cache_free(&cache);
    assert_int_equal(watched, 2);
    assert_int_equal(dirty, 0);

    unit_memory_watch(NULL);
}


/* a worker's requests find the memory of those before them */

static void
test_cache(void **state)
{
    char                   *p;
    long                    blocks;
    size_t                  i;
    seal_km_arena_t         arenas[KEPT + 10];
    seal_km_arena_cache_t   cache;

    blocks = unit_memory_blocks();
    memset(&cache, 0, sizeof(cache));

    for (i = 0; i < unit_n(arenas); i++) {
        seal_km_arena_init(&arenas[i], &cache);
        p = fill(&arenas[i], 100);
    }

    for (i = 0; i < unit_n(arenas); i++) {
        seal_km_arena_free(&arenas[i]);
    }

    /* bounded: some went back */
    assert_int_equal(unit_memory_blocks(), blocks + KEPT);

    unit_memory_fail(1);

    for (i = 0; i < KEPT; i++) {
        p = fill(&arenas[i], 100);
    }

    assert_null(seal_km_arena_alloc(&arenas[i], 100));
    unit_memory_fail(0);

    for (i = 0; i < unit_n(arenas); i++) {
        seal_km_arena_free(&arenas[i]);
    }

    /* what was freed last is still in the processor's cache, and goes first */

    p = fill(&arenas[0], 100);
    seal_km_arena_free(&arenas[0]);
    assert_ptr_equal(fill(&arenas[1], 100), p);
    seal_km_arena_free(&arenas[1]);

    seal_km_arena_cache_free(&cache);
    assert_int_equal(unit_memory_blocks(), blocks);
    seal_km_arena_cache_free(&cache);
}


static void
test_cache_large(void **state)
{
    char                   *small, *large;
    long                    blocks;
    seal_km_arena_t         arena;
    seal_km_arena_cache_t   cache;

    blocks = unit_memory_blocks();
    memset(&cache, 0, sizeof(cache));
    seal_km_arena_init(&arena, &cache);

    small = fill(&arena, 2 * BLOCK);
    large = fill(&arena, 10 * BLOCK);
    seal_km_arena_free(&arena);

    /* one is kept, the larger */

    assert_int_equal(unit_memory_blocks(), blocks + 1);
    assert_ptr_equal(fill(&arena, 3 * BLOCK), large);
    assert_ptr_not_equal(fill(&arena, 2 * BLOCK), large);
    seal_km_arena_free(&arena);
    assert_int_equal(unit_memory_blocks(), blocks + 1);

    /* but none that is too small, and none that is very large */

    fill(&arena, 11 * BLOCK);
    seal_km_arena_free(&arena);
    assert_int_equal(unit_memory_blocks(), blocks + 1);

    fill(&arena, 100 * BLOCK);
    seal_km_arena_free(&arena);
    assert_int_equal(unit_memory_blocks(), blocks + 1);

    unit_memory_fail(1);
    fill(&arena, 11 * BLOCK);
    assert_null(seal_km_arena_alloc(&arena, 11 * BLOCK));
    unit_memory_fail(0);

    seal_km_arena_free(&arena);
    seal_km_arena_cache_free(&cache);
    assert_int_equal(unit_memory_blocks(), blocks);

    (void) small;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_free_cleanses),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_cache_large)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
