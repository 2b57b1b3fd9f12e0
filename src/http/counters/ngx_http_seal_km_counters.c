/*
 * What is counted of the locations of a zone: a slot for each worker.
 */


#include "ngx_http_seal_km_counters.h"

#include <unistd.h>


/*
 * nginx's slab gives it a power of two, aligned to that: no cache line is shared
 * with what others write.
 */

struct ngx_http_seal_km_slot_s {
    ngx_http_seal_km_slot_t      *next;
    ngx_pid_t                     pid;       /* 0: it is left to others */
    ngx_http_seal_km_counters_t   counters;
};


#define NGX_HTTP_SEAL_KM_WORDS                                                \
    (sizeof(ngx_http_seal_km_counters_t) / sizeof(ngx_http_seal_km_counter_t))

#define NGX_HTTP_SEAL_KM_GAUGES                                               \
    (sizeof(ngx_http_seal_km_gauges_t) / sizeof(ngx_http_seal_km_counter_t))


static ngx_http_seal_km_slot_t *ngx_http_seal_km_make_slot(
    ngx_http_seal_km_tally_t *tally);
static ngx_http_seal_km_slot_t *ngx_http_seal_km_free_slot(
    ngx_http_seal_km_tally_t *tally);
static ngx_uint_t ngx_http_seal_km_is_alive(ngx_pid_t pid);
static void ngx_http_seal_km_clear_gauges(ngx_http_seal_km_slot_t *slot);


const uint64_t  ngx_http_seal_km_bounds[NGX_HTTP_SEAL_KM_BOUNDS + 1] = {
    500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000, 100000000,
    250000000, 500000000, 1000000000, 2500000000, (uint64_t) -1
};


/* to change with the bounds */
const u_char  ngx_http_seal_km_first_bound[64] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11,
    12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
    12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12
};


/* what is counted by a process that has no slot: in no zone, or not yet */
static ngx_http_seal_km_counters_t  ngx_http_seal_km_uncounted;


size_t
ngx_http_seal_km_slot_size(void)
{
    return sizeof(ngx_http_seal_km_slot_t);
}


size_t
ngx_http_seal_km_slots_size(ngx_uint_t n)
{
    size_t  size;

    for (size = 1; size < sizeof(ngx_http_seal_km_slot_t); size <<= 1) {
        /* void */
    }

    return ngx_align(n * size, ngx_pagesize);
}


void
ngx_http_seal_km_init_tally(ngx_http_seal_km_tally_t *tally)
{
    ngx_memzero(tally, sizeof(ngx_http_seal_km_tally_t));

    tally->counters = &ngx_http_seal_km_uncounted;
}


ngx_int_t
ngx_http_seal_km_add_slots(ngx_http_seal_km_tally_t *tally, ngx_uint_t n)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    ngx_shmtx_lock(&tally->shpool->mutex);

    while (tally->slots->n < n) {
        if (ngx_http_seal_km_make_slot(tally) == NULL) {
            rc = NGX_ERROR;
            break;
        }
    }

    ngx_shmtx_unlock(&tally->shpool->mutex);

    return rc;
}


/*
 * Under the lock.  Slots are never freed, for they keep what was counted, and
 * never change places: who reads needs no lock.
 */

static ngx_http_seal_km_slot_t *
ngx_http_seal_km_make_slot(ngx_http_seal_km_tally_t *tally)
{
    ngx_http_seal_km_slot_t  *slot;

    slot = ngx_slab_calloc_locked(tally->shpool,
                                  sizeof(ngx_http_seal_km_slot_t));

    if (slot) {
        slot->next = tally->slots->first;

        ngx_memory_barrier();

        tally->slots->first = slot;
        tally->slots->n++;
    }

    return slot;
}


ngx_int_t
ngx_http_seal_km_take_slot(ngx_http_seal_km_tally_t *tally,
    ngx_uint_t (*make_room)(void *data), void *data)
{
    ngx_http_seal_km_slot_t  *slot;

    if (tally->slot) {
        return NGX_OK;
    }

    ngx_shmtx_lock(&tally->shpool->mutex);

    slot = ngx_http_seal_km_free_slot(tally);

    while (slot == NULL) {
        slot = ngx_http_seal_km_make_slot(tally);

        if (slot == NULL && !make_room(data)) {
            break;
        }
    }

    if (slot) {
        slot->pid = ngx_pid;
    }

    ngx_shmtx_unlock(&tally->shpool->mutex);

    if (slot == NULL) {
        return NGX_ERROR;
    }

    tally->slot = slot;
    tally->counters = &slot->counters;

    return NGX_OK;
}


/* under the lock: clears the gauges of all who are no more, and finds one */

static ngx_http_seal_km_slot_t *
ngx_http_seal_km_free_slot(ngx_http_seal_km_tally_t *tally)
{
    ngx_http_seal_km_slot_t  *slot, *found;

    found = NULL;

    for (slot = tally->slots->first; slot; slot = slot->next) {

        /* our own number: whoever had it before us is gone */

        if (slot->pid != ngx_pid && ngx_http_seal_km_is_alive(slot->pid)) {
            continue;
        }

        slot->pid = 0;
        ngx_http_seal_km_clear_gauges(slot);

        found = slot;
    }

    return found;
}


void
ngx_http_seal_km_leave_slot(ngx_http_seal_km_tally_t *tally)
{
    ngx_http_seal_km_slot_t  *slot;

    slot = tally->slot;

    tally->slot = NULL;
    tally->counters = &ngx_http_seal_km_uncounted;

    if (slot == NULL) {
        return;
    }

    ngx_http_seal_km_clear_gauges(slot);

    /* from now on it may be another one's */

    ngx_memory_barrier();

    slot->pid = 0;
}


static void
ngx_http_seal_km_clear_gauges(ngx_http_seal_km_slot_t *slot)
{
    ngx_memzero((void *) &slot->counters.gauges,
                sizeof(ngx_http_seal_km_gauges_t));
}


void
ngx_http_seal_km_sum_counters(ngx_http_seal_km_tally_t *tally,
    ngx_http_seal_km_counters_t *sum)
{
    ngx_uint_t                            i;
    ngx_http_seal_km_slot_t              *slot;
    ngx_http_seal_km_counter_t           *total;
    volatile ngx_http_seal_km_counter_t  *counter;

    ngx_memzero((void *) sum, sizeof(ngx_http_seal_km_counters_t));

    total = (ngx_http_seal_km_counter_t *) sum;

    for (slot = tally->slots->first; slot; slot = slot->next) {
        counter = (volatile ngx_http_seal_km_counter_t *) &slot->counters;

        i = ngx_http_seal_km_is_alive(slot->pid) ? 0 : NGX_HTTP_SEAL_KM_GAUGES;

        for ( /* void */ ; i < NGX_HTTP_SEAL_KM_WORDS; i++) {
            total[i] += counter[i];
        }
    }
}


/*
 * A process of that number that is not of our session is another one, to which
 * the system has given it anew.  nginx's own table of processes does not do: a
 * worker has no entry for those that were made after it.
 */

static ngx_uint_t
ngx_http_seal_km_is_alive(ngx_pid_t pid)
{
    return pid && getsid(pid) == getsid(0);
}


void
ngx_http_seal_km_add(ngx_array_t *tallies, size_t counter, ngx_int_t change)
{
    u_char                     *p;
    ngx_uint_t                  i;
    ngx_http_seal_km_tally_t  **tally;

    tally = tallies->elts;

    for (i = 0; i < tallies->nelts; i++) {
        p = (u_char *) tally[i]->counters + counter;

        *(ngx_http_seal_km_counter_t *) p += change;
    }
}
