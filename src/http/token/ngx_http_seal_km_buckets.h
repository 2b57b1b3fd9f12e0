/*
 * Leaky buckets in shared memory: how often those who are told apart by a key
 * have come, over all workers.
 */


#ifndef NGX_HTTP_SEAL_KM_BUCKETS_H
#define NGX_HTTP_SEAL_KM_BUCKETS_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "seal_km_sha256.h"


/*
 * What one request puts into a bucket.  So "r/s" are 60 each, and "r/m" one
 * each, of what a bucket loses in a millisecond: neither is rounded.
 */
#define NGX_HTTP_SEAL_KM_DROP  60000


/* lies in the zone */
typedef struct ngx_http_seal_km_buckets_s  ngx_http_seal_km_buckets_t;


/*
 * All the buckets that a new zone of so many bytes will ever have: tokens leave
 * them no room otherwise.  NULL: there is none.
 */
ngx_http_seal_km_buckets_t *ngx_http_seal_km_create_buckets(
    ngx_slab_pool_t *shpool, size_t size);

/*
 * Puts a drop into the bucket of key, of SEAL_KM_SHA256_SIZE bytes, which loses
 * rate in a millisecond and may hold burst above the one that it is for; now in
 * milliseconds.  Where all buckets are in use the one that was not for longest
 * is emptied for it.  Returns 0, or how many milliseconds it will be until there
 * is room for the drop, which then is not in it.
 */
ngx_msec_t ngx_http_seal_km_fill_bucket(ngx_slab_pool_t *shpool,
    ngx_http_seal_km_buckets_t *buckets, u_char *key, uint64_t rate,
    uint64_t burst, ngx_msec_t now);


#endif /* NGX_HTTP_SEAL_KM_BUCKETS_H */
