#include "unit.h"

#include "seal_km_base64.h"

/* what is compiled for other processors than this one, too */

#define SEAL_KM_BASE64_PORTABLE  1
#define seal_km_base64url_decode    portable_decode
#define seal_km_base64url_is_valid  portable_is_valid
#define seal_km_base64_encode       portable_encode
#include "../../src/protocol/base/seal_km_base64.c"
#undef seal_km_base64url_decode
#undef seal_km_base64url_is_valid
#undef seal_km_base64_encode


/* RFC 4648, clause 10 */

static const struct {
    seal_km_str_t  bytes;
    seal_km_str_t  base64;
    seal_km_str_t  base64url;
} vectors[] = {
    { unit_lit(""), unit_lit(""), unit_lit("") },
    { unit_lit("f"), unit_lit("Zg=="), unit_lit("Zg") },
    { unit_lit("fo"), unit_lit("Zm8="), unit_lit("Zm8") },
    { unit_lit("foo"), unit_lit("Zm9v"), unit_lit("Zm9v") },
    { unit_lit("foob"), unit_lit("Zm9vYg=="), unit_lit("Zm9vYg") },
    { unit_lit("fooba"), unit_lit("Zm9vYmE="), unit_lit("Zm9vYmE") },
    { unit_lit("foobar"), unit_lit("Zm9vYmFy"), unit_lit("Zm9vYmFy") },
    { unit_lit("\0\0\0"), unit_lit("AAAA"), unit_lit("AAAA") },
    { unit_lit("\xff"), unit_lit("/w=="), unit_lit("_w") },
    { unit_lit("\xfb\xff\xfe"), unit_lit("+//+"), unit_lit("-__-") }
};


/* src may be dst as well */

static void
check_in_place(seal_km_str_t text, int rc, const unsigned char *out, size_t len)
{
    char    *src;
    size_t   n;

    src = malloc(text.len + 2);
    assert_non_null(src);
    memcpy(src, text.data, text.len);
    text.data = src;

    assert_int_equal(seal_km_base64url_decode(text, (unsigned char *) src, &n),
                     rc);

    if (rc == 0) {
        assert_int_equal(n, len);
        assert_memory_equal(src, out, len);
    }

    free(src);
}


/* the code for other processors says the same */

static void
check_portable(seal_km_str_t text, int rc, const unsigned char *out, size_t len)
{
    size_t          n;
    unsigned char  *dst;

    dst = malloc(seal_km_base64url_decoded_size(text.len));
    assert_non_null(dst);

    assert_int_equal(portable_decode(text, dst, &n), rc);

    if (rc == 0) {
        assert_int_equal(n, len);
        assert_memory_equal(dst, out, len);
    }

    free(dst);
}


/* decodes from and to memory that has nothing to spare */

static int
decode(seal_km_str_t text, unsigned char *out, size_t *len)
{
    int             rc;
    char           *src;
    unsigned char  *dst;

    src = unit_exact(text);
    dst = malloc(seal_km_base64url_decoded_size(text.len));
    assert_non_null(dst);

    text.data = src;
    rc = seal_km_base64url_decode(text, dst, len);

    assert_int_equal(seal_km_base64url_is_valid(text), rc == 0);
    check_in_place(text, rc, dst, *len);
    check_portable(text, rc, dst, *len);

    if (rc == 0) {
        memcpy(out, dst, *len);
    }

    free(src);
    free(dst);

    return rc;
}


static void
test_decode(void **state)
{
    size_t          i, len;
    seal_km_str_t   got;
    unsigned char   out[64];

    for (i = 0; i < unit_n(vectors); i++) {
        assert_int_equal(decode(vectors[i].base64url, out, &len), 0);

        got.data = (char *) out;
        got.len = len;
        unit_check_str(vectors[i].base64url.data, got, vectors[i].bytes);
    }
}


static void
test_decode_refuses(void **state)
{
    size_t         i, len;
    unsigned char  out[64];

    static const struct {
        const char     *name;
        seal_km_str_t   text;
    } cases[] = {
        { "one character", unit_lit("A") },
        { "five characters", unit_lit("Zm9vY") },
        { "padding", unit_lit("Zg==") },
        { "padding of one", unit_lit("Zm8=") },
        { "padding alone", unit_lit("====") },
        { "base64's plus", unit_lit("+___") },
        { "base64's slash", unit_lit("/___") },
        { "space", unit_lit("Zm 9") },
        { "line end", unit_lit("Zm9v\n") },
        { "NUL", unit_lit("Zm9\0") },
        { "dot", unit_lit("Zm9.") },
        { "byte beyond ASCII", unit_lit("Zm9\xc3") },
        { "bits behind the last of one byte", unit_lit("Zh") },
        { "all bits behind one byte", unit_lit("Z_") },
        { "bits behind the last of two bytes", unit_lit("Zm9") },
        { "bits behind the last of four bytes", unit_lit("Zm9vYh") }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].name, decode(cases[i].text, out, &len) == -1);
    }
}


