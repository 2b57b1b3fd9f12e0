/*
 * The order of what is refused: form, kid, authenticity, and only then a record
 * that is not the one that was asked for.
 */


#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "seal_km_base64.h"
#include "seal_km_json.h"
#include "seal_km_jwe.h"


#define SEAL_KM_JWE_PARTS      5

/* RFC 7518, clause 5.3 */
#define SEAL_KM_JWE_IV_SIZE    12
#define SEAL_KM_JWE_TAG_SIZE   16
#define SEAL_KM_JWE_IV_TEXT    16
#define SEAL_KM_JWE_TAG_TEXT   22

/*
 * A header has two names, each of whose bytes an escape sequence of six may
 * stand for, and this much besides.
 */
#define SEAL_KM_JWE_ESCAPE     6
#define SEAL_KM_JWE_FRAME      256

/* bytes of a header that is compared before it is read as JSON */
#define SEAL_KM_JWE_USUAL      1024

/* the members of a header */
#define SEAL_KM_JWE_MEMBER_ALG  0x01
#define SEAL_KM_JWE_MEMBER_ENC  0x02
#define SEAL_KM_JWE_MEMBER_KID  0x04
#define SEAL_KM_JWE_MEMBER_REC  0x08
#define SEAL_KM_JWE_MEMBERS     0x0f


/* the parts of a value, as they are written there */

typedef struct {
    char                *data;
    size_t               len;
} seal_km_jwe_part_t;


/* what is decrypted; the decoder wants room for two bytes more */

typedef struct {
    seal_km_jwe_part_t   header;      /* as it is written: authenticated */
    unsigned char        iv[SEAL_KM_JWE_IV_SIZE + 2];
    unsigned char        tag[SEAL_KM_JWE_TAG_SIZE + 2];
    unsigned char       *text;
    size_t               len;
} seal_km_jwe_sealed_t;


enum {
    SEAL_KM_JWE_HEADER = 0,
    SEAL_KM_JWE_KEY,
    SEAL_KM_JWE_IV,
    SEAL_KM_JWE_TEXT,
    SEAL_KM_JWE_TAG
};


static int seal_km_jwe_split(char *value, size_t len,
    seal_km_jwe_part_t *parts);
static int seal_km_jwe_is_usual(const seal_km_jwe_keys_t *keys,
    seal_km_str_t name, const seal_km_jwe_part_t *header,
    seal_km_jwe_t *jwe);
static int seal_km_jwe_compare_header(seal_km_str_t text, seal_km_str_t name,
    seal_km_str_t *kid);
static unsigned seal_km_jwe_take_member(seal_km_str_t *rest,
    seal_km_str_t name, seal_km_str_t *kid);
static int seal_km_jwe_take(seal_km_str_t *rest, seal_km_str_t text);
static int seal_km_jwe_is_verbatim(seal_km_str_t s);
static seal_km_jwe_e seal_km_jwe_open_any(const seal_km_jwe_keys_t *keys,
    seal_km_str_t name, int plain, const seal_km_jwe_part_t *parts,
    seal_km_jwe_t *jwe);
static seal_km_jwe_e seal_km_jwe_read_header(seal_km_arena_t *arena,
    const seal_km_jwe_part_t *header, seal_km_str_t name, int plain,
    json_t **json);
static seal_km_jwe_e seal_km_jwe_parse_header(seal_km_arena_t *arena,
    seal_km_str_t text, int plain, json_t **json);
static int seal_km_jwe_may_be_object(seal_km_str_t src);
static seal_km_jwe_e seal_km_jwe_check_header(const json_t *json,
    seal_km_jwe_t *jwe);
static int seal_km_jwe_is(const json_t *json, const char *name,
    const char *value);
static seal_km_jwe_e seal_km_jwe_open_parts(const seal_km_jwe_keys_t *keys,
    const seal_km_jwe_part_t *parts, seal_km_jwe_t *jwe);
static int seal_km_jwe_decode_parts(const seal_km_jwe_part_t *parts,
    seal_km_jwe_sealed_t *sealed);
static seal_km_jwe_e seal_km_jwe_decrypt(const EVP_CIPHER *cipher,
    const unsigned char *secret, seal_km_jwe_sealed_t *sealed);
