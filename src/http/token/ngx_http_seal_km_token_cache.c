/*
 * seal_km_token_cache: tokens that were verified, found again by a hash.
 *
 * The key is a hash of the token and of all that it was verified with, so that
 * what one policy has found is no other's; the hash has a key that is the zone's,
 * without which nobody can make a token of the same.  With it lies the extract of
 * the claims, of which none makes a token.  Under the lock there is nothing but
 * looking and copying.
 */


#include "ngx_http_seal_km_token_cache.h"
#include "ngx_http_seal_km_digest_node.h"


/* how many make room for one: they may all be of another size than it is */
#define NGX_HTTP_SEAL_KM_CACHE_EVICT   8

/* how many that are past exp go with each that comes */
#define NGX_HTTP_SEAL_KM_CACHE_EXPIRE  2


typedef struct {
    ngx_str_node_t      node;      /* by key */
    ngx_queue_t         queue;
    double              exp;
    u_char              key[SEAL_KM_KEYED_HASH_SIZE];
    u_short             len;
    u_char              extract[1];
} ngx_http_seal_km_cached_t;


static ngx_http_seal_km_cached_t *ngx_http_seal_km_cache_lookup(
    ngx_http_seal_km_zone_t *zone, u_char *key);
static ngx_http_seal_km_cached_t *ngx_http_seal_km_cache_alloc(
    ngx_http_seal_km_zone_t *zone, size_t size, double now);
static ngx_http_seal_km_cached_t *ngx_http_seal_km_cache_last(
    ngx_http_seal_km_zone_t *zone);
static void ngx_http_seal_km_cache_remove(ngx_http_seal_km_zone_t *zone,
    ngx_http_seal_km_cached_t *cached);


void
ngx_http_seal_km_init_token_cache(ngx_http_seal_km_zone_shared_t *sh)
{
    ngx_rbtree_init(&sh->tokens, &sh->sentinel, ngx_str_rbtree_insert_value);

    ngx_queue_init(&sh->recent);
}


seal_km_str_t
ngx_http_seal_km_cache_find(ngx_http_seal_km_zone_t *zone, u_char *key,
    double now)
{
    seal_km_str_t               extract;
    ngx_http_seal_km_cached_t  *cached;

    static u_char               buf[SEAL_KM_EXTRACT_MAX];

    extract.data = NULL;
    extract.len = 0;

    ngx_shmtx_lock(&zone->shpool->mutex);

    cached = ngx_http_seal_km_cache_lookup(zone, key);

    if (cached && now >= cached->exp) {
        ngx_http_seal_km_cache_remove(zone, cached);
        cached = NULL;
    }

    if (cached) {
        ngx_queue_remove(&cached->queue);
        ngx_queue_insert_head(&zone->sh->recent, &cached->queue);

        ngx_memcpy(buf, cached->extract, cached->len);

        extract.data = (char *) buf;
        extract.len = cached->len;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return extract;
}


void
ngx_http_seal_km_cache_keep(ngx_http_seal_km_zone_t *zone, u_char *key,
    double exp, seal_km_str_t extract, double now)
{
    size_t                      size;
    ngx_http_seal_km_cached_t  *cached;

    if (now >= exp) {
        return;
    }

    size = offsetof(ngx_http_seal_km_cached_t, extract) + extract.len;

    ngx_shmtx_lock(&zone->shpool->mutex);

    /* another worker may have verified it at the same time */

    cached = ngx_http_seal_km_cache_lookup(zone, key);

    if (cached) {
        ngx_http_seal_km_cache_remove(zone, cached);
    }

    cached = ngx_http_seal_km_cache_alloc(zone, size, now);

    if (cached) {
        cached->exp = exp;
        cached->len = (u_short) extract.len;

        ngx_memcpy(cached->key, key, SEAL_KM_KEYED_HASH_SIZE);
        ngx_memcpy(cached->extract, extract.data, extract.len);

        ngx_http_seal_km_name_node(&cached->node, cached->key,
                                   SEAL_KM_KEYED_HASH_SIZE);
        ngx_rbtree_insert(&zone->sh->tokens, &cached->node.node);
        ngx_queue_insert_head(&zone->sh->recent, &cached->queue);
        zone->sh->ntokens++;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


static ngx_http_seal_km_cached_t *
ngx_http_seal_km_cache_lookup(ngx_http_seal_km_zone_t *zone, u_char *key)
{
    return (ngx_http_seal_km_cached_t *)
               ngx_http_seal_km_find_node(&zone->sh->tokens, key,
                                          SEAL_KM_KEYED_HASH_SIZE);
}


static ngx_http_seal_km_cached_t *
ngx_http_seal_km_cache_alloc(ngx_http_seal_km_zone_t *zone, size_t size,
    double now)
{
    ngx_uint_t                  i;
    ngx_http_seal_km_cached_t  *cached, *last;

    for (i = 0; i < NGX_HTTP_SEAL_KM_CACHE_EXPIRE; i++) {
        last = ngx_http_seal_km_cache_last(zone);

        if (last == NULL || now < last->exp) {
            break;
        }

        ngx_http_seal_km_cache_remove(zone, last);
    }

    for (i = 0; i < NGX_HTTP_SEAL_KM_CACHE_EVICT; i++) {
        cached = ngx_slab_alloc_locked(zone->shpool, size);

        if (cached) {
            return cached;
        }

        if (!ngx_http_seal_km_cache_evict(zone)) {
            return NULL;
        }
    }

    return ngx_slab_alloc_locked(zone->shpool, size);
}


ngx_uint_t
ngx_http_seal_km_cache_evict(ngx_http_seal_km_zone_t *zone)
{
    ngx_http_seal_km_cached_t  *last;

    last = ngx_http_seal_km_cache_last(zone);

    if (last == NULL) {
        return 0;
    }

    ngx_http_seal_km_cache_remove(zone, last);
    zone->sh->evictions++;

    return 1;
}


/* the least recently used, NULL if there is none at all */

static ngx_http_seal_km_cached_t *
ngx_http_seal_km_cache_last(ngx_http_seal_km_zone_t *zone)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&zone->sh->recent)) {
        return NULL;
    }

    q = ngx_queue_last(&zone->sh->recent);

    return ngx_queue_data(q, ngx_http_seal_km_cached_t, queue);
}


static void
ngx_http_seal_km_cache_remove(ngx_http_seal_km_zone_t *zone,
    ngx_http_seal_km_cached_t *cached)
{
    ngx_queue_remove(&cached->queue);
    ngx_rbtree_delete(&zone->sh->tokens, &cached->node.node);
    zone->sh->ntokens--;
    ngx_slab_free_locked(zone->shpool, cached);
}
