/*
 * What it costs to check a record that is JSON: CPU time for texts of 1 MB and
 * of 15 MB that are made to be dear.  Ends with 1 where one of them takes longer
 * than 20 ms and 400 ms.
 */


#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "seal_km_json_check.h"


#define MB      1000000
#define ROUNDS  5


typedef struct {
    const char      *name;
    const char      *head;
    const char      *part;    /* again and again */
    const char      *tail;
    size_t         (*make)(char *dst, size_t i);   /* in place of part */
    seal_km_json_e   result;
} shape_t;


static size_t numbered(char *dst, size_t i);
static size_t escaped(char *dst, size_t i);
static size_t nested(char *dst, size_t i);
static size_t prefixed(char *dst, size_t i);
static size_t small(char *dst, size_t i);
static size_t number(char *dst, size_t i);


static const shape_t  shapes[] = {
    { "one string", "\"", "x", "\"", NULL, SEAL_KM_JSON_OK },
    { "string of quotes", "\"", "\\\"", "\"", NULL, SEAL_KM_JSON_OK },
    { "string of escapes", "\"", "\\u00e9", "\"", NULL, SEAL_KM_JSON_OK },
    { "string of pairs", "\"", "\\ud83d\\ude00", "\"", NULL, SEAL_KM_JSON_OK },
    { "string of two bytes", "\"", "\xc3\xa9", "\"", NULL, SEAL_KM_JSON_OK },
    { "string of four bytes", "\"", "\xf0\x9f\x98\x80", "\"", NULL,
      SEAL_KM_JSON_OK },
    { "white space", "[", " ", "]", NULL, SEAL_KM_JSON_OK },
    { "empty objects", "[{}", ",{}", "]", NULL, SEAL_KM_JSON_OK },
    { "empty arrays", "[[]", ",[]", "]", NULL, SEAL_KM_JSON_OK },
    { "digits", "[1", ",1", "]", NULL, SEAL_KM_JSON_OK },
    { "doubles", "[0", ",1.797693134862315807e308", "]", NULL,
      SEAL_KM_JSON_OK },
    { "different numbers", "[0", NULL, "]", number, SEAL_KM_JSON_OK },
    { "one integer", "0.", "9", "", NULL, SEAL_KM_JSON_OK },
    { "objects of one name", "[0", ",{\"a\":0}", "]", NULL, SEAL_KM_JSON_OK },
    { "objects of two names", "[0", ",{\"a\":0,\"b\":0}", "]", NULL,
      SEAL_KM_JSON_OK },
    { "objects of 100 names", "[0", NULL, "]", small, SEAL_KM_JSON_OK },
    { "one object", "{\"\":0", NULL, "}", numbered, SEAL_KM_JSON_OK },
    { "one object, escapes", "{\"\":0", NULL, "}", escaped, SEAL_KM_JSON_OK },
    { "one object, long names", "{\"\":0", NULL, "}", prefixed,
      SEAL_KM_JSON_OK },
    { "objects in objects", "{\"\":0", NULL, "}", nested, SEAL_KM_JSON_OK },
    { "the same name", "{\"a\":0", ",\"a\":0", "}", NULL,
      SEAL_KM_JSON_INVALID },
    { "too deep", "", "[", "", NULL, SEAL_KM_JSON_INVALID }
};


/* about a million names in 15 MB */

static size_t
numbered(char *dst, size_t i)
{
    return (size_t) sprintf(dst, ",\"%zx\":0", i);
}


static size_t
escaped(char *dst, size_t i)
{
    return (size_t) sprintf(dst, ",\"\\u%04zx%zx\":0", i % 0xd000 + 1, i);
}


static size_t
prefixed(char *dst, size_t i)
{
    return (size_t) sprintf(dst, ",\"%0200zd\":0", i);
}


/* each name waits for the end of an object that is in its own */

static size_t
nested(char *dst, size_t i)
{
    return (size_t) sprintf(dst, ",\"%zx\":{\"\":{\"\":0}}", i);
}


static size_t
small(char *dst, size_t i)
{
    return (size_t) sprintf(dst, "%s\"%zx\":0%s", i % 100 == 0 ? ",{" : ",",
                            i, i % 100 == 99 ? "}" : "");
}


static size_t
number(char *dst, size_t i)
{
    return (size_t) sprintf(dst, ",%zu.%zue-%zu", i, i, i % 300);
}


static double
cpu_ms(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}


/* a text of that size, or a little less */

static seal_km_str_t
text_of(const shape_t *shape, size_t size)
{
    char           *p, *last;
    size_t          i;
    seal_km_str_t   text;

    p = malloc(size + 1000);

    if (p == NULL) {
        exit(2);
    }

    text.data = p;
    last = p + size;
    p = stpcpy(p, shape->head);

    for (i = 0; p < last || (shape->make == small && i % 100 != 0); i++) {
        if (shape->make == NULL) {
            p = stpcpy(p, shape->part);

        } else {
            p += shape->make(p, i);
        }
    }

    p = stpcpy(p, shape->tail);
    text.len = (size_t) (p - text.data);

    return text;
}


/* the least of some rounds */

static double
measure(const shape_t *shape, size_t size)
{
    int             i;
    double          start, ms, least;
    seal_km_str_t   text;
    seal_km_json_e  rc;

    text = text_of(shape, size);
    least = 1e9;

    for (i = 0; i < ROUNDS; i++) {
        start = cpu_ms();
        rc = seal_km_json_check(text);
        ms = cpu_ms() - start;

        if (rc != shape->result) {
            fprintf(stderr, "%s: wrong result %d\n", shape->name, (int) rc);
            exit(2);
        }

        least = (ms < least) ? ms : least;
    }

    free((void *) text.data);

    return least;
}


/* 1 where it takes too long */

static int
bench(const shape_t *shape)
{
    double  one, fifteen;

    one = measure(shape, MB);
    fifteen = measure(shape, 15 * MB);

    printf("%-26s %7.2f ms %7.1f ms\n", shape->name, one, fifteen);

    return one > 20 || fifteen > 400;
}


int
main(void)
{
    int     dear;
    size_t  i;

    dear = 0;
    printf("%-26s %10s %10s\n", "", "1 MB", "15 MB");

    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        dear |= bench(&shapes[i]);
    }

    return dear;
}
