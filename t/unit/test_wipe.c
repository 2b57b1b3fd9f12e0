/*
 * Key material and what is as good as it is wiped where it was used: on the
 * stack, in memory that is given back, in the pages of a vault.
 */

#include "left.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "seal_km_algorithm.h"
#include "seal_km_arena.h"
#include "seal_km_jwe.h"
#include "seal_km_keyed_hash.h"
#include "seal_km_record_digest.h"
#include "seal_km_secret.h"
#include "seal_km_signature.h"
#include "seal_km_vault.h"


#define NAME    "seal:km:v2x.example:user:alice"
#define RECORD  "RECORD-0f7a1c, of which nothing is left: nothing-0f7a1c"


static unsigned char  key[SEAL_KM_JWE_KEY_SIZE];


/* the watch itself sees what is left, wherever that is */

static void
leave_on_stack(void *data)
{
    char  copy[100];

    memcpy(copy + 50, data, sizeof(key));

    /* that nobody reads it is no reason to leave it out */
    __asm__ volatile ("" : : "r" (copy) : "memory");
}


static void
leave_in_block(void *data)
{
    char  *p;

    p = OPENSSL_malloc(sizeof(key));

    if (p != NULL) {
        memcpy(p, data, sizeof(key));
        OPENSSL_free(p);
    }
}


static void
do_nothing(void *data)
{
}


static void
test_sees(void **state)
{
    size_t       i;
    const char  *name;

    static void (*const leave[])(void *data) = {
        leave_on_stack, leave_in_block
    };

    for (i = 0; i < unit_n(leave); i++) {
        left_begin();
        left_secret("key", key, sizeof(key));
        left_run(leave[i], key);
        assert_int_equal(left_found(&name), 1);
        assert_string_equal(name, "key");
    }

    left_begin();
    left_secret("key", key, sizeof(key));
    left_run(do_nothing, NULL);
    left_check_none();

    left_look(key + 1, sizeof(key) - 1);
    assert_int_equal(left_found(&name), 1);
}


/* the ends of what is kept for a time */

static void
use_secret(void *data)
{
    char  *p;

    p = seal_km_secret_alloc(1000);

    if (p != NULL) {
        memcpy(p + 1000 - sizeof(key), data, sizeof(key));
        seal_km_secret_free(p);
    }
}


static void
use_arena(void *data)
{
    char                   *p;
    int                     i;
    seal_km_arena_t         arena;
    seal_km_arena_cache_t   cache;

    memset(&cache, 0, sizeof(cache));
    seal_km_arena_init(&arena, &cache);

    for (i = 0; i < 3; i++) {
        p = seal_km_arena_alloc(&arena, 7000);

        if (p != NULL) {
            memcpy(p + 7000 - sizeof(key), data, sizeof(key));
        }
    }

    seal_km_arena_free(&arena);
    seal_km_arena_cache_free(&cache);
}


static void
use_vault(void *data)
{
    char             *p;
    int               i;
    seal_km_vault_t   vault = { NULL };

    for (i = 0; i < 3; i++) {
        p = seal_km_vault_alloc(&vault, 3000);

        if (p != NULL) {
            memcpy(p + 3000 - sizeof(key), data, sizeof(key));
        }
    }

    seal_km_vault_free(&vault);
}


static void
test_ends(void **state)
{
    size_t  i;

    static void (*const use[])(void *data) = {
        use_secret, use_arena, use_vault
    };

    for (i = 0; i < unit_n(use); i++) {
        left_begin();
        left_secret("key", key, sizeof(key));
        left_run(use[i], key);
        left_check_none();
    }
}


/* record keys, from their file to the end of the configuration */

typedef struct {
    char                *text;
    seal_km_jwe_keys_t  *keys;
    int                  rc;
    unsigned             notices;
} load_t;


/* on the stack of what has looked at a key, and at those before it */

static void
count_notice(void *data, const char *text)
{
    load_t *load = data;

    load->notices++;
    left_look_at_stack();
}


static void
load_keys(void *data)
{
    load_t      *load = data;
    const char  *error;

    load->keys = seal_km_jwe_keys_create();

    if (load->keys != NULL) {
        load->rc = seal_km_jwe_keys_add(load->keys, unit_text(load->text),
                                        count_notice, load, &error);
    }
}


static void
free_keys(void *data)
{
    load_t *load = data;

    seal_km_jwe_keys_free(load->keys);
}


static char *
jwk(const char *kid, size_t len, const char *more)
{
    return unit_format("{\"kty\":\"oct\",\"kid\":\"%s\",\"k\":\"%s\"%s}", kid,
                       unit_base64url(key, len), more);
}


