/*
 * Deadlines of many, and one timer: that of the first of them.  Nearly all are
 * met, and most that are set are later than all others, so that neither costs
 * more than a place in a list.
 */


#ifndef SEAL_KM_REDIS_DEADLINES_H
#define SEAL_KM_REDIS_DEADLINES_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef struct seal_km_redis_deadline_s  seal_km_redis_deadline_t;

/* called when one is over, which is not set any more then */
typedef void (*seal_km_redis_deadline_pt)(seal_km_redis_deadline_t *deadline);


/* part of what has one; all zeros: it is not set */
struct seal_km_redis_deadline_s {
    seal_km_redis_deadline_pt   handler;    /* set by whom it is of */
    ngx_queue_t                 queue;
    ngx_msec_t                  when;
    unsigned                    set:1;
};


typedef struct {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    ngx_queue_t                 queue;      /* the first in time is the head */
    ngx_log_t                  *log;
    int                         ident;

    ngx_event_t                 timer;
} seal_km_redis_deadlines_t;


/* prepares zeroed ones; log, which lives as long as they, is for nginx */
void seal_km_redis_deadlines_init(seal_km_redis_deadlines_t *deadlines,
    ngx_log_t *log);

/* in so many milliseconds; one that is set already is set anew */
void seal_km_redis_deadlines_set(seal_km_redis_deadlines_t *deadlines,
    seal_km_redis_deadline_t *deadline, ngx_msec_t time);

/* it is not over any more; harmless if it is not set */
void seal_km_redis_deadlines_clear(seal_km_redis_deadlines_t *deadlines,
    seal_km_redis_deadline_t *deadline);

/* none of them will be over any more */
void seal_km_redis_deadlines_stop(seal_km_redis_deadlines_t *deadlines);


#endif /* SEAL_KM_REDIS_DEADLINES_H */
