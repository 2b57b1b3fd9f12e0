#define _GNU_SOURCE

#include "unit.h"

#include "seal_km_json.h"

#include <limits.h>
#include <malloc.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <sys/mman.h>


static void unit_keep(void *p);
static EVP_PKEY *unit_generate(const char *name);
static EVP_PKEY *unit_generate_rsa(unsigned bits, unsigned exponent);
static char *unit_bn(EVP_PKEY *pkey, const char *param, int size);
static char *unit_public_members(const unit_key_t *key);
static const char *unit_private_members(const unit_key_t *key);
static const EVP_MD *unit_digest(const char *alg);
static unsigned char *unit_ecdsa_raw(EVP_PKEY *pkey, unsigned char *der,
    size_t *len);


static void      *unit_kept[65536];
static unsigned   unit_nkept;

static unsigned   unit_memory_nth, unit_memory_last, unit_memory_calls;
static long       unit_memory_live;
static void     (*unit_memory_watcher)(const unsigned char *p, size_t size);


seal_km_str_t
unit_text(const char *text)
{
    seal_km_str_t  s;

    s.data = text;
    s.len = (text == NULL) ? 0 : strlen(text);

    return s;
}


void
unit_check_object(const char *name, char *text, size_t len, const char *want)
{
    json_t           *json;
    seal_km_str_t     got;
    seal_km_arena_t   arena;

    got.data = text;
    got.len = len;
    unit_check_str(name, got, unit_text(want));

    seal_km_arena_init(&arena, NULL);
    (void) seal_km_json_parse(&arena, got, SEAL_KM_JSON_ANY, &json);
    unit_check(name, json_is_object(json));
    seal_km_arena_free(&arena);

    free(text);
}


char *
unit_format(const char *fmt, ...)
{
    int      len;
    char    *text;
    va_list  args;

    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);

    assert_true(len >= 0);
    unit_keep(text);

    return text;
}


char *
unit_exact(seal_km_str_t s)
{
    char  *p;

    p = malloc(s.len == 0 ? 1 : s.len);
    assert_non_null(p);

    if (s.len > 0) {
        memcpy(p, s.data, s.len);
    }

    return p;
}


static void
unit_free_all(void)
{
    while (unit_nkept > 0) {
        free(unit_kept[--unit_nkept]);
    }
}


static void
unit_keep(void *p)
{
    if (unit_nkept == 0) {
        atexit(unit_free_all);
    }

    assert_true(unit_nkept < unit_n(unit_kept));
    unit_kept[unit_nkept++] = p;
}


/* keys */

static unit_key_t  unit_keys[32];
static unsigned    unit_nkeys;


static void
unit_free_keys(void)
{
    while (unit_nkeys > 0) {
        EVP_PKEY_free(unit_keys[--unit_nkeys].pkey);
    }
}


const unit_key_t *
unit_key(const char *name)
{
    unsigned     i;
    unit_key_t  *key;

    for (i = 0; i < unit_nkeys; i++) {
        if (strcmp(unit_keys[i].name, name) == 0) {
            return &unit_keys[i];
        }
    }

    if (unit_nkeys == 0) {
        atexit(unit_free_keys);
    }

    assert_true(unit_nkeys < unit_n(unit_keys));

    key = &unit_keys[unit_nkeys++];
    key->name = name;

    if (strncmp(name, "oct", 3) == 0) {
        key->secret_len = (size_t) atoi(name + 3);
        assert_true(key->secret_len <= sizeof(key->secret));
        assert_int_equal(RAND_bytes(key->secret, (int) key->secret_len), 1);

    } else {
        key->pkey = unit_generate(name);
        assert_non_null(key->pkey);
    }

    return key;
}