static void
look_for_key(void)
{
    char  *text;

    left_begin();
    left_secret("record key", key, sizeof(key));

    text = unit_base64url(key, sizeof(key) - 1);
    left_secret("record key, base64url", text, strlen(text));
}


static void
test_record_keys(void **state)
{
    long    blocks;
    size_t  i;
    load_t  load;

    /* one that is not right is a secret all the same */

    const struct {
        const char  *text;
        int          rc;
        unsigned     notices;
    } cases[] = {
        { jwk("a", 32, ""), 0, 0 },
        { jwk("a", 31, ""), 0, 1 },
        { jwk("a", 32, ",\"use\":\"sig\""), 0, 1 },
        { unit_format("{\"keys\":[%s,{}]}", jwk("a", 32, "")), 0, 1 },
        { unit_format("{\"keys\":[%s,%s]}", jwk("a", 32, ""),
                      jwk("a", 32, "")), -1, 0 },
        { unit_format("%sx", jwk("a", 32, "")), -1, 0 },
        { jwk("a", 32, ",\"k\":\"\""), -1, 0 }
    };

    memset(&load, 0, sizeof(load));
    look_for_key();

    for (i = 0; i < unit_n(cases); i++) {
        blocks = unit_memory_blocks();

        load.notices = 0;
        load.text = (char *) cases[i].text;
        left_run(load_keys, &load);
        unit_check(load.text, load.rc == cases[i].rc);
        unit_check(load.text, load.notices == cases[i].notices);
        left_check_none();

        left_run(free_keys, &load);
        left_check_none();
        unit_check(load.text, unit_memory_blocks() == blocks);
    }
}


/* a record that is opened, or is not */

typedef struct {
    seal_km_jwe_keys_t  *keys;
    char                *value;
    size_t               len;
    int                  plain;
    seal_km_jwe_e        result;
    seal_km_jwe_t        jwe;
} open_t;


static void
open_value(void *data)
{
    open_t *open = data;

    open->result = seal_km_jwe_open(open->keys, unit_str(NAME), open->plain,
                                    open->value, open->len, &open->jwe);
}


/* as RFC 7516, clause 5.1 says */

static char *
seal(const char *header, const char *text)
{
    int              n;
    char            *aad;
    size_t           len;
    unsigned char    iv[12], tag[16], sealed[sizeof(RECORD)];
    EVP_CIPHER_CTX  *ctx;

    len = strlen(text);
    assert_true(len <= sizeof(sealed));
    aad = unit_base64url(header, strlen(header));
    assert_int_equal(RAND_bytes(iv, sizeof(iv)), 1);

    ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv),
                     1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, (unsigned char *) aad,
                                       (int) strlen(aad)), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, sealed, &n,
                                       (const unsigned char *) text,
                                       (int) len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, sealed + len, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag),
                     1);
    EVP_CIPHER_CTX_free(ctx);

    return unit_format("%s..%s.%s.%s", aad, unit_base64url(iv, sizeof(iv)),
                       unit_base64url(sealed, len),
                       unit_base64url(tag, sizeof(tag)));
}


static char *
header_of(const char *rec, const char *white)
{
    return unit_format("{%s\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"a\","
                       "\"rec\":\"%s\"}", white, rec);
}


/* another letter in the place of the last */

static char *
changed(char *value)
{
    char  *last;

    last = value + strlen(value) - 1;
    *last = (*last == 'A') ? 'Q' : 'A';

    return value;
}


/* a plain record that has four dots */

static char *
dotted(const char *text)
{
    return unit_format("%s....", unit_base64url(text, strlen(text)));
}


