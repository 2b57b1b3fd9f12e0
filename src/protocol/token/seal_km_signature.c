#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

#include "seal_km_secret.h"
#include "seal_km_signature.h"


/* what its algorithm needs, the rest is NULL */

struct seal_km_verifier_s {
    const seal_km_algorithm_t  *algorithm;
    EVP_MD                     *digest;      /* RSA, ECDSA */
    EVP_PKEY_CTX               *pkey;        /* RSA, ECDSA */
    size_t                      signature_len;  /* ECDSA */
    EVP_MD_CTX                 *eddsa;
    EVP_MAC_CTX                *hmac;        /* with its key */
};


static int seal_km_verifier_init(seal_km_verifier_t *verifier,
    const seal_km_signature_key_t *key);
static int seal_km_verifier_init_hmac(seal_km_verifier_t *verifier,
    const seal_km_signature_key_t *key);
static int seal_km_verifier_init_eddsa(seal_km_verifier_t *verifier,
    EVP_PKEY *pkey);
static int seal_km_verifier_init_pkey(seal_km_verifier_t *verifier,
    EVP_PKEY *pkey);
static seal_km_signature_e seal_km_signature_try(seal_km_signature_t *s,
    seal_km_verifier_t *verifier);
static seal_km_signature_e seal_km_signature_hmac(
    const seal_km_signature_t *s, seal_km_verifier_t *verifier);
static seal_km_signature_e seal_km_signature_eddsa(
    const seal_km_signature_t *s, seal_km_verifier_t *verifier);
static seal_km_signature_e seal_km_signature_pkey(seal_km_signature_t *s,
    seal_km_verifier_t *verifier);
static int seal_km_signature_hash(seal_km_signature_t *s, const EVP_MD *digest);
static int seal_km_signature_encode(seal_km_signature_t *s);


seal_km_verifier_t *
seal_km_verifier_create(const seal_km_algorithm_t *algorithm,
    const seal_km_signature_key_t *key)
{
    seal_km_verifier_t  *verifier;

    verifier = seal_km_secret_alloc(sizeof(seal_km_verifier_t));

    if (verifier == NULL) {
        return NULL;
    }

    memset(verifier, 0, sizeof(seal_km_verifier_t));
    verifier->algorithm = algorithm;

    if (seal_km_verifier_init(verifier, key) != 0) {
        seal_km_verifier_free(verifier);
        return NULL;
    }

    /* it may have something to say of what went well in the end, too */
    ERR_clear_error();

    return verifier;
}


static int
seal_km_verifier_init(seal_km_verifier_t *verifier,
    const seal_km_signature_key_t *key)
{
    switch (verifier->algorithm->kty) {

    case JWK_KEY_TYPE_OCT:
        return seal_km_verifier_init_hmac(verifier, key);

    case JWK_KEY_TYPE_OKP:
        return seal_km_verifier_init_eddsa(verifier, key->pkey);

    default: /* RSA, EC */
        return seal_km_verifier_init_pkey(verifier, key->pkey);
    }
}


static int
seal_km_verifier_init_hmac(seal_km_verifier_t *verifier,
    const seal_km_signature_key_t *key)
{
    EVP_MAC     *mac;
    OSSL_PARAM   params[2];

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    verifier->hmac = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);

    if (verifier->hmac == NULL) {
        return -1;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                (char *) verifier->algorithm->digest, 0);
    params[1] = OSSL_PARAM_construct_end();

    return (EVP_MAC_init(verifier->hmac, key->secret, key->secret_len, params)
            == 1)
           ? 0 : -1;
}


/* the second call is what precedes each use: see there */

static int
seal_km_verifier_init_eddsa(seal_km_verifier_t *verifier, EVP_PKEY *pkey)
{
    verifier->eddsa = EVP_MD_CTX_new();

    if (verifier->eddsa == NULL
        || EVP_DigestVerifyInit(verifier->eddsa, NULL, NULL, NULL, pkey) != 1
        || EVP_DigestVerifyInit(verifier->eddsa, NULL, NULL, NULL, NULL) != 1)
    {
        return -1;
    }

    return 0;
}


