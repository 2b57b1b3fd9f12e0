#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "seal_km_base64.h"
#include "seal_km_jwk.h"
#include "seal_km_secret.h"


/* a key that is left out, and told of; 0 is success, -1 memory is out */
#define SEAL_KM_JWK_UNUSABLE    1

#define SEAL_KM_JWK_NOTICE_MAX  256
#define SEAL_KM_JWK_KID_MAX     64

/* what surrounds the values of a minimal JWK */
#define SEAL_KM_JWK_FRAME_MAX   64


/* what a key of a type is made of: all that LibJWT gets to see */

struct seal_km_jwk_type_s {
    const char      *name;        /* "kty" */
    jwk_key_type_t   kty;
    const char      *curves[3];
    const char      *members[SEAL_KM_JWK_MEMBERS];  /* in base64url */
    const char      *params[SEAL_KM_JWK_MEMBERS];   /* OpenSSL's numbers */
};


static const json_t *seal_km_jwk_member(const seal_km_jwk_t *jwk,
    const char *name);
static int seal_km_jwk_is_encryption(const seal_km_jwk_t *jwk);
static void seal_km_jwk_tell_private(const seal_km_jwk_t *jwk);
static int seal_km_jwk_check(seal_km_jwk_t *jwk);
static int seal_km_jwk_check_use(const seal_km_jwk_t *jwk);
static int seal_km_jwk_check_operations(const seal_km_jwk_t *jwk);
static int seal_km_jwk_find_type(seal_km_jwk_t *jwk);
static int seal_km_jwk_find_algorithms(seal_km_jwk_t *jwk);
static int seal_km_jwk_decode_members(seal_km_jwk_t *jwk);
static int seal_km_jwk_decode_member(seal_km_jwk_t *jwk, size_t i);
static int seal_km_jwk_check_exponent(const seal_km_jwk_t *jwk, size_t i);
static void seal_km_jwk_free_members(seal_km_jwk_t *jwk);
static int seal_km_jwk_make_key(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key);
static int seal_km_jwk_decode_key(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key);
static jwk_set_t *seal_km_jwk_create_set(const seal_km_jwk_t *jwk);
static int seal_km_jwk_use_secret(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const jwk_item_t *item);
static int seal_km_jwk_use_public_key(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const jwk_item_t *item);
static EVP_PKEY *seal_km_jwk_read_pem(const jwk_item_t *item);
static int seal_km_jwk_undecodable(const seal_km_jwk_t *jwk);
static int seal_km_jwk_is_pkey(const seal_km_jwk_t *jwk, EVP_PKEY *pkey);
static int seal_km_jwk_set_verifiers(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const seal_km_signature_key_t *raw,
    unsigned bits);
static seal_km_jwk_key_t *seal_km_jwk_create_key(
    const seal_km_jwk_t *jwk);
static int seal_km_jwk_unusable(const seal_km_jwk_t *jwk,
    const char *fmt, ...) __attribute__ ((format(printf, 2, 3)));
static void seal_km_jwk_tell(const seal_km_jwk_t *jwk,
    const char *fmt, ...) __attribute__ ((format(printf, 2, 3)));
static void seal_km_jwk_vtell(const seal_km_jwk_t *jwk, const char *what,
    const char *fmt, va_list args)
    __attribute__ ((format(printf, 3, 0)));
static int seal_km_jwk_is_text(seal_km_str_t s, const char *text);


static const seal_km_jwk_type_t  seal_km_jwk_types[] = {

    { "RSA", JWK_KEY_TYPE_RSA, { NULL, NULL, NULL }, { "n", "e" },
      { OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E } },

    { "EC", JWK_KEY_TYPE_EC, { "P-256", "P-384", "P-521" }, { "x", "y" },
      { OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y } },

    { "OKP", JWK_KEY_TYPE_OKP, { "Ed25519", "Ed448", NULL }, { "x", NULL },
      { NULL, NULL } },

    { "oct", JWK_KEY_TYPE_OCT, { NULL, NULL, NULL }, { "k", NULL },
      { NULL, NULL } }
};


