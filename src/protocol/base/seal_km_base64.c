#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "seal_km_base64.h"

#if defined(__x86_64__) && !(SEAL_KM_BASE64_PORTABLE)
#define SEAL_KM_BASE64_AVX2  1
#include <immintrin.h>
#endif


/* characters whose alphabet is looked at without a branch */
#define SEAL_KM_BASE64_BLOCK  32

/* characters that are decoded at once */
#define SEAL_KM_BASE64_VECTOR  32

/* what has no value, alone or in the OR of several */
#define SEAL_KM_BASE64_NONE   0x1000000u

/* RFC 4648, clause 5: the value of a character, where it is in four of them */
#define seal_km_base64url_at(c, shift)                                        \
    ((c) >= 'A' && (c) <= 'Z' ? (uint32_t) ((c) - 'A') << (shift)             \
     : (c) >= 'a' && (c) <= 'z' ? (uint32_t) ((c) - 'a' + 26) << (shift)      \
     : (c) >= '0' && (c) <= '9' ? (uint32_t) ((c) - '0' + 52) << (shift)      \
     : (c) == '-' ? (uint32_t) 62 << (shift)                                  \
     : (c) == '_' ? (uint32_t) 63 << (shift)                                  \
     : SEAL_KM_BASE64_NONE)

#define seal_km_base64url_4(c, shift)                                         \
    seal_km_base64url_at(c, shift), seal_km_base64url_at(c + 1, shift),       \
    seal_km_base64url_at(c + 2, shift), seal_km_base64url_at(c + 3, shift)

#define seal_km_base64url_16(c, shift)                                        \
    seal_km_base64url_4(c, shift), seal_km_base64url_4(c + 4, shift),         \
    seal_km_base64url_4(c + 8, shift), seal_km_base64url_4(c + 12, shift)

#define seal_km_base64url_64(c, shift)                                        \
    seal_km_base64url_16(c, shift), seal_km_base64url_16(c + 16, shift),      \
    seal_km_base64url_16(c + 32, shift), seal_km_base64url_16(c + 48, shift)

#define seal_km_base64url_256(shift)                                          \
    seal_km_base64url_64(0, shift), seal_km_base64url_64(64, shift),          \
    seal_km_base64url_64(128, shift), seal_km_base64url_64(192, shift)


#if (SEAL_KM_BASE64_AVX2)
static size_t seal_km_base64url_decode_vectors(seal_km_str_t src,
    unsigned char *dst);
#endif
static uint32_t seal_km_base64url_bits(const char *src);
static int seal_km_base64url_decode_rest(seal_km_str_t src,
    unsigned char *dst, size_t *len);
static unsigned seal_km_base64url_value(char c);


/*
 * The bits of the first of four characters, of the second, third and fourth:
 * one table for each place, so that four loads and three ORs make three bytes.
 */

static const uint32_t  seal_km_base64url_values[4][256] = {
    { seal_km_base64url_256(18) },
    { seal_km_base64url_256(12) },
    { seal_km_base64url_256(6) },
    { seal_km_base64url_256(0) }
};


int
seal_km_base64url_decode(seal_km_str_t src, unsigned char *dst, size_t *len)
{
    uint16_t        low;
    uint32_t        first, second, high;
    unsigned char  *p;
#if (SEAL_KM_BASE64_AVX2)
    size_t          n;
#endif

    p = dst;

    /* dst may be src: what is overwritten was read before */

#if (SEAL_KM_BASE64_AVX2)
    if (__builtin_cpu_supports("avx2")) {
        n = seal_km_base64url_decode_vectors(src, dst);

        p += n / 4 * 3;
        src.data += n;
        src.len -= n;
    }
#endif

    for ( /* void */ ; src.len >= 8; src.data += 8, src.len -= 8) {
        first = seal_km_base64url_bits(src.data);
        second = seal_km_base64url_bits(src.data + 4);

        if ((first | second) & SEAL_KM_BASE64_NONE) {
            return -1;
        }

        /* six bytes as two numbers, whatever the machine's order is */

        high = htobe32(first << 8 | second >> 16);
        low = htobe16((uint16_t) second);

        memcpy(p, &high, sizeof(high));
        memcpy(p + sizeof(high), &low, sizeof(low));

        p += 6;
    }

    if (src.len >= 4) {
        first = seal_km_base64url_bits(src.data);

        if (first & SEAL_KM_BASE64_NONE) {
            return -1;
        }

        *p++ = (unsigned char) (first >> 16);
        *p++ = (unsigned char) (first >> 8);
        *p++ = (unsigned char) first;

        src.data += 4;
        src.len -= 4;
    }

    if (seal_km_base64url_decode_rest(src, p, len) != 0) {
        return -1;
    }

    *len += (size_t) (p - dst);

    return 0;
}


#if (SEAL_KM_BASE64_AVX2)

/* the same in both halves of a vector */
#define seal_km_base64_both(...)                                              \
    _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))


/*
 * Many characters at once, in a fifth of the time: until few are left, or one
 * of them has no value, which the tables then tell.  Returns how many there were.
 *
 * The upper half of a character tells what its value is more than itself, but for
 * "_"; and a bit for it is among those of its lower half only if there is such a
 * character.  A byte beyond ASCII has no bits: a shuffle gives 0 for it.
 */

