#include "left.h"

#include <pthread.h>
#include <unistd.h>


#define LEFT_SECRETS  16


/* page-aligned, as a thread wants it; cleared before each use */
static unsigned char  left_stack[512 * 1024]
    __attribute__ ((aligned(4096)));

static struct {
    const char  *name;
    const void  *bytes;
    size_t       len;
} left_secrets[LEFT_SECRETS];

static size_t       left_n;
static unsigned     left_count;
static const char  *left_last;


typedef struct {
    void    (*fn)(void *data);
    void     *data;
} left_call_t;


static int left_has(const unsigned char *p, size_t size,
    const unsigned char *piece) __attribute__ ((no_sanitize("address")));
static void left_deep(const left_call_t *call) __attribute__ ((noinline));


/* what lies elsewhere could not be looked at */

const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_stack_use_after_return=0";
}


void
left_init(char **argv)
{
    if (getenv("LD_BIND_NOW") != NULL) {
        return;
    }

    if (setenv("LD_BIND_NOW", "1", 1) == 0) {
        (void) execv("/proc/self/exe", argv);
    }

    perror("left_init()");
    exit(1);
}


void
left_begin(void)
{
    left_n = 0;
    left_count = 0;
    left_last = NULL;
}


void
left_secret(const char *name, const void *bytes, size_t len)
{
    assert_true(left_n < LEFT_SECRETS && len >= LEFT_PIECE);

    left_secrets[left_n].name = name;
    left_secrets[left_n].bytes = bytes;
    left_secrets[left_n].len = len;
    left_n++;
}


/* by itself, for what memmem() looks at must not be a stack that is in use */

static int
left_has(const unsigned char *p, size_t size, const unsigned char *piece)
{
    size_t  i, n;

    for (i = 0; i + LEFT_PIECE <= size; i++) {

        for (n = 0; n < LEFT_PIECE && p[i + n] == piece[n]; n++) {
            /* void */
        }

        if (n == LEFT_PIECE) {
            return 1;
        }
    }

    return 0;
}


static void
left_watch(const unsigned char *p, size_t size)
{
    size_t                i;
    const unsigned char  *bytes;

    for (i = 0; i < left_n; i++) {
        bytes = left_secrets[i].bytes;

        if (left_has(p, size, bytes)
            || left_has(p, size, bytes + left_secrets[i].len - LEFT_PIECE))
        {
            left_count++;
            left_last = left_secrets[i].name;
        }
    }
}


void
left_look(const void *p, size_t size)
{
    left_watch(p, size);
}


static void *
left_thread(void *data)
{
    left_deep(data);

    return NULL;
}


/* below what the end of the thread overwrites */

static void
left_deep(const left_call_t *call)
{
    char  gap[64 * 1024];

    __asm__ volatile ("" : : "r" (gap) : "memory");

    call->fn(call->data);
}


void
left_run(void (*fn)(void *data), void *data)
{
    pthread_t        thread;
    left_call_t      call;
    pthread_attr_t   attr;

    memset(left_stack, 0, sizeof(left_stack));

    call.fn = fn;
    call.data = data;

    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstack(&attr, left_stack,
                                           sizeof(left_stack)), 0);

    unit_memory_watch(left_watch);

    assert_int_equal(pthread_create(&thread, &attr, left_thread, &call), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);

    unit_memory_watch(NULL);

    assert_int_equal(pthread_attr_destroy(&attr), 0);

    left_look_at_stack();
}


void
left_look_at_stack(void)
{
    left_look(left_stack, sizeof(left_stack));
}


unsigned
left_found(const char **name)
{
    *name = left_last;

    return left_count;
}
