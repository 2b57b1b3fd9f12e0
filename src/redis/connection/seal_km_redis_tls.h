/*
 * TLS of a connection to Redis: what nginx's ngx_ssl leaves to its user.
 */


#ifndef SEAL_KM_REDIS_TLS_H
#define SEAL_KM_REDIS_TLS_H


#include "seal_km_redis_connection.h"


/*
 * The handshake of a connection that has just been connected, within
 * connect_timeout, and the check of the server's certificate.  In the end, and
 * perhaps from inside, rc->secured or seal_km_redis_connection_failed() is
 * called.
 */
void seal_km_redis_tls_start(seal_km_redis_connection_t *rc);

/* rc->unsecure: ends TLS without waiting for the peer; harmless without TLS */
void seal_km_redis_tls_close(seal_km_redis_connection_t *rc);


#endif /* SEAL_KM_REDIS_TLS_H */
