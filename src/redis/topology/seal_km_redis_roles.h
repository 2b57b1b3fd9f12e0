/*
 * Whether the servers in use still have the role that sentinels say, of which
 * their connections have made sure only when they were opened.
 */


#ifndef SEAL_KM_REDIS_ROLES_H
#define SEAL_KM_REDIS_ROLES_H


#include "seal_km_redis_server.h"


/*
 * Asks those of n servers that have a connection for their ROLE, and puts the
 * questions into a queue, those apart that are still in there.  One that has
 * another role, or has lost its master, loses its connections; what waits there
 * is asked elsewhere.
 */
void seal_km_redis_roles_ask(ngx_queue_t *queue,
    seal_km_redis_server_t **servers, ngx_uint_t n, ngx_msec_t timeout);

/* with the servers: the questions that are under way go */
void seal_km_redis_roles_end(ngx_queue_t *queue);


#endif /* SEAL_KM_REDIS_ROLES_H */
