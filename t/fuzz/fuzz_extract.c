/*
 * What the token cache stores and reads back.  The first byte of the input tells
 * which: claims, of which the extract is written and says what they say; or an
 * extract as somebody else might have put it there, of which nothing is read that
 * is not in it.
 */


#include <openssl/hmac.h>

#include "fuzz.h"
#include "fuzz_base64url.h"
#include "seal_km_claims.h"
#include "seal_km_extract.h"
#include "seal_km_secret.h"
#include "seal_km_token.h"


#define FUZZ_SECRET      "0123456789abcdef0123456789abcdef"
#define FUZZ_SECRET_JWK                                                       \
    "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"
#define FUZZ_HEADER      "{\"alg\":\"HS256\"}"
#define FUZZ_ALL         ((1u << SEAL_KM_ALGORITHM_N) - 1)

#define fuzz_n(table)    (sizeof(table) / sizeof(table[0]))
#define fuzz_lit(text)   { text, sizeof(text) - 1 }


static const seal_km_str_t  fuzz_identities[] = {
    fuzz_lit("sub"), fuzz_lit("names"), fuzz_lit("client_id")
};

static const seal_km_str_t  fuzz_texts[] = {
    fuzz_lit("a"), fuzz_lit("iss"), fuzz_lit("names")
};

static const seal_km_str_t  fuzz_path0[] = { fuzz_lit("names") };
static const seal_km_str_t  fuzz_path1[] = { fuzz_lit("a"), fuzz_lit("b") };

static const seal_km_claim_path_t  fuzz_paths[] = {
    { fuzz_path0, 1 }, { fuzz_path1, 2 }
};

static const seal_km_extract_names_t  fuzz_names = {
    fuzz_identities, fuzz_n(fuzz_identities), fuzz_texts, fuzz_n(fuzz_texts),
    fuzz_paths, fuzz_n(fuzz_paths)
};


static void fuzz_written(seal_km_str_t claims);
static int fuzz_verify(seal_km_token_t *token, seal_km_str_t claims);
static void fuzz_same(const seal_km_token_t *token,
    const seal_km_token_t *copy);
static void fuzz_same_texts(const seal_km_token_t *token,
    const seal_km_token_t *copy);
static void fuzz_foreign(seal_km_str_t bytes);
static void fuzz_inside(seal_km_str_t bytes, seal_km_str_t s);
static void fuzz_equal(seal_km_str_t a, seal_km_str_t b);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }

    if (data[0] % 2) {
        fuzz_foreign(fuzz_str(data + 1, size - 1));

    } else {
        fuzz_written(fuzz_str(data + 1, size - 1));
    }

    return 0;
}


static void
fuzz_written(seal_km_str_t claims)
{
    char             buf[SEAL_KM_EXTRACT_MAX], *exact;
    size_t           len;
    seal_km_token_t  token, copy;

    if (fuzz_verify(&token, claims) != 0) {
        return;
    }

    len = seal_km_extract_write(&token, &fuzz_names, buf);
    fuzz_assert(len <= sizeof(buf));

    if (len > 0) {
        exact = fuzz_alloc(len);
        memcpy(exact, buf, len);

        fuzz_assert(seal_km_extract_read(&copy, fuzz_str(exact, len),
                                         &fuzz_names)
                    == 0);
        fuzz_same(&token, &copy);
        fuzz_same_texts(&token, &copy);

        seal_km_token_free(&copy);
        free(exact);
    }

    seal_km_token_free(&token);
}


/* 0 if such a token, well signed, is one */

static int
fuzz_verify(seal_km_token_t *token, seal_km_str_t claims)
{
    char                    *text, *p;
    unsigned                 len;
    const char              *error;
    seal_km_str_t            s;
    unsigned char            mac[EVP_MAX_MD_SIZE];
    seal_km_reason_e         reason;

    static seal_km_jwks_t  *keys;

    if (keys == NULL) {
        keys = seal_km_jwks_create();
        s = fuzz_str(FUZZ_SECRET_JWK, sizeof(FUZZ_SECRET_JWK) - 1);
        fuzz_assert(seal_km_jwks_add(keys, s, NULL, NULL, &error) == 0);
    }

    text = fuzz_alloc(2 * claims.len + 200);

    p = fuzz_base64url(fuzz_str(FUZZ_HEADER, sizeof(FUZZ_HEADER) - 1), text);
    *p++ = '.';
    p = fuzz_base64url(claims, p);

    fuzz_assert(HMAC(EVP_sha256(), FUZZ_SECRET, sizeof(FUZZ_SECRET) - 1,
                     (unsigned char *) text, (size_t) (p - text), mac, &len)
                != NULL);

    *p++ = '.';
    p = fuzz_base64url(fuzz_str(mac, len), p);

    reason = seal_km_token_verify(token, fuzz_str(text, (size_t) (p - text)),
                                  keys, FUZZ_ALL, NULL, NULL);
    free(text);

    return (reason == SEAL_KM_OK) ? 0 : -1;
}