/* of all texts of two characters exactly 256 decode, each to another byte */

static void
test_decode_is_unique(void **state)
{
    int            a, b;
    char           text[2];
    size_t         len, n;
    seal_km_str_t  s;
    unsigned char  out[2], seen[256];

    memset(seen, 0, sizeof(seen));
    n = 0;
    s.data = text;
    s.len = 2;

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            text[0] = (char) a;
            text[1] = (char) b;

            if (seal_km_base64url_decode(s, out, &len) == 0) {
                assert_int_equal(seal_km_base64url_is_valid(s), 1);
                assert_int_equal(len, 1);
                assert_int_equal(seen[out[0]], 0);
                seen[out[0]] = 1;
                n++;

            } else {
                assert_int_equal(seal_km_base64url_is_valid(s), 0);
            }
        }
    }

    assert_int_equal(n, 256);
}


/* each character at each place of a text, of which many are decoded together */

static void
test_decode_places(void **state)
{
    int              c;
    char             text[72];
    size_t           i, n, at;
    unsigned         want, bits;
    const char      *found;
    seal_km_str_t    s;
    unsigned char    bytes[seal_km_base64url_decoded_size(sizeof(text))];

    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    s.data = text;
    s.len = sizeof(text);

    for (c = 0; c < 256; c++) {
        found = (c == 0) ? NULL : strchr(alphabet, c);
        want = (found == NULL) ? 0 : (unsigned) (found - alphabet);

        for (i = 0; i < sizeof(text); i++) {
            memset(text, 'A', sizeof(text));
            text[i] = (char) c;

            assert_int_equal(seal_km_base64url_is_valid(s), found != NULL);
            assert_int_equal(seal_km_base64url_decode(s, bytes, &n),
                             found == NULL ? -1 : 0);
            check_in_place(s, found == NULL ? -1 : 0, bytes, n);
            check_portable(s, found == NULL ? -1 : 0, bytes, n);

            if (found == NULL) {
                continue;
            }

            assert_int_equal(n, sizeof(text) / 4 * 3);

            at = i / 4 * 3;
            bits = (unsigned) bytes[at] << 16 | (unsigned) bytes[at + 1] << 8
                   | bytes[at + 2];
            assert_int_equal(bits >> (18 - i % 4 * 6), want);

            bytes[at] = bytes[at + 1] = bytes[at + 2] = 0;

            for (at = 0; at < n; at++) {
                assert_int_equal(bytes[at], 0);
            }
        }
    }
}


static void
test_encode(void **state)
{
    char           *src, *dst;
    size_t          i, size;
    seal_km_str_t   s, got;

    for (i = 0; i < unit_n(vectors); i++) {
        s = vectors[i].bytes;
        src = unit_exact(s);
        s.data = src;

        size = seal_km_base64_encoded_size(s.len);
        assert_int_equal(size, vectors[i].base64.len);

        dst = malloc(size == 0 ? 1 : size);
        assert_non_null(dst);
        seal_km_base64_encode(s, dst);

        got.data = dst;
        got.len = size;
        unit_check_str(vectors[i].base64.data, got, vectors[i].base64);

        free(src);
        free(dst);
    }
}


/* against OpenSSL, for each length and all bytes */

static void
test_round_trip(void **state)
{
    char           base64[512], *text;
    size_t         i, n, len;
    seal_km_str_t  s, got;
    unsigned char  bytes[256], out[300], want[512];

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char) (255 - i);
    }

    for (n = 0; n <= sizeof(bytes); n++) {
        s.data = (char *) bytes;
        s.len = n;

        seal_km_base64_encode(s, base64);
        len = (size_t) EVP_EncodeBlock(want, bytes, (int) n);
        assert_int_equal(len, seal_km_base64_encoded_size(n));
        assert_memory_equal(base64, want, len);

        text = unit_base64url(bytes, n);
        assert_int_equal(decode(unit_text(text), out, &len), 0);
        got.data = (char *) out;
        got.len = len;
        unit_check_str(text, got, s);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_refuses),
        cmocka_unit_test(test_decode_is_unique),
        cmocka_unit_test(test_decode_places),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_round_trip)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
