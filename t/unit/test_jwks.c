#include "unit.h"

#include <openssl/err.h>

#include "seal_km_jwks.h"
#include "seal_km_secret.h"


#define RSA_ALGS   0x03f
#define ES256      0x040
#define ES384      0x080
#define ES512      0x100
#define ED25519    0x200
#define ED448      0x400
#define HS256      0x800
#define HS384      0x1000
#define HS512      0x2000


/* what the last seal_km_jwks_add() told, one line each */
static char      notices[4096];
static unsigned  nnotices;


static void
notice(void *data, const char *text)
{
    assert_ptr_equal(data, notices);
    assert_null(strchr(text, '\n'));
    assert_true(strlen(notices) + strlen(text) + 2 < sizeof(notices));

    strcat(notices, text);
    strcat(notices, "\n");
    nnotices++;
}


/* adds from memory that is gone afterwards */

static int
add(seal_km_jwks_t *jwks, seal_km_str_t text, const char **error)
{
    int    rc;
    char  *copy;

    notices[0] = '\0';
    nnotices = 0;
    *error = NULL;

    copy = unit_exact(text);
    text.data = (text.data == NULL) ? NULL : copy;
    rc = seal_km_jwks_add(jwks, text, notice, notices, error);

    memset(copy, 0, text.len);
    free(copy);

    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(rc == 0, *error == NULL);

    return rc;
}


static seal_km_algorithms_t
algorithms_of(const char *text)
{
    const char            *error;
    seal_km_jwks_t        *jwks;
    seal_km_algorithms_t   set;

    jwks = seal_km_jwks_create();
    assert_non_null(jwks);

    unit_check(text, add(jwks, unit_text(text), &error) == 0);
    set = seal_km_jwks_algorithms(jwks);
    seal_km_jwks_free(jwks);

    return set;
}


/* as if the token were of that algorithm, and had that kid */

static seal_km_reason_e
verify(const seal_km_jwks_t *jwks, const char *alg, seal_km_str_t kid,
    const char *token)
{
    seal_km_jws_t     jws;
    seal_km_reason_e  rc;

    rc = seal_km_jws_read(&jws, unit_text(token), ~(seal_km_algorithms_t) 0);
    assert_int_equal(rc, SEAL_KM_OK);

    jws.algorithms = seal_km_algorithms_named(unit_text(alg));
    jws.kid = kid;

    rc = seal_km_jwks_verify(jwks, &jws);

    seal_km_jws_free(&jws);
    assert_int_equal(ERR_peek_error(), 0);

    return rc;
}


static const struct {
    const char            *key;
    const char            *more;
    seal_km_algorithms_t   algorithms;
} types[] = {
    { "rsa", NULL, RSA_ALGS },
    { "rsa3", NULL, RSA_ALGS },
    { "p256", NULL, ES256 },
    { "p384", NULL, ES384 },
    { "p521", NULL, ES512 },
    { "ed25519", NULL, ED25519 },
    { "ed448", NULL, ED448 },
    { "oct32", NULL, HS256 },
    { "oct47", NULL, HS256 },
    { "oct48", NULL, HS256|HS384 },
    { "oct64", NULL, HS256|HS384|HS512 },
    { "oct128", NULL, HS256|HS384|HS512 },

    /* "alg" (RFC 7517, 4.4) */

    { "rsa", "\"alg\":\"RS256\"", 0x01 },
    { "rsa", "\"alg\":\"PS512\"", 0x20 },
    { "p256", "\"alg\":\"ES256\"", ES256 },
    { "ed25519", "\"alg\":\"EdDSA\"", ED25519 },
    { "ed25519", "\"alg\":\"Ed25519\"", ED25519 },
    { "ed448", "\"alg\":\"EdDSA\"", ED448 },
    { "ed448", "\"alg\":\"Ed448\"", ED448 },
    { "oct64", "\"alg\":\"HS256\"", HS256 },

    /* "use" and "key_ops" (4.2, 4.3) */

    { "p256", "\"use\":\"sig\"", ES256 },
    { "p256", "\"key_ops\":[\"verify\"]", ES256 },
    { "p256", "\"key_ops\":[\"sign\",\"verify\"]", ES256 },
    { "p256", "\"use\":\"sig\",\"key_ops\":[\"verify\"]", ES256 },

    /* what is of no concern */

    { "p256", "\"kid\":\"\"", ES256 },
    { "p256", "\"kid\":\"\\u0000\"", ES256 },
    { "p256", "\"x5c\":1,\"x5t\":null,\"x5u\":[],\"iat\":1", ES256 },
    { "p256", "\"k\":\"AAAA\",\"n\":1,\"e\":{}", ES256 },
    { "oct32", "\"d\":\"AAAA\"", HS256 },

    /* null and [] for what is not there */

    { "rsa", "\"alg\":null", RSA_ALGS },
    { "p256", "\"alg\":[]", ES256 },
    { "p256", "\"use\":null", ES256 },
    { "p256", "\"key_ops\":null", ES256 },
    { "p256", "\"key_ops\":[]", ES256 },
    { "p256", "\"kid\":null", ES256 },
    { "p256", "\"kid\":[]", ES256 },
    { "rsa", "\"key_ops\":[],\"oth\":[],\"x5c\":[]", RSA_ALGS },
    { "rsa", "\"d\":null,\"p\":null,\"q\":null,\"dp\":null,\"dq\":null,"
      "\"qi\":null,\"oth\":null,\"kid\":null,\"alg\":null,\"use\":null,"
      "\"key_ops\":null,\"x5u\":null,\"x5c\":null,\"k\":null", RSA_ALGS }
};