#define SEAL_KM_JWK_TYPES                                                    \
    (sizeof(seal_km_jwk_types) / sizeof(seal_km_jwk_types[0]))
#define SEAL_KM_JWK_CURVES                                                   \
    (sizeof(seal_km_jwk_types[0].curves) / sizeof(char *))


int
seal_km_jwk_read(seal_km_jwk_t *jwk, seal_km_jwk_key_t **key)
{
    int                 rc;
    seal_km_jwk_key_t  *new;

    jwk->type = NULL;
    jwk->curve = NULL;
    jwk->algorithms = 0;
    memset(jwk->values, 0, sizeof(jwk->values));

    rc = seal_km_jwk_check(jwk);

    if (rc == 0) {
        rc = seal_km_jwk_decode_members(jwk);
    }

    if (rc == 0) {
        new = seal_km_jwk_create_key(jwk);
        rc = (new == NULL) ? -1 : seal_km_jwk_make_key(jwk, new);

        if (rc == 0) {
            *key = new;

        } else {
            seal_km_jwk_free(new);
        }
    }

    seal_km_jwk_free_members(jwk);

    /* of what OpenSSL did not like */
    ERR_clear_error();

    return rc;
}


static int
seal_km_jwk_check(seal_km_jwk_t *jwk)
{
    int  rc;

    if (!json_is_object(jwk->json)) {
        return seal_km_jwk_unusable(jwk, "it is no JSON object");
    }

    seal_km_jwk_tell_private(jwk);

    if (seal_km_jwk_is_encryption(jwk)) {
        return SEAL_KM_JWK_UNUSABLE;
    }

    rc = seal_km_jwk_check_use(jwk);

    if (rc == 0) {
        rc = seal_km_jwk_check_operations(jwk);
    }

    if (rc == 0) {
        rc = seal_km_jwk_find_type(jwk);
    }

    if (rc == 0) {
        rc = seal_km_jwk_find_algorithms(jwk);
    }

    return rc;
}


/* what some publish in place of a member that is not there: null, [] */

static const json_t *
seal_km_jwk_member(const seal_km_jwk_t *jwk, const char *name)
{
    const json_t  *json;

    json = json_object_get(jwk->json, name);

    if (json_is_null(json)
        || (json_is_array(json) && json_array_size(json) == 0))
    {
        return NULL;
    }

    return json;
}


/* not for us, and no fault of the operator's */

static int
seal_km_jwk_is_encryption(const seal_km_jwk_t *jwk)
{
    return seal_km_jwk_is_text(seal_km_json_string(jwk->json, "use"), "enc");
}


/* RFC 7518, clauses 6.2.2 and 6.3.2, RFC 8037, clause 2 */

static void
seal_km_jwk_tell_private(const seal_km_jwk_t *jwk)
{
    size_t  i;

    static const char *const  names[] = {
        "d", "p", "q", "dp", "dq", "qi", "oth"
    };

    /* the members of "oct" are no others than "k" */

    if (seal_km_jwk_is_text(seal_km_json_string(jwk->json, "kty"), "oct")) {
        return;
    }

    for (i = 0; i < sizeof(names) / sizeof(char *); i++) {
        if (seal_km_jwk_member(jwk, names[i]) != NULL) {
            seal_km_jwk_tell(jwk, "is private: only its public part is used,"
                              " and the private one should not be here");
            return;
        }
    }
}


/* RFC 7517, clauses 4.2 and 4.5 */

