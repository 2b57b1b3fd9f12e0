/*
 * Encrypted records.  The first byte of the input tells what the rest is: a
 * value as Redis may hold it; a header, and behind a line end a record, which
 * are encrypted with the right key; or a JWK Set of record keys.
 */


#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "fuzz.h"
#include "fuzz_base64url.h"
#include "seal_km_jwe.h"


#define FUZZ_NAME    "seal:km:v2x.example:service"
#define FUZZ_SECRET  "0123456789abcdef0123456789abcdef"
#define FUZZ_JWK                                                              \
    "{\"kty\":\"oct\",\"kid\":\"a\","                                         \
    "\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"
#define FUZZ_TAG     16

/* what is longer is refused, for no header needs that much */
#define FUZZ_HEADER_MAX  (6 * (sizeof(FUZZ_NAME) - 1 + SEAL_KM_JWE_KID_MAX))


static void fuzz_value(seal_km_str_t value);
static void fuzz_sealed(seal_km_str_t input);
static seal_km_jwe_e fuzz_open_spaced(seal_km_str_t header,
    seal_km_str_t record);
static void fuzz_keys_text(seal_km_str_t text);
static seal_km_jwe_e fuzz_open(seal_km_str_t value, int plain,
    seal_km_str_t record);
static char *fuzz_seal(seal_km_str_t header, seal_km_str_t record,
    size_t *len);
static int fuzz_is_header(seal_km_str_t header);
static int fuzz_is(const json_t *json, const char *name, const char *value);
static void fuzz_notice(void *data, const char *text);


static seal_km_jwe_keys_t  *fuzz_keys;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char     *error;
    seal_km_str_t   input;

    if (fuzz_keys == NULL) {
        fuzz_keys = seal_km_jwe_keys_create();
        fuzz_assert(fuzz_keys != NULL);
        fuzz_assert(seal_km_jwe_keys_add(fuzz_keys,
                                         fuzz_str(FUZZ_JWK,
                                                  sizeof(FUZZ_JWK) - 1),
                                         fuzz_notice, NULL, &error)
                    == 0);
    }

    if (size == 0) {
        return 0;
    }

    input = fuzz_str(data + 1, size - 1);

    switch (data[0] % 3) {

    case 0:
        fuzz_value(input);
        break;

    case 1:
        fuzz_sealed(input);
        break;

    default:
        fuzz_keys_text(input);
        break;
    }

    fuzz_assert(ERR_peek_error() == 0);

    return 0;
}


/* nobody makes a record without the key */

static void
fuzz_value(seal_km_str_t value)
{
    seal_km_jwe_e  result, lenient;

    result = fuzz_open(value, 0, fuzz_str(NULL, 0));
    fuzz_assert(result == SEAL_KM_JWE_MALFORMED
                || result == SEAL_KM_JWE_UNKNOWN_KID
                || result == SEAL_KM_JWE_NOT_AUTHENTIC);

    /* what is not plain is judged as ever */

    lenient = fuzz_open(value, 1, fuzz_str(NULL, 0));
    fuzz_assert(lenient == result
                || (lenient == SEAL_KM_JWE_PLAIN
                    && result == SEAL_KM_JWE_MALFORMED));
}


/*
 * A header that another decoder finds right is opened, and no other; and not
 * with another tag.
 */

static void
fuzz_sealed(seal_km_str_t input)
{
    char           *value;
    size_t          len;
    const char     *end;
    seal_km_jwe_e   result;
    seal_km_str_t   header, record;

    header = input;
    record = fuzz_str("material", 8);

    end = memchr(input.data, '\n', input.len);

    if (end != NULL) {
        header.len = (size_t) (end - input.data);
        record.data = end + 1;
        record.len = input.len - header.len - 1;
    }

    value = fuzz_seal(header, record, &len);

    result = fuzz_open(fuzz_str(value, len), 0, record);

    if (header.len > 0 && header.data[0] == '{'
        && header.len < FUZZ_HEADER_MAX)
    {
        /* white space changes nothing but who looks at it */
        fuzz_assert(fuzz_open_spaced(header, record) == result);
    }

    fuzz_assert(result == SEAL_KM_JWE_OPENED
                || result == SEAL_KM_JWE_MALFORMED
                || result == SEAL_KM_JWE_UNKNOWN_KID
                || result == SEAL_KM_JWE_OTHER_RECORD);

    if (result == SEAL_KM_JWE_OPENED) {
        fuzz_assert(fuzz_is_header(header));
        fuzz_assert(fuzz_open(fuzz_str(value, len), 1, record) == result);

        /* the first character of the tag, all of whose bits count */
        value[len - 22] = (value[len - 22] == 'A') ? 'B' : 'A';
        fuzz_assert(fuzz_open(fuzz_str(value, len), 0, record)
                    == SEAL_KM_JWE_NOT_AUTHENTIC);

    } else {
        fuzz_assert(header.len > FUZZ_HEADER_MAX || !fuzz_is_header(header));
    }

    free(value);
}


static seal_km_jwe_e
fuzz_open_spaced(seal_km_str_t header, seal_km_str_t record)
{
    char           *spaced, *value;
    size_t          len;
    seal_km_jwe_e   result;

    spaced = fuzz_alloc(header.len + 1);
    spaced[0] = '{';
    spaced[1] = ' ';
    memcpy(spaced + 2, header.data + 1, header.len - 1);

    value = fuzz_seal(fuzz_str(spaced, header.len + 1), record, &len);
    result = fuzz_open(fuzz_str(value, len), 0, record);

    free(value);
    free(spaced);

    return result;
}


