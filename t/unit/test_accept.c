#include "unit.h"

#include "seal_km_accept.h"


typedef struct {
    seal_km_str_t  value;
    int            json;
} case_t;


static void
test_accept(void **state)
{
    char           *text;
    size_t          i;
    seal_km_str_t   value;

    static const case_t  cases[] = {
        { unit_lit("application/json"), 1 },
        { unit_lit("application/*"), 1 },
        { unit_lit("*/*"), 1 },
        { unit_lit("APPLICATION/Json"), 1 },
        { unit_lit(" \tapplication/json\t "), 1 },
        { unit_lit("text/html, application/json"), 1 },
        { unit_lit("text/html,application/json;q=0.2,"), 1 },
        { unit_lit(", ,application/json"), 1 },
        { unit_lit("application/json;charset=utf-8"), 1 },
        { unit_lit("application/json;charset=utf-8;q=0.5"), 1 },
        { unit_lit("application/json;v=\",;q=0\""), 1 },
        { unit_lit("application/json;v=\"\\\";q=0\""), 1 },
        { unit_lit("text/html;v=\"a\\\"b\",*/*"), 1 },
        { unit_lit("application/json;q=0, */*"), 1 },
        { unit_lit("application/json;q=0,application/*;q=0.001"), 1 },
        { unit_lit("*/*;q=1"), 1 },
        { unit_lit("*/*;q=1."), 1 },
        { unit_lit("*/*;q=1.000"), 1 },
        { unit_lit("*/*;Q=0.1"), 1 },
        { unit_lit("*/* ; q=0.001"), 1 },
        { unit_lit("*/*;q=0.5;q=0"), 1 },
        { unit_lit("*/*;"), 1 },
        { unit_lit("*/*;;q=0.9"), 1 },
        { unit_lit("*/*;quality=0"), 1 },

        { unit_lit(""), 0 },
        { unit_lit(" "), 0 },
        { unit_lit(",,"), 0 },
        { unit_lit("text/html"), 0 },
        { unit_lit("application/problem+json"), 0 },
        { unit_lit("application/json5"), 0 },
        { unit_lit("application/jso"), 0 },
        { unit_lit("application/"), 0 },
        { unit_lit("application"), 0 },
        { unit_lit("*"), 0 },
        { unit_lit("*/json"), 0 },
        { unit_lit("text/*"), 0 },
        { unit_lit("application/ json"), 0 },
        { unit_lit("application/json text/html"), 0 },
        { unit_lit("application/json\0"), 0 },
        { unit_lit("\"application/json\""), 0 },
        { unit_lit("text/html;v=\",application/json,\""), 0 },
        { unit_lit("text/html;v=\"\\\",application/json,\""), 0 },
        { unit_lit("text/html;v=\",application/json"), 0 },
        { unit_lit("text/html;v=\"\\"), 0 },
        { unit_lit("*/*;q=0"), 0 },
        { unit_lit("*/*;q=0."), 0 },
        { unit_lit("*/*;q=0.000"), 0 },
        { unit_lit("*/* ;\tQ=0.0, application/*;q=0"), 0 },
        { unit_lit("*/*;q=0;q=1"), 0 },
        { unit_lit("*/*;v=\"a\";q=0"), 0 },
        { unit_lit("*/*;q="), 0 },
        { unit_lit("*/*;q=x"), 0 },
        { unit_lit("*/*;q=1.1"), 0 },
        { unit_lit("*/*;q=2"), 0 },
        { unit_lit("*/*;q=0.0001"), 0 },
        { unit_lit("*/*;q=0.5555"), 0 },
        { unit_lit("*/*;q=00.5"), 0 },
        { unit_lit("*/*;q=.5"), 0 },
        { unit_lit("*/*;q=0,5"), 0 },
        { unit_lit("*/*;q=-1"), 0 },
        { unit_lit("*/*;q=0.5x"), 0 }
    };

    for (i = 0; i < unit_n(cases); i++) {
        text = unit_exact(cases[i].value);
        value.data = text;
        value.len = cases[i].value.len;

        unit_check(cases[i].value.data,
                   seal_km_accept_has_json(value) == cases[i].json);
        free(text);
    }

    value.data = NULL;
    value.len = 0;
    assert_int_equal(seal_km_accept_has_json(value), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_accept)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