static void
test_types(void **state)
{
    size_t  i;

    for (i = 0; i < unit_n(types); i++) {
        unit_check(types[i].more == NULL ? types[i].key : types[i].more,
                   algorithms_of(unit_jwk(unit_key(types[i].key),
                                          types[i].more))
                   == types[i].algorithms);
        unit_check(notices, nnotices == 0);
    }
}


static const struct {
    const char  *key;
    const char  *more;
    const char  *notice;     /* in it; NULL: silently */
} faults[] = {
    { "rsa1024", NULL, "key 1 is not usable: RSA key of 1024 bits, at "
      "least 2048 are needed" },
    { "rsa2047", NULL, "RSA key of 2047 bits, at least 2048" },
    { "oct31", NULL, "oct key of 248 bits, at least 256" },
    { "oct32", "\"alg\":\"HS512\"", "oct key of 256 bits, at least 512" },
    { "oct1", NULL, "oct key of 8 bits" },
    { "oct0", NULL, "its k is empty" },
    { "secp256k1", NULL, "crv" },
    { "x25519", NULL, "crv" },

    { "rsa", "\"alg\":\"ES256\"", "alg" },
    { "rsa", "\"alg\":\"HS256\"", "alg" },
    { "rsa", "\"alg\":\"rs256\"", "alg" },
    { "rsa", "\"alg\":\"RS256\\u0000\"", "alg" },
    { "rsa", "\"alg\":\"none\"", "alg" },
    { "rsa", "\"alg\":\"RSA-OAEP\"", "alg" },
    { "rsa", "\"alg\":\"\"", "alg" },
    { "rsa", "\"alg\":[\"RS256\"]", "alg" },
    { "p256", "\"alg\":\"ES384\"", "alg" },
    { "p256", "\"alg\":\"ES256K\"", "alg" },
    { "ed25519", "\"alg\":\"Ed448\"", "alg" },
    { "ed448", "\"alg\":\"Ed25519\"", "alg" },
    { "ed25519", "\"alg\":\"ED25519\"", "alg" },
    { "p256", "\"alg\":\"EdDSA\"", "alg" },
    { "oct32", "\"alg\":\"RS256\"", "alg" },

    { "p256", "\"use\":\"enc\"", NULL },
    { "p256", "\"use\":\"enc\",\"kid\":1", NULL },
    { "p256", "\"use\":\"Sig\"", "use" },
    { "p256", "\"use\":\"\"", "use" },
    { "p256", "\"use\":\"sig\\u0000\"", "use" },
    { "p256", "\"use\":[\"sig\"]", "use" },
    { "p256", "\"use\":[]", "use" },
    { "p256", "\"key_ops\":[\"sign\"]", "key_ops" },
    { "p256", "\"key_ops\":[\"Verify\"]", "key_ops" },
    { "p256", "\"key_ops\":[1,\"verify\"]", "key_ops" },
    { "p256", "\"key_ops\":[\"verify\",1]", "key_ops" },
    { "p256", "\"key_ops\":[\"verify\",null,\"verify\"]", "key_ops" },
    { "p256", "\"key_ops\":[null]", "key_ops" },
    { "p256", "\"key_ops\":[[]]", "key_ops" },
    { "p256", "\"key_ops\":\"verify\"", "key_ops" },
    { "p256", "\"key_ops\":{\"verify\":1}", "key_ops" },
    { "p256", "\"use\":\"sig\",\"key_ops\":[\"encrypt\"]", "key_ops" },
    { "p256", "\"kid\":1", "kid" },

    { "p256", "\"kid\":\"abc\",\"use\":\"x\"",
      "key 1 (kid \"abc\") is not usable: its use is not sig" },
    { "p256", "\"kid\":\"a\\nb\",\"use\":\"x\"", "key 1 is not usable" },
    { "p256", "\"kid\":\"\\u00e9\",\"use\":\"x\"", "key 1 is not usable" },
    { "p256", "\"kid\":\"\",\"use\":\"x\"", "key 1 is not usable" },
    { "p256", "\"kid\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaa\",\"use\":\"x\"", "key 1 is not usable" },
    { "p256", "\"kid\":\"%s%n\",\"use\":\"x\"", "key 1 (kid \"%s%n\") is" }
};


