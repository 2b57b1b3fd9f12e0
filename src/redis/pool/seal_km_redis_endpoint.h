/*
 * An address with the memory that it points to.
 */


#ifndef SEAL_KM_REDIS_ENDPOINT_H
#define SEAL_KM_REDIS_ENDPOINT_H


#include "seal_km_redis.h"


typedef struct {
    seal_km_redis_address_t   address;
    ngx_sockaddr_t            sockaddr;
    u_char                    text[NGX_SOCKADDR_STRLEN];
} seal_km_redis_endpoint_t;


/*
 * Sets endpoint->address to that sockaddr, with that port, for the life of
 * endpoint and of host.
 */
void seal_km_redis_endpoint_init(seal_km_redis_endpoint_t *endpoint,
    ngx_str_t *host, struct sockaddr *sockaddr, socklen_t socklen,
    in_port_t port);

/*
 * Reads an IPv4 or IPv6 address, the latter without brackets, into
 * endpoint->sockaddr and its length.  NGX_OK, or NGX_ERROR if it is none.
 */
ngx_int_t seal_km_redis_endpoint_parse(seal_km_redis_endpoint_t *endpoint,
    ngx_str_t *ip);


#endif /* SEAL_KM_REDIS_ENDPOINT_H */
