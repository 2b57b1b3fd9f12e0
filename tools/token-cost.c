/*
 * What one bad token costs: verifies it against a set of many keys.
 *
 *   token-cost ALG KEYS KID BYTES ROUNDS
 *
 * ALG is RS256 or ES256, KEYS how many keys of it there are, each with a kid; KID
 * is "none" (the token names no key), "unknown" or "known"; BYTES is the size of
 * its claims.  Prints microseconds for one of ROUNDS; callgrind counts what runs
 * below cost_measured().  See token-cost.sh.
 */

#define _GNU_SOURCE

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "seal_km_base64.h"
#include "seal_km_token.h"


static void cost_fail(const char *what);
static void cost_random(unsigned char *p, size_t n);
static size_t cost_base64url(const void *data, size_t len, char *dst);
static size_t cost_jwk(const char *alg, unsigned i, char *dst);
static char *cost_jwks(const char *alg, unsigned n);
static char *cost_token(const char *alg, const char *kid, size_t size);
static char *cost_claims(size_t size);
void cost_measured(seal_km_jwks_t *jwks, seal_km_str_t token)
    __attribute__ ((noinline));
static seal_km_reason_e cost_verify(seal_km_jwks_t *jwks,
    seal_km_str_t token);


int
main(int argc, char **argv)
{
    int                i, rounds;
    const char        *error;
    seal_km_str_t      text;
    seal_km_jwks_t    *jwks;
    struct timespec    start, end;
    seal_km_reason_e   rc;

    if (argc != 6) {
        cost_fail("usage: token-cost ALG KEYS none|unknown|known BYTES ROUNDS");
    }

    rounds = atoi(argv[5]);

    text.data = cost_jwks(argv[1], (unsigned) atoi(argv[2]));
    text.len = strlen(text.data);

    jwks = seal_km_jwks_create();

    if (jwks == NULL || seal_km_jwks_add(jwks, text, NULL, NULL, &error) != 0) {
        cost_fail("no keys");
    }

    free((char *) text.data);

    text.data = cost_token(argv[1], argv[3], (size_t) atoi(argv[4]));
    text.len = strlen(text.data);

    /* what OpenSSL does once only */
    rc = cost_verify(jwks, text);

    if (rc != SEAL_KM_TOKEN_SIGNATURE && rc != SEAL_KM_TOKEN_KEY) {
        cost_fail("the token should be bad");
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);

    for (i = 0; i < rounds; i++) {
        cost_measured(jwks, text);
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);

    printf("%.0f\n", ((double) (end.tv_sec - start.tv_sec) * 1e6
                      + (double) (end.tv_nsec - start.tv_nsec) / 1e3)
                     / rounds);

    free((char *) text.data);
    seal_km_jwks_free(jwks);

    return 0;
}


void
cost_measured(seal_km_jwks_t *jwks, seal_km_str_t token)
{
    (void) cost_verify(jwks, token);
}


static seal_km_reason_e
cost_verify(seal_km_jwks_t *jwks, seal_km_str_t token)
{
    seal_km_token_t   verified;
    seal_km_reason_e  rc;

    rc = seal_km_token_verify(&verified, token, jwks,
                              seal_km_algorithms_asymmetric(), NULL, NULL);
    seal_km_token_free(&verified);

    return rc;
}


static void
cost_fail(const char *what)
{
    fprintf(stderr, "token-cost: %s\n", what);
    exit(1);
}


/* the same in each run, so that counts can be compared */

static void
cost_random(unsigned char *p, size_t n)
{
    static unsigned  seed = 1;

    while (n-- > 0) {
        seed = seed * 1103515245 + 12345;
        *p++ = (unsigned char) (seed >> 16);
    }
}


