/*
 * Which one of several servers to ask next.  Plain C: no nginx header.
 */


#ifndef SEAL_KM_REDIS_CHOICE_H
#define SEAL_KM_REDIS_CHOICE_H


#include <stdint.h>


/* of more servers only the first ones are asked */
#define SEAL_KM_REDIS_CHOICE_MAX  64


/*
 * Of servers 0 to n - 1, that one of those whose bit is not in tried which
 * comes first in an order that begins at turn; those whose bit is in left_out
 * come after all others.  replicas_first: so does server 0, the master, among
 * those that are not left out.  Returns -1 where all have been tried.
 */
int seal_km_redis_choice(unsigned n, unsigned long turn, uint64_t tried,
    uint64_t left_out, int replicas_first);


#endif /* SEAL_KM_REDIS_CHOICE_H */