/* in memory of exactly its size; what is opened has to be record */

static seal_km_jwe_e
fuzz_open(seal_km_str_t value, int plain, seal_km_str_t record)
{
    char           *copy;
    seal_km_jwe_e   result;
    seal_km_jwe_t   jwe;

    copy = fuzz_alloc(value.len);

    if (value.len > 0) {
        memcpy(copy, value.data, value.len);
    }

    result = seal_km_jwe_open(fuzz_keys,
                              fuzz_str(FUZZ_NAME, sizeof(FUZZ_NAME) - 1),
                              plain, copy, value.len, &jwe);

    fuzz_assert(jwe.kid_len <= SEAL_KM_JWE_KID_MAX);
    fuzz_assert((seal_km_jwe_fault(result) == NULL)
                == (result == SEAL_KM_JWE_OPENED
                    || result == SEAL_KM_JWE_PLAIN));

    switch (result) {

    case SEAL_KM_JWE_OPENED:
        fuzz_assert(jwe.record.len == record.len);
        fuzz_assert(jwe.record.data >= copy
                    && jwe.record.data + jwe.record.len <= copy + value.len);
        fuzz_assert(record.len == 0
                    || memcmp(jwe.record.data, record.data, record.len) == 0);
        break;

    case SEAL_KM_JWE_PLAIN:
        fuzz_assert(plain);
        fuzz_assert(value.len == 0
                    || memcmp(copy, value.data, value.len) == 0);
        fuzz_assert(jwe.record.data == NULL);
        break;

    default:
        fuzz_assert(jwe.record.data == NULL);
        break;
    }

    free(copy);

    return result;
}


/* RFC 7516, clause 5.1; the vector is always the same */

static char *
fuzz_seal(seal_km_str_t header, seal_km_str_t record, size_t *len)
{
    int              n;
    char            *value, *p;
    unsigned char   *text, tag[FUZZ_TAG];
    EVP_CIPHER_CTX  *ctx;

    value = fuzz_alloc(2 * (header.len + record.len) + 100);
    text = fuzz_alloc(record.len);

    p = fuzz_base64url(header, value);

    ctx = EVP_CIPHER_CTX_new();
    fuzz_assert(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL,
                                   (unsigned char *) FUZZ_SECRET,
                                   (unsigned char *) "vector------")
                == 1);
    fuzz_assert(EVP_EncryptUpdate(ctx, NULL, &n, (unsigned char *) value,
                                  (int) (p - value))
                == 1);
    fuzz_assert(record.len == 0
                || EVP_EncryptUpdate(ctx, text, &n,
                                     (unsigned char *) record.data,
                                     (int) record.len)
                   == 1);
    fuzz_assert(EVP_EncryptFinal_ex(ctx, tag, &n) == 1);
    fuzz_assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, FUZZ_TAG, tag)
                == 1);
    EVP_CIPHER_CTX_free(ctx);

    *p++ = '.';
    *p++ = '.';
    p = fuzz_base64url(fuzz_str("vector------", 12), p);
    *p++ = '.';
    p = fuzz_base64url(fuzz_str(text, record.len), p);
    *p++ = '.';
    p = fuzz_base64url(fuzz_str(tag, FUZZ_TAG), p);

    *len = (size_t) (p - value);
    free(text);

    return value;
}


/* whether the header is what it has to be, as jansson alone sees it */

static int
fuzz_is_header(seal_km_str_t header)
{
    int      is;
    json_t  *json;

    json = json_loadb(header.data, header.len,
                      JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, NULL);

    is = json_object_size(json) == 4
         && memchr(header.data, 0, header.len) == NULL
         && fuzz_is(json, "alg", "dir")
         && fuzz_is(json, "enc", "A256GCM")
         && fuzz_is(json, "kid", "a")
         && fuzz_is(json, "rec", FUZZ_NAME);

    json_decref(json);

    return is;
}


static int
fuzz_is(const json_t *json, const char *name, const char *value)
{
    json_t  *member;

    member = json_object_get(json, name);

    return json_is_string(member)
           && json_string_length(member) == strlen(value)
           && memcmp(json_string_value(member), value, strlen(value)) == 0;
}


/* each key that can be used has a name by which it is found */

static void
fuzz_keys_text(seal_km_str_t text)
{
    int                  rc;
    const char          *error;
    seal_km_jwe_keys_t  *keys;

    error = NULL;
    keys = seal_km_jwe_keys_create();
    fuzz_assert(keys != NULL);
    fuzz_assert(seal_km_jwe_keys_cipher(keys) != NULL);

    rc = seal_km_jwe_keys_add(keys, text, fuzz_notice, NULL, &error);
    fuzz_assert((error != NULL) == (rc != 0));

    if (rc == 0) {
        /* what was there is not there twice */
        error = NULL;
        rc = seal_km_jwe_keys_add(keys, text, fuzz_notice, NULL, &error);
        fuzz_assert(rc != 0 || seal_km_jwe_keys_count(keys) == 0);
    }

    seal_km_jwe_keys_free(keys);
}


static void
fuzz_notice(void *data, const char *text)
{
    (void) data;

    fuzz_assert(strlen(text) < 512);
    fuzz_assert(strchr(text, '\n') == NULL);
}
