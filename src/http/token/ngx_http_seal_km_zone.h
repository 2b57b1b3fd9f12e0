/*
 * seal_km_zone: memory that all workers share and that outlives a reload.
 */


#ifndef NGX_HTTP_SEAL_KM_ZONE_H
#define NGX_HTTP_SEAL_KM_ZONE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "seal_km_keyed_hash.h"

#include "ngx_http_seal_km_buckets.h"
#include "ngx_http_seal_km_counters.h"


/* lies in the zone */
typedef struct {
    ngx_uint_t                         layout;    /* of all that lies there */
    size_t                             slot_size; /* likewise */
    ngx_http_seal_km_slots_t           slots;
    u_char                             hash_key[SEAL_KM_KEYED_HASH_KEY_SIZE];
    ngx_rbtree_t                       tokens;    /* by the start of the hash */
    ngx_rbtree_node_t                  sentinel;
    ngx_queue_t                        recent;    /* tokens, last used first */
    ngx_http_seal_km_buckets_t        *buckets;
    ngx_uint_t                         ntokens;
    ngx_uint_t                         evictions; /* of tokens, ever */
} ngx_http_seal_km_zone_shared_t;


/* shm_zone->data: what a process knows of a zone */
typedef struct {
    ngx_http_seal_km_zone_shared_t    *sh;
    ngx_slab_pool_t                   *shpool;
    seal_km_keyed_hash_t              *hash;      /* of tokens, by its key */
    ngx_http_seal_km_tally_t           tally;
    ngx_cycle_t                       *cycle;     /* it was made for */
    u_char                            *file;      /* where it is made */
    ngx_uint_t                         line;
} ngx_http_seal_km_zone_t;


/* a seal_km_zone that uses a zone, and where it stands */
typedef struct {
    ngx_shm_zone_t                    *zone;
    u_char                            *file;
    ngx_uint_t                         line;
} ngx_http_seal_km_zone_use_t;


/*
 * The setter of seal_km_zone: "name=NAME size" at the level of http makes a
 * zone, "NAME" uses one: its ngx_shm_zone_t * goes to cmd->offset of conf,
 * where there is NGX_CONF_UNSET_PTR before.
 */
char *ngx_http_seal_km_set_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Once the configuration is read: whether each zone that is used is made too.
 * NGX_OK, or NGX_ERROR after the error was logged.
 */
ngx_int_t ngx_http_seal_km_check_zones(ngx_conf_t *cf);

/*
 * At the start of a process that answers requests, and at its end: from now on,
 * and no more, it counts in all zones (ngx_shm_zone_t *).
 */
void ngx_http_seal_km_enter_zones(ngx_array_t *zones);
void ngx_http_seal_km_leave_zones(ngx_array_t *zones);

/*
 * Likewise of a process that reads a new configuration and goes on: it no more
 * counts in those former zones that are not among zones, which are going to be
 * freed.
 */
void ngx_http_seal_km_change_zones(ngx_array_t *former, ngx_array_t *zones);


#endif /* NGX_HTTP_SEAL_KM_ZONE_H */
