#include "unit.h"

#include <openssl/rand.h>

#include "seal_km_jwe.h"


#define NAME  "seal:km:v2x.example:user:alice"


static const unsigned char  secret[SEAL_KM_JWE_KEY_SIZE] =
    "0123456789abcdef0123456789abcde";
static const unsigned char  other[SEAL_KM_JWE_KEY_SIZE] =
    "fedcba9876543210fedcba987654321";


static void
no_notice(void *data, const char *text)
{
    fail_msg("a key is left out: %s", text);
}


static seal_km_jwe_keys_t *
keys_of(const char *text)
{
    const char          *error;
    seal_km_jwe_keys_t  *keys;

    error = NULL;
    keys = seal_km_jwe_keys_create();
    assert_non_null(keys);

    if (seal_km_jwe_keys_add(keys, unit_text(text), no_notice, NULL, &error)
        != 0)
    {
        fail_msg("%s %s", text, error);
    }

    return keys;
}


static char *
oct(const unsigned char *bytes, size_t n, const char *more)
{
    return unit_format("{\"kty\":\"oct\",\"k\":\"%s\"%s}",
                       unit_base64url(bytes, n), more);
}


static seal_km_jwe_keys_t *
two_keys(void)
{
    return keys_of(unit_format("{\"keys\":[%s,%s]}",
                        oct(secret, sizeof(secret), ",\"kid\":\"a\""),
                        oct(other, sizeof(other), ",\"kid\":\"b\"")));
}


/* a JWE with that header, made as RFC 7516, clause 5.1 says */

static char *
seal(const unsigned char *key, const char *header, seal_km_str_t plain,
    size_t iv_len, size_t tag_len)
{
    int              n;
    char            *aad, *value;
    unsigned char    iv[64], tag[16], *text;
    EVP_CIPHER_CTX  *ctx;

    aad = unit_base64url(header, strlen(header));
    text = malloc(plain.len + 16);
    ctx = EVP_CIPHER_CTX_new();
    assert_non_null(text);
    assert_int_equal(RAND_bytes(iv, sizeof(iv)), 1);

    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, NULL,
                                        NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN,
                                         (int) iv_len, NULL), 1);
    assert_int_equal(EVP_EncryptInit_ex(ctx, NULL, NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, (unsigned char *) aad,
                                       (int) strlen(aad)), 1);

    if (plain.len > 0) {
        assert_int_equal(EVP_EncryptUpdate(ctx, text, &n,
                                           (unsigned char *) plain.data,
                                           (int) plain.len), 1);
    }

    assert_int_equal(EVP_EncryptFinal_ex(ctx, text + plain.len, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag),
                     1);
    EVP_CIPHER_CTX_free(ctx);

    value = unit_format("%s..%s.%s.%s", aad, unit_base64url(iv, iv_len),
                        unit_base64url(text, plain.len),
                        unit_base64url(tag, tag_len));
    free(text);

    return value;
}


static char *
header_of(const char *kid, const char *rec)
{
    return unit_format("{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"%s\","
                       "\"rec\":\"%s\"}", kid, rec);
}


/* opens a copy with nothing around it; *record is a copy as well */

static seal_km_jwe_e
open_value(seal_km_jwe_keys_t *keys, seal_km_str_t value, int plain,
    seal_km_str_t *record)
{
    char           *copy, *text;
    seal_km_jwe_e   result;
    seal_km_jwe_t   jwe;

    copy = malloc(value.len + (value.len == 0));
    assert_non_null(copy);
    memcpy(copy, value.data, value.len);

    result = seal_km_jwe_open(keys, unit_text(NAME), plain, copy, value.len,
                              &jwe);

    if (result == SEAL_KM_JWE_PLAIN) {
        assert_memory_equal(copy, value.data, value.len);
    }

    assert_int_equal(jwe.record.data != NULL, result == SEAL_KM_JWE_OPENED);

    if (record != NULL && result == SEAL_KM_JWE_OPENED) {
        text = unit_format("%.*s", (int) jwe.record.len, jwe.record.data);
        *record = unit_text(text);
    }

    free(copy);

    return result;
}


