/*
 * base64url, with vector instructions where the processor has them: what is taken,
 * and what it becomes, is as a decoder has it that reads bit by bit; in memory that
 * has nothing to spare, and where it lies.
 */


#include "fuzz.h"
#include "seal_km_base64.h"


static int fuzz_decode(seal_km_str_t src, unsigned char *dst, size_t *len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    char           *src, *place;
    size_t          len, same_len;
    seal_km_str_t   text;
    unsigned char  *dst, *same;

    src = fuzz_alloc(size);
    dst = fuzz_alloc(seal_km_base64url_decoded_size(size));
    same = fuzz_alloc(seal_km_base64url_decoded_size(size));
    place = fuzz_alloc(size + 2);

    if (size > 0) {
        memcpy(src, data, size);
        memcpy(place, data, size);
    }

    text = fuzz_str(src, size);
    rc = fuzz_decode(text, same, &same_len);

    fuzz_assert(seal_km_base64url_is_valid(text) == (rc == 0));
    fuzz_assert(seal_km_base64url_decode(text, dst, &len) == rc);

    if (rc == 0) {
        fuzz_assert(len == same_len && memcmp(dst, same, len) == 0);
    }

    text.data = place;
    fuzz_assert(seal_km_base64url_decode(text, (unsigned char *) place, &len)
                == rc);

    if (rc == 0) {
        fuzz_assert(len == same_len && memcmp(place, same, len) == 0);
    }

    free(src);
    free(dst);
    free(same);
    free(place);

    return 0;
}


static int
fuzz_decode(seal_km_str_t src, unsigned char *dst, size_t *len)
{
    size_t       i;
    unsigned     bits, n;
    const char  *found;

    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    *len = 0;
    bits = 0;
    n = 0;

    for (i = 0; i < src.len; i++) {
        found = memchr(alphabet, src.data[i], sizeof(alphabet) - 1);

        if (found == NULL) {
            return -1;
        }

        bits = bits << 6 | (unsigned) (found - alphabet);
        n += 6;

        if (n >= 8) {
            n -= 8;
            dst[(*len)++] = (unsigned char) (bits >> n);
            bits &= (1u << n) - 1;
        }
    }

    /* what is left over is less than a character, and zero */

    return (n >= 6 || bits != 0) ? -1 : 0;
}