static EVP_PKEY *
unit_generate(const char *name)
{
    size_t  i;

    static const struct {
        const char  *name;
        const char  *type;
        const char  *group;
    } kinds[] = {
        { "p256", "EC", "P-256" },
        { "p256b", "EC", "P-256" },
        { "p256c", "EC", "P-256" },
        { "p384", "EC", "P-384" },
        { "p521", "EC", "P-521" },
        { "secp256k1", "EC", "secp256k1" },
        { "ed25519", "ED25519", NULL },
        { "ed25519b", "ED25519", NULL },
        { "ed448", "ED448", NULL },
        { "x25519", "X25519", NULL }
    };

    if (strcmp(name, "rsa1024") == 0) {
        return unit_generate_rsa(1024, 65537);
    }

    if (strcmp(name, "rsa2047") == 0) {
        return unit_generate_rsa(2047, 65537);
    }

    if (strcmp(name, "rsa3") == 0) {
        return unit_generate_rsa(2048, 3);
    }

    if (strncmp(name, "rsa", 3) == 0) {
        return unit_generate_rsa(2048, 65537);
    }

    for (i = 0; i < unit_n(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return (kinds[i].group == NULL)
                   ? EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type)
                   : EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type,
                                       kinds[i].group);
        }
    }

    return NULL;
}


static EVP_PKEY *
unit_generate_rsa(unsigned bits, unsigned exponent)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM     params[3];
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_non_null(ctx);

    params[0] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits);
    params[1] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent);
    params[2] = OSSL_PARAM_construct_end();

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


static char *
unit_bn(EVP_PKEY *pkey, const char *param, int size)
{
    char           *text;
    BIGNUM         *bn;
    unsigned char   bytes[1024];

    bn = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(pkey, param, &bn), 1);

    size = (size == 0) ? BN_num_bytes(bn) : size;
    assert_true(BN_bn2binpad(bn, bytes, size) == size);
    text = unit_base64url(bytes, (size_t) size);

    BN_clear_free(bn);

    return text;
}


static char *
unit_public_members(const unit_key_t *key)
{
    int            size;
    char           group[64];
    size_t         len;
    const char    *crv;
    unsigned char  raw[64];

    if (key->pkey == NULL) {
        return unit_format("\"kty\":\"oct\",\"k\":\"%s\"",
                           unit_base64url(key->secret, key->secret_len));
    }

    if (EVP_PKEY_is_a(key->pkey, "RSA")) {
        return unit_format("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"",
                           unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0),
                           unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0));
    }

    if (EVP_PKEY_is_a(key->pkey, "EC")) {
        assert_int_equal(EVP_PKEY_get_utf8_string_param(key->pkey,
                                 OSSL_PKEY_PARAM_GROUP_NAME, group,
                                 sizeof(group), NULL), 1);

        crv = (strcmp(group, "prime256v1") == 0) ? "P-256"
              : (strcmp(group, "secp384r1") == 0) ? "P-384"
              : (strcmp(group, "secp521r1") == 0) ? "P-521" : group;
        size = (EVP_PKEY_get_bits(key->pkey) + 7) / 8;

        return unit_format("\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\","
                           "\"y\":\"%s\"", crv,
                           unit_bn(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, size),
                           unit_bn(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size));
    }

    len = sizeof(raw);
    assert_int_equal(EVP_PKEY_get_raw_public_key(key->pkey, raw, &len), 1);

    crv = EVP_PKEY_is_a(key->pkey, "ED25519") ? "Ed25519"
          : EVP_PKEY_is_a(key->pkey, "ED448") ? "Ed448" : "X25519";

    return unit_format("\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"", crv,
                       unit_base64url(raw, len));
}


static const char *
unit_private_members(const unit_key_t *key)
{
    size_t         len;
    unsigned char  raw[64];

    if (EVP_PKEY_is_a(key->pkey, "RSA")) {
        return unit_format(",\"d\":\"%s\",\"p\":\"%s\",\"q\":\"%s\","
                       "\"dp\":\"%s\",\"dq\":\"%s\",\"qi\":\"%s\"",
                       unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_D, 0),
                       unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, 0),
                       unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, 0),
                       unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, 0),
                       unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, 0),
                       unit_bn(key->pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
                               0));
    }

    if (EVP_PKEY_is_a(key->pkey, "EC")) {
        return unit_format(",\"d\":\"%s\"",
                           unit_bn(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY,
                                   (EVP_PKEY_get_bits(key->pkey) + 7) / 8));
    }

    len = sizeof(raw);
    assert_int_equal(EVP_PKEY_get_raw_private_key(key->pkey, raw, &len), 1);

    return unit_format(",\"d\":\"%s\"", unit_base64url(raw, len));
}