static void
test_opens(void **state)
{
    size_t               i;
    seal_km_str_t        record;
    seal_km_jwe_keys_t  *keys;

    static const struct {
        const char  *header;
        const char  *text;
    } cases[] = {
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\"}", "material" },
        { " {\"rec\" : \"" NAME "\", \"kid\":\"a\",\n\"enc\":\"A256GCM\","
          "\"alg\":\"dir\"}\t", "order and white space are free" },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":"
          "\"seal\\u003akm:v2x.example:user:\\u0061lice\"}", "escapes" },
        { "{\"\\u0061lg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\"}", "an escape in a name" },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\"}", "" }
    };

    keys = two_keys();

    for (i = 0; i < unit_n(cases); i++) {
        record = unit_str("none");

        unit_check(cases[i].header,
                   open_value(keys, unit_text(seal(secret, cases[i].header,
                                                   unit_text(cases[i].text),
                                                   12, 16)),
                              0, &record)
                   == SEAL_KM_JWE_OPENED);

        unit_check_str(cases[i].header, record, unit_text(cases[i].text));
    }

    seal_km_jwe_keys_free(keys);
}


static void
test_second_key(void **state)
{
    seal_km_str_t        record;
    seal_km_jwe_keys_t  *keys;

    keys = two_keys();

    assert_int_equal(open_value(keys, unit_text(seal(other,
                                                     header_of("b", NAME),
                                                     unit_str("two"), 12, 16)),
                                0, &record),
                     SEAL_KM_JWE_OPENED);
    unit_check_str("two", record, unit_str("two"));

    /* the right kid with the other's key */
    assert_int_equal(open_value(keys, unit_text(seal(secret,
                                                     header_of("b", NAME),
                                                     unit_str("two"), 12, 16)),
                                0, NULL),
                     SEAL_KM_JWE_NOT_AUTHENTIC);

    /* nobody is told for which name something is that is not authentic */
    assert_int_equal(open_value(keys, unit_text(seal(secret,
                                                     header_of("b", "x"),
                                                     unit_str("two"), 12, 16)),
                                0, NULL),
                     SEAL_KM_JWE_NOT_AUTHENTIC);

    seal_km_jwe_keys_free(keys);
}


/* authentic, every one of them, and refused */

static void
test_refuses_headers(void **state)
{
    size_t               i;
    seal_km_jwe_keys_t  *keys;

    static const struct {
        const char      *header;
        seal_km_jwe_e    result;
    } cases[] = {
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\"}",
          SEAL_KM_JWE_MALFORMED },
        { "{\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\"" NAME "\"}",
          SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"kid\":\"a\",\"rec\":\"" NAME "\"}",
          SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"rec\":\"" NAME "\"}",
          SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"DIR\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":[\"A256GCM\"],\"kid\":\"a\",\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":1,\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":[\""
          NAME "\"]}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\",\"zip\":\"DEF\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\",\"crit\":[]}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\""
          NAME "\",\"typ\":\"JWE\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\"x\","
          "\"rec\":\"" NAME "\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\"x\","
          "\"r\\u0065c\":\"" NAME "\"}", SEAL_KM_JWE_MALFORMED },
        { "[]", SEAL_KM_JWE_MALFORMED },
        { "", SEAL_KM_JWE_MALFORMED },
        { "null", SEAL_KM_JWE_MALFORMED },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"c\",\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_UNKNOWN_KID },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\",\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_UNKNOWN_KID },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"A\",\"rec\":\""
          NAME "\"}", SEAL_KM_JWE_UNKNOWN_KID },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":"
          "\"seal:km:v2x.example:user:bob\"}", SEAL_KM_JWE_OTHER_RECORD },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":"
          "\"seal:km:v2x.example:device:alice\"}", SEAL_KM_JWE_OTHER_RECORD },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":"
          "\"km:v2x.example:user:alice\"}", SEAL_KM_JWE_OTHER_RECORD },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":"
          "\"seal:km:v2x.example:user:Alice\"}", SEAL_KM_JWE_OTHER_RECORD },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":"
          "\"seal:km:v2x.example:user:alice\\u0000\"}",
          SEAL_KM_JWE_OTHER_RECORD },
        { "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\"\"}",
          SEAL_KM_JWE_OTHER_RECORD }
    };

    keys = two_keys();

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].header,
                   open_value(keys, unit_text(seal(secret, cases[i].header,
                                                   unit_str("K"), 12, 16)),
                              0, NULL)
                   == cases[i].result);
    }

    seal_km_jwe_keys_free(keys);
}


