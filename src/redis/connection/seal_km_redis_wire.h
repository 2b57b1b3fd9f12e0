/*
 * What a connection writes and reads: commands are written as they were
 * queued, and each reply goes to the oldest command.
 */


#ifndef SEAL_KM_REDIS_WIRE_H
#define SEAL_KM_REDIS_WIRE_H


#include "seal_km_redis_connection.h"


/* From now on this is who the events of the connected socket are for. */
void seal_km_redis_wire_attach(seal_km_redis_connection_t *rc);

/*
 * Of the greeting: writes a command ahead of all that waits; its answer is
 * awaited before anything else is written, and its handler's data is rc.
 * NGX_OK, or NGX_ERROR: out of memory.
 */
ngx_int_t seal_km_redis_wire_greet(seal_km_redis_connection_t *rc, int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler);

/* of rc->watch: closes it if nothing is read while answers are due */
void seal_km_redis_wire_watch_handler(ngx_event_t *ev);

/* of rc->commands.flush: writes what is queued, at the end of a turn */
void seal_km_redis_wire_flush_handler(ngx_event_t *ev);


#endif /* SEAL_KM_REDIS_WIRE_H */
