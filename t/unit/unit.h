/*
 * What the unit tests share: counted strings, keys and tokens made at run time,
 * and memory that runs out on demand.
 */


#ifndef UNIT_H
#define UNIT_H


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "seal_km_jwks.h"
#include "seal_km_str.h"


/* cmocka hands each test a state, which few of them need */
#pragma GCC diagnostic ignored "-Wunused-parameter"


#define unit_n(table)      (sizeof(table) / sizeof(table[0]))

/* a literal, which may hold NUL bytes, as a counted string */
#define unit_lit(text)     { text, sizeof(text) - 1 }
#define unit_str(text)     ((seal_km_str_t) unit_lit(text))
#define unit_none          { NULL, 0 }

/* fails the test, with the name of the case, unless the condition holds */
#define unit_check(name, cond)                                                \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fail_msg("case \"%s\": %s", name, #cond);                         \
        }                                                                     \
    } while (0)

/* the same bytes, shown as text where they differ */
#define unit_check_str(name, got, want)                                       \
    do {                                                                      \
        if (!seal_km_str_equal(got, want)) {                                  \
            fail_msg("case \"%s\": got \"%.*s\", wanted \"%.*s\"", name,      \
                     (int) (got).len, (got).data,                             \
                     (int) (want).len, (want).data);                          \
        }                                                                     \
    } while (0)


/* the text as a counted string */
seal_km_str_t unit_text(const char *text);

/*
 * Fails the test unless the text, of malloc(), which is freed, is what was wanted,
 * and a JSON object.
 */
void unit_check_object(const char *name, char *text, size_t len,
    const char *want);

/* printf to memory that is freed when the program ends */
char *unit_format(const char *fmt, ...)
    __attribute__ ((format(printf, 1, 2)));


/* a copy without anything around it: sanitizers see each byte too far */
char *unit_exact(seal_km_str_t s);


/*
 * A key, made when it is first asked for: "rsa", "rsa2", "rsa4", "rsa1024",
 * "rsa2047", "rsa3" (exponent 3), "p256", "p256b", "p256c", "p384", "p521",
 * "secp256k1", "ed25519", "ed25519b", "ed448", "x25519", or "oct" and a number
 * of bytes.
 */
typedef struct {
    const char     *name;
    EVP_PKEY       *pkey;         /* NULL: a secret */
    unsigned char   secret[128];
    size_t          secret_len;
} unit_key_t;


const unit_key_t *unit_key(const char *name);

/* its JWK, with more members if more is not NULL: "\"kid\":\"a\"" */
char *unit_jwk(const unit_key_t *key, const char *more);
char *unit_private_jwk(const unit_key_t *key, const char *more);

/* a set with the JWKs of that text, as seal_km_jwks_add() takes it */
seal_km_jwks_t *unit_jwks(const char *text);


/* base64url without padding */
char *unit_base64url(const void *data, size_t len);

/* the signature of the algorithm over input, as JWS has it; *len its length */
unsigned char *unit_signature(const char *alg, const unit_key_t *key,
    const char *input, size_t *len);

/* a compact JWS; the counted one takes any bytes for header and claims */
char *unit_token(const char *alg, const unit_key_t *key, const char *header,
    const char *claims);
char *unit_token_of(const char *alg, const unit_key_t *key,
    seal_km_str_t header, seal_km_str_t claims);


/*
 * To be called first in main(): from then on all memory of OpenSSL, jansson and
 * LibJWT can run out, and is looked at when it is freed.
 */
void unit_memory_init(void);

/* lets the nth allocation from now on, and all behind it, fail; 0: none */
void unit_memory_fail(unsigned nth);

/* lets the nth allocation from now on fail, and no other */
void unit_memory_fail_once(unsigned nth);

/* allocations since unit_memory_fail() */
unsigned unit_memory_count(void);

/* blocks that are allocated now, and pages that are mapped */
long unit_memory_blocks(void);

/*
 * Called with each block before it is freed, and with pages before they are
 * unmapped; NULL: nothing is.
 */
void unit_memory_watch(void (*watch)(const unsigned char *p, size_t size));


#endif /* UNIT_H */