static void
fuzz_same(const seal_km_token_t *token, const seal_km_token_t *copy)
{
    size_t  i, n;

    static const seal_km_str_t  who[] = {
        fuzz_lit("alice"), fuzz_lit("c"), fuzz_lit(""), fuzz_lit("a\0b")
    };

    fuzz_assert(copy->exp == token->exp && copy->nbf == token->nbf
                && copy->has_nbf == token->has_nbf
                && copy->type_refused == token->type_refused
                && copy->binding == token->binding);

    fuzz_equal(copy->client_id, token->client_id);
    fuzz_equal(copy->sub, token->sub);
    fuzz_equal(copy->iss, token->iss);
    fuzz_equal(copy->scope, token->scope);
    fuzz_equal(copy->thumbprint, token->thumbprint);

    for (i = 0; i < fuzz_n(fuzz_identities); i++) {
        for (n = 0; n < fuzz_n(who); n++) {
            fuzz_assert(seal_km_claims_check_identity(copy,
                                           fuzz_identities[i].data, who[n])
                        == seal_km_claims_check_identity(token,
                                           fuzz_identities[i].data, who[n]));
        }

        fuzz_assert(seal_km_claims_check_identity(copy,
                                         fuzz_identities[i].data, token->sub)
                    == seal_km_claims_check_identity(token,
                                         fuzz_identities[i].data, token->sub));
    }
}


/* what did not fit was left out, and is told so */

static void
fuzz_same_texts(const seal_km_token_t *token, const seal_km_token_t *copy)
{
    int             rc;
    char           *b1, *b2;
    size_t          i;
    seal_km_str_t   t1, t2;

    for (i = 0; i < fuzz_n(fuzz_texts) + fuzz_n(fuzz_paths); i++) {

        if (i < fuzz_n(fuzz_texts)) {
            fuzz_assert(seal_km_claims_text(token, fuzz_texts[i], &t1, &b1)
                        == 0);
            rc = seal_km_claims_text(copy, fuzz_texts[i], &t2, &b2);

        } else {
            fuzz_assert(seal_km_claims_path_text(token, fuzz_paths,
                                                 i - fuzz_n(fuzz_texts), &t1,
                                                 &b1)
                        == 0);
            rc = seal_km_claims_path_text(copy, fuzz_paths,
                                          i - fuzz_n(fuzz_texts), &t2, &b2);
        }

        if (rc == 0) {
            fuzz_assert(b2 == NULL);
            fuzz_equal(t1, t2);

        } else {
            fuzz_assert(rc == 1 && copy->left_out);
        }

        seal_km_secret_free(b1);
    }
}


static void
fuzz_foreign(seal_km_str_t bytes)
{
    char            *exact, *buffer;
    size_t           i;
    seal_km_str_t    text;
    seal_km_token_t  token;

    exact = fuzz_alloc(bytes.len);
    memcpy(exact, bytes.data, bytes.len);
    bytes.data = exact;

    if (seal_km_extract_read(&token, bytes, &fuzz_names) == 0) {
        fuzz_inside(bytes, token.client_id);
        fuzz_inside(bytes, token.sub);
        fuzz_inside(bytes, token.iss);
        fuzz_inside(bytes, token.scope);
        fuzz_inside(bytes, token.thumbprint);

        for (i = 0; i < fuzz_n(fuzz_identities); i++) {
            (void) seal_km_claims_check_identity(&token,
                                                 fuzz_identities[i].data,
                                                 token.sub);
        }

        for (i = 0; i < fuzz_n(fuzz_texts); i++) {
            if (seal_km_claims_text(&token, fuzz_texts[i], &text, &buffer)
                == 0)
            {
                fuzz_inside(bytes, text);
            }
        }

        for (i = 0; i < fuzz_n(fuzz_paths); i++) {
            if (seal_km_claims_path_text(&token, fuzz_paths, i, &text, &buffer)
                == 0)
            {
                fuzz_inside(bytes, text);
            }
        }

        seal_km_token_free(&token);
    }

    free(exact);
}


static void
fuzz_inside(seal_km_str_t bytes, seal_km_str_t s)
{
    fuzz_assert(s.data == NULL
                || (s.data >= bytes.data
                    && s.data + s.len <= bytes.data + bytes.len));
}


static void
fuzz_equal(seal_km_str_t a, seal_km_str_t b)
{
    fuzz_assert((a.data == NULL) == (b.data == NULL));
    fuzz_assert(seal_km_str_equal(a, b));
}
