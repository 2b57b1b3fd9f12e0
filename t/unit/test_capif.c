#include "unit.h"

#include "seal_km_capif.h"
#include "seal_km_claims.h"


static void
test_is_scope(void **state)
{
    assert_int_equal(seal_km_capif_is_scope(unit_str("3gpp#")), 1);
    assert_int_equal(seal_km_capif_is_scope(unit_str("3gpp#a:b")), 1);
    assert_int_equal(seal_km_capif_is_scope(unit_str("3gpp")), 0);
    assert_int_equal(seal_km_capif_is_scope(unit_str("3GPP#a:b")), 0);
    assert_int_equal(seal_km_capif_is_scope(unit_str("x3gpp#a:b")), 0);
    assert_int_equal(seal_km_capif_is_scope(unit_str("")), 0);
    assert_int_equal(seal_km_capif_is_scope((seal_km_str_t) unit_none), 0);
}


static void
test_names_one(void **state)
{
    size_t  i;

    static const struct {
        seal_km_str_t  scope;
        int            one;
    } cases[] = {
        { unit_lit("3gpp#a:b"), 1 },
        { unit_lit("3gpp#aef-1.example:ss-kir"), 1 },
        { unit_lit("3gpp#urn:aef:1:ss-kir"), 1 },
        { unit_lit("3gpp#::b"), 1 },
        { unit_lit("3gpp#a,b:c"), 1 },

        { unit_lit("3gpp#"), 0 },
        { unit_lit("3gpp#a"), 0 },
        { unit_lit("3gpp#a:"), 0 },
        { unit_lit("3gpp#:b"), 0 },
        { unit_lit("3gpp#:"), 0 },
        { unit_lit("3gpp#a:b,c"), 0 },
        { unit_lit("3gpp#a:b,"), 0 },
        { unit_lit("3gpp#a:,b"), 0 },
        { unit_lit("3gpp#a:b;"), 0 },
        { unit_lit("3gpp#;a:b"), 0 },
        { unit_lit("3gpp#a:b;c:d"), 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        unit_check(cases[i].scope.data,
                   seal_km_capif_names_one(cases[i].scope) == cases[i].one);
    }
}


static void
test_is_held(void **state)
{
    char           *text;
    size_t          i;
    seal_km_str_t   scopes;

    static const struct {
        seal_km_str_t  demanded;
        seal_km_str_t  scopes;
        int            held;
    } cases[] = {
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:api"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:x,api,y"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#x:y;aef:api"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#x:api;aef:y,api;z:a"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:x;aef:api"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("openid 3gpp#aef:api email"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#x:y 3gpp#aef:api"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("  3gpp#aef:api  "), 1 },

        /* what is empty lists nothing, and does no harm to the rest */
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#;;aef:api;"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:,api,"), 1 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef;aef:api"), 1 },

        /* the last colon divides */
        { unit_lit("3gpp#urn:aef:api"), unit_lit("3gpp#urn:aef:x,api"), 1 },
        { unit_lit("3gpp#urn:aef:api"), unit_lit("3gpp#urn:aef,api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#urn:aef:api"), 0 },
        { unit_lit("3gpp#urn:api"), unit_lit("3gpp#urn:aef:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:api,x:y"), 0 },

        { unit_lit("3gpp#aef:api"), unit_lit(""), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("aef:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3GPP#aef:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("x3gpp#aef:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:API"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#AEF:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#ae:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef1:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#xaef:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:api1"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:ap"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:xapi"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:x;b:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#b:api;aef:x"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:x b:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef :api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#b;aef,api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#:api"), 0 },
        { unit_lit("3gpp#aef:api"), unit_lit("3gpp#aef:"), 0 },

        /* what does not name one is held by nothing, itself neither */
        { unit_lit("3gpp#"), unit_lit("3gpp#"), 0 },
        { unit_lit("3gpp#aef"), unit_lit("3gpp#aef"), 0 },
        { unit_lit("3gpp#aef:"), unit_lit("3gpp#aef:"), 0 },
        { unit_lit("3gpp#:api"), unit_lit("3gpp#:api"), 0 },
        { unit_lit("3gpp#aef:a,b"), unit_lit("3gpp#aef:a,b"), 0 },
        { unit_lit("3gpp#aef:a;aef:a"), unit_lit("3gpp#aef:a;aef:a"), 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        text = unit_exact(cases[i].scopes);
        scopes.data = text;
        scopes.len = cases[i].scopes.len;

        unit_check(unit_format("%s: %s", cases[i].demanded.data,
                               cases[i].scopes.data),
                   seal_km_capif_is_held(scopes, cases[i].demanded)
                   == cases[i].held);
        free(text);
    }

    scopes.data = NULL;
    scopes.len = 0;
    assert_int_equal(seal_km_capif_is_held(scopes, unit_str("3gpp#a:b")), 0);
}


/* seal_km_claims_has_scope() takes either kind */

static void
test_has_scope(void **state)
{
    seal_km_token_t  token;

    memset(&token, 0, sizeof(token));

    assert_int_equal(seal_km_claims_has_scope(&token, unit_str("3gpp#a:b")), 0);

    token.scope = unit_str("seal:km 3gpp#a:b,c");

    assert_int_equal(seal_km_claims_has_scope(&token, unit_str("3gpp#a:c")), 1);
    assert_int_equal(seal_km_claims_has_scope(&token, unit_str("3gpp#a:d")), 0);
    assert_int_equal(seal_km_claims_has_scope(&token, unit_str("3gpp#a:b,c")),
                     0);
    assert_int_equal(seal_km_claims_has_scope(&token, unit_str("seal:km")), 1);
    assert_int_equal(seal_km_claims_has_scope(&token, unit_str("3gpp")), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_is_scope),
        cmocka_unit_test(test_names_one),
        cmocka_unit_test(test_is_held),
        cmocka_unit_test(test_has_scope)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