static int
seal_km_jwk_check_use(const seal_km_jwk_t *jwk)
{
    const json_t  *json;

    json = seal_km_jwk_member(jwk, "kid");

    if (json != NULL && !json_is_string(json)) {
        return seal_km_jwk_unusable(jwk, "its kid is no string");
    }

    /* an array, even an empty one, is no way to say that there is none */

    json = json_object_get(jwk->json, "use");

    if (json != NULL
        && !json_is_null(json)
        && !seal_km_jwk_is_text(seal_km_json_text(json), "sig"))
    {
        return seal_km_jwk_unusable(jwk, "its use is not sig");
    }

    return 0;
}


/* RFC 7517, clause 4.3: an array of strings, in any order */

static int
seal_km_jwk_check_operations(const seal_km_jwk_t *jwk)
{
    int            verify;
    size_t         i;
    const json_t  *json;
    seal_km_str_t  op;

    json = seal_km_jwk_member(jwk, "key_ops");

    if (json == NULL) {
        return 0;
    }

    verify = 0;

    /* no array has the size 0 */

    for (i = 0; i < json_array_size(json); i++) {
        op = seal_km_json_text(json_array_get(json, i));

        if (op.data == NULL) {
            verify = 0;
            break;
        }

        verify |= seal_km_jwk_is_text(op, "verify");
    }

    return verify ? 0
                  : seal_km_jwk_unusable(jwk, "its key_ops are no strings with"
                                         " verify");
}


static int
seal_km_jwk_find_type(seal_km_jwk_t *jwk)
{
    size_t         i;
    seal_km_str_t  kty, crv;

    kty = seal_km_json_string(jwk->json, "kty");

    for (i = 0; i < SEAL_KM_JWK_TYPES; i++) {
        if (seal_km_jwk_is_text(kty, seal_km_jwk_types[i].name)) {
            jwk->type = &seal_km_jwk_types[i];
        }
    }

    if (jwk->type == NULL) {
        return seal_km_jwk_unusable(jwk, "its kty is not RSA, EC, OKP or oct");
    }

    if (jwk->type->curves[0] == NULL) {
        return 0;
    }

    crv = seal_km_json_string(jwk->json, "crv");

    for (i = 0; i < SEAL_KM_JWK_CURVES; i++) {
        if (jwk->type->curves[i] != NULL
            && seal_km_jwk_is_text(crv, jwk->type->curves[i]))
        {
            jwk->curve = jwk->type->curves[i];
            return 0;
        }
    }

    return seal_km_jwk_unusable(jwk, "its crv is none that JWS signs with");
}


/* the algorithms of the key's type, curve and (RFC 7517, clause 4.4) "alg" */

static int
seal_km_jwk_find_algorithms(seal_km_jwk_t *jwk)
{
    int                         i;
    const json_t               *json;
    seal_km_algorithms_t        named;
    const seal_km_algorithm_t  *algorithm;

    json = seal_km_jwk_member(jwk, "alg");
    named = (json == NULL) ? ~(seal_km_algorithms_t) 0
                         : seal_km_algorithms_named(seal_km_json_text(json));

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        algorithm = seal_km_algorithm(i);

        if ((named & (1u << i)) != 0
            && algorithm->kty == jwk->type->kty
            && (algorithm->curve == NULL
                || strcmp(algorithm->curve, jwk->curve) == 0))
        {
            jwk->algorithms |= 1u << i;
        }
    }

    if (jwk->algorithms == 0) {
        return seal_km_jwk_unusable(jwk, "its alg is none of its kty");
    }

    return 0;
}


/*
 * LibJWT's decoder differs between releases in what it takes for base64url, and
 * none of them looks at the RSA exponent.
 */