/* the same header with white space in it, which only a reader of JSON takes */

static char *
spaced(const char *header)
{
    return (header[0] == '{') ? unit_format("{ %s", header + 1)
                              : unit_format(" %s", header);
}


static seal_km_jwe_e
open_header(seal_km_jwe_keys_t *keys, const char *name, const char *header,
    seal_km_jwe_t *jwe)
{
    char  *value;

    value = seal(secret, header, unit_str("K"), 12, 16);

    return seal_km_jwe_open(keys, unit_text(name), 0, value, strlen(value),
                            jwe);
}


static void
check_spaced(seal_km_jwe_keys_t *keys, const char *name, const char *header,
    seal_km_jwe_e expected)
{
    seal_km_jwe_t  jwe, read;

    unit_check(header, open_header(keys, name, header, &jwe) == expected);
    unit_check(header, open_header(keys, name, spaced(header), &read)
                       == expected);

    unit_check(header, jwe.kid_len == read.kid_len);
    unit_check(header, memcmp(jwe.kid, read.kid, read.kid_len) == 0);
    unit_check(header, jwe.record.len == read.record.len);
}


/* members in any order, and what begins like them: as JSON has it, always */

static void
test_compared_headers(void **state)
{
    size_t               i, a, b, c, d;
    char                *text;
    seal_km_jwe_keys_t  *keys;

    static const char  *const members[] = {
        "\"alg\":\"dir\"", "\"enc\":\"A256GCM\"", "\"kid\":\"a\"",
        "\"rec\":\"" NAME "\""
    };

    static const char  long_kid[] = "\",\"rec\":\"" NAME;

    /* of the same length as the right one, and others */
    static const char  *const wrong[] = {
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\"" NAME
        "\"]",
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\";\"rec\":\"" NAME
        "\"}",
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\"\",\"rec\":\""
        NAME "\"}",
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\\\",\"rec\":\""
        NAME "\"}",
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\t\",\"rec\":\""
        NAME "\"}",
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"q\"q\",\"rec\":\""
        NAME "\"}",
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\"" NAME
        "\"} ;",
        "{\"alg\":\"dir\",\"alg\":\"dir\",\"kid\":\"a\",\"rec\":\"" NAME
        "\"}",
        "{,\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\",\"rec\":\"" NAME
        "\"}"
    };

    keys = keys_of(unit_format("{\"keys\":[%s,%s,%s,%s]}",
                        oct(secret, sizeof(secret), ",\"kid\":\"a\""),
                        oct(secret, sizeof(secret), ",\"kid\":\"q\\\"q\""),
                        oct(secret, sizeof(secret), ",\"kid\":\"\\\\\""),
                        oct(secret, sizeof(secret),
                            ",\"kid\":\"\\\",\\\"rec\\\":\\\"" NAME "\"")));

    for (i = 0; i < 256; i++) {
        a = i / 64;
        b = i / 16 % 4;
        c = i / 4 % 4;
        d = i % 4;

        text = unit_format("{%s,%s,%s,%s}", members[a], members[b], members[c],
                           members[d]);

        check_spaced(keys, NAME, text,
                     ((1 << a | 1 << b | 1 << c | 1 << d) == 0x0f)
                     ? SEAL_KM_JWE_OPENED : SEAL_KM_JWE_MALFORMED);
    }

    for (i = 0; i < unit_n(wrong); i++) {
        check_spaced(keys, NAME, wrong[i], SEAL_KM_JWE_MALFORMED);
    }

    /* a kid that looks like what follows it, as it is and escaped */

    check_spaced(keys, NAME, header_of(long_kid, NAME), SEAL_KM_JWE_MALFORMED);
    check_spaced(keys, NAME, header_of("q\\\"q", NAME), SEAL_KM_JWE_OPENED);
    check_spaced(keys, NAME, header_of("c", NAME), SEAL_KM_JWE_UNKNOWN_KID);

    /* names that are no JSON as they are */

    check_spaced(keys, "a\"b", header_of("a", "a\"b"), SEAL_KM_JWE_MALFORMED);
    check_spaced(keys, "a\"b", header_of("a", "a\\\"b"), SEAL_KM_JWE_OPENED);
    check_spaced(keys, "a\\b", header_of("a", "a\\b"),
                 SEAL_KM_JWE_OTHER_RECORD);
    check_spaced(keys, "a\nb", header_of("a", "a\nb"), SEAL_KM_JWE_MALFORMED);
    check_spaced(keys, "a\xff", header_of("a", "a\xff"),
                 SEAL_KM_JWE_MALFORMED);
    check_spaced(keys, "a\xc3\xa4", header_of("a", "a\xc3\xa4"),
                 SEAL_KM_JWE_OPENED);

    seal_km_jwe_keys_free(keys);
}