char *
unit_jwk(const unit_key_t *key, const char *more)
{
    return unit_format("{%s%s%s}", unit_public_members(key),
                       more == NULL ? "" : ",", more == NULL ? "" : more);
}


char *
unit_private_jwk(const unit_key_t *key, const char *more)
{
    return unit_format("{%s%s%s%s}", unit_public_members(key),
                       unit_private_members(key),
                       more == NULL ? "" : ",", more == NULL ? "" : more);
}


seal_km_jwks_t *
unit_jwks(const char *text)
{
    const char      *error;
    seal_km_jwks_t  *jwks;

    error = NULL;
    jwks = seal_km_jwks_create();
    assert_non_null(jwks);

    if (seal_km_jwks_add(jwks, unit_text(text), NULL, NULL, &error) != 0) {
        fail_msg("seal_km_jwks_add: %s", error);
    }

    return jwks;
}


/* tokens */

char *
unit_base64url(const void *data, size_t len)
{
    char    *text, *p;
    size_t   n;

    text = malloc(len / 3 * 4 + 5);
    assert_non_null(text);
    unit_keep(text);

    n = (size_t) EVP_EncodeBlock((unsigned char *) text, data, (int) len);

    while (n > 0 && text[n - 1] == '=') {
        n--;
    }

    text[n] = '\0';

    for (p = text; *p != '\0'; p++) {
        *p = (*p == '+') ? '-' : (*p == '/') ? '_' : *p;
    }

    return text;
}


static const EVP_MD *
unit_digest(const char *alg)
{
    if (strncmp(alg, "Ed", 2) == 0) {
        return NULL;
    }

    return strcmp(alg + 2, "256") == 0 ? EVP_sha256()
           : strcmp(alg + 2, "384") == 0 ? EVP_sha384() : EVP_sha512();
}


unsigned char *
unit_signature(const char *alg, const unit_key_t *key, const char *input,
    size_t *len)
{
    unsigned        n;
    EVP_MD_CTX     *md;
    EVP_PKEY_CTX   *ctx;
    unsigned char  *sig;

    sig = malloc(2048);
    assert_non_null(sig);
    unit_keep(sig);

    if (key->pkey == NULL) {
        assert_non_null(HMAC(unit_digest(alg), key->secret,
                             (int) key->secret_len,
                             (const unsigned char *) input, strlen(input),
                             sig, &n));
        *len = n;
        return sig;
    }

    md = EVP_MD_CTX_new();
    assert_non_null(md);
    assert_int_equal(EVP_DigestSignInit(md, &ctx, unit_digest(alg), NULL,
                                        key->pkey), 1);

    if (alg[0] == 'P') {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING)
                    > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
                                                     RSA_PSS_SALTLEN_DIGEST)
                    > 0);
    }

    *len = 2048;
    assert_int_equal(EVP_DigestSign(md, sig, len,
                                    (const unsigned char *) input,
                                    strlen(input)), 1);
    EVP_MD_CTX_free(md);

    return EVP_PKEY_is_a(key->pkey, "EC")
           ? unit_ecdsa_raw(key->pkey, sig, len) : sig;
}


static unsigned char *
unit_ecdsa_raw(EVP_PKEY *pkey, unsigned char *der, size_t *len)
{
    int                   half;
    ECDSA_SIG            *sig;
    const BIGNUM         *r, *s;
    unsigned char        *raw;
    const unsigned char  *p;

    half = (EVP_PKEY_get_bits(pkey) + 7) / 8;
    raw = malloc((size_t) half * 2 + 16);   /* as tests may append */
    assert_non_null(raw);
    unit_keep(raw);

    p = der;
    sig = d2i_ECDSA_SIG(NULL, &p, (long) *len);
    assert_non_null(sig);
    ECDSA_SIG_get0(sig, &r, &s);

    assert_int_equal(BN_bn2binpad(r, raw, half), half);
    assert_int_equal(BN_bn2binpad(s, raw + half, half), half);
    *len = (size_t) half * 2;

    ECDSA_SIG_free(sig);

    return raw;
}


