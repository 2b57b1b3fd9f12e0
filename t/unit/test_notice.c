#include "unit.h"

#include "seal_km_json.h"
#include "seal_km_notice.h"


/* in memory that has room for it and no more */

static void
check(const char *name, const seal_km_notice_t *notice, const char *want)
{
    char    *text;
    size_t   len;

    len = seal_km_notice_size(notice);
    text = malloc(len);
    assert_non_null(text);
    assert_ptr_equal(seal_km_notice_write(notice, text), text + len);

    unit_check_object(name, text, len, want);
}


static void
test_members(void **state)
{
    seal_km_notice_t  n;

    memset(&n, 0, sizeof(n));
    check("nothing", &n, "{\"time\":0,\"count\":0}");

    n.time = 1767225600;
    n.count = 12;
    n.skms_uri = unit_str("https://skm.example/");
    n.reason = unit_str("not_found");
    n.error_code = unit_str("02");
    check("of no request", &n,
          "{\"time\":1767225600,\"skmsUri\":\"https://skm.example/\","
          "\"reason\":\"not_found\",\"errorCode\":\"02\",\"count\":12}");

    n.service_id = unit_str("v2x");
    n.identity_type = unit_str("user");
    n.identity = unit_str("");
    n.client_id = unit_str("c");
    check("all", &n,
          "{\"time\":1767225600,\"skmsUri\":\"https://skm.example/\","
          "\"reason\":\"not_found\",\"errorCode\":\"02\","
          "\"serviceId\":\"v2x\",\"identityType\":\"user\",\"identity\":\"\","
          "\"clientId\":\"c\",\"count\":12}");
}


static void
test_hostile(void **state)
{
    seal_km_notice_t  n;

    memset(&n, 0, sizeof(n));

    n.service_id = unit_str("\",\"count\":9}");
    n.identity = unit_str("\\\"\\");
    n.client_id = unit_str("\x01\t\n\x7f\xc3\xa4");

    check("escaped", &n,
          "{\"time\":0,\"serviceId\":\"\\\",\\\"count\\\":9}\","
          "\"identity\":\"\\\\\\\"\\\\\","
          "\"clientId\":\"\\u0001\\t\\n\x7f\xc3\xa4\",\"count\":0}");

    memset(&n, 0, sizeof(n));

    n.time = INT64_MIN;
    n.count = INT64_MAX;

    check("the largest numbers", &n,
          "{\"time\":-9223372036854775808,\"count\":9223372036854775807}");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_hostile)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
