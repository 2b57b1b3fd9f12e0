/*
 * Access tokens. The first byte of the input tells what the rest is: a header's
 * value, a token, header and claims (with a line end between) of a token that
 * gets a good signature, or a JWK Set.
 */


#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "fuzz.h"
#include "fuzz_base64url.h"
#include "seal_km_claims.h"
#include "seal_km_secret.h"
#include "seal_km_token.h"


#define FUZZ_SECRET       "0123456789abcdef0123456789abcdef"
#define FUZZ_SECRET_JWK                                                       \
    "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"
#define FUZZ_ALL          ((1u << SEAL_KM_ALGORITHM_N) - 1)


static void fuzz_value(seal_km_str_t value);
static void fuzz_token(seal_km_str_t text);
static void fuzz_signed(seal_km_str_t input);
static void fuzz_jwks(seal_km_str_t text);
static void fuzz_base64(seal_km_str_t input);
static seal_km_reason_e fuzz_verify(seal_km_str_t text);
static void fuzz_claims(const seal_km_token_t *token);


static seal_km_jwks_t  *fuzz_keys;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char     *error;
    seal_km_str_t   input;

    if (fuzz_keys == NULL) {
        fuzz_keys = seal_km_jwks_create();
        fuzz_assert(seal_km_jwks_add(fuzz_keys,
                                     fuzz_str(FUZZ_SECRET_JWK,
                                              sizeof(FUZZ_SECRET_JWK) - 1),
                                     NULL, NULL, &error)
                    == 0);
    }

    if (size == 0) {
        return 0;
    }

    input = fuzz_str(data + 1, size - 1);

    switch (data[0] % 4) {

    case 0:
        fuzz_value(input);
        fuzz_base64(input);
        break;

    case 1:
        fuzz_token(input);
        break;

    case 2:
        fuzz_signed(input);
        break;

    default:
        fuzz_jwks(input);
        break;
    }

    fuzz_assert(ERR_peek_error() == 0);

    return 0;
}


static void
fuzz_value(seal_km_str_t value)
{
    seal_km_str_t     token;
    seal_km_reason_e  rc;

    rc = seal_km_token_find(value, &token);

    if (rc == SEAL_KM_OK) {
        fuzz_assert(token.len > 0);
        fuzz_assert(token.data > value.data
                    && token.data + token.len <= value.data + value.len);
        fuzz_assert(*token.data != ' ' && token.data[token.len - 1] != ' ');

        rc = fuzz_verify(token);
        fuzz_assert(memchr(token.data, ' ', token.len) == NULL
                    || rc == SEAL_KM_TOKEN_MALFORMED);

    } else {
        fuzz_assert(rc == SEAL_KM_TOKEN_MISSING);
    }
}


/* no token without the secret is a good one */

static void
fuzz_token(seal_km_str_t text)
{
    fuzz_assert(fuzz_verify(text) != SEAL_KM_OK);
}


static void
fuzz_signed(seal_km_str_t input)
{
    char              *text, *p;
    unsigned           len;
    const char        *end;
    seal_km_str_t      header, claims, mac;
    unsigned char      bytes[EVP_MAX_MD_SIZE];
    seal_km_reason_e   rc, bad;

    header = input;
    claims = fuzz_str("{\"exp\":1,\"client_id\":\"c\"}", 25);

    end = memchr(input.data, '\n', input.len);

    if (end != NULL) {
        header.len = (size_t) (end - input.data);
        claims.data = end + 1;
        claims.len = input.len - header.len - 1;
    }

    text = fuzz_alloc((header.len + claims.len) * 2 + 100);

    p = fuzz_base64url(header, text);
    *p++ = '.';
    p = fuzz_base64url(claims, p);

    HMAC(EVP_sha256(), FUZZ_SECRET, sizeof(FUZZ_SECRET) - 1,
         (unsigned char *) text, (size_t) (p - text), bytes, &len);
    mac = fuzz_str(bytes, len);

    *p++ = '.';
    rc = fuzz_verify(fuzz_str(text, (size_t) (fuzz_base64url(mac, p) - text)));

    /* what cannot be decoded is malformed, but never ill signed */

    fuzz_assert(rc == SEAL_KM_OK || rc == SEAL_KM_TOKEN_MALFORMED
                || rc == SEAL_KM_TOKEN_ALGORITHM || rc == SEAL_KM_TOKEN_KEY);

    bytes[0] ^= 1;
    bad = fuzz_verify(fuzz_str(text,
                               (size_t) (fuzz_base64url(mac, p) - text)));

    /* and with a bad signature nothing of the claims shows */

    fuzz_assert(bad != SEAL_KM_OK);
    fuzz_assert(bad == rc || bad == SEAL_KM_TOKEN_SIGNATURE);
    fuzz_assert(rc != SEAL_KM_OK || bad == SEAL_KM_TOKEN_SIGNATURE);

    free(text);
}


