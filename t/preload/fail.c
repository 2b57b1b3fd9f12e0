/*
 * Preloaded into nginx by tests (SealKM::Failing): makes a call fail once that
 * nothing outside of nginx can make fail.  Files in the folder $SEAL_KM_FAIL
 * say which:
 *
 *     memory      "PATH N": the N-th allocation after nginx opens PATH.  It is
 *                 renamed to memory.armed then, and to memory.failed in the end
 *     epoll       the next socket that is added to epoll to be read from only;
 *                 renamed to epoll.failed
 *     exit        the end of the next process that ends by itself: when all is
 *                 done but to go it is stopped, as by SIGSTOP; renamed to
 *                 exit.failed
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>


static char  fail_folder[2048];
static long  fail_left;      /* allocations till the one that fails; 0: none */


/* nginx clears its environment later */

static void __attribute__((constructor))
fail_init(void)
{
    const char  *folder;

    folder = getenv("SEAL_KM_FAIL");

    (void) snprintf(fail_folder, sizeof(fail_folder), "%s",
                    folder ? folder : "/nonexistent");
}


static void
fail_path(char *buf, size_t size, const char *name)
{
    (void) snprintf(buf, size, "%s/%s", fail_folder, name);
}


static int
fail_rename(const char *from, const char *to)
{
    char  old[4096], new[4096];

    fail_path(old, sizeof(old), from);
    fail_path(new, sizeof(new), to);

    return rename(old, new);
}


static void
fail_opened(const char *path)
{
    char     name[4096], text[4096], *n;
    long     fd;
    ssize_t  len;

    fail_path(name, sizeof(name), "memory");

    fd = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
    if (fd == -1) {
        return;
    }

    len = read((int) fd, text, sizeof(text) - 1);
    (void) close((int) fd);

    text[len > 0 ? len : 0] = '\0';

    n = strrchr(text, ' ');
    if (n == NULL) {
        return;
    }

    *n++ = '\0';

    if (strcmp(text, path) == 0
        && fail_rename("memory", "memory.armed") == 0)
    {
        fail_left = atol(n);
    }
}


/* 1 if this allocation is the one */

static int
fail_now(void)
{
    if (fail_left == 0 || --fail_left > 0) {
        return 0;
    }

    (void) fail_rename("memory.armed", "memory.failed");
    errno = ENOMEM;

    return 1;
}


static int
fail_open(const char *path, int flags, mode_t mode)
{
    int  fd;

    fd = (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);

    if (fd != -1) {
        fail_opened(path);
    }

    return fd;
}


int
open(const char *path, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return fail_open(path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return fail_open(path, flags | O_LARGEFILE, mode);
}


/* glibc's own names: dlsym() would allocate */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);


void *
malloc(size_t size)
{
    return fail_now() ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return fail_now() ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return fail_now() ? NULL : __libc_realloc(p, size);
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    if (fail_now()) {
        return ENOMEM;
    }

    *p = __libc_memalign(alignment, size);

    return (*p == NULL) ? ENOMEM : 0;
}


int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD
        && (event->events & EPOLLIN) && !(event->events & EPOLLOUT)
        && fail_rename("epoll", "epoll.failed") == 0)
    {
        errno = ENOSPC;
        return -1;
    }

    return (int) syscall(SYS_epoll_ctl, epfd, op, fd, event);
}


static void __attribute__((destructor))
fail_exit(void)
{
    if (fail_rename("exit", "exit.failed") == 0) {
        (void) raise(SIGSTOP);
    }
}
