#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdint.h>
#include <string.h>

#include "seal_km_arena.h"


/* bytes of a usual block, its header included */
#define SEAL_KM_ARENA_BLOCK       (8 * 1024)

/* what a cache keeps at most: usual blocks, and bytes of a larger one */
#define SEAL_KM_ARENA_KEEP        64
#define SEAL_KM_ARENA_KEEP_LARGE  (1024 * 1024)

#define seal_km_arena_round(size)                                             \
    (((size) + SEAL_KM_ARENA_ALIGN - 1) & ~((size_t) SEAL_KM_ARENA_ALIGN - 1))


/* the address sanitizer is told what of a block may be touched */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEAL_KM_ARENA_ASAN  1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SEAL_KM_ARENA_ASAN  1
#endif

#if (SEAL_KM_ARENA_ASAN)
#include <sanitizer/asan_interface.h>
#define seal_km_arena_poison(p, size)    ASAN_POISON_MEMORY_REGION(p, size)
#define seal_km_arena_unpoison(p, size)  ASAN_UNPOISON_MEMORY_REGION(p, size)
#else
#define seal_km_arena_poison(p, size)
#define seal_km_arena_unpoison(p, size)
#endif


/* what is allocated lies behind it; its size is a multiple of the alignment */

struct seal_km_arena_block_s {
    seal_km_arena_block_t  *next;
    size_t                  size;   /* of all of it */
    size_t                  used;   /* of that, with this header */
    size_t                  unused;
};


static int seal_km_arena_add_block(seal_km_arena_t *arena, size_t size);
static seal_km_arena_block_t *seal_km_arena_take(seal_km_arena_cache_t *cache,
    size_t size);
static int seal_km_arena_keep(seal_km_arena_cache_t *cache,
    seal_km_arena_block_t *block);
static void seal_km_arena_free_blocks(seal_km_arena_block_t *block);


void
seal_km_arena_init(seal_km_arena_t *arena, seal_km_arena_cache_t *cache)
{
    memset(arena, 0, sizeof(seal_km_arena_t));

    arena->cache = cache;
}


int
seal_km_arena_reserve(seal_km_arena_t *arena, size_t size)
{
    seal_km_arena_block_t  *block;

    block = arena->block;

    if (block != NULL && size <= block->size - block->used) {
        return 0;
    }

    return seal_km_arena_add_block(arena, size);
}


void *
seal_km_arena_alloc(seal_km_arena_t *arena, size_t size)
{
    char                   *p;
    size_t                  rounded;
    seal_km_arena_block_t  *block;

    rounded = seal_km_arena_round(size);

    /* rounding up has gone beyond the greatest size */

    if (rounded < size || seal_km_arena_reserve(arena, rounded) != 0) {
        arena->failed = 1;
        return NULL;
    }

    block = arena->block;

    p = (char *) block + block->used;
    block->used += rounded;

    seal_km_arena_unpoison(p, size);

    return p;
}


int
seal_km_arena_has_failed(seal_km_arena_t *arena)
{
    int  failed;

    failed = arena->failed;
    arena->failed = 0;

    return failed;
}


static int
seal_km_arena_add_block(seal_km_arena_t *arena, size_t size)
{
    seal_km_arena_block_t  *block;

    if (size > SIZE_MAX - SEAL_KM_ARENA_BLOCK) {
        return -1;
    }

    size += sizeof(seal_km_arena_block_t);

    if (size < SEAL_KM_ARENA_BLOCK) {
        size = SEAL_KM_ARENA_BLOCK;
    }

    block = seal_km_arena_take(arena->cache, size);

    if (block == NULL) {
        block = OPENSSL_malloc(size);

        if (block == NULL) {
            /* newer OpenSSL queues an error, which a TLS connection would
               find */
            ERR_clear_error();
            return -1;
        }

        block->size = size;
        seal_km_arena_poison(block + 1, size - sizeof(seal_km_arena_block_t));
    }

    block->used = sizeof(seal_km_arena_block_t);
    block->next = arena->block;
    arena->block = block;

    return 0;
}


static seal_km_arena_block_t *
seal_km_arena_take(seal_km_arena_cache_t *cache, size_t size)
{
    seal_km_arena_block_t  *block;

    if (cache == NULL) {
        return NULL;
    }

    if (size == SEAL_KM_ARENA_BLOCK) {
        block = cache->blocks;

        if (block != NULL) {
            cache->blocks = block->next;
            cache->n--;
        }

        return block;
    }

    block = cache->large;

    if (block == NULL || block->size < size) {
        return NULL;
    }

    cache->large = NULL;

    return block;
}


void
seal_km_arena_free(seal_km_arena_t *arena)
{
    size_t                  used;
    seal_km_arena_block_t  *block, *next;

    for (block = arena->block; block != NULL; block = next) {
        next = block->next;
        used = block->used - sizeof(seal_km_arena_block_t);

        seal_km_arena_unpoison(block + 1, used);
        OPENSSL_cleanse(block + 1, used);
        seal_km_arena_poison(block + 1, used);

        if (!seal_km_arena_keep(arena->cache, block)) {
            block->next = NULL;
            seal_km_arena_free_blocks(block);
        }
    }

    seal_km_arena_init(arena, arena->cache);
}


/* 1 if the block is the cache's now */

static int
seal_km_arena_keep(seal_km_arena_cache_t *cache, seal_km_arena_block_t *block)
{
    if (cache == NULL) {
        return 0;
    }

    if (block->size == SEAL_KM_ARENA_BLOCK) {

        if (cache->n == SEAL_KM_ARENA_KEEP) {
            return 0;
        }

        block->next = cache->blocks;
        cache->blocks = block;
        cache->n++;

        return 1;
    }

    if (block->size > SEAL_KM_ARENA_KEEP_LARGE
        || (cache->large != NULL && block->size <= cache->large->size))
    {
        return 0;
    }

    seal_km_arena_free_blocks(cache->large);

    block->next = NULL;
    cache->large = block;

    return 1;
}


void
seal_km_arena_cache_free(seal_km_arena_cache_t *cache)
{
    seal_km_arena_free_blocks(cache->blocks);
    seal_km_arena_free_blocks(cache->large);

    memset(cache, 0, sizeof(seal_km_arena_cache_t));
}


/* they are cleansed already */

static void
seal_km_arena_free_blocks(seal_km_arena_block_t *block)
{
    seal_km_arena_block_t  *next;

    for ( /* void */ ; block != NULL; block = next) {
        next = block->next;

        seal_km_arena_unpoison(block, block->size);
        OPENSSL_free(block);
    }
}
