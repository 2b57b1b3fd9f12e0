/*
 * Hosts that servers announce of themselves and of each other.  Plain C: no
 * nginx header.
 */


#ifndef SEAL_KM_REDIS_HOST_H
#define SEAL_KM_REDIS_HOST_H


#include <stddef.h>


/*
 * 1 if these len bytes can be the name or the address of a host: letters,
 * digits, '-', '_', '.', and the ':' of IPv6, at most 255 of them.  Whatever
 * else a server says goes to no resolver, no certificate's check and no log.
 */
int seal_km_redis_host_is_valid(const unsigned char *host, size_t len);


#endif /* SEAL_KM_REDIS_HOST_H */
