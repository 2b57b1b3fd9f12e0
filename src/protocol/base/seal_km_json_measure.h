/*
 * A look at a JSON text before it is decoded: how much there is of it, and
 * whether it has integers that jansson would refuse.
 */


#ifndef SEAL_KM_JSON_MEASURE_H
#define SEAL_KM_JSON_MEASURE_H


#include "seal_km_str.h"


/* of a text that is no JSON these are numbers of no meaning */
typedef struct {
    size_t  values;    /* of any type, at any depth; names are none */
    size_t  longest;   /* bytes of the longest string, number or word */
    size_t  large;     /* integers that do not fit in 64 bits */
} seal_km_json_measure_t;


/*
 * What is behind the string, the number, the word or the single byte at p,
 * where p < last.
 */
const char *seal_km_json_skip(const char *p, const char *last);

/* One pass.  Returns 0, or -1 where text holds a NUL outside of strings. */
int seal_km_json_measure(seal_km_str_t text, seal_km_json_measure_t *measure);

/*
 * Copies text to dst, but for its large integers: with clamp each becomes the
 * next that does fit, else it gets ".0" behind it, two bytes more.  Returns the
 * length of the copy.
 */
size_t seal_km_json_copy(seal_km_str_t text, char *dst, int clamp);


#endif /* SEAL_KM_JSON_MEASURE_H */
