/*
 * One Redis server as a worker knows it: its address, and the persistent
 * connections to it.
 */


#ifndef SEAL_KM_REDIS_SERVER_H
#define SEAL_KM_REDIS_SERVER_H


#include "seal_km_redis_connection.h"


struct seal_km_redis_server_s {
    ngx_queue_t                   queue;      /* of the pool */
    seal_km_redis_address_t       address;    /* a copy of our own */
    ngx_sockaddr_t                sockaddr;
    ngx_uint_t                    greeting;   /* SEAL_KM_REDIS_GREET_... */
    ngx_uint_t                    generation; /* the pool's mark */
    time_t                        used;       /* when the pool was asked */
    ngx_uint_t                    n;          /* and one for questions */
    seal_km_redis_connection_t    connections[1];
};


/*
 * A server of that address, whose connections are made with settings and
 * greeted so, none of them open yet.  NULL: out of memory.
 */
seal_km_redis_server_t *seal_km_redis_server_create(
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address,
    ngx_uint_t greeting);

/* closes its connections, without a call of any handler, and frees it */
void seal_km_redis_server_destroy(seal_km_redis_server_t *server);

/*
 * Ends the commands of those connections that are not ready, as UNSENT, and
 * closes these.  It calls handlers.
 */
void seal_km_redis_server_withdraw(seal_km_redis_server_t *server);

/* 1 if it has failed since it has answered last, and takes no commands */
ngx_uint_t seal_km_redis_server_is_failing(seal_km_redis_server_t *server);

/* commands that somebody waits for */
ngx_uint_t seal_km_redis_server_waiters(seal_km_redis_server_t *server);

/*
 * Sends a command over the connection with the fewest commands.  NULL where
 * the server takes none: it has just failed, or too many wait for it already.
 */
seal_km_redis_command_t *seal_km_redis_server_send(
    seal_km_redis_server_t *server, int argc, const char **argv,
    const size_t *len, ngx_uint_t flags, seal_km_redis_command_pt handler,
    void *data);


#endif /* SEAL_KM_REDIS_SERVER_H */