static int seal_km_jwe_feed(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher,
    const unsigned char *secret, seal_km_jwe_sealed_t *sealed,
    int *authentic);


seal_km_jwe_e
seal_km_jwe_open(const seal_km_jwe_keys_t *keys, seal_km_str_t name,
    int plain, char *value, size_t len, seal_km_jwe_t *jwe)
{
    seal_km_jwe_part_t  parts[SEAL_KM_JWE_PARTS];

    jwe->record.data = NULL;
    jwe->record.len = 0;
    jwe->kid_len = 0;

    if (!seal_km_jwe_split(value, len, parts)) {
        return plain ? SEAL_KM_JWE_PLAIN : SEAL_KM_JWE_MALFORMED;
    }

    if (seal_km_jwe_is_usual(keys, name, &parts[SEAL_KM_JWE_HEADER], jwe)) {
        return seal_km_jwe_open_parts(keys, parts, jwe);
    }

    return seal_km_jwe_open_any(keys, name, plain, parts, jwe);
}


/*
 * 1, with the kid set, if the header is byte for byte one that need not be read
 * as JSON to know what it says: of this record, with a key of ours, its members
 * in any order and nothing between them.  So it is with nearly all records.  0
 * says nothing at all of the header.
 */

static int
seal_km_jwe_is_usual(const seal_km_jwe_keys_t *keys, seal_km_str_t name,
    const seal_km_jwe_part_t *header, seal_km_jwe_t *jwe)
{
    int             usual;
    seal_km_str_t   src, text, kid;
    unsigned char   buf[SEAL_KM_JWE_USUAL];

    src.data = header->data;
    src.len = header->len;

    if (seal_km_base64url_decoded_size(src.len) > sizeof(buf)) {
        return 0;
    }

    text.data = (char *) buf;

    usual = seal_km_base64url_decode(src, buf, &text.len) == 0
            && seal_km_jwe_compare_header(text, name, &kid)
            && seal_km_jwe_keys_find(keys, kid) != NULL;

    if (usual) {
        memcpy(jwe->kid, kid.data, kid.len);
        jwe->kid_len = kid.len;
    }

    /* it may have been a plain record that has four dots */
    OPENSSL_cleanse(buf, seal_km_base64url_decoded_size(src.len));

    return usual;
}


/* 1, with *kid set, if text is the four members, each once, and no more */

static int
seal_km_jwe_compare_header(seal_km_str_t text, seal_km_str_t name,
    seal_km_str_t *kid)
{
    size_t    len;
    unsigned  member, seen;

    len = sizeof("{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\","
                 "\"rec\":\"\"}") - 1
          + name.len;

    if (text.len < len || !seal_km_jwe_is_verbatim(name)) {
        return 0;
    }

    kid->data = NULL;
    kid->len = text.len - len;

    for (seen = 0; seen != SEAL_KM_JWE_MEMBERS; seen |= member) {

        if (!seal_km_jwe_take(&text, seal_km_str_of(seen ? "," : "{"))) {
            return 0;
        }

        member = seal_km_jwe_take_member(&text, name, kid);

        if (member == 0 || (seen & member)) {
            return 0;
        }
    }

    return text.len == 1 && *text.data == '}' && seal_km_jwe_is_verbatim(*kid);
}


/* the member that *rest begins with, which is taken from it; 0: none of them */

static unsigned
seal_km_jwe_take_member(seal_km_str_t *rest, seal_km_str_t name,
    seal_km_str_t *kid)
{
    unsigned  member;

    if (seal_km_jwe_take(rest, seal_km_str_of("\"alg\":\"dir"))) {
        member = SEAL_KM_JWE_MEMBER_ALG;

    } else if (seal_km_jwe_take(rest, seal_km_str_of("\"enc\":\"A256GCM"))) {
        member = SEAL_KM_JWE_MEMBER_ENC;

    } else if (seal_km_jwe_take(rest, seal_km_str_of("\"rec\":\""))
               && seal_km_jwe_take(rest, name))
    {
        member = SEAL_KM_JWE_MEMBER_REC;

    } else if (seal_km_jwe_take(rest, seal_km_str_of("\"kid\":\""))
               && rest->len >= kid->len)
    {
        kid->data = rest->data;
        rest->data += kid->len;
        rest->len -= kid->len;

        member = SEAL_KM_JWE_MEMBER_KID;

    } else {
        return 0;
    }

    return seal_km_jwe_take(rest, seal_km_str_of("\"")) ? member : 0;
}


