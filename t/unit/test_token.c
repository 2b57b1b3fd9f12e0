#include "unit.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "seal_km_base64.h"
#include "seal_km_token.h"


#define ALL      0x3fff
#define CLAIMS   "{\"exp\":2000000000,\"client_id\":\"c\"}"

#define N_51   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N_255  N_51 N_51 N_51 N_51 N_51


static seal_km_jwks_t  *jwks;   /* one key of each kind, without a kid */


/* verifies from memory that has nothing to spare but the NUL */

static seal_km_reason_e
verify_with(seal_km_jwks_t *set, seal_km_algorithms_t allowed,
    seal_km_str_t text, seal_km_token_t *token)
{
    char              *copy;
    seal_km_reason_e   rc;

    copy = malloc(text.len + 1);
    assert_non_null(copy);

    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }

    copy[text.len] = '\0';
    text.data = copy;

    memset(token, 0xa5, sizeof(seal_km_token_t));
    rc = seal_km_token_verify(token, text, set, allowed, NULL, NULL);

    memset(copy, 0, text.len);
    free(copy);

    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(rc == SEAL_KM_OK, token->claims != NULL);

    return rc;
}


static seal_km_reason_e
verify_text(seal_km_str_t text)
{
    seal_km_token_t    token;
    seal_km_reason_e   rc;

    rc = verify_with(jwks, ALL, text, &token);
    seal_km_token_free(&token);

    return rc;
}


static seal_km_reason_e
verify(const char *text)
{
    return verify_text(unit_text(text));
}


/* a signed ES256 token of that header and those claims, any bytes */

static char *
signed_token(seal_km_str_t header, seal_km_str_t claims)
{
    return unit_token_of("ES256", unit_key("p256"), header, claims);
}


static const struct {
    seal_km_str_t      value;
    seal_km_reason_e   rc;
    const char        *token;
} values[] = {
    { unit_lit("Bearer abc"), SEAL_KM_OK, "abc" },
    { unit_lit("bearer abc"), SEAL_KM_OK, "abc" },
    { unit_lit("BEARER abc"), SEAL_KM_OK, "abc" },
    { unit_lit("bEaReR abc"), SEAL_KM_OK, "abc" },
    { unit_lit("Bearer    abc"), SEAL_KM_OK, "abc" },
    { unit_lit("Bearer abc  "), SEAL_KM_OK, "abc" },
    { unit_lit("Bearer a.b-c_d~e+f/g=="), SEAL_KM_OK, "a.b-c_d~e+f/g==" },
    { unit_lit("Bearer AZaz09"), SEAL_KM_OK, "AZaz09" },

    { unit_none, SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit(""), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("Bearer"), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("Bearer "), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("Bearer    "), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("Beare"), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("Bearerx abc"), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("Bearerabc"), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("Basic abc"), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("abc"), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit(" Bearer abc"), SEAL_KM_TOKEN_MISSING, NULL },
    { unit_lit("DPoP Bearer abc"), SEAL_KM_TOKEN_MISSING, NULL },

    /* what is no token is told by its parts: see test_alphabet */
    { unit_lit("Bearer abc def"), SEAL_KM_OK, "abc def" },
    { unit_lit("Bearer \tabc\t"), SEAL_KM_OK, "\tabc\t" }
};


static void
test_find(void **state)
{
    char              *copy;
    size_t             i;
    seal_km_str_t      value, token;
    seal_km_reason_e   rc;

    for (i = 0; i < unit_n(values); i++) {
        value = values[i].value;
        copy = unit_exact(value);
        value.data = (value.data == NULL) ? NULL : copy;
        token.data = NULL;
        token.len = 0;

        rc = seal_km_token_find(value, &token);
        unit_check(values[i].value.data, rc == values[i].rc);

        if (rc == SEAL_KM_OK) {
            unit_check_str(values[i].value.data, token,
                           unit_text(values[i].token));
            assert_true(token.data > copy && token.data < copy + value.len);
        }

        free(copy);
    }
}


/* RFC 7515, clause 3.1: base64url and two dots, and nothing else, anywhere */

static void
test_alphabet(void **state)
{
    int             c;
    char           *good, *text;
    size_t          i, len;
    seal_km_str_t   bad;

    static const char  base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "abcdefghijklmnopqrstuvwxyz0123456789-_";

    good = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}", CLAIMS);
    len = strlen(good);

    assert_int_equal(verify(good), SEAL_KM_OK);

    for (c = 0; c < 256; c++) {

        if (c != 0 && strchr(base64url, c) != NULL) {
            continue;
        }

        /* one too many, at each place: also before it, and behind it */

        for (i = 0; i <= len; i++) {
            text = malloc(len + 1);
            assert_non_null(text);

            memcpy(text, good, i);
            text[i] = (char) c;
            memcpy(text + i + 1, good + i, len - i);

            bad.data = text;
            bad.len = len + 1;

            assert_int_equal(verify_text(bad), SEAL_KM_TOKEN_MALFORMED);
            free(text);
        }

        /* and instead of each character: a dot is none that is missing */

        for (i = 0; i < len; i++) {
            text = malloc(len);
            assert_non_null(text);

            memcpy(text, good, len);
            text[i] = (char) c;

            bad.data = text;
            bad.len = len;

            if (c != good[i]) {
                assert_int_equal(verify_text(bad), SEAL_KM_TOKEN_MALFORMED);
            }

            free(text);
        }
    }
}


static void
test_verified(void **state)
{
    char             *text;
    seal_km_token_t   token;

    text = unit_token("ES256", unit_key("p256"),
                      "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
                      "{\"iss\":\"i\",\"exp\":2000000000,\"nbf\":1.5,"
                      "\"client_id\":\"c\\u0000d\",\"sub\":\"s\","
                      "\"scope\":\"a b\"}");

    assert_int_equal(verify_with(jwks, ALL, unit_text(text), &token),
                     SEAL_KM_OK);

    assert_true(token.exp == 2000000000.0);
    assert_true(token.has_nbf);
    assert_true(token.nbf == 1.5);
    unit_check_str("client_id", token.client_id, unit_str("c\0d"));
    unit_check_str("sub", token.sub, unit_str("s"));
    unit_check_str("scope", token.scope, unit_str("a b"));

    seal_km_token_free(&token);
    assert_null(token.claims);
    assert_null(token.sub.data);
    seal_km_token_free(&token);

    text = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}",
                      CLAIMS);
    assert_int_equal(verify_with(jwks, ALL, unit_text(text), &token),
                     SEAL_KM_OK);
    assert_false(token.has_nbf);
    assert_null(token.sub.data);
    assert_null(token.scope.data);
    seal_km_token_free(&token);

    memset(&token, 0, sizeof(token));
    seal_km_token_free(&token);
}


