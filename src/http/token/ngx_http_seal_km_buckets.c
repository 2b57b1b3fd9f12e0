/*
 * Leaky buckets in shared memory.
 *
 * There are as many as fit into their part of the zone, which is theirs from the
 * beginning: a flood of tokens cannot take it from them, so that nobody's count
 * is lost for it, nor can many keys take any from the tokens.  Under the lock
 * there is nothing but looking and counting.
 */


#include "ngx_http_seal_km_buckets.h"
#include "ngx_http_seal_km_digest_node.h"


/* the part of a zone that is theirs */
#define NGX_HTTP_SEAL_KM_BUCKETS_PART  4

/*
 * Workers look at their clocks at different moments, so a bucket may have been
 * filled a little later than now; what is further off is a clock that is wrong.
 */
#define NGX_HTTP_SEAL_KM_BUCKETS_SKEW  60000


typedef struct {
    ngx_str_node_t                node;     /* by key */
    ngx_queue_t                   queue;
    u_char                        key[SEAL_KM_SHA256_SIZE];
    uint64_t                      level;
    ngx_msec_t                    when;     /* it had that level */
} ngx_http_seal_km_bucket_t;


struct ngx_http_seal_km_buckets_s {
    ngx_rbtree_t                  tree;
    ngx_rbtree_node_t             sentinel;
    ngx_queue_t                   recent;   /* last used first */
    ngx_uint_t                    n;
    ngx_uint_t                    used;     /* the first of these n */
    ngx_http_seal_km_bucket_t     bucket[1];
};


static ngx_http_seal_km_bucket_t *ngx_http_seal_km_bucket_new(
    ngx_http_seal_km_buckets_t *buckets, u_char *key, ngx_msec_t now);
static void ngx_http_seal_km_bucket_leak(ngx_http_seal_km_bucket_t *bucket,
    uint64_t rate, ngx_msec_t now);


ngx_http_seal_km_buckets_t *
ngx_http_seal_km_create_buckets(ngx_slab_pool_t *shpool, size_t size)
{
    size_t                       head;
    ngx_http_seal_km_buckets_t  *buckets;

    size /= NGX_HTTP_SEAL_KM_BUCKETS_PART;
    head = offsetof(ngx_http_seal_km_buckets_t, bucket);

    buckets = ngx_slab_alloc(shpool, size);
    if (buckets == NULL) {
        return NULL;
    }

    /* memory that no bucket has needed yet is not touched */

    ngx_rbtree_init(&buckets->tree, &buckets->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&buckets->recent);

    buckets->n = (size - head) / sizeof(ngx_http_seal_km_bucket_t);
    buckets->used = 0;

    return buckets;
}


ngx_msec_t
ngx_http_seal_km_fill_bucket(ngx_slab_pool_t *shpool,
    ngx_http_seal_km_buckets_t *buckets, u_char *key, uint64_t rate,
    uint64_t burst, ngx_msec_t now)
{
    ngx_msec_t                  wait;
    ngx_http_seal_km_bucket_t  *bucket;

    wait = 0;

    ngx_shmtx_lock(&shpool->mutex);

    bucket = (ngx_http_seal_km_bucket_t *)
                 ngx_http_seal_km_find_node(&buckets->tree, key,
                                            SEAL_KM_SHA256_SIZE);

    if (bucket) {
        ngx_queue_remove(&bucket->queue);

    } else {
        bucket = ngx_http_seal_km_bucket_new(buckets, key, now);
    }

    ngx_queue_insert_head(&buckets->recent, &bucket->queue);

    ngx_http_seal_km_bucket_leak(bucket, rate, now);

    if (bucket->level > burst) {
        wait = (ngx_msec_t) ((bucket->level - burst + rate - 1) / rate);

    } else {
        bucket->level += NGX_HTTP_SEAL_KM_DROP;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return wait;
}


/* an empty one, in the tree, but not yet in the queue */

static ngx_http_seal_km_bucket_t *
ngx_http_seal_km_bucket_new(ngx_http_seal_km_buckets_t *buckets, u_char *key,
    ngx_msec_t now)
{
    ngx_queue_t                *q;
    ngx_http_seal_km_bucket_t  *bucket;

    if (buckets->used < buckets->n) {
        bucket = &buckets->bucket[buckets->used++];

    } else {
        q = ngx_queue_last(&buckets->recent);
        bucket = ngx_queue_data(q, ngx_http_seal_km_bucket_t, queue);

        ngx_queue_remove(q);
        ngx_rbtree_delete(&buckets->tree, &bucket->node.node);
    }

    ngx_memcpy(bucket->key, key, SEAL_KM_SHA256_SIZE);

    bucket->level = 0;
    bucket->when = now;

    ngx_http_seal_km_name_node(&bucket->node, bucket->key, SEAL_KM_SHA256_SIZE);
    ngx_rbtree_insert(&buckets->tree, &bucket->node.node);

    return bucket;
}


static void
ngx_http_seal_km_bucket_leak(ngx_http_seal_km_bucket_t *bucket,
    uint64_t rate, ngx_msec_t now)
{
    ngx_msec_int_t  past;

    past = (ngx_msec_int_t) (now - bucket->when);

    if (past < 0 && past >= -NGX_HTTP_SEAL_KM_BUCKETS_SKEW) {
        return;
    }

    /* not by a product: that has no bound */

    if (past < 0 || (uint64_t) past > bucket->level / rate) {
        bucket->level = 0;

    } else {
        bucket->level -= past * rate;
    }

    bucket->when = now;
}
