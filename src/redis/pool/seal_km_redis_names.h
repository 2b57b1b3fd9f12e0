/*
 * Host names that are resolved again when their time to live is over, by
 * nginx's resolver.
 */


#ifndef SEAL_KM_REDIS_NAMES_H
#define SEAL_KM_REDIS_NAMES_H


#include "seal_km_redis.h"


typedef struct seal_km_redis_names_s  seal_km_redis_names_t;

/* called when a name has got addresses, or other ones */
typedef void (*seal_km_redis_names_pt)(void *data);


typedef struct {
    ngx_sockaddr_t    sockaddr;       /* without a port */
    socklen_t         socklen;
} seal_km_redis_name_address_t;


/* NULL: out of memory; nothing is resolved before it is asked for */
seal_km_redis_names_t *seal_km_redis_names_create(ngx_conf_t *cf,
    ngx_resolver_t *resolver, ngx_msec_t timeout,
    seal_km_redis_names_pt handler, void *data);

void seal_km_redis_names_destroy(seal_km_redis_names_t *names);

/*
 * NGX_OK: the addresses of host as they are known now, valid during this turn
 * of the event loop.  NGX_AGAIN: not known yet; the handler will be called
 * (never from here).  NGX_ERROR: out of memory, or too many names.  A name that
 * was asked for once is resolved again and again, till it is forgotten; where
 * that fails its addresses stay.  The first of them stays the first as long as
 * it is one.
 */
ngx_int_t seal_km_redis_names_get(seal_km_redis_names_t *names,
    ngx_str_t *host, ngx_uint_t generation,
    seal_km_redis_name_address_t **addresses, ngx_uint_t *n);

/* From now on address i of host, of those that get() gave, is the first. */
void seal_km_redis_names_prefer(seal_km_redis_names_t *names, ngx_str_t *host,
    ngx_uint_t i);

/*
 * Forgets the names that were asked for in older generations only.  Not to be
 * called from the handler.
 */
void seal_km_redis_names_forget(seal_km_redis_names_t *names,
    ngx_uint_t generation);

/* Likewise those that were asked for in that generation at first. */
void seal_km_redis_names_forget_born(seal_km_redis_names_t *names,
    ngx_uint_t generation);


#endif /* SEAL_KM_REDIS_NAMES_H */