static void
test_algorithms(void **state)
{
    char                  *text;
    size_t                 i;
    seal_km_token_t        token;
    seal_km_algorithms_t   named;

    static const struct {
        const char  *alg;
        const char  *key;
    } algs[] = {
        { "RS256", "rsa" }, { "RS384", "rsa" }, { "RS512", "rsa" },
        { "PS256", "rsa" }, { "PS384", "rsa" }, { "PS512", "rsa" },
        { "ES256", "p256" }, { "ES384", "p384" }, { "ES512", "p521" },
        { "EdDSA", "ed25519" }, { "EdDSA", "ed448" },
        { "Ed25519", "ed25519" }, { "Ed448", "ed448" },
        { "HS256", "oct64" }, { "HS384", "oct64" }, { "HS512", "oct64" }
    };

    for (i = 0; i < unit_n(algs); i++) {
        text = unit_token(algs[i].alg, unit_key(algs[i].key),
                          unit_format("{\"alg\":\"%s\"}", algs[i].alg),
                          CLAIMS);
        unit_check(algs[i].alg, verify(text) == SEAL_KM_OK);

        named = seal_km_algorithms_named(unit_text(algs[i].alg));

        unit_check(algs[i].alg,
                   verify_with(jwks, named, unit_text(text), &token)
                   == SEAL_KM_OK);
        seal_km_token_free(&token);

        unit_check(algs[i].alg,
                   verify_with(jwks, ALL & ~named, unit_text(text),
                               &token)
                   == SEAL_KM_TOKEN_ALGORITHM);

        unit_check(algs[i].alg,
                   verify_with(jwks, 0, unit_text(text), &token)
                   == SEAL_KM_TOKEN_ALGORITHM);

        /* HMAC only where it is listed */

        unit_check(algs[i].alg,
                   verify_with(jwks, seal_km_algorithms_asymmetric(),
                               unit_text(text), &token)
                   == (algs[i].alg[0] == 'H' ? SEAL_KM_TOKEN_ALGORITHM
                                             : SEAL_KM_OK));
        seal_km_token_free(&token);
    }
}


/*
 * RFC 9864: "EdDSA" of a token, of a key and of those allowed is either curve;
 * and each name is the same as the other where the curve is the key's.
 */

static void
test_eddsa(void **state)
{
    char              *text;
    size_t             i, j, k, l;
    seal_km_jwks_t    *set;
    seal_km_token_t    token;
    seal_km_reason_e   want;

    static const char *const  names[] = { "EdDSA", "Ed25519", "Ed448" };
    static const char *const  keys[] = { NULL, "ed25519", "ed448" };

    for (k = 1; k < 3; k++) {
        for (i = 0; i < 3; i++) {
            for (j = 0; j < 3; j++) {
                for (l = 0; l < 3; l++) {

                    /* k: curve; i: token's; j: key's; l: allowed */

                    set = unit_jwks(unit_jwk(unit_key(keys[k]),
                               unit_format("\"alg\":\"%s\"", names[j])));
                    text = unit_token(names[i], unit_key(keys[k]),
                                 unit_format("{\"alg\":\"%s\"}", names[i]),
                                 CLAIMS);

                    if (i > 0 && l > 0 && i != l) {
                        want = SEAL_KM_TOKEN_ALGORITHM;

                    } else if ((i > 0 && i != k) || (j > 0 && j != k)
                               || (l > 0 && l != k))
                    {
                        want = SEAL_KM_TOKEN_KEY;

                    } else {
                        want = SEAL_KM_OK;
                    }

                    unit_check(unit_format("%s: token %s, key %s, allowed %s",
                                           keys[k], names[i], names[j],
                                           names[l]),
                               verify_with(set, seal_km_algorithms_named(
                                                       unit_text(names[l])),
                                           unit_text(text), &token)
                               == want);

                    seal_km_token_free(&token);
                    seal_km_jwks_free(set);
                }
            }
        }
    }
}


/* the three parts (RFC 7515, 7.1) */

static void
test_parts(void **state)
{
    char    *good, *header, *claims, *sig;
    size_t   i;

    good = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}",
                      CLAIMS);
    assert_int_equal(verify(good), SEAL_KM_OK);

    header = strdup(good);
    claims = strchr(header, '.');
    *claims++ = '\0';
    sig = strchr(claims, '.');
    *sig++ = '\0';

    const struct {
        const char        *name;
        const char        *text;
        seal_km_reason_e   rc;
    } cases[] = {
        { "empty", "", SEAL_KM_TOKEN_MALFORMED },
        { "one part", header, SEAL_KM_TOKEN_MALFORMED },
        { "two parts", unit_format("%s.%s", header, claims),
          SEAL_KM_TOKEN_MALFORMED },
        { "four parts", unit_format("%s.a", good), SEAL_KM_TOKEN_MALFORMED },
        { "dot at the end", unit_format("%s.", good),
          SEAL_KM_TOKEN_MALFORMED },
        { "dot at the start", unit_format(".%s", good),
          SEAL_KM_TOKEN_MALFORMED },
        { "five parts, as a JWE", unit_format("%s.a.a", good),
          SEAL_KM_TOKEN_MALFORMED },
        { "two dots", "..", SEAL_KM_TOKEN_MALFORMED },
        { "no header", unit_format(".%s.%s", claims, sig),
          SEAL_KM_TOKEN_MALFORMED },
        { "no claims", unit_format("%s..%s", header, sig),
          SEAL_KM_TOKEN_SIGNATURE },
        { "no signature", unit_format("%s.%s.", header, claims),
          SEAL_KM_TOKEN_SIGNATURE },
        { "padding behind the signature", unit_format("%s==", good),
          SEAL_KM_TOKEN_MALFORMED },
        { "padding behind the header", unit_format("%s=.%s.%s", header,
          claims, sig), SEAL_KM_TOKEN_MALFORMED },
        { "padding behind the claims", unit_format("%s.%s=.%s", header,
          claims, sig), SEAL_KM_TOKEN_MALFORMED },
        { "space before", unit_format(" %s", good), SEAL_KM_TOKEN_MALFORMED },
        { "space behind", unit_format("%s ", good), SEAL_KM_TOKEN_MALFORMED },
        { "line end", unit_format("%s\n", good), SEAL_KM_TOKEN_MALFORMED },
        { "plus", unit_format("%s.%s.++++", header, claims),
          SEAL_KM_TOKEN_MALFORMED },
        { "slash", unit_format("%s.%s.////", header, claims),
          SEAL_KM_TOKEN_MALFORMED },
        { "tilde", unit_format("%s.%s.~~~~", header, claims),
          SEAL_KM_TOKEN_MALFORMED },
        { "one character of a signature", unit_format("%s.%s.A", header,
          claims), SEAL_KM_TOKEN_MALFORMED },
        { "header as it is", unit_format("{\"alg\":\"ES256\"}.%s.%s", claims,
          sig), SEAL_KM_TOKEN_MALFORMED },
        { "JSON serialization", unit_format("{\"protected\":\"%s\","
          "\"payload\":\"%s\",\"signature\":\"%s\"}", header, claims, sig),
          SEAL_KM_TOKEN_MALFORMED },
        { "signature twice", unit_format("%s%s", good, sig),
          SEAL_KM_TOKEN_SIGNATURE },
        { "signature extended", unit_format("%sAAAA", good),
          SEAL_KM_TOKEN_SIGNATURE },
        { "signature of zeros", unit_format("%s.%s.%s", header, claims,
          unit_base64url("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 64)),
          SEAL_KM_TOKEN_SIGNATURE },
        { "header twice", unit_format("%s%s.%s.%s", header, header, claims,
          sig), SEAL_KM_TOKEN_MALFORMED }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].name, verify(cases[i].text) == cases[i].rc);
    }

    free(header);
}


