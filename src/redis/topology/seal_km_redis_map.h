/*
 * Who serves which slot of a Redis Cluster, as CLUSTER SLOTS tells it and
 * redirections mend it.
 */


#ifndef SEAL_KM_REDIS_MAP_H
#define SEAL_KM_REDIS_MAP_H


#include "seal_km_redis_pool.h"
#include "seal_km_redis_slot.h"


/* who serves a range of slots: the master first, then its replicas */
typedef struct seal_km_redis_shard_s  seal_km_redis_shard_t;

struct seal_km_redis_shard_s {
    seal_km_redis_shard_t    *next;
    ngx_uint_t                n;           /* 0: its name is not resolved */
    seal_km_redis_server_t   *servers[1];
};


/* zeroed: nobody serves anything */
typedef struct {
    seal_km_redis_shard_t    *shards;
    seal_km_redis_shard_t    *slots[SEAL_KM_REDIS_SLOTS];
} seal_km_redis_map_t;


/*
 * Reads the reply to CLUSTER SLOTS of the server at informant, and gives up
 * the pool's servers that are not in it.  NGX_OK; NGX_ERROR: it is no map, or
 * there is no memory for it, and the old one stays in force.
 */
ngx_int_t seal_km_redis_map_set(seal_km_redis_map_t *map,
    seal_km_redis_pool_t *pool, seal_km_redis_reply_t *reply,
    seal_km_redis_address_t *informant);

/* one slot is served by that server now; without memory it is not noted */
void seal_km_redis_map_move(seal_km_redis_map_t *map, ngx_uint_t slot,
    seal_km_redis_server_t *server);

/* frees what the map holds, not the servers */
void seal_km_redis_map_free(seal_km_redis_map_t *map);


#endif /* SEAL_KM_REDIS_MAP_H */
