/*
 * What the fuzzers share.
 */


#ifndef FUZZ_H
#define FUZZ_H


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seal_km_str.h"


/* an invariant that does not hold is a crash */
#define fuzz_assert(cond)                                                     \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);        \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* memory of exactly that size, so that sanitizers see each byte too far */

static inline void *
fuzz_alloc(size_t size)
{
    void  *p;

    p = malloc(size == 0 ? 1 : size);
    fuzz_assert(p != NULL);

    return p;
}


static inline seal_km_str_t
fuzz_str(const void *data, size_t size)
{
    seal_km_str_t  s;

    s.data = data;
    s.len = size;

    return s;
}


#endif /* FUZZ_H */