/* a NUL, and all that is behind it, belong to the text */

static void
test_nul(void **state)
{
    size_t            i, n;
    seal_km_str_t     text;
    seal_km_token_t   token;

    static const struct {
        const char        *behind;
        size_t             len;
        seal_km_reason_e   rc;
    } cases[] = {
        { "", 0, SEAL_KM_OK },
        { "\0", 1, SEAL_KM_TOKEN_MALFORMED },
        { "\0.", 2, SEAL_KM_TOKEN_MALFORMED },
        { "\0AAA", 4, SEAL_KM_TOKEN_MALFORMED }
    };

    for (i = 0; i < unit_n(cases); i++) {
        text.data = unit_token("ES256", unit_key("p256"),
                               "{\"alg\":\"ES256\"}", CLAIMS);
        n = strlen(text.data);
        text.data = unit_format("%s    ", text.data);
        memcpy((char *) text.data + n, cases[i].behind, cases[i].len);
        text.len = n + cases[i].len;

        assert_int_equal(verify_with(jwks, ALL, text, &token), cases[i].rc);
        seal_km_token_free(&token);
    }
}


/* another text of the same bytes is another text (RFC 4648, 3.5) */

static void
test_last_character(void **state)
{
    int          n;
    char        *good, *last;
    char         right;
    const char  *p;

    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    good = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}",
                      CLAIMS);
    last = good + strlen(good) - 1;
    right = *last;
    n = 0;

    for (p = alphabet; *p != '\0'; p++) {
        *last = *p;
        n += (verify(good) == SEAL_KM_OK);
    }

    assert_int_equal(n, 1);
    *last = right;
    assert_int_equal(verify(good), SEAL_KM_OK);
}


