/*
 * What is counted of the locations of a zone.  Each worker has a slot in the
 * zone, on cache lines of its own, and is the only one to write to it: to count
 * is to store, without a lock and without memory to be allocated.  Whoever reads
 * adds them up.
 */


#ifndef NGX_HTTP_SEAL_KM_COUNTERS_H
#define NGX_HTTP_SEAL_KM_COUNTERS_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "seal_km_reason.h"


/*
 * Stored by one process, by one addition to memory, and read by others: these
 * read it as volatile (ngx_http_seal_km_sum_counters).
 */
typedef uint64_t  ngx_http_seal_km_counter_t;


/* how many bounds a histogram has; what is longer is counted behind them */
#define NGX_HTTP_SEAL_KM_BOUNDS  12

typedef struct {
    ngx_http_seal_km_counter_t  n[NGX_HTTP_SEAL_KM_BOUNDS + 1]; /* each alone */
    ngx_http_seal_km_counter_t  nanoseconds;                    /* of them all */
} ngx_http_seal_km_histogram_t;


/* what the token cache had of a token; also what $seal_km_token_cache tells */
typedef enum {
    NGX_HTTP_SEAL_KM_CACHE_NONE = 0,   /* no token was looked up */
    NGX_HTTP_SEAL_KM_CACHE_OFF,
    NGX_HTTP_SEAL_KM_CACHE_MISS,
    NGX_HTTP_SEAL_KM_CACHE_HIT,
    NGX_HTTP_SEAL_KM_CACHE_MAX
} ngx_http_seal_km_cache_e;


/* the indices of arrays below */

typedef enum {
    NGX_HTTP_SEAL_KM_WAITS_FOR_KEYS = 0,
    NGX_HTTP_SEAL_KM_WAITS_FOR_STORE,
    NGX_HTTP_SEAL_KM_WAITS_MAX
} ngx_http_seal_km_waits_e;

typedef enum {
    NGX_HTTP_SEAL_KM_STORE_READY = 0,
    NGX_HTTP_SEAL_KM_STORE_CONNECTING,
    NGX_HTTP_SEAL_KM_STORE_FAILED,
    NGX_HTTP_SEAL_KM_STORE_MAX
} ngx_http_seal_km_store_e;

typedef enum {
    NGX_HTTP_SEAL_KM_FETCH_OK = 0,
    NGX_HTTP_SEAL_KM_FETCH_FAILED,
    NGX_HTTP_SEAL_KM_FETCH_MAX
} ngx_http_seal_km_fetch_e;

typedef enum {
    NGX_HTTP_SEAL_KM_NOTE_SENT = 0,
    NGX_HTTP_SEAL_KM_NOTE_DROPPED,
    NGX_HTTP_SEAL_KM_NOTE_MAX
} ngx_http_seal_km_note_e;

typedef enum {
    NGX_HTTP_SEAL_KM_FORM_ENCRYPTED = 0,
    NGX_HTTP_SEAL_KM_FORM_PLAIN,
    NGX_HTTP_SEAL_KM_FORM_MAX
} ngx_http_seal_km_form_e;


/* how many there are now; they go with the worker */
typedef struct {
    ngx_http_seal_km_counter_t    waiting[NGX_HTTP_SEAL_KM_WAITS_MAX];
    ngx_http_seal_km_counter_t    connections[NGX_HTTP_SEAL_KM_STORE_MAX];
} ngx_http_seal_km_gauges_t;


/*
 * Nothing but such counters, the gauges first.  The layout of the zone changes
 * with it: see ngx_http_seal_km_zone.c.
 */
typedef struct {
    ngx_http_seal_km_gauges_t     gauges;

    ngx_http_seal_km_counter_t    responses[SEAL_KM_REASON_MAX];
    ngx_http_seal_km_histogram_t  request_time;
    ngx_http_seal_km_histogram_t  store_time;
    ngx_http_seal_km_counter_t    token_cache[NGX_HTTP_SEAL_KM_CACHE_MAX];
    ngx_http_seal_km_counter_t    records[NGX_HTTP_SEAL_KM_FORM_MAX];
    ngx_http_seal_km_counter_t    reconnects;
    ngx_http_seal_km_counter_t    retries;
    ngx_http_seal_km_counter_t    fetches[NGX_HTTP_SEAL_KM_FETCH_MAX];
    ngx_http_seal_km_counter_t    notifications[NGX_HTTP_SEAL_KM_NOTE_MAX];
} ngx_http_seal_km_counters_t;