static void
test_unusable(void **state)
{
    char    *jwk;
    size_t   i;

    for (i = 0; i < unit_n(faults); i++) {
        jwk = unit_jwk(unit_key(faults[i].key), faults[i].more);
        unit_check(jwk, algorithms_of(jwk) == 0);
        unit_check(jwk, nnotices == (faults[i].notice == NULL ? 0 : 1));

        if (faults[i].notice != NULL) {
            unit_check(notices, strstr(notices, faults[i].notice) != NULL);
        }
    }
}


/* LibJWT takes any exponent */

static void
test_rsa_exponent(void **state)
{
    char    *n, *jwk;
    size_t   i;

    static const struct {
        const char  *e;
        int          usable;
    } exponents[] = {
        { "AQAB", 1 }, { "AAEAAQ", 1 }, { "Aw", 1 }, { "AAM", 1 },
        { "AQ", 0 }, { "AAE", 0 }, { "AAAB", 0 }, { "Ag", 0 }, { "AAI", 0 },
        { "AA", 0 }, { "AAAA", 0 }, { "", 0 }, { "AQAB=", 0 }, { "AQA+", 0 },
        { "AQABA", 0 }, { "A w", 0 }
    };

    n = strstr(unit_jwk(unit_key("rsa"), NULL), "\"n\":");
    *strstr(n, ",\"e\"") = '\0';

    for (i = 0; i < unit_n(exponents); i++) {
        jwk = unit_format("{\"kty\":\"RSA\",%s,\"e\":\"%s\"}", n,
                          exponents[i].e);
        unit_check(exponents[i].e, (algorithms_of(jwk) != 0)
                                   == exponents[i].usable);
        unit_check(exponents[i].e, (nnotices == 0) == exponents[i].usable);
    }
}


static const struct {
    const char  *name;
    const char  *jwk;
} wrong[] = {
    { "no kty", "{\"k\":\"AAAA\"}" },
    { "kty unknown", "{\"kty\":\"AKP\",\"pub\":\"AAAA\"}" },
    { "kty in lower case", "{\"kty\":\"rsa\",\"n\":\"AAAA\"}" },
    { "kty no string", "{\"kty\":1}" },
    { "kty null", "{\"kty\":null}" },
    { "empty object", "{}" },
    { "RSA without n", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}" },
    { "RSA without e", "{\"kty\":\"RSA\",\"n\":\"AAAA\"}" },
    { "RSA with a number",
      "{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":65537}" },
    { "RSA with n of 0", "{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}" },
    { "RSA with an empty n",
      "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}" },
    { "EC without crv", "{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}" },
    { "EC with an OKP curve",
      "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"AA\",\"y\":\"AA\"}" },
    { "EC with crv of OpenSSL's name",
      "{\"kty\":\"EC\",\"crv\":\"prime256v1\",\"x\":\"AA\",\"y\":\"AA\"}" },
    { "EC with crv and a NUL", "{\"kty\":\"EC\",\"crv\":\"P-256\\u0000\","
      "\"x\":\"AA\",\"y\":\"AA\"}" },
    { "EC without y", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\"}" },
    { "EC at infinity",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}" },
    { "EC off the curve",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}" },
    { "OKP without x", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}" },
    { "OKP with d alone",
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"AAAA\"}" },
    { "OKP too short",
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}" },
    { "OKP with an EC curve",
      "{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"AAAA\"}" },
    { "oct without k", "{\"kty\":\"oct\"}" },
    { "oct with k null", "{\"kty\":\"oct\",\"k\":null}" },
    { "oct in base64 with padding", "{\"kty\":\"oct\",\"k\":"
      "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}" },
    { "oct with a NUL", "{\"kty\":\"oct\",\"k\":"
      "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\\u0000\"}" },
    { "oct with bits behind the last byte", "{\"kty\":\"oct\",\"k\":"
      "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"}" }
};


/* a set with a good key: the bad one is left out, and the good one stays */

static void
test_bad_members(void **state)
{
    char    *good, *x, *y, *text;
    size_t   i;

    good = unit_jwk(unit_key("p256"), NULL);

    for (i = 0; i < unit_n(wrong); i++) {
        text = unit_format("{\"keys\":[%s,%s]}", wrong[i].jwk, good);
        unit_check(wrong[i].name, algorithms_of(text) == ES256);
        unit_check(wrong[i].name, strncmp(notices, "key 1 is ", 9) == 0);
    }

    /* coordinates of another curve, or swapped */

    x = strstr(good, "\"x\":\"") + 5;
    y = strstr(good, "\"y\":\"") + 5;
    text = unit_format("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"%.43s\","
                       "\"y\":\"%.43s\"}", x, y);
    assert_int_equal(algorithms_of(text), 0);

    text = unit_format("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.43s\","
                       "\"y\":\"%.43s\"}", y, x);
    assert_int_equal(algorithms_of(text), 0);
}