static void
test_record(void **state)
{
    int     clean;
    long    blocks;
    size_t  i;
    load_t  load;
    open_t  open;

    const struct {
        const char      *name;
        char            *value;
        int              plain;
        seal_km_jwe_e    result;
    } cases[] = {
        { "opened", seal(header_of(NAME, ""), RECORD), 0,
          SEAL_KM_JWE_OPENED },
        { "opened, its header read as JSON", seal(header_of(NAME, " "), RECORD),
          0, SEAL_KM_JWE_OPENED },
        { "not authentic", changed(seal(header_of(NAME, ""), RECORD)), 0,
          SEAL_KM_JWE_NOT_AUTHENTIC },
        { "of another name", seal(header_of("x", ""), RECORD), 0,
          SEAL_KM_JWE_OTHER_RECORD },
        { "plain", dotted(RECORD), 1, SEAL_KM_JWE_PLAIN },
        { "plain, of JSON", dotted("{\"k\":\"" RECORD "\"}"), 1,
          SEAL_KM_JWE_PLAIN },
        { "plain, of JSON that says something twice",
          dotted("{\"k\":\"" RECORD "\",\"k\":1}"), 1, SEAL_KM_JWE_PLAIN },
        { "plain, and not allowed", dotted("{\"k\":\"" RECORD "\"}"), 0,
          SEAL_KM_JWE_MALFORMED }
    };

    memset(&load, 0, sizeof(load));
    load.text = jwk("a", 32, "");
    load_keys(&load);
    assert_int_equal(load.rc, 0);

    look_for_key();
    left_secret("record", RECORD, sizeof(RECORD) - 1);

    for (i = 0; i < unit_n(cases); i++) {
        memset(&open, 0, sizeof(open));
        open.keys = load.keys;
        open.plain = cases[i].plain;
        open.value = cases[i].value;
        open.len = strlen(open.value);

        blocks = unit_memory_blocks();
        left_run(open_value, &open);
        unit_check(cases[i].name, open.result == cases[i].result);
        unit_check(cases[i].name, unit_memory_blocks() == blocks);
        left_check_none();

        left_look(open.jwe.kid, sizeof(open.jwe.kid));
        left_check_none();

        /* what was decrypted lies in the value, and is the caller's */

        clean = (open.result != SEAL_KM_JWE_OPENED
                 && open.result != SEAL_KM_JWE_OTHER_RECORD);

        if (clean) {
            left_look(open.value, open.len);
            left_check_none();
        }
    }

    seal_km_jwe_keys_free(load.keys);
}


/* the key of digests, and the half of one that is not told */

typedef struct {
    seal_km_record_digest_t  *digest;
    char                      hex[SEAL_KM_RECORD_DIGEST_SIZE];
    int                       rc;
} digest_t;


static void
make_digest(void *data)
{
    digest_t *digest = data;

    digest->digest = seal_km_record_digest_create((seal_km_str_t)
                                                  { (char *) key,
                                                    sizeof(key) });

    if (digest->digest != NULL) {
        digest->rc = seal_km_record_digest(digest->digest, unit_str(RECORD),
                                           digest->hex);
    }
}


static void
free_digest(void *data)
{
    digest_t *digest = data;

    seal_km_record_digest_free(digest->digest);
}


static void
test_record_digest(void **state)
{
    long             blocks;
    size_t           i, len;
    digest_t         digest;
    unsigned char   *mac, pad[2][sizeof(key)];
    unit_key_t       hmac = { NULL, NULL, { 0 }, sizeof(key) };

    memset(&digest, 0, sizeof(digest));
    memcpy(hmac.secret, key, sizeof(key));
    mac = unit_signature("HS256", &hmac, RECORD, &len);
    assert_int_equal(len, 32);

    left_begin();
    left_secret("key", key, sizeof(key));
    left_secret("record", RECORD, sizeof(RECORD) - 1);
    left_secret("digest", mac + SEAL_KM_RECORD_DIGEST_SIZE / 2,
                len - SEAL_KM_RECORD_DIGEST_SIZE / 2);

    /* RFC 2104: the key as it is hashed */

    for (i = 0; i < sizeof(key); i++) {
        pad[0][i] = key[i] ^ 0x36;
        pad[1][i] = key[i] ^ 0x5c;
    }

    left_secret("key, inner", pad[0], sizeof(key));
    left_secret("key, outer", pad[1], sizeof(key));

    blocks = unit_memory_blocks();
    left_run(make_digest, &digest);
    assert_non_null(digest.digest);
    assert_int_equal(digest.rc, 0);
    left_check_none();

    left_run(free_digest, &digest);
    left_check_none();
    assert_int_equal(unit_memory_blocks(), blocks);
}


static const seal_km_algorithm_t *
hs256(void)
{
    int  i;

    for (i = 0; seal_km_algorithms_named(unit_str("HS256")) != (1u << i); i++)
    {
        /* void */
    }

    return seal_km_algorithm(i);
}


/* the right signature under what was forged is as good as the key */

typedef struct {
    const unit_key_t     *key;
    seal_km_verifier_t   *verifier;
    const char           *input;
    seal_km_str_t         signature;
    seal_km_signature_e   result;
} hmac_t;


static void
make_hmac(void *data)
{
    hmac_t                   *hmac = data;
    seal_km_signature_key_t   raw;

    raw.pkey = NULL;
    raw.secret = hmac->key->secret;
    raw.secret_len = hmac->key->secret_len;

    hmac->verifier = seal_km_verifier_create(hs256(), &raw);
}


static void
verify_hmac(void *data)
{
    hmac_t               *hmac = data;
    seal_km_signature_t   s;

    seal_km_signature_init(&s, unit_text(hmac->input), hmac->signature);
    hmac->result = seal_km_signature_verify(&s, hmac->verifier);
}


static void
free_hmac(void *data)
{
    hmac_t *hmac = data;

    seal_km_verifier_free(hmac->verifier);
}