/* 1 if *rest begins with that text, which is taken from it */

static int
seal_km_jwe_take(seal_km_str_t *rest, seal_km_str_t text)
{
    if (rest->len < text.len || memcmp(rest->data, text.data, text.len) != 0) {
        return 0;
    }

    rest->data += text.len;
    rest->len -= text.len;

    return 1;
}


/* 1 if s stands between the quotes of a JSON string as it is */

static int
seal_km_jwe_is_verbatim(seal_km_str_t s)
{
    return seal_km_str_plain(s) == s.len && seal_km_str_is_utf8(s);
}


/* a header of any form, which JSON has */

static seal_km_jwe_e
seal_km_jwe_open_any(const seal_km_jwe_keys_t *keys, seal_km_str_t name,
    int plain, const seal_km_jwe_part_t *parts, seal_km_jwe_t *jwe)
{
    json_t           *json;
    seal_km_jwe_e     result;
    seal_km_arena_t   arena;

    seal_km_arena_init(&arena, NULL);

    result = seal_km_jwe_read_header(&arena, &parts[SEAL_KM_JWE_HEADER], name,
                                     plain, &json);

    if (result == SEAL_KM_JWE_OPENED) {
        result = seal_km_jwe_check_header(json, jwe);
    }

    if (result == SEAL_KM_JWE_OPENED) {
        result = seal_km_jwe_open_parts(keys, parts, jwe);
    }

    if (result == SEAL_KM_JWE_OPENED
        && !seal_km_str_equal(seal_km_json_string(json, "rec"), name))
    {
        jwe->record.data = NULL;
        jwe->record.len = 0;

        result = SEAL_KM_JWE_OTHER_RECORD;
    }

    seal_km_arena_free(&arena);

    return result;
}


/* 1 if there are exactly five parts */

static int
seal_km_jwe_split(char *value, size_t len, seal_km_jwe_part_t *parts)
{
    int    i;
    char  *p, *dot, *last;

    p = value;
    last = value + len;

    for (i = 0; i < SEAL_KM_JWE_PARTS; i++) {
        dot = (p == last) ? NULL : memchr(p, '.', (size_t) (last - p));

        if ((dot == NULL) != (i == SEAL_KM_JWE_PARTS - 1)) {
            return 0;
        }

        parts[i].data = p;
        parts[i].len = (size_t) ((dot == NULL ? last : dot) - p);

        if (dot != NULL) {
            p = dot + 1;
        }
    }

    return 1;
}


/* SEAL_KM_JWE_OPENED with *json set, in the arena; else why there is none */

static seal_km_jwe_e
seal_km_jwe_read_header(seal_km_arena_t *arena,
    const seal_km_jwe_part_t *header, seal_km_str_t name, int plain,
    json_t **json)
{
    size_t          max, size;
    seal_km_str_t   src, text;
    unsigned char  *buf;

    src.data = header->data;
    src.len = header->len;

    max = SEAL_KM_JWE_ESCAPE * (name.len + SEAL_KM_JWE_KID_MAX)
          + SEAL_KM_JWE_FRAME;

    size = seal_km_base64url_decoded_size(src.len);

    if (size > max) {
        /* no header is so long; what begins like one is no plain record */
        return (plain && !seal_km_jwe_may_be_object(src))
               ? SEAL_KM_JWE_PLAIN : SEAL_KM_JWE_MALFORMED;
    }

    buf = seal_km_arena_alloc(arena, size);
    if (buf == NULL) {
        return SEAL_KM_JWE_NO_MEMORY;
    }

    if (seal_km_base64url_decode(src, buf, &text.len) != 0) {
        return plain ? SEAL_KM_JWE_PLAIN : SEAL_KM_JWE_MALFORMED;
    }

    text.data = (char *) buf;

    return seal_km_jwe_parse_header(arena, text, plain, json);
}