/* of a text that opens, every bit changed, every end cut, a byte more */

static void
test_refuses_every_change(void **state)
{
    char                *value;
    size_t               i;
    unsigned             bit;
    seal_km_str_t        text;
    seal_km_jwe_keys_t  *keys;

    keys = two_keys();
    value = seal(secret, header_of("a", NAME), unit_str("material"), 12, 16);
    text = unit_text(value);

    for (i = 0; i < text.len; i++) {
        for (bit = 0; bit < 8; bit++) {
            value[i] ^= (char) (1 << bit);
            unit_check(value, open_value(keys, text, 0, NULL)
                              != SEAL_KM_JWE_OPENED);
            value[i] ^= (char) (1 << bit);
        }
    }

    for (i = 0; i < text.len; i++) {
        unit_check("cut", open_value(keys, (seal_km_str_t) { value, i }, 0,
                                     NULL)
                          != SEAL_KM_JWE_OPENED);
    }

    assert_int_equal(open_value(keys, text, 0, NULL), SEAL_KM_JWE_OPENED);

    for (i = 0; i < 256; i++) {
        text = unit_text(unit_format("%s%c", value, i ? (int) i : '.'));
        unit_check("more", open_value(keys, text, 0, NULL)
                           != SEAL_KM_JWE_OPENED);
        text = unit_text(unit_format("%c%s", i ? (int) i : '.', value));
        unit_check("before", open_value(keys, text, 0, NULL)
                             != SEAL_KM_JWE_OPENED);
    }

    seal_km_jwe_keys_free(keys);
}


static void
test_refuses_lengths(void **state)
{
    size_t               i;
    char                *dots, *header;
    seal_km_jwe_keys_t  *keys;

    keys = two_keys();
    header = header_of("a", NAME);

    for (i = 1; i <= 32; i++) {
        if (i != 12) {
            unit_check("vector", open_value(keys, unit_text(seal(secret,
                                  header, unit_str("K"), i, 16)), 0, NULL)
                                 == SEAL_KM_JWE_MALFORMED);
        }
    }

    for (i = 0; i < 16; i++) {
        unit_check("tag", open_value(keys, unit_text(seal(secret, header,
                                             unit_str("K"), 12, i)), 0, NULL)
                          == SEAL_KM_JWE_MALFORMED);
    }

    /* an encrypted key, where "dir" has none */
    unit_check("key", open_value(keys, unit_text(unit_format("%s.AA.%s",
                                     unit_base64url(header, strlen(header)),
                                     "AAAAAAAAAAAAAAAA.AA."
                                     "AAAAAAAAAAAAAAAAAAAAAA")), 0, NULL)
                      == SEAL_KM_JWE_MALFORMED);

    for (i = 0; i < 6; i++) {
        unit_check("dots", open_value(keys, (seal_km_str_t) { "......", i }, 0,
                                      NULL)
                           == SEAL_KM_JWE_MALFORMED);
    }

    dots = malloc(100000);
    memset(dots, '.', 100000);
    assert_int_equal(open_value(keys, (seal_km_str_t) { dots, 100000 }, 0,
                                NULL), SEAL_KM_JWE_MALFORMED);
    free(dots);

    /* a header of a megabyte is not even decoded */
    dots = malloc(1000004);
    memset(dots, 'e', 1000000);
    memset(dots + 1000000, '.', 4);
    assert_int_equal(open_value(keys, (seal_km_str_t) { dots, 1000004 }, 0,
                                NULL), SEAL_KM_JWE_MALFORMED);
    free(dots);

    seal_km_jwe_keys_free(keys);
}


/* what may be a plain record, where plain ones are taken */