static const struct {
    const char        *name;
    seal_km_str_t      header;
    seal_km_reason_e   rc;
} heads[] = {
    { "alg alone", unit_lit("{\"alg\":\"ES256\"}"), SEAL_KM_OK },
    { "white space", unit_lit(" { \"alg\" : \"ES256\" }\n"), SEAL_KM_OK },
    { "alg escaped", unit_lit("{\"\\u0061lg\":\"\\u0045S256\"}"),
      SEAL_KM_OK },
    { "typ of any type", unit_lit("{\"alg\":\"ES256\",\"typ\":[1],"
      "\"cty\":null}"), SEAL_KM_OK },
    { "keys of its own", unit_lit("{\"alg\":\"ES256\",\"jwk\":{},"
      "\"jku\":\"https://a/\",\"x5c\":[],\"x5u\":1}"), SEAL_KM_OK },
    { "kid", unit_lit("{\"alg\":\"ES256\",\"kid\":\"a\"}"), SEAL_KM_OK },
    { "kid of no key", unit_lit("{\"alg\":\"ES256\",\"kid\":\"\"}"),
      SEAL_KM_OK },
    { "integer beyond 64 bits", unit_lit("{\"alg\":\"ES256\","
      "\"x\":12345678901234567890}"), SEAL_KM_OK },
    { "U+0000", unit_lit("{\"alg\":\"ES256\",\"x\":\"\\u0000\"}"),
      SEAL_KM_OK },
    { "crit in another case", unit_lit("{\"alg\":\"ES256\",\"Crit\":1}"),
      SEAL_KM_OK },

    { "empty object", unit_lit("{}"), SEAL_KM_TOKEN_MALFORMED },
    { "no JSON", unit_lit("alg=ES256"), SEAL_KM_TOKEN_MALFORMED },
    { "array", unit_lit("[{\"alg\":\"ES256\"}]"),
      SEAL_KM_TOKEN_MALFORMED },
    { "string", unit_lit("\"ES256\""), SEAL_KM_TOKEN_MALFORMED },
    { "no alg", unit_lit("{\"typ\":\"JWT\"}"), SEAL_KM_TOKEN_MALFORMED },
    { "alg in capitals", unit_lit("{\"ALG\":\"ES256\"}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "alg null", unit_lit("{\"alg\":null}"), SEAL_KM_TOKEN_MALFORMED },
    { "alg a number", unit_lit("{\"alg\":256}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "alg an array", unit_lit("{\"alg\":[\"ES256\"]}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "alg twice", unit_lit("{\"alg\":\"ES256\",\"alg\":\"ES256\"}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "alg twice, escaped", unit_lit("{\"alg\":\"ES256\","
      "\"\\u0061lg\":\"none\"}"), SEAL_KM_TOKEN_MALFORMED },
    { "alg twice, none first", unit_lit("{\"alg\":\"none\","
      "\"alg\":\"ES256\"}"), SEAL_KM_TOKEN_MALFORMED },
    { "name twice in depth", unit_lit("{\"alg\":\"ES256\",\"x\":{\"a\":1,"
      "\"a\":1}}"), SEAL_KM_TOKEN_MALFORMED },
    { "something behind", unit_lit("{\"alg\":\"ES256\"}x"),
      SEAL_KM_TOKEN_MALFORMED },
    { "raw NUL behind", unit_lit("{\"alg\":\"ES256\"}\0"),
      SEAL_KM_TOKEN_MALFORMED },
    { "raw NUL and more behind", unit_lit("{\"alg\":\"ES256\"}\0,"),
      SEAL_KM_TOKEN_MALFORMED },
    { "no UTF-8", unit_lit("{\"alg\":\"ES256\",\"x\":\"\xff\"}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "beyond a double", unit_lit("{\"alg\":\"ES256\",\"x\":1e999}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "crit", unit_lit("{\"alg\":\"ES256\",\"crit\":[\"exp\"],"
      "\"exp\":1}"), SEAL_KM_TOKEN_MALFORMED },
    { "crit empty", unit_lit("{\"alg\":\"ES256\",\"crit\":[]}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "crit null", unit_lit("{\"alg\":\"ES256\",\"crit\":null}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "b64 false", unit_lit("{\"alg\":\"ES256\",\"b64\":false}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "b64 true", unit_lit("{\"alg\":\"ES256\",\"b64\":true}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "b64 and crit", unit_lit("{\"alg\":\"ES256\",\"b64\":false,"
      "\"crit\":[\"b64\"]}"), SEAL_KM_TOKEN_MALFORMED },
    { "kid a number", unit_lit("{\"alg\":\"ES256\",\"kid\":1}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "kid null", unit_lit("{\"alg\":\"ES256\",\"kid\":null}"),
      SEAL_KM_TOKEN_MALFORMED },
    { "header before algorithm", unit_lit("{\"alg\":\"none\","
      "\"crit\":[]}"), SEAL_KM_TOKEN_MALFORMED },

    { "none", unit_lit("{\"alg\":\"none\"}"), SEAL_KM_TOKEN_ALGORITHM },
    { "None", unit_lit("{\"alg\":\"None\"}"), SEAL_KM_TOKEN_ALGORITHM },
    { "NONE", unit_lit("{\"alg\":\"NONE\"}"), SEAL_KM_TOKEN_ALGORITHM },
    { "nOnE", unit_lit("{\"alg\":\"nOnE\"}"), SEAL_KM_TOKEN_ALGORITHM },
    { "none with a NUL", unit_lit("{\"alg\":\"none\\u0000\"}"),
      SEAL_KM_TOKEN_ALGORITHM },
    { "alg empty", unit_lit("{\"alg\":\"\"}"), SEAL_KM_TOKEN_ALGORITHM },
    { "alg with a NUL", unit_lit("{\"alg\":\"ES256\\u0000\"}"),
      SEAL_KM_TOKEN_ALGORITHM },
    { "alg with a space", unit_lit("{\"alg\":\"ES256 \"}"),
      SEAL_KM_TOKEN_ALGORITHM },
    { "alg in lower case", unit_lit("{\"alg\":\"es256\"}"),
      SEAL_KM_TOKEN_ALGORITHM },
    { "alg unknown", unit_lit("{\"alg\":\"ES256K\"}"),
      SEAL_KM_TOKEN_ALGORITHM },
    { "algorithm before key", unit_lit("{\"alg\":\"x\",\"kid\":\"z\"}"),
      SEAL_KM_TOKEN_ALGORITHM }
};


static void
test_headers(void **state)
{
    char    *token;
    size_t   i;

    for (i = 0; i < unit_n(heads); i++) {
        token = signed_token(heads[i].header, unit_str(CLAIMS));
        unit_check(heads[i].name, verify(token) == heads[i].rc);

        /* what is wrong with the header decides, whatever the signature */

        if (heads[i].rc != SEAL_KM_OK) {
            strcpy(strrchr(token, '.') + 1, "");
            unit_check(heads[i].name, verify(token) == heads[i].rc);
        }
    }
}


static const struct {
    const char        *name;
    seal_km_str_t      claims;
    int                ok;
} loads[] = {
    { "minimum", unit_lit(CLAIMS), 1 },
    { "exp 0", unit_lit("{\"exp\":0,\"client_id\":\"c\"}"), 1 },
    { "exp with a fraction", unit_lit("{\"exp\":1.5,"
      "\"client_id\":\"c\"}"), 1 },
    { "exp with an exponent", unit_lit("{\"exp\":2e9,"
      "\"client_id\":\"c\"}"), 1 },
    { "exp negative", unit_lit("{\"exp\":-1,\"client_id\":\"c\"}"), 1 },
    { "exp beyond 64 bits", unit_lit("{\"exp\":99999999999999999999,"
      "\"client_id\":\"c\"}"), 1 },
    { "exp, then a large claim", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"x\":[99999999999999999999]}"), 1 },
    { "U+0000 in a claim", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"x\":\"\\u0000\"}"), 1 },
    { "U+0000 in sub", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"sub\":\"a\\u0000b\"}"), 1 },
    { "nbf", unit_lit("{\"exp\":1,\"nbf\":1,\"client_id\":\"c\"}"), 1 },
    { "empty strings", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"sub\":\"\",\"scope\":\"\"}"), 1 },
    { "255 bytes", unit_lit("{\"exp\":1,\"client_id\":\"" N_255 "\","
      "\"sub\":\"" N_255 "\"}"), 1 },
    { "iat of any type", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"iat\":\"x\",\"jti\":[],\"iss\":1,\"aud\":null}"), 1 },
    { "long scope", unit_lit("{\"exp\":1,\"client_id\":\"c\",\"scope\":\""
      N_255 N_255 "\"}"), 1 },
    { "white space", unit_lit("\n{ \"exp\" : 1 , \"client_id\":\"c\" } "),
      1 },

    { "nothing", unit_lit(""), 0 },
    { "no JSON", unit_lit("hello"), 0 },
    { "one byte", unit_lit("x"), 0 },
    { "array", unit_lit("[" CLAIMS "]"), 0 },
    { "empty array", unit_lit("[]"), 0 },
    { "string", unit_lit("\"exp\""), 0 },
    { "number", unit_lit("1"), 0 },
    { "large number", unit_lit("12345678901234567890"), 0 },
    { "true", unit_lit("true"), 0 },
    { "null", unit_lit("null"), 0 },
    { "empty object", unit_lit("{}"), 0 },
    { "something behind", unit_lit(CLAIMS "x"), 0 },
    { "object behind", unit_lit(CLAIMS CLAIMS), 0 },
    { "raw NUL behind", unit_lit(CLAIMS "\0"), 0 },
    { "raw NUL and more behind", unit_lit(CLAIMS "\0 {}"), 0 },
    { "raw NUL before", unit_lit("\0" CLAIMS), 0 },
    { "raw NUL behind a number", unit_lit("{\"exp\":1\0,\"client_id\":\"c\"}"),
      0 },
    { "raw NUL in a string", unit_lit("{\"exp\":1,\"client_id\":\"c\0\"}"),
      0 },
    { "U+0000 in a name", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"a\\u0000\":1}"), 0 },
    { "no UTF-8", unit_lit("{\"exp\":1,\"client_id\":\"\xff\"}"), 0 },
    { "lone surrogate", unit_lit("{\"exp\":1,\"client_id\":\"\\ud800\"}"),
      0 },
    { "byte order mark", unit_lit("\xef\xbb\xbf" CLAIMS), 0 },
    { "beyond a double", unit_lit("{\"exp\":1e999,"
      "\"client_id\":\"c\"}"), 0 },
    { "exp twice", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"exp\":2000000000}"), 0 },
    { "client_id twice, escaped", unit_lit("{\"exp\":1,"
      "\"client_id\":\"c\",\"client\\u005fid\":\"d\"}"), 0 },
    { "name twice in depth", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"x\":[{\"a\":1,\"a\":1}]}"), 0 },

    { "no exp", unit_lit("{\"client_id\":\"c\"}"), 0 },
    { "EXP", unit_lit("{\"EXP\":1,\"client_id\":\"c\"}"), 0 },
    { "exp null", unit_lit("{\"exp\":null,\"client_id\":\"c\"}"), 0 },
    { "exp a string", unit_lit("{\"exp\":\"1\",\"client_id\":\"c\"}"),
      0 },
    { "exp true", unit_lit("{\"exp\":true,\"client_id\":\"c\"}"), 0 },
    { "nbf null", unit_lit("{\"exp\":1,\"nbf\":null,"
      "\"client_id\":\"c\"}"), 0 },
    { "nbf a string", unit_lit("{\"exp\":1,\"nbf\":\"1\","
      "\"client_id\":\"c\"}"), 0 },
    { "no client_id", unit_lit("{\"exp\":1,\"sub\":\"s\"}"), 0 },
    { "client_id null", unit_lit("{\"exp\":1,\"client_id\":null}"), 0 },
    { "client_id a number", unit_lit("{\"exp\":1,\"client_id\":1}"), 0 },
    { "client_id an array", unit_lit("{\"exp\":1,\"client_id\":[\"c\"]}"),
      0 },
    { "client_id of 256 bytes", unit_lit("{\"exp\":1,\"client_id\":\""
      N_255 "b\"}"), 0 },
    { "sub null", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"sub\":null}"), 0 },
    { "sub a number", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"sub\":1}"), 0 },
    { "sub of 256 bytes", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"sub\":\"" N_255 "b\"}"), 0 },
    { "scope null", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"scope\":null}"), 0 },
    { "scope an array", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"scope\":[\"a\"]}"), 1 },
    { "scope an array of anything", unit_lit("{\"exp\":1,\"client_id\":\"c\","
      "\"scope\":[\"a\",1]}"), 0 },
    { "client_id empty", unit_lit("{\"exp\":1,\"client_id\":\"\"}"), 0 }
};


