/*
 * The keys that a location trusts: those of its files, those that the SIM-S
 * publishes, or both.
 */


#include "ngx_http_seal_km_key_set.h"


static ngx_http_seal_km_key_set_t *ngx_http_seal_km_create_key_set(
    ngx_conf_t *cf, ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_source_t *source);
static ngx_uint_t ngx_http_seal_km_key_changes(
    ngx_http_seal_km_key_set_t *set);
static ngx_int_t ngx_http_seal_km_show_keys(ngx_http_seal_km_key_set_t *set);
static void ngx_http_seal_km_key_set_cleanup(void *data);


ngx_http_seal_km_key_set_t *
ngx_http_seal_km_get_key_set(ngx_conf_t *cf, ngx_array_t *sets,
    seal_km_sha256_t *sha256, ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_source_t *source)
{
    ngx_uint_t                    i;
    ngx_http_seal_km_key_set_t  **set;

    set = sets->elts;

    for (i = 0; i < sets->nelts; i++) {
        if (set[i]->files == files && set[i]->source == source) {
            return set[i];
        }
    }

    set = ngx_array_push(sets);
    if (set == NULL) {
        return NULL;
    }

    *set = ngx_http_seal_km_create_key_set(cf, files, source);

    if (*set) {
        (*set)->sha256 = sha256;

        if (ngx_http_seal_km_show_keys(*set) != NGX_OK) {
            return NULL;
        }
    }

    return *set;
}


static ngx_http_seal_km_key_set_t *
ngx_http_seal_km_create_key_set(ngx_conf_t *cf,
    ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_source_t *source)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_seal_km_key_set_t  *set;

    set = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_key_set_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (set == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_seal_km_key_set_cleanup;
    cln->data = set;

    set->files = files;
    set->source = source;
    set->nparts = (files ? files->n : 0) + (source ? 1 : 0);

    set->jwks = seal_km_jwks_create();
    set->parts = ngx_pcalloc(cf->pool, set->nparts * sizeof(seal_km_jwks_t *));
    set->digests = ngx_pcalloc(cf->pool, set->nparts * sizeof(seal_km_str_t));

    if (set->jwks == NULL || set->parts == NULL || set->digests == NULL) {
        return NULL;
    }

    seal_km_jwks_set_parts(set->jwks, set->parts, set->nparts);

    return set;
}


ngx_int_t
ngx_http_seal_km_update_key_set(ngx_http_seal_km_key_set_t *set)
{
    if (set->files) {
        ngx_http_seal_km_look_at_key_files(set->files);
    }

    if (set->source) {
        ngx_http_seal_km_drop_stale_keys(set->source);
    }

    if (set->changes == ngx_http_seal_km_key_changes(set)) {
        return NGX_OK;
    }

    return ngx_http_seal_km_show_keys(set);
}


ngx_uint_t
ngx_http_seal_km_is_key_set_starved(ngx_http_seal_km_key_set_t *set)
{
    return (set->files && set->files->starved)
           || (set->source && set->source->starved);
}


/* each of them only grows, and so does the sum */

static ngx_uint_t
ngx_http_seal_km_key_changes(ngx_http_seal_km_key_set_t *set)
{
    return (set->files ? set->files->changes : 0)
           + (set->source ? set->source->changes : 0);
}


static ngx_int_t
ngx_http_seal_km_show_keys(ngx_http_seal_km_key_set_t *set)
{
    ngx_uint_t  i, n;

    n = set->files ? set->files->n : 0;

    for (i = 0; i < n; i++) {
        set->parts[i] = set->files->file[i].jwks;
        set->digests[i].data = (char *) set->files->file[i].digest;
    }

    if (set->source) {
        set->parts[n] = set->source->jwks;
        set->digests[n].data = (char *) set->source->digest;
    }

    for (i = 0; i < set->nparts; i++) {
        set->digests[i].len = SEAL_KM_SHA256_SIZE;
    }

    set->algorithms = seal_km_jwks_algorithms(set->jwks);

    if (seal_km_sha256(set->sha256, set->digests, set->nparts,
                       set->generation)
        != 0)
    {
        return NGX_ERROR;
    }

    set->changes = ngx_http_seal_km_key_changes(set);

    return NGX_OK;
}


static void
ngx_http_seal_km_key_set_cleanup(void *data)
{
    ngx_http_seal_km_key_set_t  *set = data;

    seal_km_jwks_free(set->jwks);
}
