#include <openssl/bio.h>
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
    const char      *members[2];  /* in base64url */
};


static int seal_km_jwk_is_encryption(const seal_km_jwk_t *jwk);
static void seal_km_jwk_tell_private(const seal_km_jwk_t *jwk);
static int seal_km_jwk_check_use(const seal_km_jwk_t *jwk);
static int seal_km_jwk_find_type(seal_km_jwk_t *jwk);
static int seal_km_jwk_find_algorithms(seal_km_jwk_t *jwk);
static int seal_km_jwk_check_members(const seal_km_jwk_t *jwk);
static int seal_km_jwk_decode_key(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key);
static jwk_set_t *seal_km_jwk_create_set(const seal_km_jwk_t *jwk);
static int seal_km_jwk_set_raw(seal_km_jwk_key_t *key,
    const jwk_item_t *item);
static int seal_km_jwk_set_checkers(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const jwk_item_t *item);
static int seal_km_jwk_set_checker(seal_km_jwk_key_t *key,
    const jwk_item_t *item, int algorithm);
static seal_km_jwk_key_t *seal_km_jwk_create_key(
    const seal_km_jwk_t *jwk);
static int seal_km_jwk_unusable(const seal_km_jwk_t *jwk,
    const char *why);
static void seal_km_jwk_tell(const seal_km_jwk_t *jwk,
    const char *fmt, ...) __attribute__ ((format(printf, 2, 3)));
static int seal_km_jwk_is_text(seal_km_str_t s, const char *text);


static const seal_km_jwk_type_t  seal_km_jwk_types[] = {
    { "RSA", JWK_KEY_TYPE_RSA, { NULL, NULL, NULL }, { "n", "e" } },
    { "EC", JWK_KEY_TYPE_EC, { "P-256", "P-384", "P-521" }, { "x", "y" } },
    { "OKP", JWK_KEY_TYPE_OKP, { "Ed25519", "Ed448", NULL }, { "x", NULL } },
    { "oct", JWK_KEY_TYPE_OCT, { NULL, NULL, NULL }, { "k", NULL } }
};


#define SEAL_KM_JWK_TYPES                                                    \
    (sizeof(seal_km_jwk_types) / sizeof(seal_km_jwk_types[0]))
#define SEAL_KM_JWK_CURVES                                                   \
    (sizeof(seal_km_jwk_types[0].curves) / sizeof(char *))
#define SEAL_KM_JWK_MEMBERS                                                  \
    (sizeof(seal_km_jwk_types[0].members) / sizeof(char *))


int
seal_km_jwk_read(seal_km_jwk_t *jwk, seal_km_jwk_key_t **key)
{
    int                 rc;
    seal_km_jwk_key_t  *new;

    seal_km_jwk_tell_private(jwk);

    if (seal_km_jwk_is_encryption(jwk)) {
        return SEAL_KM_JWK_UNUSABLE;
    }

    rc = seal_km_jwk_check_use(jwk);

    if (rc == 0) {
        rc = seal_km_jwk_find_type(jwk);
    }

    if (rc == 0) {
        rc = seal_km_jwk_find_algorithms(jwk);
    }

    if (rc == 0) {
        rc = seal_km_jwk_check_members(jwk);
    }

    if (rc != 0) {
        return rc;
    }

    new = seal_km_jwk_create_key(jwk);

    if (new == NULL) {
        return -1;
    }

    rc = seal_km_jwk_decode_key(jwk, new);

    if (rc == 0) {
        *key = new;

    } else {
        seal_km_jwk_free(new);
    }

    /* of what OpenSSL did not like */
    ERR_clear_error();

    return rc;
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
        if (json_object_get(jwk->json, names[i]) != NULL) {
            seal_km_jwk_tell(jwk, "is private: only its public part is used,"
                              " and the private one should not be here");
            return;
        }
    }
}


/* RFC 7517, clauses 4.2, 4.3 and 4.5 */