/*
 * Claims that LibJWT decodes differently than we do, or not at all: with a good
 * signature the claims decide, with a bad one the signature does.
 */

static void
test_claims(void **state)
{
    char    *token, *other, *dot;
    size_t   i;

    for (i = 0; i < unit_n(loads); i++) {
        token = signed_token(unit_str("{\"alg\":\"ES256\"}"),
                             loads[i].claims);

        unit_check(loads[i].name,
                   verify(token) == (loads[i].ok ? SEAL_KM_OK
                                                 : SEAL_KM_TOKEN_MALFORMED));

        /* the signature of other claims, and none */

        other = signed_token(unit_str("{\"alg\":\"ES256\"}"),
                             unit_str("{\"exp\":7}"));
        dot = strrchr(token, '.');
        strcpy(dot, strrchr(other, '.'));
        unit_check(loads[i].name, verify(token) == SEAL_KM_TOKEN_SIGNATURE);

        dot[1] = '\0';
        unit_check(loads[i].name, verify(token) == SEAL_KM_TOKEN_SIGNATURE);

        /* of another key */

        token = unit_token_of("ES256", unit_key("p256b"),
                              unit_str("{\"alg\":\"ES256\"}"),
                              loads[i].claims);
        unit_check(loads[i].name, verify(token) == SEAL_KM_TOKEN_SIGNATURE);

        /* and the same with a header that LibJWT cannot decode */

        token = signed_token(unit_str("{\"alg\":\"ES256\",\"x\":\"\\u0000\"}"),
                             loads[i].claims);
        unit_check(loads[i].name,
                   verify(token) == (loads[i].ok ? SEAL_KM_OK
                                                 : SEAL_KM_TOKEN_MALFORMED));
    }
}


/* each algorithm with claims that LibJWT cannot decode */

static void
test_second_path(void **state)
{
    char    *token, *last;
    size_t   i, j;

    static const struct {
        const char  *alg;
        const char  *key;
        const char  *other;
    } algs[] = {
        { "RS256", "rsa", "rsa2" }, { "RS384", "rsa", "rsa2" },
        { "RS512", "rsa", "rsa2" }, { "PS256", "rsa", "rsa2" },
        { "PS384", "rsa", "rsa2" }, { "PS512", "rsa", "rsa2" },
        { "ES256", "p256", "p256b" }, { "ES384", "p384", NULL },
        { "ES512", "p521", NULL }, { "EdDSA", "ed25519", "ed25519b" },
        { "EdDSA", "ed448", NULL }, { "HS256", "oct64", "oct65" },
        { "HS384", "oct64", "oct65" }, { "HS512", "oct64", "oct65" }
    };

    static const char *const  claims[] = {
        "{\"exp\":1,\"client_id\":\"c\",\"x\":99999999999999999999}",
        "hello"
    };

    for (i = 0; i < unit_n(algs); i++) {
        for (j = 0; j < unit_n(claims); j++) {
            token = unit_token(algs[i].alg, unit_key(algs[i].key),
                               unit_format("{\"alg\":\"%s\"}", algs[i].alg),
                               claims[j]);
            unit_check(algs[i].alg,
                       verify(token) == (j == 0 ? SEAL_KM_OK
                                                : SEAL_KM_TOKEN_MALFORMED));

            last = strrchr(token, '.') + 5;
            *last = (*last == 'A') ? 'B' : 'A';
            unit_check(algs[i].alg, verify(token) == SEAL_KM_TOKEN_SIGNATURE);

            if (algs[i].other != NULL) {
                token = unit_token(algs[i].alg, unit_key(algs[i].other),
                                 unit_format("{\"alg\":\"%s\"}", algs[i].alg),
                                 claims[j]);
                unit_check(algs[i].alg,
                           verify(token) == SEAL_KM_TOKEN_SIGNATURE);
            }
        }
    }
}


static const struct {
    const char        *name;
    const char        *header;
    const char        *key;
    seal_km_reason_e   rc;
} picks[] = {
    { "right kid", "{\"alg\":\"ES256\",\"kid\":\"a\"}", "p256",
      SEAL_KM_OK },
    { "no kid", "{\"alg\":\"ES256\"}", "p256", SEAL_KM_OK },
    { "kid of no key", "{\"alg\":\"ES256\",\"kid\":\"z\"}", "p256",
      SEAL_KM_TOKEN_KEY },
    { "kid with a NUL", "{\"alg\":\"ES256\",\"kid\":\"a\\u0000\"}",
      "p256", SEAL_KM_TOKEN_KEY },
    { "kid in another case", "{\"alg\":\"ES256\",\"kid\":\"A\"}", "p256",
      SEAL_KM_TOKEN_KEY },
    { "kid empty", "{\"alg\":\"ES256\",\"kid\":\"\"}", "p256",
      SEAL_KM_TOKEN_KEY },
    { "kid of a key that signs otherwise",
      "{\"alg\":\"ES256\",\"kid\":\"r\"}", "p256", SEAL_KM_TOKEN_KEY },
    { "key of another curve", "{\"alg\":\"ES384\"}", "p384",
      SEAL_KM_TOKEN_KEY },
    { "kid of another key", "{\"alg\":\"ES256\",\"kid\":\"b\"}", "p256",
      SEAL_KM_TOKEN_SIGNATURE },
    { "key without a kid", "{\"alg\":\"EdDSA\",\"kid\":\"z\"}",
      "ed25519", SEAL_KM_OK },
    { "key before signature", "{\"alg\":\"ES256\",\"kid\":\"z\"}",
      "p256b", SEAL_KM_TOKEN_KEY },
    { "alg of the key", "{\"alg\":\"RS256\",\"kid\":\"r\"}", "rsa",
      SEAL_KM_OK },
    { "not the alg of the key", "{\"alg\":\"RS512\",\"kid\":\"r\"}",
      "rsa", SEAL_KM_TOKEN_KEY },
    { "not the alg of the key, PSS", "{\"alg\":\"PS256\"}", "rsa",
      SEAL_KM_TOKEN_KEY },
    { "no secret", "{\"alg\":\"HS256\"}", "oct64", SEAL_KM_TOKEN_KEY }
};


