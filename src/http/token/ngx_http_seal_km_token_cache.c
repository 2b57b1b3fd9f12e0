/*
 * seal_km_token_cache: tokens that were verified, found again by a hash.
 *
 * The key is the SHA-256 of the token and of all that it was verified with, so
 * that what one policy has found is no other's.  With it lies the extract of
 * the claims, of which none makes a token.  Under the lock there is nothing but
 * looking and copying.
 */


#include "ngx_http_seal_km_token_cache.h"


/* how many make room for one: they may all be of another size than it is */
#define NGX_HTTP_SEAL_KM_CACHE_EVICT   8

/* how many that are past exp go with each that comes */
#define NGX_HTTP_SEAL_KM_CACHE_EXPIRE  2


typedef struct {
    ngx_rbtree_node_t   node;      /* node.key: the start of key */
    ngx_queue_t         queue;
    double              exp;
    u_char              key[SEAL_KM_SHA256_SIZE];
    u_short             len;
    u_char              extract[1];
} ngx_http_seal_km_cached_t;


static void ngx_http_seal_km_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_http_seal_km_cached_t *ngx_http_seal_km_cache_lookup(
    ngx_http_seal_km_zone_t *zone, u_char *key);
static ngx_http_seal_km_cached_t *ngx_http_seal_km_cache_alloc(
    ngx_http_seal_km_zone_t *zone, size_t size, double now);
static ngx_http_seal_km_cached_t *ngx_http_seal_km_cache_last(
    ngx_http_seal_km_zone_t *zone);
static void ngx_http_seal_km_cache_remove(ngx_http_seal_km_zone_t *zone,
    ngx_http_seal_km_cached_t *cached);
static ngx_rbtree_key_t ngx_http_seal_km_cache_node_key(u_char *key);


void
ngx_http_seal_km_init_token_cache(ngx_http_seal_km_zone_shared_t *sh)
{
    ngx_rbtree_init(&sh->tokens, &sh->sentinel,
                    ngx_http_seal_km_cache_insert);

    ngx_queue_init(&sh->recent);
}


static void
ngx_http_seal_km_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t          **p;
    ngx_http_seal_km_cached_t   *cached, *other;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            cached = (ngx_http_seal_km_cached_t *) node;
            other = (ngx_http_seal_km_cached_t *) temp;

            p = (ngx_memcmp(cached->key, other->key, SEAL_KM_SHA256_SIZE) < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
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
        cached->node.key = ngx_http_seal_km_cache_node_key(key);
        cached->exp = exp;
        cached->len = (u_short) extract.len;

        ngx_memcpy(cached->key, key, SEAL_KM_SHA256_SIZE);
        ngx_memcpy(cached->extract, extract.data, extract.len);

        ngx_rbtree_insert(&zone->sh->tokens, &cached->node);
        ngx_queue_insert_head(&zone->sh->recent, &cached->queue);
        zone->sh->ntokens++;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


static ngx_http_seal_km_cached_t *
ngx_http_seal_km_cache_lookup(ngx_http_seal_km_zone_t *zone, u_char *key)
{
    ngx_int_t                   rc;
    ngx_rbtree_key_t            node_key;
    ngx_rbtree_node_t          *node, *sentinel;
    ngx_http_seal_km_cached_t  *cached;

    node_key = ngx_http_seal_km_cache_node_key(key);

    node = zone->sh->tokens.root;
    sentinel = zone->sh->tokens.sentinel;

    while (node != sentinel) {

        if (node_key != node->key) {
            node = (node_key < node->key) ? node->left : node->right;
            continue;
        }

        cached = (ngx_http_seal_km_cached_t *) node;

        rc = ngx_memcmp(key, cached->key, SEAL_KM_SHA256_SIZE);

        if (rc == 0) {
            return cached;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
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
    ngx_rbtree_delete(&zone->sh->tokens, &cached->node);
    zone->sh->ntokens--;
    ngx_slab_free_locked(zone->shpool, cached);
}


static ngx_rbtree_key_t
ngx_http_seal_km_cache_node_key(u_char *key)
{
    ngx_rbtree_key_t  node_key;

    ngx_memcpy(&node_key, key, sizeof(ngx_rbtree_key_t));

    return node_key;
}