static void
test_texts_refused(void **state)
{
    char                  *good;
    size_t                 i;
    const char            *error;
    seal_km_jwks_t        *jwks;
    seal_km_algorithms_t   before;

    static const struct {
        const char     *name;
        seal_km_str_t   text;
        const char     *error;
    } cases[] = {
        { "empty", unit_lit(""), "JSON" },
        { "absent", unit_none, "JSON" },
        { "PEM", unit_lit("-----BEGIN PUBLIC KEY-----"), "PEM" },
        { "PEM's start", unit_lit("-----BEGIN"), "JSON" },
        { "array", unit_lit("[]"), "object" },
        { "string", unit_lit("\"keys\""), "object" },
        { "neither set nor key", unit_lit("{}"), "neither" },
        { "neither set nor key, with members", unit_lit("{\"Keys\":[]}"),
          "neither" },
        { "no key", unit_lit("{\"keys\":[]}"), "holds no key" },
        { "keys null", unit_lit("{\"keys\":null}"), "no array" },
        { "keys an object", unit_lit("{\"keys\":{\"kty\":\"oct\"}}"),
          "no array" },
        { "keys and kty", unit_lit("{\"keys\":1,\"kty\":\"oct\"}"),
          "no array" },
        { "name twice", unit_lit("{\"keys\":[],\"keys\":[]}"), "twice" },
        { "name twice, escaped", unit_lit("{\"keys\":[],"
          "\"k\\u0065ys\":[]}"), "twice" },
        { "another name twice", unit_lit("{\"keys\":[{}],\"a\":1,\"a\":1}"),
          "twice" },
        { "name twice in the one key", unit_lit("{\"kty\":\"oct\","
          "\"k\":\"AA\",\"\\u006b\":\"AQ\"}"), "twice" },
        { "the one key in depth", unit_lit("{\"kty\":\"oct\",\"x\":{\"a\":1,"
          "\"a\":1}}"), "twice" },
        { "no value", unit_lit("{\"keys\":}"), "JSON" },
        { "no end", unit_lit("{\"keys\":[{}"), "JSON" },
        { "no end of a key", unit_lit("{\"keys\":[{"), "JSON" },
        { "no end of a string", unit_lit("{\"keys\":[{\"a"), "JSON" },
        { "no end after a backslash", unit_lit("{\"keys\":[{\"a\\"), "JSON" },
        { "no end of the object", unit_lit("{\"keys\":[{}]"), "JSON" },
        { "comma at the end", unit_lit("{\"keys\":[{},]}"), "JSON" },
        { "comma at the start", unit_lit("{\"keys\":[,{}]}"), "JSON" },
        { "two commas", unit_lit("{\"keys\":[{},,{}]}"), "JSON" },
        { "comma alone", unit_lit("{\"keys\":[,]}"), "JSON" },
        { "no comma", unit_lit("{\"keys\":[{} {}]}"), "JSON" },
        { "brackets that do not match", unit_lit("{\"keys\":[{]}"), "JSON" },
        { "nor there", unit_lit("{\"keys\":[{]},{}]}"), "JSON" },
        { "a key that is no JSON", unit_lit("{\"keys\":[{\"kty\"}]}"), "JSON" },
        { "a key of a word", unit_lit("{\"keys\":[{},nil]}"), "JSON" },
        { "a key of no UTF-8", unit_lit("{\"keys\":[\"\xff\"]}"), "JSON" },
        { "another member of no JSON", unit_lit("{\"keys\":[{}],\"a\":nil}"),
          "JSON" },
        { "another member of no JSON, in depth", unit_lit("{\"a\":{\"b\":[1,]},"
          "\"keys\":[{}]}"), "JSON" },
        { "name without a colon", unit_lit("{\"keys\"[{}]}"), "JSON" },
        { "name without quotes", unit_lit("{keys:[{}]}"), "JSON" },
        { "set in an array", unit_lit("[{\"keys\":[{}]}]"), "object" },
        { "set in a member", unit_lit("{\"a\":{\"keys\":[{}]}}"), "neither" },
        { "two sets", unit_lit("{\"keys\":[{}]}{\"keys\":[{}]}"), "JSON" },
        { "something behind", unit_lit("{\"kty\":\"oct\"}x"), "JSON" },
        { "raw NUL", unit_lit("{\"kty\":\"oct\"}\0"), "JSON" }
    };

    jwks = seal_km_jwks_create();
    assert_non_null(jwks);
    assert_int_equal(seal_km_jwks_algorithms(jwks), 0);
    assert_int_equal(seal_km_jwks_count(jwks), 0);

    good = unit_jwk(unit_key("p256"), NULL);
    assert_int_equal(add(jwks, unit_text(good), &error), 0);
    before = seal_km_jwks_algorithms(jwks);

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].name, add(jwks, cases[i].text, &error) == -1);
        unit_check(cases[i].name, strstr(error, cases[i].error) != NULL);
        unit_check(cases[i].name, seal_km_jwks_algorithms(jwks) == before);
        unit_check(cases[i].name, seal_km_jwks_count(jwks) == 1);
    }

    /* sets grow */

    assert_int_equal(add(jwks, unit_text(unit_jwk(unit_key("p384"), NULL)),
                         &error), 0);
    assert_int_equal(seal_km_jwks_algorithms(jwks), ES256|ES384);
    assert_int_equal(seal_km_jwks_count(jwks), 2);

    seal_km_jwks_free(jwks);
    seal_km_jwks_free(NULL);
}


