/*
 * What of nginx the fuzzers play, because all they want of it is memory: no log,
 * no pools, and one process that holds no lock.
 */


#include "fuzz_nginx.h"


#define FUZZ_SLABS_MAX  8


static ngx_log_t      fuzz_log;
static ngx_cycle_t    fuzz_cycle = { .log = &fuzz_log };

volatile ngx_cycle_t  *ngx_cycle = &fuzz_cycle;
volatile ngx_msec_t    ngx_current_msec;
ngx_uint_t             ngx_pagesize = 4096;
ngx_pid_t              ngx_pid;

static void           *fuzz_slabs[FUZZ_SLABS_MAX];
static size_t          fuzz_nslabs;


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    return calloc(1, size);
}


/* to be freed, as its start is */

ngx_buf_t *
ngx_create_temp_buf(ngx_pool_t *pool, size_t size)
{
    ngx_buf_t  *b;

    b = fuzz_alloc(sizeof(ngx_buf_t));
    memset(b, 0, sizeof(ngx_buf_t));

    b->start = fuzz_alloc(size);
    b->pos = b->start;
    b->last = b->start;
    b->end = b->start + size;
    b->temporary = 1;

    return b;
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
}


void *
ngx_slab_calloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    fuzz_assert(fuzz_nslabs < FUZZ_SLABS_MAX);

    p = fuzz_alloc(size);
    memset(p, 0, size);

    fuzz_slabs[fuzz_nslabs++] = p;

    return p;
}


void
fuzz_free_slabs(void)
{
    while (fuzz_nslabs > 0) {
        free(fuzz_slabs[--fuzz_nslabs]);
    }
}