/* where other identity servers put it, and what is told of what is wrong */

static void
test_profiles(void **state)
{
    size_t                  i;
    seal_km_str_t           text;
    seal_km_token_t         token;
    seal_km_reason_e        rc;
    seal_km_token_fault_t   fault;

    static const seal_km_str_t  ids[] = {
        unit_lit("azp"), unit_lit("client_id"), unit_lit("cid")
    };
    static const seal_km_str_t  scopes[] = {
        unit_lit("scp"), unit_lit("scope")
    };
    static const seal_km_token_profile_t  many = { ids, 3, scopes, 2, NULL, 0 };
    static const seal_km_token_profile_t  off = { NULL, 0, scopes, 2, NULL, 0 };

    static const struct {
        const seal_km_token_profile_t  *profile;
        const char                     *claims;
        const char                     *client_id;  /* NULL: none */
        const char                     *scope;      /* likewise */
        const char                     *claim;      /* at fault; NULL: none */
        const char                     *what;
    } cases[] = {
        { &many, "\"azp\":\"a\",\"cid\":\"c\"", "a", NULL, NULL, NULL },
        { &many, "\"cid\":\"c\",\"client_id\":\"b\"", "b", NULL, NULL,
          NULL },
        { &many, "\"cid\":\"c\"", "c", NULL, NULL, NULL },
        { &many, "\"cid\":\"c\",\"azp\":1", NULL, NULL, "azp",
          "is not a string of 1 to 255 bytes" },
        { &many, "\"cid\":\"c\",\"azp\":null", NULL, NULL, "azp",
          "is not a string of 1 to 255 bytes" },
        { &many, "\"sub\":\"s\"", NULL, NULL, "azp", "is missing, and so "
                                "are the others that may be the client id" },
        { NULL, "\"sub\":\"s\"", NULL, NULL, "client_id", "is missing" },
        { NULL, "\"client_id\":\"\"", NULL, NULL, "client_id",
          "is not a string of 1 to 255 bytes" },
        { &off, "\"client_id\":7", NULL, NULL, NULL, NULL },
        { &off, "\"client_id\":\"c\"", NULL, NULL, NULL, NULL },
        { &off, "\"scope\":\"a b\"", NULL, "a b", NULL, NULL },
        { &off, "\"scp\":[\"a\",\"b\"],\"scope\":\"x\"", NULL, "a b ",
          NULL, NULL },
        { &off, "\"scp\":[\"a b\",\"\",\"c\"]", NULL, "c ", NULL, NULL },
        { &off, "\"scp\":[]", NULL, "", NULL, NULL },
        { &off, "\"scp\":[\"a\",1]", NULL, NULL, "scp",
          "is neither a string nor an array of strings" },
        { &off, "\"scp\":null,\"scope\":\"a\"", NULL, NULL, "scp",
          "is neither a string nor an array of strings" },
        { &off, "\"scp\":{}", NULL, NULL, "scp",
          "is neither a string nor an array of strings" },
        { &off, "\"nbf\":\"1\"", NULL, NULL, "nbf", "is not a number" },
        { &off, "\"sub\":1", NULL, NULL, "sub", "is not a string" },
        { &off, "\"cnf\":1", NULL, NULL, "cnf", "is no object, or its "
                                            "\"x5t#S256\" is no string" }
    };

    for (i = 0; i < unit_n(cases); i++) {
        text = unit_text(unit_token("ES256", unit_key("p256"),
                                    "{\"alg\":\"ES256\"}",
                                    unit_format("{\"exp\":1,%s}",
                                                cases[i].claims)));
        rc = seal_km_token_verify(&token, text, jwks, ALL, cases[i].profile,
                                  &fault);

        unit_check(cases[i].claims, rc == (cases[i].claim
                                           ? SEAL_KM_TOKEN_MALFORMED
                                           : SEAL_KM_OK));
        unit_check(cases[i].claims, !fault.claim == !cases[i].claim);

        if (cases[i].claim) {
            assert_string_equal(fault.claim, cases[i].claim);
            assert_string_equal(fault.what, cases[i].what);
            continue;
        }

        unit_check(cases[i].claims,
                   !token.client_id.data == !cases[i].client_id);
        unit_check(cases[i].claims, !token.scope.data == !cases[i].scope);

        if (cases[i].client_id) {
            unit_check_str(cases[i].claims, token.client_id,
                           unit_text(cases[i].client_id));
        }

        if (cases[i].scope) {
            unit_check_str(cases[i].claims, token.scope,
                           unit_text(cases[i].scope));
        }

        seal_km_token_free(&token);
    }

    /* exp, and claims as a whole */

    text = unit_text(unit_token("ES256", unit_key("p256"),
                                "{\"alg\":\"ES256\"}", "{}"));
    assert_int_equal(seal_km_token_verify(&token, text, jwks, ALL, NULL,
                                          &fault), SEAL_KM_TOKEN_MALFORMED);
    assert_string_equal(fault.claim, "exp");
    assert_string_equal(fault.what, "is missing");

    text = unit_text(unit_token("ES256", unit_key("p256"),
                                "{\"alg\":\"ES256\"}", "[]"));
    assert_int_equal(seal_km_token_verify(&token, text, jwks, ALL, NULL,
                                          &fault), SEAL_KM_TOKEN_MALFORMED);
    assert_null(fault.claim);
    assert_string_equal(fault.what, "are no JSON object");

    text = unit_text(unit_token("ES256", unit_key("p256"),
                                "{\"alg\":\"ES256\"}",
                                "{\"exp\":1,\"exp\":1}"));
    assert_int_equal(seal_km_token_verify(&token, text, jwks, ALL, NULL,
                                          &fault), SEAL_KM_TOKEN_MALFORMED);
    assert_null(fault.claim);
    assert_string_equal(fault.what, "are no JSON, or name something twice");
}


