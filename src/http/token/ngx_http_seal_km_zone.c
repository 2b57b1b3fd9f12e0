/*
 * seal_km_zone: memory that all workers share and that outlives a reload.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_values.h"

#include <openssl/err.h>
#include <openssl/rand.h>


/* to be changed with ngx_http_seal_km_zone_shared_t and what hangs on it */
#define NGX_HTTP_SEAL_KM_ZONE_LAYOUT  5

/* pages, one of slots among them */
#define NGX_HTTP_SEAL_KM_ZONE_MIN     8

/* for the workers of before and those of after a reload */
#define NGX_HTTP_SEAL_KM_ZONE_SLOTS   2


static char *ngx_http_seal_km_create_zone(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *size);
static char *ngx_http_seal_km_note_zone(ngx_conf_t *cf, ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_seal_km_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static size_t ngx_http_seal_km_zone_least(ngx_uint_t slots);
static ngx_int_t ngx_http_seal_km_check_zone_size(ngx_shm_zone_t *shm_zone,
    ngx_uint_t slots);
static ngx_uint_t ngx_http_seal_km_slots_wanted(ngx_http_seal_km_zone_t *zone);
static ngx_int_t ngx_http_seal_km_take_over_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_seal_km_zone_t *former);
static ngx_int_t ngx_http_seal_km_fill_zone(ngx_shm_zone_t *shm_zone);
static ngx_int_t ngx_http_seal_km_make_hash(ngx_shm_zone_t *shm_zone);
static void ngx_http_seal_km_free_hash(void *data);
static ngx_uint_t ngx_http_seal_km_make_room(void *data);


char *
ngx_http_seal_km_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t        name, *value;
    ngx_uint_t       create;
    ngx_shm_zone_t **zone;

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    name = value[1];

    create = (ngx_strncmp(name.data, "name=", 5) == 0);

    if (create) {
        name.data += 5;
        name.len -= 5;
    }

    if (name.len == 0) {
        return "wants the name of a zone";
    }

    if (create) {

        if (cf->cmd_type != NGX_HTTP_MAIN_CONF) {
            return "makes a zone at the level of \"http\" only";
        }

        if (cf->args->nelts != 3) {
            return "wants a size";
        }

        return ngx_http_seal_km_create_zone(cf, &name, &value[2]);
    }

    if (cf->args->nelts != 2) {
        return "takes a size with \"name=\" only";
    }

    zone = (ngx_shm_zone_t **) (p + cmd->offset);

    if (*zone != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *zone = ngx_shared_memory_add(cf, &name, 0, &ngx_http_seal_km_module);

    if (*zone == NULL) {
        return "cannot use that zone";
    }

    return ngx_http_seal_km_note_zone(cf, *zone);
}


/* it may be made further down */