static int
seal_km_jwk_decode_members(seal_km_jwk_t *jwk)
{
    int     rc;
    size_t  i;

    for (i = 0; i < SEAL_KM_JWK_MEMBERS; i++) {

        if (jwk->type->members[i] == NULL) {
            break;
        }

        rc = seal_km_jwk_decode_member(jwk, i);

        if (rc == 0 && strcmp(jwk->type->members[i], "e") == 0) {
            rc = seal_km_jwk_check_exponent(jwk, i);
        }

        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static int
seal_km_jwk_decode_member(seal_km_jwk_t *jwk, size_t i)
{
    const char     *name;
    const json_t   *json;
    seal_km_str_t   text;

    name = jwk->type->members[i];
    json = seal_km_jwk_member(jwk, name);

    if (json == NULL) {
        return seal_km_jwk_unusable(jwk, "its %s is missing", name);
    }

    if (!json_is_string(json)) {
        return seal_km_jwk_unusable(jwk, "its %s is no string: JWK has it in"
                                    " base64url, 65537 say as \"AQAB\"", name);
    }

    text = seal_km_json_text(json);

    jwk->values[i] = seal_km_secret_alloc(
                                   seal_km_base64url_decoded_size(text.len));

    if (jwk->values[i] == NULL) {
        return -1;
    }

    if (seal_km_base64url_decode(text, jwk->values[i], &jwk->lens[i]) != 0) {
        return seal_km_jwk_unusable(jwk, "its %s is no base64url without"
                                    " padding", name);
    }

    return (jwk->lens[i] > 0)
           ? 0 : seal_km_jwk_unusable(jwk, "its %s is empty", name);
}


static int
seal_km_jwk_check_exponent(const seal_km_jwk_t *jwk, size_t i)
{
    size_t                n, len;
    const unsigned char  *value;

    value = jwk->values[i];
    len = jwk->lens[i];

    for (n = 0; n < len && value[n] == 0; n++) {
        /* void: leading zeros */
    }

    if (len - n == 0 || (len - n == 1 && value[n] < 3)) {
        return seal_km_jwk_unusable(jwk, "its RSA exponent is below 3");
    }

    return 0;
}


static void
seal_km_jwk_free_members(seal_km_jwk_t *jwk)
{
    size_t  i;

    for (i = 0; i < SEAL_KM_JWK_MEMBERS; i++) {
        seal_km_secret_free(jwk->values[i]);
        jwk->values[i] = NULL;
    }
}


/* LibJWT has nothing left when this is over */

static int
seal_km_jwk_make_key(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key)
{
    int  rc;

    seal_km_secret_enter();

    rc = seal_km_jwk_decode_key(jwk, key);

    if (seal_km_secret_has_failed()) {
        rc = -1;
    }

    seal_km_secret_leave();

    return rc;
}


static int
seal_km_jwk_decode_key(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key)
{
    int                rc;
    jwk_set_t         *set;
    const jwk_item_t  *item;

    set = seal_km_jwk_create_set(jwk);
    item = jwks_item_get(set, 0);

    if (item == NULL) {
        rc = -1;

    } else if (jwks_item_error(item)) {
        rc = seal_km_jwk_undecodable(jwk);

    } else if (jwk->type->kty == JWK_KEY_TYPE_OCT) {
        rc = seal_km_jwk_use_secret(jwk, key, item);

    } else {
        rc = seal_km_jwk_use_public_key(jwk, key, item);
    }

    jwks_free(set);

    return rc;
}


/* The key as LibJWT knows it: alg, use and what is private stay behind. */

static jwk_set_t *
seal_km_jwk_create_set(const seal_km_jwk_t *jwk)
{
    char           *text, *p, *last;
    size_t          i, size;
    jwk_set_t      *set;
    const char     *name;
    seal_km_str_t   value;

    size = SEAL_KM_JWK_FRAME_MAX;

    for (i = 0; i < SEAL_KM_JWK_MEMBERS; i++) {
        if (jwk->type->members[i] != NULL) {
            size += seal_km_json_string(jwk->json, jwk->type->members[i]).len;
        }
    }

    text = seal_km_secret_alloc(size);

    if (text == NULL) {
        return NULL;
    }

    p = text;
    last = text + size;

    p += snprintf(p, (size_t) (last - p), "{\"kty\":\"%s\"", jwk->type->name);

    if (jwk->curve != NULL) {
        p += snprintf(p, (size_t) (last - p), ",\"crv\":\"%s\"", jwk->curve);
    }

    for (i = 0; i < SEAL_KM_JWK_MEMBERS; i++) {
        name = jwk->type->members[i];

        if (name != NULL) {
            value = seal_km_json_string(jwk->json, name);
            p += snprintf(p, (size_t) (last - p), ",\"%s\":\"%s\"", name,
                          value.data);
        }
    }

    *p++ = '}';

    set = jwks_create_strn(text, (size_t) (p - text));

    seal_km_secret_free(text);

    return set;
}


/*
 * Of a key that LibJWT has made without enough memory, or of one of its
 * releases with another idea of base64url, nothing may come but a refusal: so it
 * has to be what the JWK says.
 */

static int
seal_km_jwk_use_secret(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key,
    const jwk_item_t *item)
{
    seal_km_signature_key_t  raw;

    memset(&raw, 0, sizeof(seal_km_signature_key_t));

    if (jwks_item_key_oct(item, &raw.secret, &raw.secret_len) != 0
        || raw.secret_len != jwk->lens[0]
        || CRYPTO_memcmp(raw.secret, jwk->values[0], raw.secret_len) != 0)
    {
        return seal_km_jwk_undecodable(jwk);
    }

    return seal_km_jwk_set_verifiers(jwk, key, &raw,
                                     (unsigned) raw.secret_len * 8);
}


static int
seal_km_jwk_use_public_key(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key,
    const jwk_item_t *item)
{
    int                      rc;
    seal_km_signature_key_t  raw;

    memset(&raw, 0, sizeof(seal_km_signature_key_t));

    raw.pkey = seal_km_jwk_read_pem(item);

    if (raw.pkey == NULL) {
        /* of a key that it has made LibJWT writes a PEM, if there is memory */
        rc = -1;

    } else if (seal_km_jwk_is_pkey(jwk, raw.pkey)) {
        rc = seal_km_jwk_set_verifiers(jwk, key, &raw,
                                  (unsigned) EVP_PKEY_get_bits(raw.pkey));

    } else {
        rc = seal_km_jwk_undecodable(jwk);
    }

    EVP_PKEY_free(raw.pkey);

    return rc;
}


/*
 * A key that is left out for want of memory would be missing for as long as the
 * set is in force.  LibJWT does not say why it has failed, but OpenSSL does.
 */

static int
seal_km_jwk_undecodable(const seal_km_jwk_t *jwk)
{
    unsigned long  error;

    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
            return -1;
        }
    }

    return seal_km_jwk_unusable(jwk, "it cannot be decoded");
}