static void
test_plain(void **state)
{
    char                *value, *space, *open, *close;
    size_t               i;
    seal_km_str_t        deep;
    seal_km_jwe_t        jwe;
    seal_km_jwe_e        result;
    seal_km_jwe_keys_t  *keys;

    static const struct {
        const char      *header;
        seal_km_jwe_e    result;
    } cases[] = {
        { "{\"a\":1}", SEAL_KM_JWE_PLAIN },
        { "{}", SEAL_KM_JWE_PLAIN },
        { "[\"enc\"]", SEAL_KM_JWE_PLAIN },
        { "\"enc\"", SEAL_KM_JWE_PLAIN },
        { "{\"enc\":", SEAL_KM_JWE_PLAIN },
        { "text", SEAL_KM_JWE_PLAIN },
        { "{\"a\":{\"enc\":1}}", SEAL_KM_JWE_PLAIN },
        { "{\"a\":1,\"a\":2}", SEAL_KM_JWE_PLAIN },
        { "{\"enc\":null}", SEAL_KM_JWE_MALFORMED },
        { "{\"enc\":1,\"enc\":2}", SEAL_KM_JWE_MALFORMED },
        { "{\"\\u0065nc\":1,\"a\":1,\"a\":2}", SEAL_KM_JWE_MALFORMED },

        /* what JSON has and jansson has not */
        { "{\"enc\":1,\"\\u0000\":1}", SEAL_KM_JWE_MALFORMED },
        { "{\"\\u0000\":1,\"enc\":1,\"enc\":2}", SEAL_KM_JWE_MALFORMED },
        { "{\"enc\":\"\\ud83d\"}", SEAL_KM_JWE_MALFORMED },
        { "{\"x\":1e999,\"enc\":1}", SEAL_KM_JWE_MALFORMED },
        { "{\"x\":1e999}", SEAL_KM_JWE_PLAIN },
        { "{\"\\u0000enc\":1}", SEAL_KM_JWE_PLAIN },
        { "{\"enc\":1,\"x\":\"\\ud83d\",}", SEAL_KM_JWE_PLAIN },
        { "{\"enc\":\"\xff\"}", SEAL_KM_JWE_PLAIN },
        { "{\"enc\":1e}", SEAL_KM_JWE_PLAIN }
    };

    keys = two_keys();

    assert_int_equal(open_value(keys, unit_str("material"), 1, NULL),
                     SEAL_KM_JWE_PLAIN);
    assert_int_equal(open_value(keys, unit_str(""), 1, NULL),
                     SEAL_KM_JWE_PLAIN);
    assert_int_equal(open_value(keys, unit_str(""), 0, NULL),
                     SEAL_KM_JWE_MALFORMED);
    assert_int_equal(open_value(keys, unit_str("...."), 1, NULL),
                     SEAL_KM_JWE_PLAIN);
    assert_int_equal(open_value(keys, unit_str("e30=...."), 1, NULL),
                     SEAL_KM_JWE_PLAIN);

    for (i = 0; i < unit_n(cases); i++) {
        value = seal(secret, cases[i].header, unit_str("K"), 12, 16);

        result = open_value(keys, unit_text(value), 1, NULL);
        unit_check(cases[i].header, result == cases[i].result);

        /* with a part more or less none is a JWE */

        unit_check(cases[i].header,
                   open_value(keys, unit_text(unit_format("%s.", value)), 1,
                              NULL)
                   == SEAL_KM_JWE_PLAIN);
    }

    value = seal(secret, header_of("a", NAME), unit_str("K"), 12, 16);
    assert_int_equal(open_value(keys, unit_text(value), 1, NULL),
                     SEAL_KM_JWE_OPENED);

    value = seal(secret, header_of("a", "x"), unit_str("K"), 12, 16);
    assert_int_equal(open_value(keys, unit_text(value), 1, NULL),
                     SEAL_KM_JWE_OTHER_RECORD);

    /* one of whose values is more levels deep than jansson goes */

    open = unit_format("%02100d", 0);
    memset(open, '[', 2100);
    close = unit_format("%02100d", 0);
    memset(close, ']', 2100);
    value = seal(secret, unit_format("{\"enc\":%s%s}", open, close),
                 unit_str("K"), 12, 16);
    deep = unit_str(unit_format("%01000d", 0));
    unit_check("deep", seal_km_jwe_open(keys, deep, 1, value, strlen(value),
                                        &jwe)
                       == SEAL_KM_JWE_MALFORMED);

    /* longer than any header: plain, unless it begins like an object */

    space = unit_format("%*s", 20000, "");
    value = seal(secret, unit_format("%s{\"enc\":1}", space), unit_str("K"),
                 12, 16);
    assert_int_equal(open_value(keys, unit_text(value), 1, NULL),
                     SEAL_KM_JWE_MALFORMED);
    value = seal(secret, unit_format("%sx", space), unit_str("K"), 12, 16);
    assert_int_equal(open_value(keys, unit_text(value), 1, NULL),
                     SEAL_KM_JWE_PLAIN);

    seal_km_jwe_keys_free(keys);
}