/* what is wrong with one key is no fault of the others: RFC 7517, clause 5 */

static void
test_foreign_keys(void **state)
{
    char    *good, *text;
    size_t   i, j;

    static const struct {
        const char  *key;
        const char  *notice;
    } cases[] = {
        { "null", "is not usable: it is no JSON object" },
        { "\"-----BEGIN PUBLIC KEY-----\"", "no JSON object" },
        { "[]", "no JSON object" },
        { "[{\"kty\":\"RSA\"}]", "no JSON object" },
        { "1", "no JSON object" },
        { "true", "no JSON object" },
        { "{}", "kty" },
        { "{\"kty\":null}", "kty" },
        { "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\"}", "kty" },
        { "{\"kty\":\"oct\",\"kty\":\"oct\"}", "twice" },
        { "{\"kty\":\"oct\",\"k\":\"AA\",\"\\u006b\":\"AA\"}", "twice" },
        { "{\"kty\":\"oct\",\"x\":[{\"a\":1,\"a\":2}]}", "twice" },
        { "{\"kty\":\"oct\",\"exp\":1e400}", "too large" },
        { "1e400", "too large" },
        { "{\"kty\":\"oct\",\"a\\u0000\":1}", "is not usable" },
        { "{\"kty\":\"oct\",\"exp\":99999999999999999999}", "its k is" },
        { "{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":65537}",
          "its e is no string: JWK has it in base64url, 65537 say as \"AQAB\"" },
        { "{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":null}", "its e is missing" },
        { "{\"kty\":\"RSA\",\"n\":[],\"e\":\"AQAB\"}", "its n is missing" },
        { "{\"kty\":\"RSA\",\"n\":\"AA==\",\"e\":\"AQAB\"}",
          "its n is no base64url" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"AA\"}",
          "its x is empty" },
        { "{\"kty\":\"o}]ct\",\"a\":\"\\\"},{\"}", "kty" }
    };

    static const char *const  sets[] = {
        "{\"keys\":[%s,%s]}",
        " {\n\"keys\" : [ %s , %s ] , \"x\" : [ { } , 1 ] } ",
        "{\"a\":1e400,\"b\":{\"c\":1,\"c\":1},\"k\\u0065ys\":[%s,%s]}",
        "{\"a\":\"]},\",\"b\":null,\"keys\":[%s,%s],\"keys2\":[1,{}]}"
    };

    good = unit_jwk(unit_key("p256"), NULL);

    for (i = 0; i < unit_n(cases); i++) {
        for (j = 0; j < unit_n(sets); j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            text = unit_format(sets[j], cases[i].key, good);
#pragma GCC diagnostic pop
            unit_check(text, algorithms_of(text) == ES256);
            unit_check(notices, nnotices == 1);
            unit_check(notices, strncmp(notices, "key 1 ", 6) == 0);
            unit_check(notices, strstr(notices, cases[i].notice) != NULL);
        }

        /* alone: a set without a key, which is not refused */

        text = unit_format("{\"keys\":[%s]}", cases[i].key);
        unit_check(text, algorithms_of(text) == 0);
        unit_check(notices, nnotices == 1);

        text = unit_format("{\"keys\":[%s,%s,%s]}", good, cases[i].key,
                           unit_jwk(unit_key("p384"), NULL));
        unit_check(text, algorithms_of(text) == (ES256|ES384));
        unit_check(notices, strncmp(notices, "key 2 ", 6) == 0);
    }
}


/* an "oth" alone, say, still tells of a private key */

