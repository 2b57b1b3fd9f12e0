/*
 * Who serves which slot of a Redis Cluster, as CLUSTER SLOTS tells it and
 * redirections mend it.
 */


#ifndef SEAL_KM_REDIS_MAP_H
#define SEAL_KM_REDIS_MAP_H


#include "seal_km_redis_announced.h"
#include "seal_km_redis_slot.h"


/* who serves a range of slots: the master first, then its replicas */
typedef struct seal_km_redis_shard_s  seal_km_redis_shard_t;

struct seal_km_redis_shard_s {
    seal_km_redis_shard_t    *next;
    ngx_uint_t                n;           /* 0: its name is not resolved */
    seal_km_redis_server_t   *servers[1];
};


/* why a range has no master that can be asked; the worst is the last one */
typedef enum {
    SEAL_KM_REDIS_MAP_WHOLE = 0,
    SEAL_KM_REDIS_MAP_UNRESOLVED,   /* a name, that is none (yet) */
    SEAL_KM_REDIS_MAP_NO_HOST,      /* an empty host, told over a Unix socket */
    SEAL_KM_REDIS_MAP_NO_ADDRESS    /* what is no host, or no port */
} seal_km_redis_map_e;


/* zeroed: nobody serves anything */
typedef struct {
    seal_km_redis_shard_t    *shards;
    seal_km_redis_shard_t    *moved;       /* one for each server at most */
    seal_km_redis_map_e       holes;
    seal_km_redis_shard_t    *slots[SEAL_KM_REDIS_SLOTS];
} seal_km_redis_map_t;


/*
 * 1 if the reply to CLUSTER SLOTS is an error, or a map in form: ranges that do
 * not overlap, each with nodes.  A map that is empty is one.
 */
ngx_uint_t seal_km_redis_map_is_valid(seal_km_redis_reply_t *reply);

/*
 * Takes a reply that is valid, of the server at informant, and gives up the
 * pool's servers that are not in it.  NGX_OK; NGX_ERROR: it is an error or
 * empty, has too many nodes, or there is no memory for it, and the old one
 * stays in force.
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
