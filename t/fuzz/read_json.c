/*
 * What our decoder reads in files: for each name on standard input a line with
 * "-", if it is no JSON for us, or with the value in a form that does not hang on
 * how one writes it: t/fuzz/differential.py compares it with others'.
 *
 *     null true false     those
 *     nBITS               a number: the bits of its IEEE 754 double, in hexadecimal
 *     sHEX                a string: its UTF-8
 *     [v,v] {HEX:v,...}   arrays, objects with their names in the order of bytes
 */


#include <inttypes.h>

#include "fuzz.h"
#include "seal_km_json.h"


static void show_file(const char *name);
static void show(const json_t *json);
static void show_object(json_t *json);
static void show_hex(const char *p, size_t len);
static int compare(const void *a, const void *b);


int
main(void)
{
    char  name[4096];

    while (fgets(name, sizeof(name), stdin) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        show_file(name);
        putchar('\n');
    }

    return 0;
}


static void
show_file(const char *name)
{
    char             *text;
    FILE             *file;
    long              size;
    json_t           *json;
    seal_km_arena_t   arena;

    file = fopen(name, "rb");
    fuzz_assert(file != NULL && fseek(file, 0, SEEK_END) == 0);
    size = ftell(file);
    fuzz_assert(size >= 0);
    rewind(file);

    text = fuzz_alloc((size_t) size);
    fuzz_assert(fread(text, 1, (size_t) size, file) == (size_t) size);
    fclose(file);

    seal_km_arena_init(&arena, NULL);

    if (seal_km_json_parse(&arena, fuzz_str(text, (size_t) size),
                           SEAL_KM_JSON_ANY, &json)
        == SEAL_KM_JSON_OK)
    {
        show(json);

    } else {
        putchar('-');
    }

    seal_km_arena_free(&arena);
    free(text);
}


static void
show(const json_t *json)
{
    size_t    i;
    double    number;
    uint64_t  bits;

    switch (json_typeof(json)) {

    case JSON_NULL:
        fputs("null", stdout);
        break;

    case JSON_TRUE:
    case JSON_FALSE:
        fputs(json_is_true(json) ? "true" : "false", stdout);
        break;

    case JSON_STRING:
        putchar('s');
        show_hex(json_string_value(json), json_string_length(json));
        break;

    case JSON_INTEGER:
    case JSON_REAL:
        /* zero has no sign for who takes it for an integer */
        number = json_number_value(json) + 0.0;
        memcpy(&bits, &number, sizeof(bits));
        printf("n%016" PRIx64, bits);
        break;

    case JSON_ARRAY:
        putchar('[');

        for (i = 0; i < json_array_size(json); i++) {
            if (i > 0) {
                putchar(',');
            }

            show(json_array_get(json, i));
        }

        putchar(']');
        break;

    default: /* JSON_OBJECT */
        show_object((json_t *) json);
        break;
    }
}


static void
show_object(json_t *json)
{
    void         *iter;
    size_t        i, n;
    const char  **names;

    n = json_object_size(json);
    names = fuzz_alloc(n * sizeof(char *));
    i = 0;

    for (iter = json_object_iter(json);
         iter != NULL;
         iter = json_object_iter_next(json, iter))
    {
        names[i++] = json_object_iter_key(iter);
    }

    qsort(names, n, sizeof(char *), compare);

    putchar('{');

    for (i = 0; i < n; i++) {
        if (i > 0) {
            putchar(',');
        }

        show_hex(names[i], strlen(names[i]));
        putchar(':');
        show(json_object_get(json, names[i]));
    }

    putchar('}');
    free(names);
}


static void
show_hex(const char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        printf("%02x", (unsigned char) p[i]);
    }
}


static int
compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}