static void
test_private(void **state)
{
    char            *token, *jwk;
    size_t           i, j;
    const char      *error;
    seal_km_jwks_t  *jwks;

    static const struct {
        const char  *key;
        const char  *alg;
    } cases[] = {
        { "rsa", "RS256" }, { "rsa", "PS384" }, { "p256", "ES256" },
        { "p521", "ES512" }, { "ed25519", "EdDSA" }, { "ed448", "EdDSA" }
    };

    static const char *const  members[] = {
        "d", "p", "q", "dp", "dq", "qi", "oth"
    };

    static const char *const  values[] = {
        "\"AA\"", "\"\"", "1", "false", "{}", "[{}]"
    };

    for (i = 0; i < unit_n(cases); i++) {
        jwks = seal_km_jwks_create();
        jwk = unit_private_jwk(unit_key(cases[i].key), "\"kid\":\"a\"");
        assert_int_equal(add(jwks, unit_text(jwk), &error), 0);

        assert_int_equal(nnotices, 1);
        assert_non_null(strstr(notices, "key 1 (kid \"a\") is private"));

        token = unit_token(cases[i].alg, unit_key(cases[i].key),
                           unit_format("{\"alg\":\"%s\"}", cases[i].alg),
                           "{}");
        assert_int_equal(verify(jwks, cases[i].alg, unit_str("a"), token),
                         SEAL_KM_OK);
        seal_km_jwks_free(jwks);
    }

    /* LibJWT takes no key with some of the members, but never sees them */

    for (i = 0; i < unit_n(members); i++) {
        for (j = 0; j < unit_n(values); j++) {
            jwk = unit_jwk(unit_key("rsa"),
                           unit_format("\"%s\":%s", members[i], values[j]));
            assert_int_equal(algorithms_of(jwk), RSA_ALGS);
            assert_int_equal(nnotices, 1);
            assert_non_null(strstr(notices, "private"));
        }

        jwk = unit_jwk(unit_key("rsa"),
                       unit_format("\"%s\":null", members[i]));
        assert_int_equal(algorithms_of(jwk), RSA_ALGS);
        assert_int_equal(nnotices, 0);
    }

    /* it is told of a key that is not used, too */

    jwk = unit_jwk(unit_key("rsa"), "\"use\":\"enc\",\"d\":\"AA\"");
    assert_int_equal(algorithms_of(jwk), 0);
    assert_non_null(strstr(notices, "key 1 is private"));

    /* a wrong private part does no harm, nor does it get to sign */

    jwk = unit_jwk(unit_key("p256"), "\"d\":\"AA\"");
    assert_int_equal(algorithms_of(jwk), ES256);
}


/* no notice holds key material */

static void
test_notices_are_discreet(void **state)
{
    char        *secret, *jwk;
    const char  *error;

    seal_km_jwks_t  *jwks;

    secret = unit_base64url(unit_key("oct31")->secret, 31);
    jwks = seal_km_jwks_create();

    jwk = unit_jwk(unit_key("oct31"), NULL);
    assert_int_equal(add(jwks, unit_text(jwk), &error), 0);
    assert_null(strstr(notices, secret));

    jwk = unit_format("{\"kty\":\"oct\",\"k\":\"%s=\"}", secret);
    assert_int_equal(add(jwks, unit_text(jwk), &error), 0);
    assert_null(strstr(notices, secret));

    seal_km_jwks_free(jwks);

    /* and without anyone to tell */

    jwks = unit_jwks(jwk);
    assert_int_equal(seal_km_jwks_algorithms(jwks), 0);
    seal_km_jwks_free(jwks);
}


static void
test_positions(void **state)
{
    char  *text;

    text = unit_format("{\"keys\":[%s,{\"kty\":\"x\"},%s,%s],\"x\":1}",
                       unit_jwk(unit_key("rsa1024"), "\"kid\":\"one\""),
                       unit_jwk(unit_key("p256"), "\"use\":\"enc\""),
                       unit_private_jwk(unit_key("p256"), "\"alg\":\"x\""));

    assert_int_equal(algorithms_of(text), 0);
    assert_string_equal(notices,
        "key 1 (kid \"one\") is not usable: RSA key of 1024 bits, at least"
        " 2048 are needed\n"
        "key 2 is not usable: its kty is not RSA, EC, OKP or oct\n"
        "key 4 is private: only its public part is used, and the private one"
        " should not be here\n"
        "key 4 is not usable: its alg is none of its kty\n");
}


