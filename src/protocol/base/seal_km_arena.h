/*
 * Memory for what one request, or one text, needs and drops: it is taken bit
 * by bit, given back all at once, and cleansed then, in one go.
 */


#ifndef SEAL_KM_ARENA_H
#define SEAL_KM_ARENA_H


#include <stddef.h>


typedef struct seal_km_arena_block_s  seal_km_arena_block_t;


/*
 * Blocks that no arena has at present, cleansed: so that a worker does not give
 * its memory back to the kernel after each request only to ask for it at the
 * next.  It is bounded, to 512 kB in blocks of 8 kB and one larger block of at
 * most 1 MB.  All zeros is an empty one.
 */
typedef struct {
    seal_km_arena_block_t  *blocks;
    size_t                  n;
    seal_km_arena_block_t  *large;
} seal_km_arena_cache_t;


/*
 * All zeros is an empty arena without a cache.  The members are read by no one
 * but seal_km_arena.c.
 */
typedef struct {
    seal_km_arena_block_t  *block;    /* the one in use, others behind it */
    seal_km_arena_cache_t  *cache;    /* NULL: none */
    unsigned                failed:1;
} seal_km_arena_t;


/* an empty arena; cache, which may be NULL, lives longer than it */
void seal_km_arena_init(seal_km_arena_t *arena, seal_km_arena_cache_t *cache);

/*
 * Sees to it that the next allocations, of size bytes altogether where each is
 * rounded up to SEAL_KM_ARENA_ALIGN, cannot fail.  Returns 0, or -1 where there
 * is no memory: nothing is lost then.
 */
int seal_km_arena_reserve(seal_km_arena_t *arena, size_t size);

/*
 * Memory that lives until seal_km_arena_free(), aligned for any type and not
 * initialized; NULL where there is none, which is noted.
 */
void *seal_km_arena_alloc(seal_km_arena_t *arena, size_t size);

/* 1 if an allocation has failed since this was last asked, or since the start */
int seal_km_arena_has_failed(seal_km_arena_t *arena);

/*
 * Cleanses all that was allocated and gives it back.  The arena is empty then
 * and may be used again; harmless on an empty one.
 */
void seal_km_arena_free(seal_km_arena_t *arena);

/* frees what the cache keeps; it is empty then and may be used again */
void seal_km_arena_cache_free(seal_km_arena_cache_t *cache);


/* what an allocation is rounded up to, in bytes */
#define SEAL_KM_ARENA_ALIGN  16


#endif /* SEAL_KM_ARENA_H */
