/*
 * The keys that a location trusts: those of its files, those that the SIM-S
 * publishes, or both.
 */


#ifndef NGX_HTTP_SEAL_KM_KEY_SET_H
#define NGX_HTTP_SEAL_KM_KEY_SET_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_seal_km_key_files.h"
#include "ngx_http_seal_km_key_source.h"


/* locations of the same sources share it; each worker has a copy of its own */
typedef struct {
    seal_km_sha256_t               *sha256;
    ngx_http_seal_km_key_files_t   *files;     /* NULL: none */
    ngx_http_seal_km_key_source_t  *source;    /* NULL: none */

    ngx_uint_t                      changes;   /* of the sources, when seen */
    seal_km_jwks_t                 *jwks;      /* a view of all that have any */
    seal_km_jwks_t                **parts;     /* what it shows */
    ngx_uint_t                      nparts;
    seal_km_str_t                  *digests;   /* one for each part */
    u_char                          generation[SEAL_KM_SHA256_SIZE];
    seal_km_algorithms_t            algorithms; /* that have a usable key */
} ngx_http_seal_km_key_set_t;


/*
 * The key set of these sources, of which one may be NULL: one of sets (an array
 * of ngx_http_seal_km_key_set_t *) or a new one.  NULL without memory.  Freed
 * with cf's pool.
 */
ngx_http_seal_km_key_set_t *ngx_http_seal_km_get_key_set(ngx_conf_t *cf,
    ngx_array_t *sets, seal_km_sha256_t *sha256,
    ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_source_t *source);

/*
 * Brings set->jwks and set->generation up to date, looking at files if it is
 * time to.  The generation is a hash over all texts, and so the same in all
 * workers for the same keys; set->changes grows with each.  Nothing is fetched.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_update_key_set(ngx_http_seal_km_key_set_t *set);

/*
 * 1 if memory, or the like, was missing when its sources were looked at last:
 * that no key of the set verifies a token says nothing of the token then.
 */
ngx_uint_t ngx_http_seal_km_is_key_set_starved(
    ngx_http_seal_km_key_set_t *set);


#endif /* NGX_HTTP_SEAL_KM_KEY_SET_H */