static void
test_types(void **state)
{
    size_t                   i;
    seal_km_token_t          token;
    seal_km_token_profile_t  profile;

    static const seal_km_str_t  id[] = { unit_lit("client_id") };
    static const seal_km_str_t  types[] = {
        unit_lit("at+jwt"), unit_lit("x/y")
    };

    static const struct {
        const char  *header;
        unsigned     refused;
    } cases[] = {
        { "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", 0 },
        { "{\"alg\":\"ES256\",\"typ\":\"AT+JWT\"}", 0 },
        { "{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}", 0 },
        { "{\"alg\":\"ES256\",\"typ\":\"Application/At+JWT\"}", 0 },
        { "{\"alg\":\"ES256\",\"typ\":\"x/y\"}", 0 },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", 1 },
        { "{\"alg\":\"ES256\",\"typ\":\"at+jwt2\"}", 1 },
        { "{\"alg\":\"ES256\",\"typ\":\"at+jwt\\u0000\"}", 1 },
        { "{\"alg\":\"ES256\",\"typ\":\"text/at+jwt\"}", 1 },
        { "{\"alg\":\"ES256\",\"typ\":\"application/\"}", 1 },
        { "{\"alg\":\"ES256\",\"typ\":\"\"}", 1 },
        { "{\"alg\":\"ES256\",\"typ\":[\"at+jwt\"]}", 1 },
        { "{\"alg\":\"ES256\"}", 1 }
    };

    memset(&profile, 0, sizeof(profile));
    profile.client_ids = id;
    profile.nclient_ids = 1;

    for (i = 0; i < 2 * unit_n(cases); i++) {
        profile.types = types;
        profile.ntypes = (i % 2) ? 2 : 0;

        assert_int_equal(seal_km_token_verify(&token,
                             unit_text(unit_token("ES256", unit_key("p256"),
                                 cases[i / 2].header,
                                 "{\"exp\":1,\"client_id\":\"c\"}")),
                             jwks, ALL, &profile, NULL), SEAL_KM_OK);

        unit_check(cases[i / 2].header,
                   token.type_refused == (i % 2 ? cases[i / 2].refused : 0));

        seal_km_token_free(&token);
    }
}



static void
test_keys(void **state)
{
    char             *text;
    size_t            i;
    seal_km_jwks_t   *set;
    seal_km_token_t   token;

    set = unit_jwks(unit_format("{\"keys\":[%s,%s,%s,%s]}",
                unit_jwk(unit_key("p256c"), "\"kid\":\"b\""),
                unit_jwk(unit_key("p256"), "\"kid\":\"a\""),
                unit_jwk(unit_key("rsa"), "\"kid\":\"r\",\"alg\":\"RS256\""),
                unit_jwk(unit_key("ed25519"), NULL)));

    for (i = 0; i < unit_n(picks); i++) {
        char  alg[6];

        memcpy(alg, picks[i].header + 8, 5);
        alg[5] = '\0';

        text = unit_token(alg, unit_key(picks[i].key), picks[i].header,
                          CLAIMS);
        unit_check(picks[i].name,
                   verify_with(set, ALL, unit_text(text), &token)
                   == picks[i].rc);
        seal_km_token_free(&token);
    }

    seal_km_jwks_free(set);

    set = seal_km_jwks_create();
    text = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}",
                      CLAIMS);
    assert_int_equal(verify_with(set, ALL, unit_text(text), &token),
                     SEAL_KM_TOKEN_KEY);
    seal_km_jwks_free(set);
}


/*
 * The public key as the secret of HS256 (the classic confusion), in the forms
 * in which an attacker may have it, and the empty secret that a careless
 * library takes for a key that is none of HMAC's.
 */

static void
test_rsa_key_as_secret(void **state)
{
    BIO              *bio;
    char             *jwk, *pem, *text;
    long              pem_len;
    size_t            i;
    unit_key_t        secrets[3];
    seal_km_jwks_t   *set;
    seal_km_token_t   token;

    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, unit_key("p256")->pkey), 1);
    pem_len = BIO_get_mem_data(bio, &pem);
    jwk = unit_jwk(unit_key("rsa"), NULL);

    memset(secrets, 0, sizeof(secrets));

    secrets[0].secret_len = 128;
    memcpy(secrets[0].secret, strstr(jwk, "\"n\":\"") + 5, 128);
    secrets[1].secret_len = (size_t) pem_len < 128 ? (size_t) pem_len : 128;
    memcpy(secrets[1].secret, pem, secrets[1].secret_len);

    set = unit_jwks(unit_format("{\"keys\":[%s,%s,%s]}", jwk,
                                unit_jwk(unit_key("rsa"),
                                         "\"alg\":\"HS256\""),
                                unit_jwk(unit_key("p256"), NULL)));

    for (i = 0; i < unit_n(secrets); i++) {
        text = unit_token("HS256", &secrets[i], "{\"alg\":\"HS256\"}", CLAIMS);

        assert_int_equal(verify_with(set, ALL, unit_text(text), &token),
                         SEAL_KM_TOKEN_KEY);
        assert_int_equal(verify(text), SEAL_KM_TOKEN_SIGNATURE);
    }

    seal_km_jwks_free(set);
    BIO_free(bio);
}


/* a signature of one algorithm under the name of another */

static void
test_algorithm_swapped(void **state)
{
    char    *text;
    size_t   i;

    static const struct {
        const char  *sign;
        const char  *key;
        const char  *name;
    } cases[] = {
        { "RS256", "rsa", "RS384" }, { "RS256", "rsa", "PS256" },
        { "PS256", "rsa", "RS256" }, { "PS256", "rsa", "PS512" },
        { "ES256", "p256", "ES384" }, { "ES384", "p384", "ES256" },
        { "ES256", "p256", "EdDSA" }, { "EdDSA", "ed25519", "ES256" },
        { "HS256", "oct64", "HS512" }, { "HS512", "oct64", "HS256" },
        { "HS256", "oct64", "RS256" }, { "RS256", "rsa", "HS256" },
        { "ES256", "p256", "HS256" }
    };

    for (i = 0; i < unit_n(cases); i++) {
        text = unit_token(cases[i].sign, unit_key(cases[i].key),
                          unit_format("{\"alg\":\"%s\"}", cases[i].name),
                          CLAIMS);
        unit_check(cases[i].name, verify(text) == SEAL_KM_TOKEN_SIGNATURE);

        text = unit_token(cases[i].sign, unit_key(cases[i].key),
                          unit_format("{\"alg\":\"%s\"}", cases[i].name),
                          "{\"x\":99999999999999999999}");
        unit_check(cases[i].name, verify(text) == SEAL_KM_TOKEN_SIGNATURE);
    }
}


/* RFC 7518, 3.4: r and s of the exact size, and no DER */