static void
test_kid(void **state)
{
    char            *token, *text;
    size_t           i;
    const char      *error;
    seal_km_jwks_t  *jwks;

    static const struct {
        const char        *name;
        seal_km_str_t      kid;
        seal_km_reason_e   rc;
    } cases[] = {
        { "the right one", unit_lit("b"), SEAL_KM_OK },
        { "without", unit_none, SEAL_KM_OK },
        { "another one", unit_lit("a"), SEAL_KM_TOKEN_SIGNATURE },
        { "unknown", unit_lit("z"), SEAL_KM_TOKEN_SIGNATURE },
        { "empty", unit_lit(""), SEAL_KM_TOKEN_SIGNATURE },
        { "prefix with a NUL", unit_lit("b\0"), SEAL_KM_TOKEN_SIGNATURE },
        { "other case", unit_lit("B"), SEAL_KM_TOKEN_SIGNATURE }
    };

    /* signed with the key "b", which comes last; the second has no kid */

    text = unit_format("{\"keys\":[%s,%s,%s,%s]}",
                       unit_jwk(unit_key("rsa2"), "\"kid\":\"a\""),
                       unit_jwk(unit_key("rsa4"), NULL),
                       unit_jwk(unit_key("p256"), "\"kid\":\"b\""),
                       unit_jwk(unit_key("rsa"), "\"kid\":\"b\""));
    token = unit_token("RS256", unit_key("rsa"), "{\"alg\":\"RS256\"}", "{}");

    jwks = seal_km_jwks_create();
    assert_int_equal(add(jwks, unit_text(text), &error), 0);

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].name,
                   verify(jwks, "RS256", cases[i].kid, token) == cases[i].rc);
    }

    assert_int_equal(verify(jwks, "ES384", unit_str("b"), token),
                     SEAL_KM_TOKEN_KEY);
    assert_int_equal(verify(jwks, "ES256", unit_str("z"), token),
                     SEAL_KM_TOKEN_KEY);

    /* a failure does not stick, nor does a success */

    assert_int_equal(verify(jwks, "RS256", unit_str("b"), token), SEAL_KM_OK);
    assert_int_equal(verify(jwks, "RS256", unit_str("b"),
                            unit_format("%sAAAA", token)),
                     SEAL_KM_TOKEN_SIGNATURE);
    assert_int_equal(verify(jwks, "RS256", unit_str("b"), token), SEAL_KM_OK);

    seal_km_jwks_free(jwks);
}


/* any bytes may be a kid */

static void
test_odd_kids(void **state)
{
    char            *token;
    seal_km_jwks_t  *jwks;

    token = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}", "{}");

    jwks = unit_jwks(unit_jwk(unit_key("p256"), "\"kid\":\"a\\u0000b\""));
    assert_int_equal(verify(jwks, "ES256", unit_str("a\0b"), token),
                     SEAL_KM_OK);
    assert_int_equal(verify(jwks, "ES256", unit_str("a"), token),
                     SEAL_KM_TOKEN_KEY);
    assert_int_equal(verify(jwks, "ES256", unit_str("a\0c"), token),
                     SEAL_KM_TOKEN_KEY);
    seal_km_jwks_free(jwks);

    jwks = unit_jwks(unit_jwk(unit_key("p256"), "\"kid\":\"\""));
    assert_int_equal(verify(jwks, "ES256", unit_str(""), token), SEAL_KM_OK);
    assert_int_equal(verify(jwks, "ES256", unit_str("a"), token),
                     SEAL_KM_TOKEN_KEY);
    seal_km_jwks_free(jwks);
}


/* claims are not the signature's matter: exp was long ago */

static void
test_verify(void **state)
{
    char            *token, *last;
    size_t           i;
    seal_km_str_t    kid;
    seal_km_jwks_t  *jwks;

    static const struct {
        const char  *alg;
        const char  *key;
    } cases[] = {
        { "RS256", "rsa" }, { "RS384", "rsa" }, { "RS512", "rsa3" },
        { "PS256", "rsa" }, { "PS384", "rsa" }, { "PS512", "rsa" },
        { "ES256", "p256" }, { "ES384", "p384" }, { "ES512", "p521" },
        { "EdDSA", "ed25519" }, { "EdDSA", "ed448" },
        { "Ed25519", "ed25519" }, { "Ed448", "ed448" },
        { "HS256", "oct32" }, { "HS384", "oct48" }, { "HS512", "oct64" },
        { "HS256", "oct128" }
    };

    kid.data = NULL;
    kid.len = 0;

    for (i = 0; i < unit_n(cases); i++) {
        jwks = unit_jwks(unit_jwk(unit_key(cases[i].key), NULL));
        token = unit_token(cases[i].alg, unit_key(cases[i].key),
                           unit_format("{\"alg\":\"%s\"}", cases[i].alg),
                           "{\"exp\":1}");

        unit_check(cases[i].alg, verify(jwks, cases[i].alg, kid, token)
                                 == SEAL_KM_OK);
        unit_check(cases[i].alg,
                   verify(jwks, cases[i].alg, unit_str("z"), token)
                   == SEAL_KM_OK);

        last = strrchr(token, '.') + 5;
        *last = (*last == 'A') ? 'B' : 'A';
        unit_check(cases[i].alg, verify(jwks, cases[i].alg, kid, token)
                                 == SEAL_KM_TOKEN_SIGNATURE);

        seal_km_jwks_free(jwks);
    }
}


