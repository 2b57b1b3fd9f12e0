/*
 * Which one of several servers to ask next.
 */


#include "seal_km_redis_choice.h"


static int seal_km_redis_choice_of(unsigned n, unsigned long turn,
    uint64_t not, int replicas_first);


int
seal_km_redis_choice(unsigned n, unsigned long turn, uint64_t tried,
    uint64_t left_out, int replicas_first)
{
    int  i;

    if (n > SEAL_KM_REDIS_CHOICE_MAX) {
        n = SEAL_KM_REDIS_CHOICE_MAX;
    }

    i = seal_km_redis_choice_of(n, turn, tried | left_out, replicas_first);

    return (i >= 0) ? i
                    : seal_km_redis_choice_of(n, turn, tried, replicas_first);
}


static int
seal_km_redis_choice_of(unsigned n, unsigned long turn, uint64_t not,
    int replicas_first)
{
    unsigned  i, k, first;

    /* those that take turns, the master's place being the last otherwise */
    first = (replicas_first && n > 1) ? 1 : 0;

    for (k = 0; k < n - first; k++) {
        /* turn wraps round 0 */
        i = first + (turn % (n - first) + k) % (n - first);

        if (!(not & (uint64_t) 1 << i)) {
            return i;
        }
    }

    if (first && !(not & 1)) {
        return 0;
    }

    return -1;
}
