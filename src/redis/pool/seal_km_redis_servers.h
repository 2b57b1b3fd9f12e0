/*
 * A set of servers, found by their address, greeting and host however many
 * there are.
 */


#ifndef SEAL_KM_REDIS_SERVERS_H
#define SEAL_KM_REDIS_SERVERS_H


#include "seal_km_redis_server.h"


typedef struct {
    ngx_queue_t          queue;       /* all of them, as they were added */
    ngx_uint_t           n;
    ngx_rbtree_t         tree;        /* by address, greeting, host */
    ngx_rbtree_node_t    sentinel;
} seal_km_redis_servers_t;


void seal_km_redis_servers_init(seal_km_redis_servers_t *servers);

/* the server of that address and host, which is greeted so; or NULL */
seal_km_redis_server_t *seal_km_redis_servers_find(
    seal_km_redis_servers_t *servers, seal_km_redis_address_t *address,
    ngx_uint_t greeting);

/* adds one that is not there yet */
void seal_km_redis_servers_add(seal_km_redis_servers_t *servers,
    seal_km_redis_server_t *server);

/* takes one out, which is the caller's then */
void seal_km_redis_servers_remove(seal_km_redis_servers_t *servers,
    seal_km_redis_server_t *server);

/* 1 if one at that address, whatever its host and greeting, is failing */
ngx_uint_t seal_km_redis_servers_is_failing(seal_km_redis_servers_t *servers,
    struct sockaddr *sockaddr);


#endif /* SEAL_KM_REDIS_SERVERS_H */