static void
test_hmac(void **state)
{
    long            blocks;
    hmac_t          hmac;
    size_t          len;
    unsigned char  *mac, forged[32];

    memset(forged, 'x', sizeof(forged));

    hmac.key = unit_key("oct32");
    hmac.input = "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ";
    hmac.signature.data = (char *) forged;
    hmac.signature.len = sizeof(forged);
    hmac.result = SEAL_KM_SIGNATURE_NO_MEMORY;

    mac = unit_signature("HS256", hmac.key, hmac.input, &len);

    left_begin();
    left_secret("secret", hmac.key->secret, hmac.key->secret_len);
    left_secret("signature", mac, len);

    blocks = unit_memory_blocks();
    left_run(make_hmac, &hmac);
    assert_non_null(hmac.verifier);
    left_check_none();

    left_run(verify_hmac, &hmac);
    assert_int_equal(hmac.result, SEAL_KM_SIGNATURE_WRONG);
    left_check_none();

    left_run(free_hmac, &hmac);
    left_check_none();
    assert_int_equal(unit_memory_blocks(), blocks);
}


/* the secrets of a JWK Set for tokens */

typedef struct {
    char            *text;
    seal_km_jwks_t  *jwks;
    int              rc;
} jwks_t;


static void
load_jwks(void *data)
{
    jwks_t      *jwks = data;
    const char  *error;

    jwks->jwks = seal_km_jwks_create();

    if (jwks->jwks != NULL) {
        jwks->rc = seal_km_jwks_add(jwks->jwks, unit_text(jwks->text), NULL,
                                    NULL, &error);
    }
}


static void
free_jwks(void *data)
{
    jwks_t *jwks = data;

    seal_km_jwks_free(jwks->jwks);
}


/* the text of a member that has it in base64url */

static void
look_for_member(const char *text, const char *name)
{
    char        *copy;
    const char  *p;

    p = strstr(text, unit_format("\"%s\":\"", name));
    assert_non_null(p);
    p += strlen(name) + 4;

    copy = unit_format("%.*s", (int) strcspn(p, "\""), p);
    left_secret(name, copy, strlen(copy));
}


static void
test_jwks(void **state)
{
    char              *private, *secret;
    jwks_t             jwks;
    const unit_key_t  *oct;

    private = unit_private_jwk(unit_key("rsa"), "\"kid\":\"a\"");
    oct = unit_key("oct32");
    secret = unit_jwk(oct, "\"kid\":\"b\"");

    memset(&jwks, 0, sizeof(jwks));
    jwks.text = unit_format("{\"keys\":[%s,%s]}", private, secret);

    left_begin();
    look_for_member(private, "d");
    look_for_member(private, "p");
    look_for_member(secret, "k");
    left_secret("secret", oct->secret, oct->secret_len);

    left_run(load_jwks, &jwks);
    assert_int_equal(jwks.rc, 0);
    assert_int_equal(seal_km_jwks_count(jwks.jwks), 2);
    left_check_none();

    left_run(free_jwks, &jwks);
    left_check_none();
}


/* the key of the token cache, which its zone has */

static void
hash_something(void *data)
{
    unsigned char          digest[SEAL_KM_KEYED_HASH_SIZE];
    seal_km_str_t          part;
    seal_km_keyed_hash_t  *hash;

    part = unit_str(RECORD);
    hash = seal_km_keyed_hash_create(data);

    if (hash != NULL) {
        (void) seal_km_keyed_hash(hash, &part, 1, digest);
        seal_km_keyed_hash_free(hash);
    }
}


static void
test_keyed_hash(void **state)
{
    long            blocks;
    unsigned char   bytes[SEAL_KM_KEYED_HASH_KEY_SIZE];

    assert_int_equal(RAND_bytes(bytes, sizeof(bytes)), 1);

    left_begin();
    left_secret("first half", bytes, sizeof(bytes) / 2);
    left_secret("second half", bytes + sizeof(bytes) / 2, sizeof(bytes) / 2);
    left_secret("token", RECORD, sizeof(RECORD) - 1);

    blocks = unit_memory_blocks();
    left_run(hash_something, bytes);
    left_check_none();
    assert_int_equal(unit_memory_blocks(), blocks);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sees),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_record_keys),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_record_digest),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_jwks),
        cmocka_unit_test(test_keyed_hash)
    };

    EVP_MAC     *mac;
    EVP_CIPHER  *cipher;

    left_init(argv);
    unit_memory_init();

    if (RAND_bytes(key, sizeof(key)) != 1) {
        return 1;
    }

    /* OpenSSL keeps what it has found out, and does so but once */

    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_CIPHER_free(cipher);
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
    EVP_CIPHER_free(cipher);
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_free(mac);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