/* a set is cleansed, and all of it is freed */

static unsigned  dirty;
static char      needle[12];


static void
look(const unsigned char *p, size_t size)
{
    size_t  i;

    for (i = 0; i + sizeof(needle) <= size; i++) {
        if (memcmp(p + i, needle, sizeof(needle)) == 0) {
            dirty++;
            return;
        }
    }
}


static void
test_cleansed(void **state)
{
    char            *jwk, *token;
    const char      *error;
    seal_km_jwks_t  *jwks;

    jwk = unit_jwk(unit_key("oct64"), "\"kid\":\"a\"");
    token = unit_token("HS512", unit_key("oct64"), "{\"alg\":\"HS512\"}",
                       "{}");

    dirty = 0;
    memcpy(needle, strstr(jwk, "\"k\":\"") + 7, sizeof(needle));
    unit_memory_watch(look);

    jwks = seal_km_jwks_create();
    assert_int_equal(add(jwks, unit_text(jwk), &error), 0);
    assert_int_equal(verify(jwks, "HS512", unit_str("a"), token), SEAL_KM_OK);
    seal_km_jwks_free(jwks);

    assert_int_equal(dirty, 0);

    memcpy(needle, unit_key("oct64")->secret + 20, sizeof(needle));

    jwks = seal_km_jwks_create();
    assert_int_equal(add(jwks, unit_text(jwk), &error), 0);
    assert_int_equal(verify(jwks, "HS512", unit_str("a"), token), SEAL_KM_OK);
    seal_km_jwks_free(jwks);

    unit_memory_watch(NULL);
    assert_int_equal(dirty, 0);
}


/*
 * Memory that runs out at each place in turn, for good or once: an error or a set
 * that has the key.  Only where there is none for long may OpenSSL's refusal be
 * taken for one.  Returns how many blocks were allocated, and *leak is how many
 * more there are than before.
 */

static unsigned
lacks_memory(const char *jwk, unsigned nth, void (*lack)(unsigned nth),
    long *leak)
{
    int              rc, has;
    unsigned         count;
    const char      *error;
    seal_km_jwks_t  *jwks;

    *leak = -unit_memory_blocks();

    jwks = seal_km_jwks_create();
    assert_non_null(jwks);

    error = NULL;

    lack(nth);
    rc = seal_km_jwks_add(jwks, unit_text(jwk), NULL, NULL, &error);
    count = unit_memory_count();
    unit_memory_fail(0);

    has = seal_km_jwks_algorithms(jwks) != 0;

    assert_int_equal(rc == 0, error == NULL);
    assert_int_not_equal(rc, -1);
    assert_int_equal(ERR_peek_error(), 0);
    assert_true(!has || rc == 0);

    if (lack == unit_memory_fail_once) {
        assert_int_equal(has, rc == 0);
    }

    seal_km_jwks_free(jwks);

    *leak += unit_memory_blocks();

    return count;
}


/* OpenSSL keeps some blocks for the next time: a leak is one each time */

static void
lacks_memory_well(const char *jwk, unsigned nth, void (*lack)(unsigned nth))
{
    long      leak;
    unsigned  i;

    leak = 1;

    for (i = 0; i < 4 && leak > 0; i++) {
        (void) lacks_memory(jwk, nth, lack, &leak);
    }

    assert_true(leak <= 0);
}


static void
test_no_memory(void **state)
{
    char      *jwk;
    long       leak;
    size_t     i;
    unsigned   nth, n, step;

    static const char *const  keys[] = { "oct64", "ed25519", "p256", "rsa" };

    unit_memory_fail(1);
    assert_null(seal_km_jwks_create());
    unit_memory_fail(0);

    for (i = 0; i < sizeof(keys) / sizeof(char *); i++) {
        jwk = unit_jwk(unit_key(keys[i]), "\"kid\":\"a\"");

        /* what OpenSSL keeps for the next time */
        (void) lacks_memory(jwk, 0, unit_memory_fail, &leak);
        n = lacks_memory(jwk, 0, unit_memory_fail, &leak);

        assert_true(n > 40);

        /* in the middle are all the decoders that OpenSSL tries */

        for (nth = 1; nth <= n; nth += (nth > 150 && nth + 300 < n) ? 11 : 1) {
            lacks_memory_well(jwk, nth, unit_memory_fail_once);
        }

        step = 1 + n / 100;

        for (nth = 1; nth <= n; nth += step) {
            lacks_memory_well(jwk, nth, unit_memory_fail);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_rsa_exponent),
        cmocka_unit_test(test_bad_members),
        cmocka_unit_test(test_texts_refused),
        cmocka_unit_test(test_foreign_keys),
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_notices_are_discreet),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_kid),
        cmocka_unit_test(test_odd_kids),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_cleansed),
        cmocka_unit_test(test_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
