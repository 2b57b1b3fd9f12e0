/*
 * Linked into the nginx that is built with sanitizers, before its ngx_init_cycle():
 * keeps what "nginx -t" ends without freeing.  That is no leak, and a report of each
 * of its allocations, with names, takes longer than the check itself.
 */


#include <stddef.h>


/* how an ngx_cycle_t begins; nginx's own headers need a configured nginx */
typedef struct {
    void  *conf_ctx;
    void  *pool;
} asan_cycle_t;


/* not there where configure links something else */
extern asan_cycle_t *__real_ngx_init_cycle(asan_cycle_t *former)
    __attribute__((weak));

asan_cycle_t *__wrap_ngx_init_cycle(asan_cycle_t *former);


void *volatile  asan_cycle_kept[2];


asan_cycle_t *
__wrap_ngx_init_cycle(asan_cycle_t *former)
{
    asan_cycle_t  *cycle;

    if (asan_cycle_kept[0] == NULL) {
        /* of the process' beginning: that cycle is on the stack */
        asan_cycle_kept[0] = former->pool;
    }

    cycle = __real_ngx_init_cycle(former);

    if (cycle != NULL) {
        asan_cycle_kept[1] = cycle;
    }

    return cycle;
}
