#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "seal_km_base64.h"
#include "seal_km_jwk.h"
#include "seal_km_jwk_key.h"
#include "seal_km_secret.h"


/* a key that is left out, and told of; 0 is success, -1 memory is out */
#define SEAL_KM_JWK_UNUSABLE    1

#define SEAL_KM_JWK_NOTICE_MAX  256
#define SEAL_KM_JWK_KID_MAX     64


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
static int seal_km_jwk_finish(const seal_km_jwk_t *jwk,
    seal_km_jwk_key_t *key);
static unsigned seal_km_jwk_min_bits(const seal_km_jwk_t *jwk);
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
        rc = (new == NULL) ? -1 : seal_km_jwk_finish(jwk, new);

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


static int
seal_km_jwk_finish(const seal_km_jwk_t *jwk, seal_km_jwk_key_t *key)
{
    switch (seal_km_jwk_make_key(jwk, key)) {

    case SEAL_KM_JWK_KEY_OK:
        return 0;

    case SEAL_KM_JWK_KEY_UNDECODABLE:
        return seal_km_jwk_unusable(jwk, "it cannot be decoded");

    case SEAL_KM_JWK_KEY_REFUSED:
        return seal_km_jwk_unusable(jwk, "OpenSSL refuses it");

    case SEAL_KM_JWK_KEY_SHORT:
        return seal_km_jwk_unusable(jwk, "%s key of %u bits, at least %u are"
                                    " needed", jwk->type->name, key->bits,
                                    seal_km_jwk_min_bits(jwk));

    default: /* SEAL_KM_JWK_KEY_NO_MEMORY */
        return -1;
    }
}


static unsigned
seal_km_jwk_min_bits(const seal_km_jwk_t *jwk)
{
    int       i;
    unsigned  bits, least;

    least = (unsigned) -1;

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        bits = seal_km_algorithm(i)->min_bits;

        if ((jwk->algorithms & (1u << i)) != 0 && bits < least) {
            least = bits;
        }
    }

    return least;
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
    if (key == NULL) {
        return;
    }

    seal_km_jwk_key_clear(key);
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