static int
seal_km_verifier_init_pkey(seal_km_verifier_t *verifier, EVP_PKEY *pkey)
{
    int  padding;

    verifier->digest = EVP_MD_fetch(NULL, verifier->algorithm->digest, NULL);
    verifier->pkey = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    if (verifier->digest == NULL
        || verifier->pkey == NULL
        || EVP_PKEY_verify_init(verifier->pkey) != 1
        || EVP_PKEY_CTX_set_signature_md(verifier->pkey, verifier->digest) != 1)
    {
        return -1;
    }

    if (verifier->algorithm->kty == JWK_KEY_TYPE_EC) {
        verifier->signature_len = (size_t) ((EVP_PKEY_get_bits(pkey) + 7) / 8)
                                  * 2;
        return 0;
    }

    padding = verifier->algorithm->pss ? RSA_PKCS1_PSS_PADDING
                                       : RSA_PKCS1_PADDING;

    if (EVP_PKEY_CTX_set_rsa_padding(verifier->pkey, padding) != 1) {
        return -1;
    }

    /* RFC 7518, clause 3.5, has a salt as long as the hash; issuers differ, and
       no salt makes a signature easier to forge: any length will do */

    if (verifier->algorithm->pss
        && EVP_PKEY_CTX_set_rsa_pss_saltlen(verifier->pkey,
                                            RSA_PSS_SALTLEN_AUTO)
           != 1)
    {
        return -1;
    }

    return 0;
}


void
seal_km_verifier_free(seal_km_verifier_t *verifier)
{
    if (verifier == NULL) {
        return;
    }

    EVP_MAC_CTX_free(verifier->hmac);
    EVP_MD_CTX_free(verifier->eddsa);
    EVP_PKEY_CTX_free(verifier->pkey);
    EVP_MD_free(verifier->digest);

    seal_km_secret_free(verifier);
}


void
seal_km_signature_init(seal_km_signature_t *s, seal_km_str_t input,
    seal_km_str_t signature)
{
    s->input = input;
    s->signature = signature;
    s->algorithm = NULL;
}


seal_km_signature_e
seal_km_signature_verify(seal_km_signature_t *s, seal_km_verifier_t *verifier)
{
    seal_km_signature_e  rc;

    /*
     * What others left there tells nothing of this.  A look costs much less than
     * clearing what is empty as a rule.
     */
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }

    if (s->algorithm != verifier->algorithm) {
        s->algorithm = verifier->algorithm;
        s->hashed = 0;
        s->encoded = 0;
    }

    rc = seal_km_signature_try(s, verifier);

    /* where OpenSSL lacked memory nothing is known of the signature */

    if (rc != SEAL_KM_SIGNATURE_RIGHT && seal_km_secret_openssl_has_failed()) {
        rc = SEAL_KM_SIGNATURE_NO_MEMORY;
    }

    /*
     * Or the next TLS operation would stumble over it.  An error that was taken
     * leaves its text where it was.
     */
    if (rc != SEAL_KM_SIGNATURE_RIGHT || ERR_peek_error() != 0) {
        ERR_clear_error();
    }

    return rc;
}


static seal_km_signature_e
seal_km_signature_try(seal_km_signature_t *s, seal_km_verifier_t *verifier)
{
    switch (verifier->algorithm->kty) {

    case JWK_KEY_TYPE_OCT:
        return seal_km_signature_hmac(s, verifier);

    case JWK_KEY_TYPE_OKP:
        return seal_km_signature_eddsa(s, verifier);

    default: /* RSA, EC */
        return seal_km_signature_pkey(s, verifier);
    }
}