typedef struct {
    unsigned     n;
    const char  *last;
} notices_t;


static void
count_notice(void *data, const char *text)
{
    notices_t *notices = data;

    notices->n++;
    notices->last = unit_format("%s", text);
    assert_null(strstr(text, unit_base64url(secret, sizeof(secret))));
}


static void
test_keys(void **state)
{
    int                  rc;
    size_t               i;
    notices_t            notices;
    const char          *error;
    seal_km_jwe_keys_t  *keys;

    const struct {
        const char  *text;
        int          rc;
        size_t       n;
        unsigned     notices;
    } cases[] = {
        { oct(secret, 32, ",\"kid\":\"a\""), 0, 1, 0 },
        { oct(secret, 32, ",\"kid\":\"a\",\"alg\":\"dir\",\"use\":\"enc\","
                          "\"key_ops\":[\"encrypt\",\"decrypt\"]"), 0, 1, 0 },
        { oct(secret, 32, ",\"kid\":\"a\",\"alg\":\"A256GCM\",\"use\":null,"
                          "\"key_ops\":[]"), 0, 1, 0 },
        { oct(secret, 32, ",\"kid\":\"a\",\"alg\":null,\"key_ops\":null"), 0,
          1, 0 },
        { oct(secret, 32, ""), 0, 0, 1 },
        { oct(secret, 32, ",\"kid\":\"\""), 0, 0, 1 },
        { oct(secret, 32, ",\"kid\":1"), 0, 0, 1 },
        { oct(secret, 32, ",\"kid\":\"a\",\"alg\":\"A256KW\""), 0, 0, 1 },
        { oct(secret, 32, ",\"kid\":\"a\",\"alg\":1"), 0, 0, 1 },
        { oct(secret, 32, ",\"kid\":\"a\",\"use\":\"sig\""), 0, 0, 1 },
        { oct(secret, 32, ",\"kid\":\"a\",\"key_ops\":[\"encrypt\"]"), 0, 0,
          1 },
        { oct(secret, 32, ",\"kid\":\"a\",\"key_ops\":[\"decrypt\",1]"), 0, 0,
          1 },
        { oct(secret, 32, ",\"kid\":\"a\",\"key_ops\":[1,\"decrypt\"]"), 0, 0,
          1 },
        { oct(secret, 32, ",\"kid\":\"a\",\"key_ops\":\"decrypt\""), 0, 0, 1 },
        { oct(secret, 31, ",\"kid\":\"a\""), 0, 0, 1 },
        { oct(secret, 16, ",\"kid\":\"a\""), 0, 0, 1 },
        { "{\"kty\":\"oct\",\"kid\":\"a\"}", 0, 0, 1 },
        { "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AA==\"}", 0, 0, 1 },
        { "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AA\",\"e\":\"AQAB\"}", 0, 0,
          1 },
        { unit_format("{\"keys\":[null,1,\"x\",[],%s]}",
                      oct(secret, 32, ",\"kid\":\"a\"")), 0, 1, 4 },
        { unit_format("{\"keys\":[%s,%s]}",
                      oct(secret, 32, ",\"kid\":\"a\""),
                      oct(other, 32, ",\"kid\":\"a\"")), -1, 1, 0 },
        { unit_format("{\"keys\":[%s,%s]}",
                      oct(secret, 16, ",\"kid\":\"a\""),
                      oct(other, 32, ",\"kid\":\"a\"")), -1, 0, 1 },
        { "{\"keys\":[]}", -1, 0, 0 },
        { "{\"keys\":{}}", -1, 0, 0 },
        { "{}", -1, 0, 0 },
        { "[]", -1, 0, 0 },
        { "", -1, 0, 0 },
        { "-----BEGIN", -1, 0, 0 },
        { "{\"keys\":[],\"keys\":[]}", -1, 0, 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        notices.n = 0;
        error = NULL;
        keys = seal_km_jwe_keys_create();
        assert_non_null(keys);

        rc = seal_km_jwe_keys_add(keys, unit_text(cases[i].text),
                                  count_notice, &notices, &error);

        unit_check(cases[i].text, rc == cases[i].rc);
        unit_check(cases[i].text, (error != NULL) == (rc != 0));
        unit_check(cases[i].text, seal_km_jwe_keys_count(keys) == cases[i].n);
        unit_check(cases[i].text, notices.n == cases[i].notices);

        seal_km_jwe_keys_free(keys);
    }

    seal_km_jwe_keys_free(NULL);
}


/* more keys than a page holds, each found by its own kid and no other */

static void
test_many_keys(void **state)
{
    unsigned             i;
    const char          *error;
    unsigned char        bytes[SEAL_KM_JWE_KEY_SIZE];
    seal_km_jwe_keys_t  *keys;

    keys = seal_km_jwe_keys_create();
    memset(bytes, 0, sizeof(bytes));

    for (i = 0; i < 1000; i++) {
        memcpy(bytes, &i, sizeof(i));
        assert_int_equal(seal_km_jwe_keys_add(keys,
                             unit_text(oct(bytes, sizeof(bytes),
                                      unit_format(",\"kid\":\"%u\"", i))),
                             no_notice, NULL, &error), 0);
    }

    assert_int_equal(seal_km_jwe_keys_count(keys), 1000);

    for (i = 0; i < 1000; i++) {
        memcpy(bytes, &i, sizeof(i));
        assert_memory_equal(seal_km_jwe_keys_find(keys,
                                unit_text(unit_format("%u", i)))->secret,
                            bytes, sizeof(bytes));
    }

    assert_null(seal_km_jwe_keys_find(keys, unit_str("1000")));

    seal_km_jwe_keys_free(keys);
}


/* where memory fails a record is refused, and never taken for a plain one */

static void
test_no_memory(void **state)
{
    int                  plain;
    char                *value;
    size_t               i;
    unsigned             n;
    seal_km_jwe_e        result, want;
    seal_km_jwe_keys_t  *keys;

    /* for what is so long each step needs memory of its own */
    const char  *value_of_x = unit_format("%01200d", 0);

    const struct {
        const char      *header;
        seal_km_jwe_e    result;    /* with enough of it */
        unsigned         least;     /* allocations */
    } cases[] = {
        { header_of("a", NAME), SEAL_KM_JWE_OPENED, 1 },
        { unit_format(" %s", header_of("a", NAME)), SEAL_KM_JWE_OPENED, 2 },
        { unit_format("{\"enc\":1,\"x\":\"%s\"}", value_of_x),
          SEAL_KM_JWE_MALFORMED, 2 },
        { unit_format("{\"x\":\"%s\"}", value_of_x),
          SEAL_KM_JWE_PLAIN, 2 },
        { unit_format("{\"enc\":1,\"enc\":2,\"x\":\"%s\"}", value_of_x),
          SEAL_KM_JWE_MALFORMED, 2 },
        { unit_format("{\"enc\":1,\"\\u0000\":\"%s\"}", value_of_x),
          SEAL_KM_JWE_MALFORMED, 2 }
    };

    keys = two_keys();

    for (i = 0; i < 2 * unit_n(cases); i++) {
        plain = i % 2;
        value = seal(secret, cases[i / 2].header, unit_str("material"), 12, 16);

        want = cases[i / 2].result;
        want = (want == SEAL_KM_JWE_PLAIN && !plain) ? SEAL_KM_JWE_MALFORMED
                                                     : want;

        for (n = 1; /* void */ ; n++) {
            unit_memory_fail(n);
            result = open_value(keys, unit_text(value), plain, NULL);
            unit_memory_fail(0);

            if (result == want) {
                break;
            }

            unit_check(cases[i / 2].header, result == SEAL_KM_JWE_NO_MEMORY);
            assert_true(n < 100);
        }

        unit_check(cases[i / 2].header, n > cases[i / 2].least);
    }

    seal_km_jwe_keys_free(keys);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_second_key),
        cmocka_unit_test(test_refuses_headers),
        cmocka_unit_test(test_compared_headers),
        cmocka_unit_test(test_refuses_every_change),
        cmocka_unit_test(test_refuses_lengths),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
