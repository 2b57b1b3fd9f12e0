/*
 * Names that collide in Jansson's hash tables, for whoever knows the seed of its
 * hash, which Jansson draws at random when a process makes its first object.
 *
 *     collisions names N    prints N of them, for the seed 1
 *     collisions cost N     what an object of these costs, where the seed is 1,
 *                           and one of others; fails where that is 50 times more
 */


#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "seal_km_json.h"


#define COLLISIONS_SEED    1
#define COLLISIONS_LEN     6
#define COLLISIONS_MASK    1023    /* of a table that has up to so many names */
#define COLLISIONS_ROUNDS  200

#define collisions_rot(x, k)  (((x) << (k)) | ((x) >> (32 - (k))))


/*
 * The hash of a name of 6 bytes: hashlittle() of Bob Jenkins' lookup3, which
 * is what Jansson uses, of which such a name sees the last step only.
 */

static uint32_t
collisions_hash(const char *name)
{
    uint32_t  a, b, c, word[2] = { 0, 0 };

    memcpy(word, name, COLLISIONS_LEN);

    a = b = c = 0xdeadbeef + COLLISIONS_LEN + COLLISIONS_SEED;
    a += word[0];
    b += word[1];

    c ^= b; c -= collisions_rot(b, 14);
    a ^= c; a -= collisions_rot(c, 11);
    b ^= a; b -= collisions_rot(a, 25);
    c ^= b; c -= collisions_rot(b, 16);
    a ^= c; a -= collisions_rot(c, 4);
    b ^= a; b -= collisions_rot(a, 14);
    c ^= b; c -= collisions_rot(b, 24);

    return c;
}


static void
collisions_name(unsigned long i, char *name)
{
    int  k;

    for (k = 0; k < COLLISIONS_LEN; k++) {
        name[k] = (char) ('a' + i % 26);
        i /= 26;
    }

    name[k] = '\0';
}


/* the JSON text of an object of n names, of those that collide, or of any */

static char *
collisions_object(unsigned n, int collide)
{
    char           *text, *p, name[COLLISIONS_LEN + 1];
    unsigned long   i;

    text = p = malloc(n * (COLLISIONS_LEN + 6) + 3);
    if (text == NULL) {
        exit(1);
    }

    *p++ = '{';

    for (i = 0; n > 0; i++) {
        collisions_name(i * 7919, name);

        if (collide && (collisions_hash(name) & COLLISIONS_MASK) != 0) {
            continue;
        }

        n--;
        p += sprintf(p, "\"%s\":0%s", name, n ? "," : "");
    }

    strcpy(p, "}");

    return text;
}


static double
collisions_time(const char *text)
{
    int               i;
    json_t           *json;
    clock_t           begun;
    seal_km_str_t     s;
    seal_km_arena_t   arena;

    s.data = text;
    s.len = strlen(text);
    begun = clock();

    for (i = 0; i < COLLISIONS_ROUNDS; i++) {
        seal_km_arena_init(&arena, NULL);

        if (seal_km_json_parse(&arena, s, SEAL_KM_JSON_ANY, &json)
            != SEAL_KM_JSON_OK)
        {
            exit(1);
        }

        seal_km_arena_free(&arena);
    }

    return 1e6 * (double) (clock() - begun) / CLOCKS_PER_SEC
           / COLLISIONS_ROUNDS;
}


int
main(int argc, char **argv)
{
    char           name[COLLISIONS_LEN + 1];
    double         known, other;
    unsigned       n;
    unsigned long  i;

    if (argc != 3) {
        return 2;
    }

    n = (unsigned) atoi(argv[2]);

    if (strcmp(argv[1], "names") == 0) {
        for (i = 0; n > 0; i++) {
            collisions_name(i * 7919, name);

            if ((collisions_hash(name) & COLLISIONS_MASK) == 0) {
                puts(name);
                n--;
            }
        }

        return 0;
    }

    json_object_seed(COLLISIONS_SEED);

    other = collisions_time(collisions_object(n, 0));
    known = collisions_time(collisions_object(n, 1));

    printf("%u names that collide, their seed known: %.0f us to read, %.1f "
           "times as much as of others, %.0f us\n",
           n, known, known / other, other);

    return known > 50 * other;
}
