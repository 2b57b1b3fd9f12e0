/*
 * Linked into the nginx that is built with sanitizers, before two functions of its
 * own: keeps what nginx ends without freeing, which is no leak.  That is all that
 * "nginx -t" has read, and a report of each of its allocations, with names, takes
 * longer than the check itself.  And a worker that is told to end at once (SIGTERM)
 * leaves its connections as they are, with the requests that wait: where no timer
 * leads to them, they would be reported.
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

extern void *__real_ngx_get_connection(int s, void *log)
    __attribute__((weak));

asan_cycle_t *__wrap_ngx_init_cycle(asan_cycle_t *former);
void *__wrap_ngx_get_connection(int s, void *log);


void *volatile  asan_cycle_kept[3];


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


/* any connection keeps all of them: they are in one array */

void *
__wrap_ngx_get_connection(int s, void *log)
{
    void  *c;

    c = __real_ngx_get_connection(s, log);

    if (c != NULL) {
        asan_cycle_kept[2] = c;
    }

    return c;
}
