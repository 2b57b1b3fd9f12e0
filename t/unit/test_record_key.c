#include "unit.h"

#include "seal_km_record_key.h"


/* the name, in memory that has room for it and no more */

static char *
key_of(seal_km_identity_e type, seal_km_str_t service, seal_km_str_t identity,
    seal_km_str_t prefix, size_t *len)
{
    char               *key;
    seal_km_request_t   request;

    memset(&request, 0, sizeof(request));
    request.service_id = service;
    request.identity_type = type;
    request.identity = identity;

    *len = seal_km_record_key_size(&request, prefix);
    key = malloc(*len);
    assert_non_null(key);
    assert_ptr_equal(seal_km_record_key_write(&request, prefix, key),
                     key + *len);

    return key;
}


static void
test_names(void **state)
{
    char           *key;
    size_t          i;
    seal_km_str_t   got;

    static const struct {
        seal_km_identity_e   type;
        seal_km_str_t        service;
        seal_km_str_t        identity;
        seal_km_str_t        prefix;
        const char          *key;
    } cases[] = {
        { SEAL_KM_IDENTITY_SERVICE, unit_lit("v2x.example"), unit_none,
          unit_lit("seal:km:"), "seal:km:v2x.example:service" },
        { SEAL_KM_IDENTITY_USER, unit_lit("v2x.example"),
          unit_lit("sip:alice@example.com"), unit_lit("seal:km:"),
          "seal:km:v2x.example:user:sip:alice@example.com" },
        { SEAL_KM_IDENTITY_CLIENT, unit_lit("s"), unit_lit("c"),
          unit_lit("p"), "ps:client:c" },
        { SEAL_KM_IDENTITY_DEVICE, unit_lit("s"), unit_lit("d"),
          unit_lit(""), "s:device:d" },
        { SEAL_KM_IDENTITY_DEVICE, unit_lit("s"), unit_lit("d"),
          unit_none, "s:device:d" },
        { SEAL_KM_IDENTITY_SERVICE, unit_lit("a:b"), unit_none,
          unit_lit("p:%:"), "p:%:a%3Ab:service" },
        { SEAL_KM_IDENTITY_SERVICE, unit_lit("a%b"), unit_none,
          unit_lit("p"), "pa%25b:service" },
        { SEAL_KM_IDENTITY_SERVICE, unit_lit("%:%3A%25::"), unit_none,
          unit_lit("p"), "p%25%3A%253A%2525%3A%3A:service" },
        { SEAL_KM_IDENTITY_USER, unit_lit("a"), unit_lit("b:c%d%25"),
          unit_lit("p"), "pa:user:b:c%d%25" },
        { SEAL_KM_IDENTITY_USER, unit_lit("\xc3\xa9 \"'\\"),
          unit_lit("\xe2\x82\xac"), unit_lit("p"),
          "p\xc3\xa9 \"'\\:user:\xe2\x82\xac" }
    };

    for (i = 0; i < unit_n(cases); i++) {
        key = key_of(cases[i].type, cases[i].service, cases[i].identity,
                     cases[i].prefix, &got.len);
        got.data = key;
        unit_check_str(cases[i].key, got, unit_text(cases[i].key));
        free(key);
    }
}


/* all pairs of short and nasty texts have names of their own */

static void
test_injective(void **state)
{
    char    *keys[600];
    size_t   i, j, n, s, t, u, lens[600];

    static const seal_km_str_t  texts[] = {
        unit_lit("a"), unit_lit(":"), unit_lit("%"), unit_lit("%3A"),
        unit_lit("%25"), unit_lit("a:service"), unit_lit("a:user:a"),
        unit_lit("a:user"), unit_lit("user:a"), unit_lit("service"),
        unit_lit("%253A"), unit_lit("a%3Auser%3Aa")
    };

    n = 0;

    for (s = 0; s < unit_n(texts); s++) {
        for (t = 0; t < SEAL_KM_IDENTITY_MAX; t++) {
            for (u = 0; u < unit_n(texts); u++) {

                if (t == SEAL_KM_IDENTITY_SERVICE && u > 0) {
                    break;
                }

                keys[n] = key_of((seal_km_identity_e) t, texts[s], texts[u],
                                 unit_str("p:"), &lens[n]);
                n++;
            }
        }
    }

    for (i = 0; i < n; i++) {
        for (j = 0; j < i; j++) {
            assert_false(lens[i] == lens[j]
                         && memcmp(keys[i], keys[j], lens[i]) == 0);
        }
    }

    while (n > 0) {
        free(keys[--n]);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_injective)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