static seal_km_jwe_e
seal_km_jwe_parse_header(seal_km_arena_t *arena, seal_km_str_t text,
    int plain, json_t **json)
{
    json_t          *loose;
    seal_km_json_e   rc;

    rc = seal_km_json_parse(arena, text, SEAL_KM_JSON_ANY, json);

    if (rc == SEAL_KM_JSON_NO_MEMORY) {
        return SEAL_KM_JWE_NO_MEMORY;
    }

    if (rc == SEAL_KM_JSON_OK) {

        if (plain && json_object_get(*json, "enc") == NULL) {
            return SEAL_KM_JWE_PLAIN;
        }

        return SEAL_KM_JWE_OPENED;
    }

    if (!plain) {
        return SEAL_KM_JWE_MALFORMED;
    }

    /* what no header may have, a name twice, say, makes no plain record of it */

    rc = seal_km_json_parse_loose(arena, text, SEAL_KM_JSON_ANY, &loose);

    if (rc == SEAL_KM_JSON_NO_MEMORY) {
        return SEAL_KM_JWE_NO_MEMORY;
    }

    if (rc == SEAL_KM_JSON_OK && json_object_get(loose, "enc") != NULL) {
        return SEAL_KM_JWE_MALFORMED;
    }

    return SEAL_KM_JWE_PLAIN;
}


/*
 * 1 if the first bytes that src decodes to are those of a JSON object: white
 * space and a brace.  Nothing is said of what follows.
 */

static int
seal_km_jwe_may_be_object(seal_km_str_t src)
{
    size_t          i, len;
    seal_km_str_t   group;
    unsigned char   bytes[3];

    for ( /* void */ ; src.len >= 4; src.data += 4, src.len -= 4) {
        group.data = src.data;
        group.len = 4;

        if (seal_km_base64url_decode(group, bytes, &len) != 0) {
            return 0;
        }

        for (i = 0; i < len; i++) {

            switch (bytes[i]) {

            case ' ':
            case '\t':
            case '\n':
            case '\r':
                break;

            default:
                return bytes[i] == '{';
            }
        }
    }

    return 1;
}


static seal_km_jwe_e
seal_km_jwe_check_header(const json_t *json, seal_km_jwe_t *jwe)
{
    seal_km_str_t  kid;

    kid = seal_km_json_string(json, "kid");

    if (kid.data != NULL && kid.len <= SEAL_KM_JWE_KID_MAX) {
        memcpy(jwe->kid, kid.data, kid.len);
        jwe->kid_len = kid.len;

    } else {
        kid.data = NULL;
    }

    /* four members, and these four: no other is understood */

    if (json_object_size(json) == 4
        && seal_km_jwe_is(json, "alg", "dir")
        && seal_km_jwe_is(json, "enc", "A256GCM")
        && kid.data != NULL
        && json_is_string(json_object_get(json, "rec")))
    {
        return SEAL_KM_JWE_OPENED;
    }

    return SEAL_KM_JWE_MALFORMED;
}


static int
seal_km_jwe_is(const json_t *json, const char *name, const char *value)
{
    seal_km_str_t  wanted;

    wanted.data = value;
    wanted.len = strlen(value);

    return seal_km_str_equal(seal_km_json_string(json, name), wanted);
}


/* all but the header; the ciphertext is decoded, and decrypted, where it is */

static seal_km_jwe_e
seal_km_jwe_open_parts(const seal_km_jwe_keys_t *keys,
    const seal_km_jwe_part_t *parts, seal_km_jwe_t *jwe)
{
    seal_km_str_t             kid;
    seal_km_jwe_e             result;
    seal_km_jwe_sealed_t      sealed;
    const seal_km_jwe_key_t  *key;

    if (parts[SEAL_KM_JWE_KEY].len != 0
        || !seal_km_jwe_decode_parts(parts, &sealed))
    {
        return SEAL_KM_JWE_MALFORMED;
    }

    kid.data = jwe->kid;
    kid.len = jwe->kid_len;

    key = seal_km_jwe_keys_find(keys, kid);

    if (key == NULL) {
        return SEAL_KM_JWE_UNKNOWN_KID;
    }

    result = seal_km_jwe_decrypt(seal_km_jwe_keys_cipher(keys), key->secret,
                                 &sealed);

    if (result == SEAL_KM_JWE_OPENED) {
        jwe->record.data = (char *) sealed.text;
        jwe->record.len = sealed.len;

    } else {
        OPENSSL_cleanse(sealed.text, sealed.len);
    }

    return result;
}