static seal_km_signature_e
seal_km_signature_hmac(const seal_km_signature_t *s,
    seal_km_verifier_t *verifier)
{
    size_t                len;
    EVP_MAC_CTX          *hmac;
    unsigned char         mac[EVP_MAX_MD_SIZE];
    seal_km_signature_e   rc;

    hmac = EVP_MAC_CTX_dup(verifier->hmac);

    if (hmac == NULL) {
        return SEAL_KM_SIGNATURE_NO_MEMORY;
    }

    if (EVP_MAC_update(hmac, (const unsigned char *) s->input.data,
                       s->input.len)
        == 1
        && EVP_MAC_final(hmac, mac, &len, sizeof(mac)) == 1)
    {
        rc = (s->signature.len == len
              && CRYPTO_memcmp(mac, s->signature.data, len) == 0)
             ? SEAL_KM_SIGNATURE_RIGHT : SEAL_KM_SIGNATURE_WRONG;

    } else {
        rc = SEAL_KM_SIGNATURE_NO_MEMORY;
    }

    OPENSSL_cleanse(mac, sizeof(mac));
    EVP_MAC_CTX_free(hmac);

    return rc;
}


/* EdDSA hashes by itself, with each key anew, and takes all bytes at once */

static seal_km_signature_e
seal_km_signature_eddsa(const seal_km_signature_t *s,
    seal_km_verifier_t *verifier)
{
    /* newer OpenSSL wants that between two uses; the key remains */

    if (EVP_DigestVerifyInit(verifier->eddsa, NULL, NULL, NULL, NULL) != 1) {
        return SEAL_KM_SIGNATURE_NO_MEMORY;
    }

    return (EVP_DigestVerify(verifier->eddsa,
                             (const unsigned char *) s->signature.data,
                             s->signature.len,
                             (const unsigned char *) s->input.data,
                             s->input.len)
            == 1)
           ? SEAL_KM_SIGNATURE_RIGHT : SEAL_KM_SIGNATURE_WRONG;
}


static seal_km_signature_e
seal_km_signature_pkey(seal_km_signature_t *s, seal_km_verifier_t *verifier)
{
    size_t                len;
    const unsigned char  *signature;

    signature = (const unsigned char *) s->signature.data;
    len = s->signature.len;

    if (verifier->algorithm->kty == JWK_KEY_TYPE_EC) {

        if (len != verifier->signature_len) {
            return SEAL_KM_SIGNATURE_WRONG;
        }

        if (!s->encoded && seal_km_signature_encode(s) != 0) {
            return SEAL_KM_SIGNATURE_NO_MEMORY;
        }

        signature = s->der;
        len = s->der_len;
    }

    if (!s->hashed && seal_km_signature_hash(s, verifier->digest) != 0) {
        return SEAL_KM_SIGNATURE_NO_MEMORY;
    }

    return (EVP_PKEY_verify(verifier->pkey, signature, len, s->hash,
                            s->hash_len)
            == 1)
           ? SEAL_KM_SIGNATURE_RIGHT : SEAL_KM_SIGNATURE_WRONG;
}


static int
seal_km_signature_hash(seal_km_signature_t *s, const EVP_MD *digest)
{
    if (EVP_Digest(s->input.data, s->input.len, s->hash, &s->hash_len, digest,
                   NULL)
        != 1)
    {
        return -1;
    }

    s->hashed = 1;

    return 0;
}


/* RFC 7518, clause 3.4, has r and s side by side, OpenSSL wants them in DER */

static int
seal_km_signature_encode(seal_km_signature_t *s)
{
    int                   half, len;
    BIGNUM               *r, *rest;
    ECDSA_SIG            *sig;
    unsigned char        *der;
    const unsigned char  *p;

    sig = ECDSA_SIG_new();

    if (sig == NULL) {
        return -1;
    }

    half = (int) (s->signature.len / 2);
    p = (const unsigned char *) s->signature.data;

    r = BN_bin2bn(p, half, NULL);
    rest = BN_bin2bn(p + half, half, NULL);

    if (r == NULL || rest == NULL || ECDSA_SIG_set0(sig, r, rest) != 1) {
        BN_free(r);
        BN_free(rest);
        ECDSA_SIG_free(sig);
        return -1;
    }

    len = i2d_ECDSA_SIG(sig, NULL);

    if (len > 0 && len <= SEAL_KM_SIGNATURE_DER_MAX) {
        der = s->der;
        len = i2d_ECDSA_SIG(sig, &der);

    } else {
        len = -1;
    }

    ECDSA_SIG_free(sig);

    if (len <= 0) {
        return -1;
    }

    s->der_len = (size_t) len;
    s->encoded = 1;

    return 0;
}