static void
test_ecdsa_forms(void **state)
{
    char                 *input, *claims;
    size_t                i, len;
    ECDSA_SIG            *sig;
    unsigned char        *raw, *der, wrong[140];

    static const struct {
        const char  *alg;
        const char  *key;
    } algs[] = {
        { "ES256", "p256" }, { "ES384", "p384" }, { "ES512", "p521" }
    };

    static const char *const  payloads[] = {
        CLAIMS, "{\"exp\":1,\"client_id\":\"c\",\"x\":\"\\u0000\"}"
    };

    for (i = 0; i < 2 * unit_n(algs); i++) {
        int  n;

        claims = unit_base64url(payloads[i % 2], strlen(payloads[i % 2]));
        input = unit_format("%s.%s",
                     unit_base64url(unit_format("{\"alg\":\"%s\"}",
                                                algs[i / 2].alg), 15),
                     claims);
        raw = unit_signature(algs[i / 2].alg, unit_key(algs[i / 2].key),
                             input, &len);

        assert_int_equal(verify(unit_format("%s.%s", input,
                                            unit_base64url(raw, len))),
                         SEAL_KM_OK);

        sig = ECDSA_SIG_new();
        ECDSA_SIG_set0(sig, BN_bin2bn(raw, (int) len / 2, NULL),
                       BN_bin2bn(raw + len / 2, (int) len / 2, NULL));
        der = NULL;
        n = i2d_ECDSA_SIG(sig, &der);
        assert_int_equal(verify(unit_format("%s.%s", input,
                                      unit_base64url(der, (size_t) n))),
                         SEAL_KM_TOKEN_SIGNATURE);
        OPENSSL_free(der);
        ECDSA_SIG_free(sig);

        /* a zero in front of r and of s, and none where there was one */

        wrong[0] = 0;
        memcpy(wrong + 1, raw, len / 2);
        wrong[1 + len / 2] = 0;
        memcpy(wrong + 2 + len / 2, raw + len / 2, len / 2);
        assert_int_equal(verify(unit_format("%s.%s", input,
                                      unit_base64url(wrong, len + 2))),
                         SEAL_KM_TOKEN_SIGNATURE);

        assert_int_equal(verify(unit_format("%s.%s", input,
                                      unit_base64url(raw, len - 1))),
                         SEAL_KM_TOKEN_SIGNATURE);
        raw[len] = 0;
        assert_int_equal(verify(unit_format("%s.%s", input,
                                      unit_base64url(raw, len + 1))),
                         SEAL_KM_TOKEN_SIGNATURE);
        assert_int_equal(verify(unit_format("%s.%s", input,
                                      unit_base64url(raw, len / 2))),
                         SEAL_KM_TOKEN_SIGNATURE);
    }
}


/* each bit of a token matters */

static void
test_tampered(void **state)
{
    char    *good, *text;
    size_t   i;

    good = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}",
                      CLAIMS);

    for (i = 0; good[i] != '\0'; i++) {
        text = unit_format("%s", good);
        text[i] = (text[i] == 'Q') ? 'R' : 'Q';
        assert_int_not_equal(verify(text), SEAL_KM_OK);
    }

    for (i = 0; i < strlen(good); i++) {
        assert_int_not_equal(verify(unit_format("%.*s", (int) i, good)),
                             SEAL_KM_OK);
    }
}


static unsigned  dirty;


static void
look(const unsigned char *p, size_t size)
{
    size_t  i;

    for (i = 0; i + 6 <= size; i++) {
        if (memcmp(p + i, "S3cret", 6) == 0) {
            dirty++;
            return;
        }
    }
}


/* claims are cleansed wherever they were decoded to */

static void
test_cleansed(void **state)
{
    char             *text;
    size_t            i;
    seal_km_token_t   token;

    static const char *const  claims[] = {
        "{\"exp\":1,\"client_id\":\"S3cret\",\"sub\":\"S3cret\"}",
        "{\"exp\":1,\"client_id\":\"S3cret\",\"x\":99999999999999999999}",
        "{\"exp\":\"S3cret\",\"client_id\":\"S3cret\"}",
        "S3cret"
    };

    for (i = 0; i < unit_n(claims); i++) {
        text = unit_token("ES256", unit_key("p256"), "{\"alg\":\"ES256\"}",
                          claims[i]);

        dirty = 0;
        unit_memory_watch(look);
        (void) verify_with(jwks, ALL, unit_text(text), &token);
        seal_km_token_free(&token);
        unit_memory_watch(NULL);

        assert_int_equal(dirty, 0);
    }
}


/* memory that runs out at each place in turn */

static void
test_no_memory(void **state)
{
    long               blocks;
    size_t             i;
    unsigned           n, nth;
    seal_km_str_t      text;
    seal_km_token_t    token;
    seal_km_reason_e   rc, want;

    static const struct {
        const char        *alg;
        const char        *key;
        const char        *claims;
        seal_km_reason_e   rc;
    } cases[] = {
        { "HS256", "oct64", "{\"exp\":1,\"client_id\":\"c\"}", SEAL_KM_OK },
        { "RS256", "rsa", "{\"exp\":1,\"client_id\":\"c\"}", SEAL_KM_OK },
        { "EdDSA", "ed25519", "{\"exp\":1,\"client_id\":\"c\"}", SEAL_KM_OK },
        { "ES256", "p256", "{\"exp\":1,\"client_id\":\"\\u0000\"}",
          SEAL_KM_OK },
        { "PS384", "rsa", "{\"exp\":1,\"client_id\":\"c\"}", SEAL_KM_OK },
        { "EdDSA", "ed25519", "[]", SEAL_KM_TOKEN_MALFORMED }
    };

    for (i = 0; i < unit_n(cases); i++) {
        text = unit_text(unit_token(cases[i].alg, unit_key(cases[i].key),
                            unit_format("{\"alg\":\"%s\"}", cases[i].alg),
                            cases[i].claims));
        want = cases[i].rc;

        assert_int_equal(seal_km_token_verify(&token, text, jwks, ALL, NULL, NULL), want);
        seal_km_token_free(&token);
        blocks = unit_memory_blocks();

        for (nth = 1; /* void */ ; nth++) {
            unit_memory_fail(nth);
            rc = seal_km_token_verify(&token, text, jwks, ALL, NULL, NULL);
            n = unit_memory_count();
            unit_memory_fail(0);

            assert_int_equal(ERR_peek_error(), 0);

            if (n < nth) {
                break;
            }

            /* OpenSSL does not tell of each that failed; but what is not told
               is a refusal, and never of the claims */

            assert_true(rc == SEAL_KM_INTERNAL_ERROR
                        || rc == SEAL_KM_TOKEN_SIGNATURE);

            if (nth == 1) {
                assert_int_equal(rc, SEAL_KM_INTERNAL_ERROR);
            }

            assert_null(token.claims);
        }

        assert_int_equal(rc, want);
        assert_true(nth > 2);
        seal_km_token_free(&token);

        assert_int_equal(seal_km_token_verify(&token, text, jwks, ALL, NULL, NULL), want);
        seal_km_token_free(&token);
        assert_int_equal(unit_memory_blocks(), blocks);
    }
}


static int
setup(void **state)
{
    jwks = unit_jwks(unit_format("{\"keys\":[%s,%s,%s,%s,%s,%s,%s]}",
                                 unit_jwk(unit_key("rsa"), NULL),
                                 unit_jwk(unit_key("p256"), NULL),
                                 unit_jwk(unit_key("p384"), NULL),
                                 unit_jwk(unit_key("p521"), NULL),
                                 unit_jwk(unit_key("ed25519"), NULL),
                                 unit_jwk(unit_key("ed448"), NULL),
                                 unit_jwk(unit_key("oct64"), NULL)));
    return 0;
}


static int
teardown(void **state)
{
    seal_km_jwks_free(jwks);
    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_verified),
        cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_eddsa),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_last_character),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_second_path),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_rsa_key_as_secret),
        cmocka_unit_test(test_algorithm_swapped),
        cmocka_unit_test(test_ecdsa_forms),
        cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_cleansed),
        cmocka_unit_test(test_no_memory)
    };

    unit_memory_init();

    return cmocka_run_group_tests(tests, setup, teardown);
}
