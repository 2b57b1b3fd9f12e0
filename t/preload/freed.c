/*
 * Preloaded into nginx by tests (SealKM::Freed): looks at each block of memory
 * before it is freed, and at pages before they are unmapped, for what must not
 * lie there any more.
 *
 * The file $SEAL_KM_FREED has a line for each secret, "NAME HEX".  Beside it, with
 * the ending ".found", a line is written for each block that has one of them,
 * "NAME", and who gives it back, in lines that begin with a blank.
 */


#define _GNU_SOURCE

#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>


#define FREED_SECRETS  64
#define FREED_LONGEST  128
#define FREED_DEPTH    16


typedef struct {
    char    name[64];
    char    bytes[FREED_LONGEST];
    size_t  len;
} freed_secret_t;


static freed_secret_t  freed_secrets[FREED_SECRETS];
static size_t          freed_n;
static char            freed_path[2048];
static int             freed_busy;


void *__libc_malloc(size_t size);
void  __libc_free(void *p);


static void
freed_add(const char *name, const char *hex)
{
    size_t           i;
    unsigned         byte;
    freed_secret_t  *secret;

    secret = &freed_secrets[freed_n];

    (void) snprintf(secret->name, sizeof(secret->name), "%s", name);

    for (i = 0; i < FREED_LONGEST && sscanf(hex + 2 * i, "%2x", &byte) == 1;
         i++)
    {
        secret->bytes[i] = (char) byte;
    }

    secret->len = i;
    freed_n++;
}


/* nginx clears its environment later; and backtrace() allocates at first */

static void __attribute__((constructor))
freed_init(void)
{
    FILE        *file;
    char         name[64], hex[2 * FREED_LONGEST + 1];
    void        *stack[1];
    const char  *path;

    path = getenv("SEAL_KM_FREED");
    file = path ? fopen(path, "r") : NULL;

    if (file == NULL) {
        return;
    }

    (void) backtrace(stack, 1);
    (void) snprintf(freed_path, sizeof(freed_path), "%s.found", path);

    while (freed_n < FREED_SECRETS
           && fscanf(file, "%63s %256s", name, hex) == 2)
    {
        freed_add(name, hex);
    }

    (void) fclose(file);
}


static void
freed_tell(const char *name)
{
    int    fd, i, n;
    void  *stack[FREED_DEPTH];

    fd = open(freed_path, O_WRONLY|O_CREAT|O_APPEND, 0666);
    if (fd == -1) {
        return;
    }

    n = backtrace(stack, FREED_DEPTH);
    (void) dprintf(fd, "%s\n", name);

    for (i = 0; i < n; i++) {
        (void) dprintf(fd, " ");
        backtrace_symbols_fd(&stack[i], 1, fd);
    }

    (void) close(fd);
}


static void
freed_look(const void *p, size_t size)
{
    size_t  i;

    if (freed_busy) {
        return;
    }

    freed_busy = 1;

    for (i = 0; i < freed_n; i++) {
        if (memmem(p, size, freed_secrets[i].bytes, freed_secrets[i].len)
            != NULL)
        {
            freed_tell(freed_secrets[i].name);
        }
    }

    freed_busy = 0;
}


void
free(void *p)
{
    if (p != NULL) {
        freed_look(p, malloc_usable_size(p));
        __libc_free(p);
    }
}


/* it may always move what there is */

void *
realloc(void *p, size_t size)
{
    void    *q;
    size_t   old;

    if (p == NULL) {
        return __libc_malloc(size);
    }

    if (size == 0) {
        free(p);
        return NULL;
    }

    q = __libc_malloc(size);

    if (q != NULL) {
        old = malloc_usable_size(p);
        memcpy(q, p, old < size ? old : size);
        free(p);
    }

    return q;
}


int
munmap(void *p, size_t size)
{
    unsigned char  in_memory;

    /* what has never been touched, or is a file's, is none of ours */

    if (size <= 4 * 1024 * 1024
        && syscall(SYS_mincore, p, 1, &in_memory) == 0 && (in_memory & 1))
    {
        freed_look(p, size);
    }

    return (int) syscall(SYS_munmap, p, size);
}