static EVP_PKEY *
seal_km_jwk_read_pem(const jwk_item_t *item)
{
    BIO         *bio;
    EVP_PKEY    *pkey;
    const char  *pem;

    pem = jwks_item_pem(item);

    if (pem == NULL) {
        return NULL;
    }

    bio = BIO_new_mem_buf(pem, -1);

    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

    BIO_free(bio);

    return pkey;
}


/* 1 if the numbers, or bytes, of pkey are those of the JWK */

static int
seal_km_jwk_is_pkey(const seal_km_jwk_t *jwk, EVP_PKEY *pkey)
{
    int             same;
    size_t          i, len;
    BIGNUM         *number, *wanted;
    unsigned char   raw[EVP_MAX_MD_SIZE];

    if (jwk->type->kty == JWK_KEY_TYPE_OKP) {
        len = sizeof(raw);

        return EVP_PKEY_get_raw_public_key(pkey, raw, &len) == 1
               && len == jwk->lens[0]
               && memcmp(raw, jwk->values[0], len) == 0;
    }

    same = 1;

    for (i = 0; same && i < SEAL_KM_JWK_MEMBERS; i++) {
        number = NULL;
        wanted = BN_bin2bn(jwk->values[i], (int) jwk->lens[i], NULL);

        same = wanted != NULL
               && EVP_PKEY_get_bn_param(pkey, jwk->type->params[i], &number)
                  == 1
               && BN_cmp(number, wanted) == 0;

        BN_free(number);
        BN_free(wanted);
    }

    return same;
}