/* one worker's; lies in the zone */
typedef struct ngx_http_seal_km_slot_s  ngx_http_seal_km_slot_t;

/* all of them; lies in the zone, zeroed at first */
typedef struct {
    ngx_http_seal_km_slot_t      *first;
    ngx_uint_t                    n;
} ngx_http_seal_km_slots_t;


/* where a process counts what happens at the locations of one zone */
typedef struct {
    ngx_http_seal_km_counters_t  *counters;  /* never NULL */
    ngx_http_seal_km_slot_t      *slot;      /* NULL: not yet, or no more */
    ngx_http_seal_km_slots_t     *slots;
    ngx_slab_pool_t              *shpool;
} ngx_http_seal_km_tally_t;


/*
 * The upper bounds of all histograms, in nanoseconds, and one behind them that
 * nothing reaches; and of the times from 2^n on and below 2^(n+1), which is the
 * first of these bounds that may hold one.
 */
extern const uint64_t  ngx_http_seal_km_bounds[NGX_HTTP_SEAL_KM_BOUNDS + 1];
extern const u_char    ngx_http_seal_km_first_bound[64];


/* the bytes of a zone that n slots take, at most */
size_t ngx_http_seal_km_slots_size(ngx_uint_t n);

/* the size of a slot, by which zones of other versions are known */
size_t ngx_http_seal_km_slot_size(void);

/*
 * A new tally: what is counted there is nobody's, until the process has a slot.
 */
void ngx_http_seal_km_init_tally(ngx_http_seal_km_tally_t *tally);

/*
 * While the zone is set up: makes slots, if there are less than n.  NGX_OK, or
 * NGX_ERROR where the zone is full.
 */
ngx_int_t ngx_http_seal_km_add_slots(ngx_http_seal_km_tally_t *tally,
    ngx_uint_t n);

/*
 * At the start of a worker: it takes over the slot of one that is no more, with
 * its counters, and clears what gauges such have left.  Where there is none, one
 * is made; make_room is called, under the zone's lock, as long as there is no
 * memory for it, and returns 0 when it has nothing more to drop.  NGX_OK, or
 * NGX_ERROR: what it counts is not seen by anyone.
 */
ngx_int_t ngx_http_seal_km_take_slot(ngx_http_seal_km_tally_t *tally,
    ngx_uint_t (*make_room)(void *data), void *data);

/* at its end: leaves the slot to others, and no gauge; it may be repeated */
void ngx_http_seal_km_leave_slot(ngx_http_seal_km_tally_t *tally);

/*
 * All slots added up.  The gauges are those of workers that live, whatever has
 * become of the others.
 */
void ngx_http_seal_km_sum_counters(ngx_http_seal_km_tally_t *tally,
    ngx_http_seal_km_counters_t *sum);

/*
 * Adds to the counter at this offset of ngx_http_seal_km_counters_t, for all
 * tallies (ngx_http_seal_km_tally_t *) of what zones share.
 */
void ngx_http_seal_km_add(ngx_array_t *tallies, size_t counter,
    ngx_int_t change);

/*
 * Counts what has taken so many nanoseconds.  Between a power of two and the next
 * there is one bound at most, so one comparison tells.  Inline: it is on the way
 * of each request, twice.
 */
static ngx_inline void
ngx_http_seal_km_observe(ngx_http_seal_km_histogram_t *histogram,
    uint64_t nanoseconds)
{
    ngx_uint_t  i;

    /* of 0 there is no logarithm, and one more changes nothing */

    i = 63 ^ (unsigned) __builtin_clzll(nanoseconds + 1);
    i = ngx_http_seal_km_first_bound[i];
    i += (nanoseconds > ngx_http_seal_km_bounds[i]);

    histogram->n[i]++;
    histogram->nanoseconds += nanoseconds;
}


#endif /* NGX_HTTP_SEAL_KM_COUNTERS_H */