/*
 * 1, or 0 if a part is no base64url of the length that it must have: OpenSSL
 * would take a shorter tag, and another length of the vector.
 */

static int
seal_km_jwe_decode_parts(const seal_km_jwe_part_t *parts,
    seal_km_jwe_sealed_t *sealed)
{
    size_t          len;
    seal_km_str_t   src;

    if (parts[SEAL_KM_JWE_IV].len != SEAL_KM_JWE_IV_TEXT
        || parts[SEAL_KM_JWE_TAG].len != SEAL_KM_JWE_TAG_TEXT
        || parts[SEAL_KM_JWE_TEXT].len > INT_MAX)
    {
        return 0;
    }

    sealed->header = parts[SEAL_KM_JWE_HEADER];

    src.data = parts[SEAL_KM_JWE_IV].data;
    src.len = parts[SEAL_KM_JWE_IV].len;

    if (seal_km_base64url_decode(src, sealed->iv, &len) != 0) {
        return 0;
    }

    src.data = parts[SEAL_KM_JWE_TAG].data;
    src.len = parts[SEAL_KM_JWE_TAG].len;

    if (seal_km_base64url_decode(src, sealed->tag, &len) != 0) {
        return 0;
    }

    /* last, for this overwrites what it reads */

    src.data = parts[SEAL_KM_JWE_TEXT].data;
    src.len = parts[SEAL_KM_JWE_TEXT].len;

    sealed->text = (unsigned char *) parts[SEAL_KM_JWE_TEXT].data;

    return seal_km_base64url_decode(src, sealed->text, &sealed->len) == 0;
}


/* the context holds the key, and is wiped with it */

static seal_km_jwe_e
seal_km_jwe_decrypt(const EVP_CIPHER *cipher, const unsigned char *secret,
    seal_km_jwe_sealed_t *sealed)
{
    int              authentic;
    seal_km_jwe_e    result;
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();

    if (ctx != NULL && seal_km_jwe_feed(ctx, cipher, secret, sealed, &authentic))
    {
        result = authentic ? SEAL_KM_JWE_OPENED : SEAL_KM_JWE_NOT_AUTHENTIC;

    } else {
        result = SEAL_KM_JWE_NO_MEMORY;
    }

    EVP_CIPHER_CTX_free(ctx);

    if (result != SEAL_KM_JWE_OPENED) {
        /* or a TLS connection would find what OpenSSL has queued */
        ERR_clear_error();
    }

    return result;
}


/*
 * 1 with *authentic set, or 0 if OpenSSL failed: but for the last step, which
 * compares the tag, only for want of memory.
 */

static int
seal_km_jwe_feed(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher,
    const unsigned char *secret, seal_km_jwe_sealed_t *sealed, int *authentic)
{
    int             n;
    unsigned char   none[1];

    if (EVP_DecryptInit_ex2(ctx, cipher, secret, sealed->iv, NULL) != 1
        || EVP_DecryptUpdate(ctx, NULL, &n,
                             (unsigned char *) sealed->header.data,
                             (int) sealed->header.len)
           != 1
        || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG,
                               SEAL_KM_JWE_TAG_SIZE, sealed->tag)
           != 1)
    {
        return 0;
    }

    if (sealed->len > 0
        && EVP_DecryptUpdate(ctx, sealed->text, &n, sealed->text,
                             (int) sealed->len)
           != 1)
    {
        return 0;
    }

    *authentic = (EVP_DecryptFinal_ex(ctx, none, &n) == 1);

    return 1;
}


const char *
seal_km_jwe_fault(seal_km_jwe_e result)
{
    switch (result) {

    case SEAL_KM_JWE_MALFORMED:
        return "is not encrypted as records have to be";

    case SEAL_KM_JWE_UNKNOWN_KID:
        return "is encrypted with a key that is not known";

    case SEAL_KM_JWE_NOT_AUTHENTIC:
        return "is not authentic";

    case SEAL_KM_JWE_OTHER_RECORD:
        return "was made for another name";

    case SEAL_KM_JWE_NO_MEMORY:
        return "cannot be decrypted: out of memory";

    default:
        return NULL;
    }
}
