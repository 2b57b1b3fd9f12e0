#include "unit.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/crypto.h>

#include "seal_km_secret.h"


static unsigned  other_mallocs, other_frees;
static unsigned  watched, dirty;


static void *
other_malloc(size_t size)
{
    other_mallocs++;
    return malloc(size);
}


static void
other_free(void *p)
{
    other_frees++;
    free(p);
}


static void
test_alloc(void **state)
{
    void    *p;
    size_t   size;

    for (size = 0; size < 200; size++) {
        p = seal_km_secret_alloc(size);
        assert_non_null(p);
        assert_int_equal((uintptr_t) p % 16, 0);
        memset(p, 0xa5, size);
        seal_km_secret_free(p);
    }

    seal_km_secret_free(NULL);

    assert_null(seal_km_secret_alloc(SIZE_MAX));
    assert_null(seal_km_secret_alloc(SIZE_MAX - 15));
    assert_null(seal_km_secret_alloc(SIZE_MAX - 16));
}


/* counts the blocks in which something of the secret is left */

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


static void
test_free_cleanses(void **state)
{
    char    *p;
    json_t  *json;

    watched = dirty = 0;
    unit_memory_watch(look);

    p = seal_km_secret_alloc(100);
    assert_non_null(p);
    memcpy(p, "S3cret", 6);
    memcpy(p + 94, "S3cret", 6);
    seal_km_secret_free(p);

    assert_int_equal(watched, 1);
    assert_int_equal(dirty, 0);

    seal_km_secret_enter();
    json = json_loads("{\"S3cret name\":[\"S3cret text\",\"S3cr\\u0065t\"]}",
                      0, NULL);
    assert_non_null(json);
    json_decref(json);
    seal_km_secret_leave();

    unit_memory_watch(NULL);

    assert_true(watched > 5);
    assert_int_equal(dirty, 0);
}


/* the watch itself does see what is not cleansed */

static void
test_watch_sees(void **state)
{
    char  *p;

    watched = dirty = 0;
    unit_memory_watch(look);

    p = OPENSSL_malloc(100);
    assert_non_null(p);
    memcpy(p + 50, "S3cret", 6);
    OPENSSL_free(p);

    unit_memory_watch(NULL);

    assert_int_equal(watched, 1);
    assert_int_equal(dirty, 1);
}


static void
assert_allocators(jwt_malloc_t m, jwt_free_t f, json_malloc_t jm,
    json_free_t jf)
{
    jwt_free_t     jwt_f;
    json_free_t    json_f;
    jwt_malloc_t   jwt_m;
    json_malloc_t  json_m;

    jwt_get_alloc(&jwt_m, &jwt_f);
    json_get_alloc_funcs(&json_m, &json_f);

    assert_ptr_equal(jwt_m, m);
    assert_ptr_equal(jwt_f, f);
    assert_ptr_equal(json_m, jm);
    assert_ptr_equal(json_f, jf);
}


static void
test_enter_and_leave(void **state)
{
    jwt_free_t     jwt_f;
    json_free_t    json_f;
    jwt_malloc_t   jwt_m;
    json_malloc_t  json_m;

    assert_allocators(NULL, NULL, malloc, free);

    seal_km_secret_enter();
    jwt_get_alloc(&jwt_m, &jwt_f);
    json_get_alloc_funcs(&json_m, &json_f);
    assert_true(jwt_m != NULL && jwt_f != NULL);
    assert_true(json_m != malloc && json_f != free);

    seal_km_secret_enter();
    seal_km_secret_enter();
    seal_km_secret_leave();
    seal_km_secret_leave();
    assert_allocators(jwt_m, jwt_f, json_m, json_f);

    seal_km_secret_leave();
    assert_allocators(NULL, NULL, malloc, free);
}


/* a library may forget a block, or free one twice: neither matters */

static void
test_lent(void **state)
{
    long            blocks;
    char           *forgotten, *twice;
    json_free_t     json_f;
    json_malloc_t   json_m;

    watched = dirty = 0;
    blocks = unit_memory_blocks();
    unit_memory_watch(look);

    seal_km_secret_enter();
    json_get_alloc_funcs(&json_m, &json_f);

    forgotten = json_m(20);
    assert_non_null(forgotten);
    memcpy(forgotten, "S3cret", 6);

    twice = json_m(20);
    assert_non_null(twice);
    memcpy(twice, "S3cret", 6);

    json_f(twice);
    assert_int_equal(twice[0], '\0');
    json_f(NULL);

    seal_km_secret_enter();
    seal_km_secret_leave();
    assert_int_equal(unit_memory_blocks(), blocks + 2);

    json_f(twice);
    seal_km_secret_leave();

    unit_memory_watch(NULL);

    assert_int_equal(unit_memory_blocks(), blocks);
    assert_int_equal(watched, 2);
    assert_int_equal(dirty, 0);
}


/* another module of the process may have allocators of its own */

static void
test_former_allocators(void **state)
{
    json_t  *outside, *inside;

    json_set_alloc_funcs(other_malloc, other_free);
    other_mallocs = other_frees = 0;

    outside = json_string("outside");
    assert_int_equal(other_mallocs, 2);

    seal_km_secret_enter();
    inside = json_string("inside");
    json_decref(inside);
    seal_km_secret_leave();

    assert_int_equal(other_mallocs, 2);
    assert_int_equal(other_frees, 0);
    assert_allocators(NULL, NULL, other_malloc, other_free);

    json_decref(outside);
    assert_int_equal(other_frees, 2);

    /* jansson's and LibJWT's differ, and both come back */

    assert_int_equal(jwt_set_alloc(malloc, free), 0);
    json_set_alloc_funcs(other_malloc, other_free);

    seal_km_secret_enter();
    seal_km_secret_leave();
    assert_allocators(malloc, free, other_malloc, other_free);

    assert_int_equal(jwt_set_alloc(NULL, NULL), 0);
    json_set_alloc_funcs(malloc, free);
}


static void
test_no_memory(void **state)
{
    long  blocks;

    blocks = unit_memory_blocks();

    unit_memory_fail(1);
    assert_null(seal_km_secret_alloc(1));

    seal_km_secret_enter();
    assert_int_equal(seal_km_secret_has_failed(), 0);
    assert_null(json_string("text"));
    assert_int_equal(seal_km_secret_has_failed(), 1);
    assert_int_equal(seal_km_secret_has_failed(), 0);
    seal_km_secret_leave();

    unit_memory_fail(0);

    seal_km_secret_enter();
    assert_null(seal_km_secret_alloc(SIZE_MAX));
    seal_km_secret_enter();
    seal_km_secret_leave();
    assert_int_equal(seal_km_secret_has_failed(), 1);
    seal_km_secret_leave();

    assert_int_equal(unit_memory_blocks(), blocks);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_free_cleanses),
        cmocka_unit_test(test_watch_sees),
        cmocka_unit_test(test_enter_and_leave),
        cmocka_unit_test(test_lent),
        cmocka_unit_test(test_former_allocators),
        cmocka_unit_test(test_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