__attribute__((target("avx2")))
static size_t
seal_km_base64url_decode_vectors(seal_km_str_t src, unsigned char *dst)
{
    size_t   n;
    __m256i  v, upper, bits;

    const __m256i  bit = seal_km_base64_both(
        0, 0, 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i  bits_of = seal_km_base64_both(
        0x2a, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e,
        0x3e, 0x3e, 0x3c, 0x14, 0x14, 0x15, 0x14, 0x1c);
    const __m256i  more = seal_km_base64_both(
        0, 0, 62 - '-', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a',
        0, 0, 0, 0, 0, 0, 0, 0);

    /* the bytes of each 32 bits in their order, and all of them together */
    const __m256i  order = seal_km_base64_both(
        2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i  together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);

    for (n = 0;
         src.len - n >= SEAL_KM_BASE64_VECTOR;
         n += SEAL_KM_BASE64_VECTOR)
    {
        v = _mm256_loadu_si256((const __m256i *) (const void *)
                               (src.data + n));

        upper = _mm256_and_si256(_mm256_srli_epi32(v, 4),
                                 _mm256_set1_epi8(0x0f));

        bits = _mm256_and_si256(_mm256_shuffle_epi8(bit, upper),
                                _mm256_shuffle_epi8(bits_of, v));

        if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(bits,
                                                   _mm256_setzero_si256())))
        {
            break;
        }

        bits = _mm256_and_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('_')),
                                _mm256_set1_epi8(63 - ('_' - 'A')));

        v = _mm256_add_epi8(v, _mm256_add_epi8(_mm256_shuffle_epi8(more, upper),
                                               bits));

        /* two values become 12 bits, two of these 24, and eight of these 192 */

        v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(0x0140));
        v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00011000));
        v = _mm256_shuffle_epi8(v, order);
        v = _mm256_permutevar8x32_epi32(v, together);

        _mm_storeu_si128((__m128i *) (void *) dst, _mm256_castsi256_si128(v));
        _mm_storel_epi64((__m128i *) (void *) (dst + 16),
                         _mm256_extracti128_si256(v, 1));

        dst += SEAL_KM_BASE64_VECTOR / 4 * 3;
    }

    return n;
}

#endif


/* of four characters, with SEAL_KM_BASE64_NONE where one has none */

static uint32_t
seal_km_base64url_bits(const char *src)
{
    return seal_km_base64url_values[0][(unsigned char) src[0]]
           | seal_km_base64url_values[1][(unsigned char) src[1]]
           | seal_km_base64url_values[2][(unsigned char) src[2]]
           | seal_km_base64url_values[3][(unsigned char) src[3]];
}


/* less than four characters; what is left over of them belongs to no byte */

static int
seal_km_base64url_decode_rest(seal_km_str_t src, unsigned char *dst,
    size_t *len)
{
    size_t    i;
    unsigned  value, bits;

    if (src.len == 0) {
        *len = 0;
        return 0;
    }

    if (src.len == 1) {
        return -1;
    }

    bits = 0;

    for (i = 0; i < 3; i++) {
        value = (i < src.len) ? seal_km_base64url_value(src.data[i]) : 0;

        if (value == SEAL_KM_BASE64_NONE) {
            return -1;
        }

        bits = bits << 6 | value;
    }

    if (bits & (src.len == 2 ? 0x3ff : 0x3)) {
        return -1;
    }

    *len = src.len - 1;

    dst[0] = (unsigned char) (bits >> 10);

    if (src.len == 3) {
        dst[1] = (unsigned char) (bits >> 2);
    }

    return 0;
}


int
seal_km_base64url_is_valid(seal_km_str_t src)
{
    size_t         i, n;
    unsigned       last;
    unsigned char  c, letter, mark, other;

    for (n = 0; src.len - n >= SEAL_KM_BASE64_BLOCK; n += SEAL_KM_BASE64_BLOCK)
    {
        other = 0;

        for (i = 0; i < SEAL_KM_BASE64_BLOCK; i++) {
            c = (unsigned char) src.data[n + i];
            letter = (unsigned char) ((c | 0x20) - 'a');
            mark = (unsigned char) (c - '-');

            /* between "-" and the digits there are two that are none of ours */

            other |= ((letter > 25) & (mark > '9' - '-') & (c != '_'))
                     | ((unsigned char) (mark - 1) < 2);
        }

        if (other) {
            return 0;
        }
    }

    for ( /* void */ ; n < src.len; n++) {
        if (seal_km_base64url_value(src.data[n]) == SEAL_KM_BASE64_NONE) {
            return 0;
        }
    }

    last = (src.len == 0) ? 0
                          : seal_km_base64url_value(src.data[src.len - 1]);

    /* the bits of the last character that belong to no byte */

    switch (src.len % 4) {

    case 0:
        return 1;

    case 2:
        return (last & 0x0f) == 0;

    case 3:
        return (last & 0x03) == 0;

    default:
        return 0;
    }
}


static unsigned
seal_km_base64url_value(char c)
{
    return seal_km_base64url_values[3][(unsigned char) c];
}


void
seal_km_base64_encode(seal_km_str_t src, char *dst)
{
    size_t                left;
    unsigned              bits;
    const unsigned char  *p;

    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    p = (const unsigned char *) src.data;

    for (left = src.len; left >= 3; left -= 3) {
        bits = (unsigned) p[0] << 16 | (unsigned) p[1] << 8 | p[2];
        p += 3;

        *dst++ = alphabet[bits >> 18];
        *dst++ = alphabet[bits >> 12 & 0x3f];
        *dst++ = alphabet[bits >> 6 & 0x3f];
        *dst++ = alphabet[bits & 0x3f];
    }

    if (left == 0) {
        return;
    }

    bits = (unsigned) p[0] << 16 | (left == 2 ? (unsigned) p[1] << 8 : 0);

    *dst++ = alphabet[bits >> 18];
    *dst++ = alphabet[bits >> 12 & 0x3f];
    *dst++ = (left == 2) ? alphabet[bits >> 6 & 0x3f] : '=';
    *dst++ = '=';
}
