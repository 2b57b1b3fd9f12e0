/*
 * Preloaded into nginx by tests (SealKM::Clock): the clocks that it sees are
 * ahead of those of the machine, or behind, by what the file $SEAL_KM_CLOCK says:
 * two 64-bit numbers of the machine's own kind, in seconds, for the time of day
 * and for the time that only goes forward.  They may change at any time.
 */


#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static int64_t                  clock_none[2];
static const volatile int64_t  *clock_ahead = clock_none;


/* nginx clears its environment later */

static void __attribute__((constructor))
clock_init(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("SEAL_KM_CLOCK");
    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDONLY);
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(clock_none), PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);

    if (p != MAP_FAILED) {
        clock_ahead = p;
    }
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, id, ts);

    switch (id) {

    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        ts->tv_sec += clock_ahead[0];
        break;

    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
        ts->tv_sec += clock_ahead[1];
        break;

    default:
        break;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    int  rc;

    rc = (int) syscall(SYS_gettimeofday, tv, tz);
    tv->tv_sec += clock_ahead[0];

    return rc;
}


time_t
time(time_t *t)
{
    struct timeval  tv;

    (void) gettimeofday(&tv, NULL);

    if (t != NULL) {
        *t = tv.tv_sec;
    }

    return tv.tv_sec;
}
