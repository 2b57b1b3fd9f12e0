/*
 * One Redis server as a worker knows it: its address and the persistent
 * connections to it; and the pool of servers that share their settings.
 */


#ifndef SEAL_KM_REDIS_SERVER_H
#define SEAL_KM_REDIS_SERVER_H


#include "seal_km_redis_connection.h"


/*
 * The server of that address, made and kept in the pool at its first use.
 * NULL: out of memory.
 */
seal_km_redis_server_t *seal_km_redis_pool_server(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *address);

/*
 * Sends GET key over the connection with the fewest commands.  NULL where the
 * server takes none: it has just failed, or too many wait for it already.
 */
seal_km_redis_command_t *seal_km_redis_server_get(
    seal_km_redis_server_t *server, ngx_str_t *key,
    seal_km_redis_command_pt handler, void *data);


#endif /* SEAL_KM_REDIS_SERVER_H */
