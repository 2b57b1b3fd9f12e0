/*
 * What of nginx the fuzzers play: t/fuzz/nginx.c.
 */


#ifndef FUZZ_NGINX_H
#define FUZZ_NGINX_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "fuzz.h"


/* frees all that was taken from slabs */
void fuzz_free_slabs(void);


#endif /* FUZZ_NGINX_H */