char *
unit_token(const char *alg, const unit_key_t *key, const char *header,
    const char *claims)
{
    return unit_token_of(alg, key, unit_text(header), unit_text(claims));
}


char *
unit_token_of(const char *alg, const unit_key_t *key, seal_km_str_t header,
    seal_km_str_t claims)
{
    char           *input;
    size_t          len;
    unsigned char  *sig;

    input = unit_format("%s.%s", unit_base64url(header.data, header.len),
                        unit_base64url(claims.data, claims.len));
    sig = unit_signature(alg, key, input, &len);

    return unit_format("%s.%s", input, unit_base64url(sig, len));
}


/* memory */

static int
unit_memory_fails(void)
{
    unit_memory_calls++;

    return unit_memory_nth > 0
           && unit_memory_calls >= unit_memory_nth
           && unit_memory_calls <= unit_memory_last;
}


static void *
unit_malloc(size_t size, const char *file, int line)
{
    void  *p;

    if (unit_memory_fails()) {
        return NULL;
    }

    /* the address sanitizer stops the program instead */

    if (size > PTRDIFF_MAX) {
        return NULL;
    }

    /* what a watch looks at has a value, or valgrind would complain */

    p = (unit_memory_watcher == NULL) ? malloc(size) : calloc(1, size);

    if (p != NULL) {
        unit_memory_live++;
    }

    return p;
}


static void
unit_free(void *p, const char *file, int line)
{
    if (p == NULL) {
        return;
    }

    if (unit_memory_watcher != NULL) {
        unit_memory_watcher(p, malloc_usable_size(p));
    }

    unit_memory_live--;
    free(p);
}


static void *
unit_realloc(void *p, size_t size, const char *file, int line)
{
    void  *q;

    if (p == NULL) {
        return unit_malloc(size, file, line);
    }

    if (unit_memory_fails()) {
        return NULL;
    }

    q = realloc(p, size);

    return q;
}


/* the linker puts them in the place of mmap() and munmap() */

void  *__real_mmap(void *p, size_t size, int prot, int flags, int fd,
    off_t offset);
void  *__wrap_mmap(void *p, size_t size, int prot, int flags, int fd,
    off_t offset);
int  __real_munmap(void *p, size_t size);
int  __wrap_munmap(void *p, size_t size);

void *
__wrap_mmap(void *p, size_t size, int prot, int flags, int fd, off_t offset)
{
    p = __real_mmap(p, size, prot, flags, fd, offset);

    if (p != MAP_FAILED) {
        unit_memory_live++;
    }

    return p;
}


int
__wrap_munmap(void *p, size_t size)
{
    unit_memory_live--;

    if (unit_memory_watcher != NULL) {
        unit_memory_watcher(p, size);
    }

    return __real_munmap(p, size);
}


void
unit_memory_init(void)
{
    if (!CRYPTO_set_mem_functions(unit_malloc, unit_realloc, unit_free)) {
        fprintf(stderr, "CRYPTO_set_mem_functions() came too late\n");
        exit(1);
    }

    /*
     * As nginx does.  OpenSSL 3.5 notes failures, and where the first one
     * comes before it is initialized it waits for itself.
     */

    (void) OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
    ERR_clear_error();
}


void
unit_memory_fail(unsigned nth)
{
    unit_memory_nth = nth;
    unit_memory_last = UINT_MAX;
    unit_memory_calls = 0;
}


void
unit_memory_fail_once(unsigned nth)
{
    unit_memory_fail(nth);
    unit_memory_last = nth;
}


unsigned
unit_memory_count(void)
{
    return unit_memory_calls;
}


long
unit_memory_blocks(void)
{
    return unit_memory_live;
}


void
unit_memory_watch(void (*watch)(const unsigned char *p, size_t size))
{
    unit_memory_watcher = watch;
}
