/*
 * What a connection writes and reads: commands are written as they were
 * queued, and each reply goes to the oldest command.
 */


#ifndef SEAL_KM_REDIS_WIRE_H
#define SEAL_KM_REDIS_WIRE_H


#include "seal_km_redis_connection.h"


/* From now on this is who the events of the connected socket are for. */
void seal_km_redis_wire_attach(seal_km_redis_connection_t *rc);

/* rc->flush: writes what is queued, at the end of a turn of the event loop */
void seal_km_redis_wire_flush_handler(ngx_event_t *ev);


#endif /* SEAL_KM_REDIS_WIRE_H */