static char *
ngx_http_seal_km_note_zone(ngx_conf_t *cf, ngx_shm_zone_t *zone)
{
    ngx_http_seal_km_zone_use_t   *use;
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    use = ngx_array_push(&smcf->zone_uses);
    if (use == NULL) {
        return NGX_CONF_ERROR;
    }

    use->zone = zone;
    use->file = cf->conf_file->file.name.data;
    use->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_seal_km_check_zones(ngx_conf_t *cf)
{
    ngx_uint_t                     i;
    ngx_http_seal_km_zone_use_t   *use;
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    use = smcf->zone_uses.elts;

    for (i = 0; i < smcf->zone_uses.nelts; i++) {

        if (use[i].zone->shm.size) {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"seal_km_zone\" \"%V\" is used, and no "
                      "\"seal_km_zone name=%V\" makes it, in %s:%ui",
                      &use[i].zone->shm.name, &use[i].zone->shm.name,
                      use[i].file, use[i].line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static char *
ngx_http_seal_km_create_zone(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *size)
{
    size_t                         least;
    ssize_t                        n;
    ngx_shm_zone_t                *shm_zone, **made;
    ngx_pool_cleanup_t            *cln;
    ngx_http_seal_km_zone_t       *zone;
    ngx_http_seal_km_main_conf_t  *smcf;

    n = ngx_parse_size(size);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_zone\" wants a size, such as \"10m\", "
                           "not \"%V\"", size);
        return NGX_CONF_ERROR;
    }

    /* more is wanted where there are more workers, which is not known yet */

    least = ngx_http_seal_km_zone_least(NGX_HTTP_SEAL_KM_ZONE_SLOTS);

    if ((size_t) n < least) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_zone\" \"%V\" is too small: it wants "
                           "%uz at least", name, least);
        return NGX_CONF_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    made = ngx_array_push(&smcf->zones);
    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_zone_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (made == NULL || zone == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_seal_km_free_hash;
    cln->data = zone;

    zone->cycle = cf->cycle;
    zone->file = cf->conf_file->file.name.data;
    zone->line = cf->conf_file->line;

    ngx_http_seal_km_init_tally(&zone->tally);

    shm_zone = ngx_shared_memory_add(cf, name, n, &ngx_http_seal_km_module);
    if (shm_zone == NULL) {
        return "cannot make that zone";
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_zone\" \"%V\" is duplicate", name);
        return NGX_CONF_ERROR;
    }

    shm_zone->init = ngx_http_seal_km_init_zone;
    shm_zone->data = zone;

    *made = shm_zone;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_seal_km_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_uint_t                slots;
    ngx_http_seal_km_zone_t  *zone;

    zone = shm_zone->data;
    slots = ngx_http_seal_km_slots_wanted(zone);

    if (ngx_http_seal_km_check_zone_size(shm_zone, slots) != NGX_OK) {
        return NGX_ERROR;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    zone->tally.shpool = zone->shpool;

    if (data || shm_zone->shm.exists) {
        if (ngx_http_seal_km_take_over_zone(shm_zone, data) != NGX_OK) {
            return NGX_ERROR;
        }

        /* where it is full, workers make room for their slots themselves */
        (void) ngx_http_seal_km_add_slots(&zone->tally, slots);

        return ngx_http_seal_km_make_hash(shm_zone);
    }

    if (ngx_http_seal_km_fill_zone(shm_zone) != NGX_OK
        || ngx_http_seal_km_make_hash(shm_zone) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_seal_km_add_slots(&zone->tally, slots);
}


/* not before a zone is initialized it is known how many workers there will be */

static ngx_uint_t
ngx_http_seal_km_slots_wanted(ngx_http_seal_km_zone_t *zone)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(zone->cycle->conf_ctx,
                                           ngx_core_module);

    return NGX_HTTP_SEAL_KM_ZONE_SLOTS
           * (ccf->master ? (ngx_uint_t) ccf->worker_processes : 1);
}


static size_t
ngx_http_seal_km_zone_least(ngx_uint_t slots)
{
    size_t  size;

    size = (NGX_HTTP_SEAL_KM_ZONE_MIN - 1) * ngx_pagesize
           + ngx_http_seal_km_slots_size(slots);

    /* beside what is the buckets' */
    return size + (size + 2) / 3;
}


static ngx_int_t
ngx_http_seal_km_check_zone_size(ngx_shm_zone_t *shm_zone, ngx_uint_t slots)
{
    size_t                    size;
    ngx_http_seal_km_zone_t  *zone;

    zone = shm_zone->data;

    size = ngx_http_seal_km_zone_least(slots);

    if (shm_zone->shm.size >= size) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                  "\"seal_km_zone\" \"%V\" is too small for %ui workers: it "
                  "wants %uz at least, in %s:%ui", &shm_zone->shm.name,
                  slots / NGX_HTTP_SEAL_KM_ZONE_SLOTS, size, zone->file,
                  zone->line);

    return NGX_ERROR;
}


/*
 * A reload may still fail after this, and the workers of before go on using
 * the zone in any case: what is taken over is left as it is.
 */

static ngx_int_t
ngx_http_seal_km_take_over_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_seal_km_zone_t *former)
{
    ngx_http_seal_km_zone_t         *zone;
    ngx_http_seal_km_zone_shared_t  *sh;

    zone = shm_zone->data;
    sh = zone->shpool->data;

    if (sh == NULL
        || sh->layout != NGX_HTTP_SEAL_KM_ZONE_LAYOUT
        || sh->slot_size != ngx_http_seal_km_slot_size())
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "\"seal_km_zone\" \"%V\" was made by another version "
                      "of the module", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    zone->sh = sh;
    zone->tally.slots = &sh->slots;

    if (former && former->tally.slot) {
        /* without a master process: it is our own */
        zone->tally.slot = former->tally.slot;
        zone->tally.counters = former->tally.counters;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_fill_zone(ngx_shm_zone_t *shm_zone)
{
    size_t                           len;
    ngx_http_seal_km_zone_t         *zone;
    ngx_http_seal_km_zone_shared_t  *sh;

    zone = shm_zone->data;

    sh = ngx_slab_calloc(zone->shpool, sizeof(ngx_http_seal_km_zone_shared_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->layout = NGX_HTTP_SEAL_KM_ZONE_LAYOUT;
    sh->slot_size = ngx_http_seal_km_slot_size();

    if (RAND_priv_bytes(sh->hash_key, SEAL_KM_KEYED_HASH_KEY_SIZE) != 1) {
        ERR_clear_error();
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "there is no random key for \"seal_km_zone\" \"%V\"",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    ngx_http_seal_km_init_token_cache(sh);

    sh->buckets = ngx_http_seal_km_create_buckets(zone->shpool,
                                                  shm_zone->shm.size);
    if (sh->buckets == NULL) {
        return NGX_ERROR;
    }

    zone->sh = sh;
    zone->shpool->data = sh;
    zone->tally.slots = &sh->slots;

    len = sizeof(" in seal_km_zone \"\"") + shm_zone->shm.name.len;

    zone->shpool->log_ctx = ngx_slab_alloc(zone->shpool, len);
    if (zone->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(zone->shpool->log_ctx, " in seal_km_zone \"%V\"%Z",
                &shm_zone->shm.name);

    /* a full zone is no fault: the least recently used make room */
    zone->shpool->log_nomem = 0;

    return NGX_OK;
}


/* of this configuration, by the key that the zone has had from its beginning */

static ngx_int_t
ngx_http_seal_km_make_hash(ngx_shm_zone_t *shm_zone)
{
    ngx_http_seal_km_zone_t  *zone;

    zone = shm_zone->data;

    zone->hash = seal_km_keyed_hash_create(zone->sh->hash_key);

    if (zone->hash == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "OpenSSL has no hash for \"seal_km_zone\" \"%V\"",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_seal_km_free_hash(void *data)
{
    ngx_http_seal_km_zone_t  *zone = data;

    seal_km_keyed_hash_free(zone->hash);
}


void
ngx_http_seal_km_enter_zones(ngx_array_t *zones)
{
    ngx_uint_t                i;
    ngx_shm_zone_t          **shm_zone;
    ngx_http_seal_km_zone_t  *zone;

    shm_zone = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        zone = shm_zone[i]->data;

        if (ngx_http_seal_km_take_slot(&zone->tally,
                                       ngx_http_seal_km_make_room, zone)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "\"seal_km_zone\" \"%V\" has no room for what this "
                          "worker counts: its metrics lack that",
                          &shm_zone[i]->shm.name);
        }
    }
}


static ngx_uint_t
ngx_http_seal_km_make_room(void *data)
{
    return ngx_http_seal_km_cache_evict(data);
}


void
ngx_http_seal_km_leave_zones(ngx_array_t *zones)
{
    ngx_uint_t                i;
    ngx_shm_zone_t          **shm_zone;
    ngx_http_seal_km_zone_t  *zone;

    shm_zone = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        zone = shm_zone[i]->data;

        ngx_http_seal_km_leave_slot(&zone->tally);
    }
}


void
ngx_http_seal_km_change_zones(ngx_array_t *former, ngx_array_t *zones)
{
    ngx_uint_t                i, k;
    ngx_shm_zone_t          **before, **after;
    ngx_http_seal_km_zone_t  *zone, *kept;

    before = former->elts;
    after = zones->elts;

    for (i = 0; i < former->nelts; i++) {
        zone = before[i]->data;

        for (k = 0; k < zones->nelts; k++) {
            kept = after[k]->data;

            if (kept->sh == zone->sh) {
                break;
            }
        }

        if (k == zones->nelts) {
            ngx_http_seal_km_leave_slot(&zone->tally);
        }
    }
}