static size_t
cost_base64url(const void *data, size_t len, char *dst)
{
    char           *p;
    seal_km_str_t   s;

    s.data = data;
    s.len = len;

    seal_km_base64_encode(s, dst);
    dst[seal_km_base64_encoded_size(len)] = '\0';

    for (p = dst; *p != '\0' && *p != '='; p++) {
        *p = (*p == '+') ? '-' : (*p == '/') ? '_' : *p;
    }

    *p = '\0';

    return (size_t) (p - dst);
}


/* An odd number is enough of an RSA key to fail with, and quickly made. */

static size_t
cost_jwk(const char *alg, unsigned i, char *dst)
{
    char           n[600], y[100];
    EVP_PKEY      *pkey;
    unsigned char  bytes[256];

    if (alg[0] == 'R') {
        cost_random(bytes, sizeof(bytes));
        bytes[0] |= 0x80;
        bytes[sizeof(bytes) - 1] |= 1;
        cost_base64url(bytes, sizeof(bytes), n);

        return (size_t) sprintf(dst, "{\"kty\":\"RSA\",\"kid\":\"key-%u\","
                                "\"alg\":\"RS256\",\"e\":\"AQAB\","
                                "\"n\":\"%s\"},", i, n);
    }

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    if (pkey == NULL
        || EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY,
                                           bytes, sizeof(bytes), NULL) != 1)
    {
        cost_fail("no key");
    }

    EVP_PKEY_free(pkey);

    cost_base64url(bytes + 1, 32, n);
    cost_base64url(bytes + 33, 32, y);

    return (size_t) sprintf(dst, "{\"kty\":\"EC\",\"crv\":\"P-256\","
                            "\"kid\":\"key-%u\",\"x\":\"%s\",\"y\":\"%s\"},",
                            i, n, y);
}


static char *
cost_jwks(const char *alg, unsigned n)
{
    char      *text, *p;
    unsigned   i;

    text = malloc(600 * (n + 1));

    if (text == NULL || n == 0) {
        cost_fail("no keys");
    }

    p = text + sprintf(text, "{\"keys\":[");

    for (i = 0; i < n; i++) {
        p += cost_jwk(alg, i, p);
    }

    sprintf(p - 1, "]}");

    return text;
}


static char *
cost_token(const char *alg, const char *kid, size_t size)
{
    char           *token, *claims, *p;
    char            header[200];
    size_t          len;
    unsigned char   signature[256];

    claims = cost_claims(size);
    token = malloc(2 * strlen(claims) + 1000);

    if (token == NULL) {
        cost_fail("no memory");
    }

    if (strcmp(kid, "none") == 0) {
        len = (size_t) sprintf(header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", alg);

    } else {
        len = (size_t) sprintf(header, "{\"alg\":\"%s\",\"typ\":\"JWT\","
                               "\"kid\":\"%s\"}", alg,
                               strcmp(kid, "known") == 0 ? "key-0" : "other");
    }

    p = token + cost_base64url(header, len, token);
    *p++ = '.';
    p += cost_base64url(claims, strlen(claims), p);
    *p++ = '.';

    /* below each modulus, and below the order of the curve */

    cost_random(signature, sizeof(signature));
    signature[0] = 0x7f;
    signature[32] = 0x7f;
    cost_base64url(signature, alg[0] == 'R' ? 256 : 64, p);

    free(claims);

    return token;
}


/* with as many roles as it takes */

static char *
cost_claims(size_t size)
{
    char      *text, *p;
    unsigned   i;

    text = malloc(size + 300);

    if (text == NULL) {
        cost_fail("no memory");
    }

    p = text + sprintf(text, "{\"iss\":\"https://sim-s.example\","
                       "\"aud\":\"skm-s\",\"exp\":2000000000,\"sub\":\"alice\","
                       "\"client_id\":\"vehicle\",\"scope\":\"seal:km\","
                       "\"roles\":[\"role\"");

    for (i = 0; (size_t) (p - text) < size; i++) {
        p += sprintf(p, ",\"application-role-%04u\"", i % 10000);
    }

    sprintf(p, "]}");

    return text;
}