/* bits is the size of the key */

static int
seal_km_jwk_set_verifiers(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key,
    const seal_km_signature_key_t *raw, unsigned bits)
{
    int                         i;
    unsigned                    needed;
    const seal_km_algorithm_t  *algorithm;

    needed = (unsigned) -1;

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {

        if ((jwk->algorithms & (1u << i)) == 0) {
            continue;
        }

        algorithm = seal_km_algorithm(i);

        if (bits < algorithm->min_bits) {

            if (needed > algorithm->min_bits) {
                needed = algorithm->min_bits;
            }

            continue;
        }

        key->verifiers[i] = seal_km_verifier_create(algorithm, raw);

        if (key->verifiers[i] == NULL) {
            return seal_km_jwk_unusable(jwk, "OpenSSL refuses it");
        }

        key->algorithms |= 1u << i;
    }

    if (key->algorithms == 0) {
        return seal_km_jwk_unusable(jwk, "%s key of %u bits, at least %u are"
                                    " needed", jwk->type->name, bits, needed);
    }

    return 0;
}


static seal_km_jwk_key_t *
seal_km_jwk_create_key(const seal_km_jwk_t *jwk)
{
    char               *p;
    seal_km_str_t       kid;
    seal_km_jwk_key_t  *key;

    kid = seal_km_json_string(jwk->json, "kid");
    key = seal_km_secret_alloc(sizeof(seal_km_jwk_key_t) + kid.len);

    if (key == NULL) {
        return NULL;
    }

    memset(key, 0, sizeof(seal_km_jwk_key_t));

    if (kid.data != NULL) {
        p = (char *) (key + 1);
        memcpy(p, kid.data, kid.len);

        key->kid.data = p;
        key->kid.len = kid.len;
    }

    return key;
}


void
seal_km_jwk_free(seal_km_jwk_key_t *key)
{
    int  i;

    if (key == NULL) {
        return;
    }

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        seal_km_verifier_free(key->verifiers[i]);
    }

    seal_km_secret_free(key);
}


void
seal_km_jwk_tell_unusable(const seal_km_jwk_t *jwk, const char *why)
{
    (void) seal_km_jwk_unusable(jwk, "%s", why);
}


static int
seal_km_jwk_unusable(const seal_km_jwk_t *jwk, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    seal_km_jwk_vtell(jwk, "is not usable: ", fmt, args);
    va_end(args);

    return SEAL_KM_JWK_UNUSABLE;
}


static void
seal_km_jwk_tell(const seal_km_jwk_t *jwk, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    seal_km_jwk_vtell(jwk, "", fmt, args);
    va_end(args);
}


static void
seal_km_jwk_vtell(const seal_km_jwk_t *jwk, const char *what, const char *fmt,
    va_list args)
{
    char           text[SEAL_KM_JWK_NOTICE_MAX];
    size_t         i, len;
    seal_km_str_t  kid;

    if (jwk->notice == NULL) {
        return;
    }

    kid = seal_km_json_string(jwk->json, "kid");

    for (i = 0; i < kid.len && kid.data[i] >= 0x20 && kid.data[i] < 0x7f; i++) {
        /* void */
    }

    if (kid.len > 0 && kid.len <= SEAL_KM_JWK_KID_MAX && i == kid.len) {
        len = (size_t) snprintf(text, sizeof(text), "key %u (kid \"%s\") %s",
                                jwk->position, kid.data, what);

    } else {
        len = (size_t) snprintf(text, sizeof(text), "key %u %s",
                                jwk->position, what);
    }

    (void) vsnprintf(text + len, sizeof(text) - len, fmt, args);

    jwk->notice(jwk->data, text);
}


static int
seal_km_jwk_is_text(seal_km_str_t s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}