static int
seal_km_jwk_check_use(const seal_km_jwk_t *jwk)
{
    size_t         i;
    const json_t  *json;
    seal_km_str_t  op;

    json = json_object_get(jwk->json, "kid");

    if (json != NULL && !json_is_string(json)) {
        return seal_km_jwk_unusable(jwk, "its kid is no string");
    }

    json = json_object_get(jwk->json, "use");

    if (json != NULL && !seal_km_jwk_is_text(seal_km_json_text(json), "sig")) {
        return seal_km_jwk_unusable(jwk, "its use is not sig");
    }

    json = json_object_get(jwk->json, "key_ops");

    if (json == NULL) {
        return 0;
    }

    /* no array has the size 0 */

    for (i = 0; i < json_array_size(json); i++) {
        op = seal_km_json_text(json_array_get(json, i));

        if (op.data == NULL) {
            break;
        }

        if (seal_km_jwk_is_text(op, "verify")) {
            return 0;
        }
    }

    return seal_km_jwk_unusable(jwk,
                                 "its key_ops are no strings with verify");
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
    seal_km_str_t               alg;
    const json_t               *json;
    const seal_km_algorithm_t  *algorithm;

    json = json_object_get(jwk->json, "alg");
    alg = seal_km_json_text(json);

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        algorithm = seal_km_algorithm(i);

        if (algorithm->kty == jwk->type->kty
            && (algorithm->curve == NULL
                || strcmp(algorithm->curve, jwk->curve) == 0)
            && (json == NULL || seal_km_jwk_is_text(alg, algorithm->name)))
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
seal_km_jwk_check_members(const seal_km_jwk_t *jwk)
{
    int             rc;
    size_t          i, n, len;
    unsigned char  *value;
    seal_km_str_t   text;

    for (i = 0; i < SEAL_KM_JWK_MEMBERS; i++) {

        if (jwk->type->members[i] == NULL) {
            break;
        }

        text = seal_km_json_string(jwk->json, jwk->type->members[i]);
        value = seal_km_secret_alloc(seal_km_base64url_decoded_size(text.len));

        if (value == NULL) {
            return -1;
        }

        rc = seal_km_base64url_decode(text, value, &len);

        for (n = 0; rc == 0 && n < len && value[n] == 0; n++) {
            /* void: leading zeros */
        }

        if (rc == 0 && strcmp(jwk->type->members[i], "e") == 0
            && (len - n == 0 || (len - n == 1 && value[n] < 3)))
        {
            seal_km_secret_free(value);
            return seal_km_jwk_unusable(jwk, "its RSA exponent is below 3");
        }

        seal_km_secret_free(value);

        if (rc != 0 || len == 0) {
            return seal_km_jwk_unusable(jwk, "a member is missing or is no"
                                         " base64url without padding");
        }
    }

    return 0;
}


static int
seal_km_jwk_decode_key(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key)
{
    const jwk_item_t  *item;

    key->set = seal_km_jwk_create_set(jwk);
    item = jwks_item_get(key->set, 0);

    if (item == NULL) {
        return -1;
    }

    if (jwks_item_error(item) || seal_km_jwk_set_raw(key, item) != 0) {
        return seal_km_jwk_unusable(jwk, "it cannot be decoded");
    }

    return seal_km_jwk_set_checkers(jwk, key, item);
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


static int
seal_km_jwk_set_raw(seal_km_jwk_key_t *key, const jwk_item_t *item)
{
    BIO         *bio;
    const char  *pem;

    if (jwks_item_kty(item) == JWK_KEY_TYPE_OCT) {
        return jwks_item_key_oct(item, &key->raw.secret, &key->raw.secret_len);
    }

    pem = jwks_item_pem(item);

    if (pem == NULL) {
        return -1;
    }

    bio = BIO_new_mem_buf(pem, -1);

    if (bio == NULL) {
        return -1;
    }

    key->raw.pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

    BIO_free(bio);

    return (key->raw.pkey == NULL) ? -1 : 0;
}


static int
seal_km_jwk_set_checkers(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key, const jwk_item_t *item)
{
    int       i, rc;
    unsigned  n, bits, needed;

    n = 0;
    bits = (unsigned) jwks_item_key_bits(item);
    needed = (unsigned) -1;

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {

        if ((jwk->algorithms & (1u << i)) == 0) {
            continue;
        }

        if (bits < seal_km_algorithm(i)->min_bits) {

            if (needed > seal_km_algorithm(i)->min_bits) {
                needed = seal_km_algorithm(i)->min_bits;
            }

            continue;
        }

        rc = seal_km_jwk_set_checker(key, item, i);

        if (rc == -1) {
            return -1;
        }

        if (rc != 0) {
            return seal_km_jwk_unusable(jwk, "LibJWT refuses it");
        }

        n++;
    }

    if (n == 0) {
        seal_km_jwk_tell(jwk, "is not usable: %s key of %u bits, at least"
                          " %u are needed", jwk->type->name, bits, needed);
        return SEAL_KM_JWK_UNUSABLE;
    }

    return 0;
}


static int
seal_km_jwk_set_checker(seal_km_jwk_key_t *key, const jwk_item_t *item,
    int algorithm)
{
    jwt_checker_t  *checker;

    checker = jwt_checker_new();

    if (checker == NULL) {
        return -1;
    }

    key->checkers[algorithm] = checker;

    /* claims are not LibJWT's matter, which knows no order of faults */

    if (jwt_checker_setkey(checker, seal_km_algorithm(algorithm)->jwt_alg, item)
            != 0
        || jwt_checker_time_leeway(checker, JWT_CLAIM_EXP, -1) != 0
        || jwt_checker_time_leeway(checker, JWT_CLAIM_NBF, -1) != 0)
    {
        return SEAL_KM_JWK_UNUSABLE;
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

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        jwt_checker_free(key->checkers[i]);
    }

    jwks_free(key->set);
    EVP_PKEY_free(key->raw.pkey);

    seal_km_secret_free(key);
}


static int
seal_km_jwk_unusable(const seal_km_jwk_t *jwk, const char *why)
{
    seal_km_jwk_tell(jwk, "is not usable: %s", why);

    return SEAL_KM_JWK_UNUSABLE;
}


static void
seal_km_jwk_tell(const seal_km_jwk_t *jwk, const char *fmt, ...)
{
    char           text[SEAL_KM_JWK_NOTICE_MAX];
    size_t         i, len;
    va_list        args;
    seal_km_str_t  kid;

    if (jwk->notice == NULL) {
        return;
    }

    kid = seal_km_json_string(jwk->json, "kid");

    for (i = 0; i < kid.len && kid.data[i] >= 0x20 && kid.data[i] < 0x7f; i++) {
        /* void */
    }

    if (kid.len > 0 && kid.len <= SEAL_KM_JWK_KID_MAX && i == kid.len) {
        len = (size_t) snprintf(text, sizeof(text), "key %u (kid \"%s\") ",
                                jwk->position, kid.data);

    } else {
        len = (size_t) snprintf(text, sizeof(text), "key %u ", jwk->position);
    }

    va_start(args, fmt);
    (void) vsnprintf(text + len, sizeof(text) - len, fmt, args);
    va_end(args);

    jwk->notice(jwk->data, text);
}


static int
seal_km_jwk_is_text(seal_km_str_t s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}
