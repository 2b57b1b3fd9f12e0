/*
 * TLS of a connection to Redis: what nginx's ngx_ssl leaves to its user.
 */


#ifndef SEAL_KM_REDIS_TLS_H
#define SEAL_KM_REDIS_TLS_H


#include "seal_km_redis_connection.h"


/*
 * Prepares the TLS client of a connection that has just been connected: server
 * name (RFC 6066: never an IP address) and session.  NGX_OK, or NGX_ERROR
 * after an error was logged.
 */
ngx_int_t seal_km_redis_tls_init(seal_km_redis_connection_t *rc);

/*
 * After the handshake: NULL if the certificate verifies and is the server's
 * (or need not be), else what is wrong with it, a static text.
 */
const char *seal_km_redis_tls_check(seal_km_redis_connection_t *rc);

/* ends TLS without waiting for the peer; harmless without TLS */
void seal_km_redis_tls_close(seal_km_redis_connection_t *rc);


#endif /* SEAL_KM_REDIS_TLS_H */
