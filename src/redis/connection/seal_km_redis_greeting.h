/*
 * What a connection says, and has to hear, before it is used.
 */


#ifndef SEAL_KM_REDIS_GREETING_H
#define SEAL_KM_REDIS_GREETING_H


#include "seal_km_redis_connection.h"


/*
 * Sends AUTH, SELECT, CLIENT SETNAME, and what rc->greeting demands, each
 * where there is a need.  NGX_OK, or NGX_ERROR: out of memory.
 */
ngx_int_t seal_km_redis_greet(seal_km_redis_connection_t *rc);


#endif /* SEAL_KM_REDIS_GREETING_H */
