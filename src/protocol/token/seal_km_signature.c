#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "seal_km_signature.h"


static int seal_km_signature_hmac(const EVP_MD *digest,
    const seal_km_signature_key_t *key, seal_km_str_t input,
    seal_km_str_t signature);
static int seal_km_signature_ecdsa(const EVP_MD *digest, EVP_PKEY *pkey,
    seal_km_str_t input, seal_km_str_t signature);
static int seal_km_signature_pkey(const EVP_MD *digest, EVP_PKEY *pkey,
    int pss, seal_km_str_t input, seal_km_str_t signature);
static int seal_km_signature_set_pss(EVP_PKEY_CTX *ctx);
static unsigned char *seal_km_signature_to_der(seal_km_str_t signature,
    int *len);
static const EVP_MD *seal_km_signature_digest(jwt_alg_t alg);
static int seal_km_signature_is_pss(jwt_alg_t alg);


int
seal_km_signature_verify(const seal_km_algorithm_t *algorithm,
    const seal_km_signature_key_t *key, seal_km_str_t input,
    seal_km_str_t signature)
{
    int            verified;
    const EVP_MD  *digest;

    digest = seal_km_signature_digest(algorithm->jwt_alg);

    switch (algorithm->kty) {

    case JWK_KEY_TYPE_OCT:
        verified = seal_km_signature_hmac(digest, key, input, signature);
        break;

    case JWK_KEY_TYPE_EC:
        verified = seal_km_signature_ecdsa(digest, key->pkey, input,
                                           signature);
        break;

    default: /* RSA, OKP */
        verified = seal_km_signature_pkey(digest, key->pkey,
                              seal_km_signature_is_pss(algorithm->jwt_alg),
                              input, signature);
        break;
    }

    if (!verified) {
        /* or the next TLS operation would stumble over it */
        ERR_clear_error();
    }

    return verified;
}


static int
seal_km_signature_hmac(const EVP_MD *digest,
    const seal_km_signature_key_t *key, seal_km_str_t input,
    seal_km_str_t signature)
{
    int            verified;
    unsigned       len;
    unsigned char  mac[EVP_MAX_MD_SIZE];

    if (HMAC(digest, key->secret, (int) key->secret_len,
             (const unsigned char *) input.data, input.len, mac, &len)
        == NULL)
    {
        return 0;
    }

    verified = (signature.len == len
                && CRYPTO_memcmp(mac, signature.data, len) == 0);

    OPENSSL_cleanse(mac, sizeof(mac));

    return verified;
}


static int
seal_km_signature_ecdsa(const EVP_MD *digest, EVP_PKEY *pkey,
    seal_km_str_t input, seal_km_str_t signature)
{
    int             len, verified;
    unsigned char  *der;
    seal_km_str_t   s;

    /* r and s, each of the size of the curve */

    if (signature.len != (size_t) ((EVP_PKEY_get_bits(pkey) + 7) / 8) * 2) {
        return 0;
    }

    der = seal_km_signature_to_der(signature, &len);

    if (der == NULL) {
        return 0;
    }

    s.data = (const char *) der;
    s.len = (size_t) len;

    verified = seal_km_signature_pkey(digest, pkey, 0, input, s);

    OPENSSL_free(der);

    return verified;
}


static int
seal_km_signature_pkey(const EVP_MD *digest, EVP_PKEY *pkey, int pss,
    seal_km_str_t input, seal_km_str_t signature)
{
    int            verified;
    EVP_MD_CTX    *md;
    EVP_PKEY_CTX  *ctx;

    md = EVP_MD_CTX_new();

    if (md == NULL) {
        return 0;
    }

    verified = EVP_DigestVerifyInit(md, &ctx, digest, NULL, pkey) == 1
               && (!pss || seal_km_signature_set_pss(ctx) == 0)
               && EVP_DigestVerify(md,
                                   (const unsigned char *) signature.data,
                                   signature.len,
                                   (const unsigned char *) input.data,
                                   input.len)
                  == 1;

    EVP_MD_CTX_free(md);

    return verified;
}


static int
seal_km_signature_set_pss(EVP_PKEY_CTX *ctx)
{
    /* any length of the salt, as LibJWT has it */

    if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1
        || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) != 1)
    {
        return -1;
    }

    return 0;
}


/* RFC 7518, clause 3.4, has r and s side by side, OpenSSL wants them in DER */

static unsigned char *
seal_km_signature_to_der(seal_km_str_t signature, int *len)
{
    int                   half;
    BIGNUM               *r, *s;
    ECDSA_SIG            *sig;
    unsigned char        *der;
    const unsigned char  *p;

    sig = ECDSA_SIG_new();

    if (sig == NULL) {
        return NULL;
    }

    half = (int) (signature.len / 2);
    p = (const unsigned char *) signature.data;

    r = BN_bin2bn(p, half, NULL);
    s = BN_bin2bn(p + half, half, NULL);

    if (r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return NULL;
    }

    der = NULL;
    *len = i2d_ECDSA_SIG(sig, &der);

    ECDSA_SIG_free(sig);

    return (*len > 0) ? der : NULL;
}


/* NULL for EdDSA, which hashes by itself */

static const EVP_MD *
seal_km_signature_digest(jwt_alg_t alg)
{
    switch (alg) {

    case JWT_ALG_RS256:
    case JWT_ALG_PS256:
    case JWT_ALG_ES256:
    case JWT_ALG_HS256:
        return EVP_sha256();

    case JWT_ALG_RS384:
    case JWT_ALG_PS384:
    case JWT_ALG_ES384:
    case JWT_ALG_HS384:
        return EVP_sha384();

    case JWT_ALG_RS512:
    case JWT_ALG_PS512:
    case JWT_ALG_ES512:
    case JWT_ALG_HS512:
        return EVP_sha512();

    default:
        return NULL;
    }
}


static int
seal_km_signature_is_pss(jwt_alg_t alg)
{
    return alg == JWT_ALG_PS256 || alg == JWT_ALG_PS384 || alg == JWT_ALG_PS512;
}
