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

/*
 * 1 if a reply to ROLE is as one of the SEAL_KM_REDIS_GREET_... demands: that of
 * a master, or of a replica that is connected to its own.
 */
ngx_uint_t seal_km_redis_greeting_fits(ngx_uint_t greeting,
    seal_km_redis_reply_t *reply);


#endif /* SEAL_KM_REDIS_GREETING_H */
