/*
 * How a connection to a Redis server is opened: connect, TLS, the greeting; and
 * opened again after a failure.
 */


#ifndef SEAL_KM_REDIS_CONNECT_H
#define SEAL_KM_REDIS_CONNECT_H


#include "seal_km_redis_connection.h"


/*
 * Prepares a zeroed connection, to be greeted by greet with these
 * SEAL_KM_REDIS_GREET_...; opens nothing.  settings and address must outlive
 * it.
 */
void seal_km_redis_connect_init(seal_km_redis_connection_t *rc,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address,
    seal_km_redis_greet_pt greet, ngx_uint_t greeting);

/*
 * Opens a closed connection that has not failed.  NGX_OK or NGX_AGAIN: it
 * takes commands; NGX_ERROR: it failed at once, and will try again by itself.
 */
ngx_int_t seal_km_redis_connect(seal_km_redis_connection_t *rc);

/* Of the greeting: one answer of it was as it should be. */
void seal_km_redis_connect_greeted(seal_km_redis_connection_t *rc);


#endif /* SEAL_KM_REDIS_CONNECT_H */
