#include "unit.h"

#include "seal_km_key_info.h"


/* in memory that has room for it and no more */

static void
check(const char *name, const seal_km_key_info_t *info, const char *want)
{
    char    *text;
    size_t   len;

    len = seal_km_key_info_size(info);
    text = malloc(len);
    assert_non_null(text);
    assert_ptr_equal(seal_km_key_info_write(info, text), text + len);

    unit_check_object(name, text, len, want);
}


static void
test_members(void **state)
{
    seal_km_key_info_t  i;

    memset(&i, 0, sizeof(i));

    i.service_id = unit_str("v2x");
    check("the least", &i,
          "{\"userUri\":\"\",\"valService\":\"v2x\",\"keyInfo\":\"\"}");

    i.user_uri = unit_str("alice");
    i.record = unit_str("K");
    check("of a service", &i,
          "{\"userUri\":\"alice\",\"valService\":\"v2x\",\"keyInfo\":\"K\"}");

    i.simple = 1;
    check("that is simple", &i,
          "{\"userUri\":\"alice\",\"valService\":\"v2x\",\"keyInfo\":\"K\"}");
    i.simple = 0;

    i.skms_id = unit_str("skm");
    i.target_type = SEAL_KM_IDENTITY_USER;
    i.target = unit_str("bob");
    check("of a user", &i,
          "{\"userUri\":\"alice\",\"skmsId\":\"skm\",\"valService\":\"v2x\","
          "\"valTgtUe\":{\"valUserId\":\"bob\"},\"keyInfo\":\"K\"}");

    i.target_type = SEAL_KM_IDENTITY_DEVICE;
    check("of a UE", &i,
          "{\"userUri\":\"alice\",\"skmsId\":\"skm\",\"valService\":\"v2x\","
          "\"valTgtUe\":{\"valUeId\":\"bob\"},\"keyInfo\":\"K\"}");
}


static void
test_forms(void **state)
{
    seal_km_key_info_t  i;

    memset(&i, 0, sizeof(i));
    i.service_id = unit_str("s");

    i.record = unit_str("a\"\\\n\x01\xc3\xa9");
    check("text", &i, "{\"userUri\":\"\",\"valService\":\"s\","
          "\"keyInfo\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\"}");

    i.form = SEAL_KM_PAYLOAD_JSON;
    i.record = unit_str(" {\"k\":[1.50,\"\\u00e9\"]}\n");
    check("JSON", &i, "{\"userUri\":\"\",\"valService\":\"s\","
          "\"keyInfo\":\" {\\\"k\\\":[1.50,\\\"\\\\u00e9\\\"]}\\n\"}");

    i.record = unit_str("");
    check("no JSON", &i,
          "{\"userUri\":\"\",\"valService\":\"s\",\"keyInfo\":\"\"}");

    i.form = SEAL_KM_PAYLOAD_BASE64;
    check("nothing in base64", &i,
          "{\"userUri\":\"\",\"valService\":\"s\",\"keyInfo\":\"\"}");

    i.record = unit_str("\x00\xff\xfe");
    check("base64", &i,
          "{\"userUri\":\"\",\"valService\":\"s\",\"keyInfo\":\"AP/+\"}");

    i.record = unit_str("a");
    check("base64 with padding", &i,
          "{\"userUri\":\"\",\"valService\":\"s\",\"keyInfo\":\"YQ==\"}");
}


static void
test_hostile(void **state)
{
    seal_km_key_info_t  i;

    memset(&i, 0, sizeof(i));

    i.user_uri = unit_str("\",\"keyInfo\":\"x");
    i.skms_id = unit_str("\\");
    i.service_id = unit_str("a\"},{\"");
    i.target_type = SEAL_KM_IDENTITY_USER;
    i.target = unit_str("\"}");
    i.record = unit_str("\"}");

    check("escaped", &i,
          "{\"userUri\":\"\\\",\\\"keyInfo\\\":\\\"x\",\"skmsId\":\"\\\\\","
          "\"valService\":\"a\\\"},{\\\"\","
          "\"valTgtUe\":{\"valUserId\":\"\\\"}\"},\"keyInfo\":\"\\\"}\"}");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_hostile)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
