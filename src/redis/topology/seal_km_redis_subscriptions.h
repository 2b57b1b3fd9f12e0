/*
 * Connections to all sentinels, over which these tell of failovers by
 * themselves: the one that is asked may be the one that is cut off.
 */


#ifndef SEAL_KM_REDIS_SUBSCRIPTIONS_H
#define SEAL_KM_REDIS_SUBSCRIPTIONS_H


#include "seal_km_redis_connection.h"


/* called by a connection, which must not be closed from there */
typedef void (*seal_km_redis_subscriptions_pt)(void *data);


typedef struct {
    seal_km_redis_subscriptions_pt   handler;    /* set by the owner */
    void                            *data;

    seal_km_redis_connection_t      *connections;
    ngx_uint_t                       n;
    seal_km_redis_address_t         *seeds;      /* that they are made to */
    ngx_msec_t                       beat;       /* when they were tried last */
} seal_km_redis_subscriptions_t;


/*
 * Subscribes at each of n sentinels, which are spoken to as settings say; both
 * must outlive the subscriptions.  Where there are such already, sees to it
 * that they are opened again after a failure, and that one which hears nothing
 * any more is found out: to be called now and then.
 */
void seal_km_redis_subscriptions_keep(seal_km_redis_subscriptions_t *s,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *seeds,
    ngx_uint_t n);

/* closes them all */
void seal_km_redis_subscriptions_end(seal_km_redis_subscriptions_t *s);


#endif /* SEAL_KM_REDIS_SUBSCRIPTIONS_H */
