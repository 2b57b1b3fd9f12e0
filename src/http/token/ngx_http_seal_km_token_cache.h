/*
 * seal_km_token_cache: tokens that were verified, found again by a hash.
 */


#ifndef NGX_HTTP_SEAL_KM_TOKEN_CACHE_H
#define NGX_HTTP_SEAL_KM_TOKEN_CACHE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "seal_km_extract.h"

#include "ngx_http_seal_km_zone.h"


/* an empty cache in a new zone */
void ngx_http_seal_km_init_token_cache(ngx_http_seal_km_zone_shared_t *sh);

/*
 * The extract that is kept under key, of SEAL_KM_KEYED_HASH_SIZE bytes of
 * zone->hash, in memory that the next call overwrites; data == NULL if there is
 * none, or its token is past exp at now, in seconds and their fractions.
 */
seal_km_str_t ngx_http_seal_km_cache_find(ngx_http_seal_km_zone_t *zone,
    u_char *key, double now);

/*
 * Keeps extract, of at most SEAL_KM_EXTRACT_MAX bytes, under key until exp.
 * Others make room for it; where there is none even so it is not kept.
 */
void ngx_http_seal_km_cache_keep(ngx_http_seal_km_zone_t *zone, u_char *key,
    double exp, seal_km_str_t extract, double now);

/*
 * Under the zone's lock: drops the token that was not used for longest, so that
 * something else has room.  0 if there is none.
 */
ngx_uint_t ngx_http_seal_km_cache_evict(ngx_http_seal_km_zone_t *zone);


#endif /* NGX_HTTP_SEAL_KM_TOKEN_CACHE_H */
