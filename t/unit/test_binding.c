/*
 * Sender-constrained tokens: cnf as the token has it, and the certificate.
 */

#include "unit.h"

#include "seal_km_binding.h"


/* SHA-256 of nothing */

#define THUMBPRINT  "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

static const unsigned char  thumbprint[SEAL_KM_THUMBPRINT_SIZE] = {
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8,
    0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
    0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55
};

static const unsigned char  other[SEAL_KM_THUMBPRINT_SIZE] = { 0xe3 };


typedef struct {
    const char         *cnf;       /* NULL: no such claim */
    seal_km_reason_e    verify;
    seal_km_binding_e   binding;
    seal_km_reason_e    right;     /* with the certificate of thumbprint */
} case_t;


static const case_t  cases[] = {

    { NULL, SEAL_KM_OK, SEAL_KM_BINDING_NONE, SEAL_KM_OK },

    { "{\"x5t#S256\":\"" THUMBPRINT "\"}", SEAL_KM_OK,
      SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_OK },

    /* one certificate has one spelling only */

    { "{\"x5t#S256\":\"" THUMBPRINT "=\"}", SEAL_KM_OK,
      SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#S256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"}",
      SEAL_KM_OK, SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#S256\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV\"}",
      SEAL_KM_OK, SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#S256\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF\"}",
      SEAL_KM_OK, SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#S256\":\"" THUMBPRINT THUMBPRINT "\"}", SEAL_KM_OK,
      SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#S256\":\"\"}", SEAL_KM_OK,
      SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#S256\":\"\\u0000" THUMBPRINT "\"}", SEAL_KM_OK,
      SEAL_KM_BINDING_CERTIFICATE, SEAL_KM_TOKEN_BINDING },

    { "{}", SEAL_KM_OK, SEAL_KM_BINDING_UNKNOWN, SEAL_KM_TOKEN_BINDING },
    { "{\"jkt\":\"x\"}", SEAL_KM_OK, SEAL_KM_BINDING_UNKNOWN,
      SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#S256\":\"" THUMBPRINT "\",\"kid\":null}", SEAL_KM_OK,
      SEAL_KM_BINDING_UNKNOWN, SEAL_KM_TOKEN_BINDING },
    { "{\"x5t#s256\":\"" THUMBPRINT "\"}", SEAL_KM_OK,
      SEAL_KM_BINDING_UNKNOWN, SEAL_KM_TOKEN_BINDING },

    { "null", SEAL_KM_TOKEN_MALFORMED, 0, 0 },
    { "[]", SEAL_KM_TOKEN_MALFORMED, 0, 0 },
    { "\"" THUMBPRINT "\"", SEAL_KM_TOKEN_MALFORMED, 0, 0 },
    { "0", SEAL_KM_TOKEN_MALFORMED, 0, 0 },
    { "{\"x5t#S256\":null}", SEAL_KM_TOKEN_MALFORMED, 0, 0 },
    { "{\"x5t#S256\":[\"" THUMBPRINT "\"]}", SEAL_KM_TOKEN_MALFORMED, 0, 0 },
    { "{\"x5t#S256\":1,\"jkt\":\"x\"}", SEAL_KM_TOKEN_MALFORMED, 0, 0 }
};


static void
test_cnf(void **state)
{
    char             *claims;
    unsigned          i;
    const char       *cnf, *name;
    seal_km_jwks_t   *jwks;
    seal_km_token_t   token;

    (void) state;

    jwks = unit_jwks(unit_jwk(unit_key("p256"), NULL));

    for (i = 0; i < unit_n(cases); i++) {
        cnf = cases[i].cnf;
        name = cnf ? cnf : "none";

        claims = unit_format("{\"exp\":9,\"client_id\":\"c\"%s%s}",
                             cnf ? ",\"cnf\":" : "", cnf ? cnf : "");

        unit_check(name, seal_km_token_verify(&token,
                           unit_text(unit_token("ES256", unit_key("p256"),
                                                "{\"alg\":\"ES256\"}",
                                                claims)),
                           jwks, seal_km_algorithms_asymmetric(), NULL, NULL)
                         == cases[i].verify);

        if (cases[i].verify != SEAL_KM_OK) {
            continue;
        }

        unit_check(name, token.binding == cases[i].binding);

        unit_check(name, seal_km_binding_check(&token, 0, thumbprint)
                         == cases[i].right);
        unit_check(name, seal_km_binding_check(&token, 1, thumbprint)
                         == (cnf ? cases[i].right : SEAL_KM_TOKEN_BINDING));
        unit_check(name, seal_km_binding_check(&token, 0, other)
                         == (cnf ? SEAL_KM_TOKEN_BINDING : SEAL_KM_OK));
        unit_check(name, seal_km_binding_check(&token, 0, NULL)
                         == (cnf ? SEAL_KM_TOKEN_BINDING : SEAL_KM_OK));

        seal_km_token_free(&token);
    }

    seal_km_jwks_free(jwks);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cnf)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