static seal_km_reason_e
fuzz_verify(seal_km_str_t text)
{
    char              *copy;
    seal_km_token_t    token;
    seal_km_reason_e   rc;

    copy = fuzz_alloc(text.len + 1);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    text.data = copy;

    rc = seal_km_token_verify(&token, text, fuzz_keys, FUZZ_ALL, NULL, NULL);

    fuzz_assert(rc == SEAL_KM_OK
                || (rc >= SEAL_KM_TOKEN_MALFORMED
                    && rc <= SEAL_KM_TOKEN_SIGNATURE));
    fuzz_assert((rc == SEAL_KM_OK) == (token.claims != NULL));

    if (rc == SEAL_KM_OK) {
        fuzz_claims(&token);
    }

    seal_km_token_free(&token);
    free(copy);

    return rc;
}


static void
fuzz_claims(const seal_km_token_t *token)
{
    char                     *buffer;
    void                     *iter;
    seal_km_str_t             name, text, aud;
    seal_km_claims_policy_t   policy;

    fuzz_assert(token->client_id.data != NULL && token->client_id.len <= 255);
    fuzz_assert(token->sub.len <= 255);

    aud = fuzz_str("a", 1);
    policy.issuers = &aud;
    policy.nissuers = 1;
    policy.audiences = &aud;
    policy.naudiences = 1;
    policy.leeway = 5;

    (void) seal_km_claims_check(token, &policy, 1000);
    (void) seal_km_claims_has_scope(token, aud);
    (void) seal_km_claims_check_identity(token, "sub", aud);

    for (iter = json_object_iter(token->claims);
         iter != NULL;
         iter = json_object_iter_next(token->claims, iter))
    {
        name.data = json_object_iter_key(iter);
        name.len = strlen(name.data);

        fuzz_assert(seal_km_claims_text(token, name, &text, &buffer) == 0);
        fuzz_assert(text.data == NULL || !seal_km_str_has_control(text));

        seal_km_secret_free(buffer);
    }
}


static void
fuzz_jwks(seal_km_str_t text)
{
    const char            *error;
    seal_km_jwks_t        *jwks;
    seal_km_algorithms_t   before;

    jwks = seal_km_jwks_create();
    error = NULL;

    (void) seal_km_jwks_add(jwks, fuzz_str(FUZZ_SECRET_JWK,
                                           sizeof(FUZZ_SECRET_JWK) - 1),
                            NULL, NULL, &error);
    before = seal_km_jwks_algorithms(jwks);

    if (seal_km_jwks_add(jwks, text, NULL, NULL, &error) != 0) {
        fuzz_assert(error != NULL);
        fuzz_assert(seal_km_jwks_algorithms(jwks) == before);

    } else {
        fuzz_assert((seal_km_jwks_algorithms(jwks) & before) == before);
    }

    seal_km_jwks_free(jwks);
}


/* each text that decodes is what its bytes encode to */

static void
fuzz_base64(seal_km_str_t input)
{
    char           *text;
    size_t          n, len;
    unsigned char  *bytes;

    bytes = fuzz_alloc(seal_km_base64url_decoded_size(input.len));

    if (seal_km_base64url_decode(input, bytes, &n) == 0) {
        fuzz_assert(seal_km_base64url_is_valid(input));

        text = fuzz_alloc(input.len + 4);
        len = (size_t) (fuzz_base64url(fuzz_str(bytes, n), text) - text);
        fuzz_assert(len == input.len && memcmp(text, input.data, len) == 0);
        free(text);

    } else {
        fuzz_assert(!seal_km_base64url_is_valid(input));
    }

    free(bytes);

    /* and all bytes come back from their text */

    text = fuzz_alloc(seal_km_base64_encoded_size(input.len));
    len = (size_t) (fuzz_base64url(input, text) - text);
    bytes = fuzz_alloc(seal_km_base64url_decoded_size(len));

    fuzz_assert(seal_km_base64url_decode(fuzz_str(text, len), bytes, &n) == 0);
    fuzz_assert(n == input.len && memcmp(bytes, input.data, n) == 0);

    free(bytes);
    free(text);
}
