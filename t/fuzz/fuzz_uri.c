/*
 * SKmsUri: the normal form fits, is well-formed, and is its own normal form.
 */


#include "fuzz.h"
#include "seal_km_uri.h"


static void fuzz_check(seal_km_str_t normal);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char    *first, *second;
    size_t   n, len;

    first = fuzz_alloc(size + 1);

    if (seal_km_uri_normalize(fuzz_str(data, size), first, &n) == 0) {
        fuzz_assert(size > 0 && size <= SEAL_KM_URI_MAX);
        fuzz_assert(n > 0 && n <= size + 1);

        fuzz_check(fuzz_str(first, n));

        /* only the slash of an empty path may be too much to normalise again */

        if (n <= SEAL_KM_URI_MAX) {
            second = fuzz_alloc(n + 1);

            fuzz_assert(seal_km_uri_normalize(fuzz_str(first, n), second, &len)
                        == 0);
            fuzz_assert(len == n && memcmp(first, second, n) == 0);

            free(second);
        }
    }

    free(first);

    return 0;
}


static void
fuzz_check(seal_km_str_t normal)
{
    char         c;
    size_t       i;
    const char  *colon, *path, *last;

    last = normal.data + normal.len;
    colon = memchr(normal.data, ':', normal.len);
    fuzz_assert(colon != NULL && colon > normal.data);

    for (i = 0; i < normal.len; i++) {
        c = normal.data[i];

        fuzz_assert(c > 0x20 && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL);

        if (normal.data + i < colon) {
            fuzz_assert(c < 'A' || c > 'Z');
        }

        if (c == '%') {
            fuzz_assert(normal.len - i > 2);
            fuzz_assert(strchr("0123456789ABCDEF", normal.data[i + 1]) != NULL);
            fuzz_assert(strchr("0123456789ABCDEF", normal.data[i + 2]) != NULL);
        }
    }

    /* no dot segment but the one that keeps "//" from being an authority */

    path = colon + 1;

    if (last - path >= 2 && path[0] == '/' && path[1] == '/') {

        for (path += 2; path < last && strchr("/?#", *path) == NULL; path++) {
            /* void */
        }

        fuzz_assert(path < last && *path == '/');

    } else if (last - path >= 4 && memcmp(path, "/.//", 4) == 0) {
        path += 2;
    }

    if (path == last || *path != '/') {
        return;
    }

    for ( /* void */ ; path < last && *path != '?' && *path != '#'; path++) {

        if (*path != '/') {
            continue;
        }

        for (i = 1; i < 3 && path + i < last && path[i] == '.'; i++) {
            /* void */
        }

        fuzz_assert(i == 1
                    || (path + i < last && strchr("/?#", path[i]) == NULL));
    }
}
