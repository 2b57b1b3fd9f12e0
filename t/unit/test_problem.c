#include "unit.h"

#include <jansson.h>

#include "seal_km_problem.h"


/* what a log and a metric tell is the same, whatever is spoken */

static void
test_rows(void **state)
{
    int                      i;
    unsigned                 status;
    const char              *p;
    const seal_km_reason_t  *row, *km;

    for (i = 0; i < SEAL_KM_REASON_MAX; i++) {
        row = seal_km_reason_retrieval((seal_km_reason_e) i);
        km = seal_km_reason((seal_km_reason_e) i);

        assert_string_equal(row->word, km->word);

        if (km->error_code == NULL) {
            assert_null(row->error_code);

        } else {
            assert_string_equal(row->error_code, km->error_code);
        }

        status = (i == SEAL_KM_STORE_UNAVAILABLE || i == SEAL_KM_STORE_TIMEOUT)
                 ? 503 : km->status;

        assert_int_equal(row->status, status);
        assert_null(strstr(row->description, "POST"));

        /* RFC 6750, clause 3: it may stand in a challenge, too */

        for (p = row->description; *p != '\0'; p++) {
            assert_true(*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\');
        }
    }

    row = seal_km_reason_retrieval(SEAL_KM_INTERNAL_ERROR);

    assert_ptr_equal(seal_km_reason_retrieval(SEAL_KM_REASON_MAX), row);
    assert_ptr_equal(seal_km_reason_retrieval((seal_km_reason_e) -1), row);
}


/* in memory that has room for it and no more */

static char *
problem(seal_km_reason_e reason, const seal_km_query_fault_t *fault,
    size_t *len)
{
    char                    *text;
    const seal_km_reason_t  *row;

    row = seal_km_reason_retrieval(reason);

    *len = seal_km_problem_size(row, fault);
    text = malloc(*len);
    assert_non_null(text);
    assert_ptr_equal(seal_km_problem_write(row, fault, text), text + *len);

    return text;
}


static void
test_text(void **state)
{
    char    *text;
    size_t   len;

    static const seal_km_query_fault_t  fault = {
        "valUeId", "OPTIONAL_QUERY_PARAM_INCORRECT", "valUeId is \"wrong\""
    };

    text = problem(SEAL_KM_NOT_FOUND, NULL, &len);
    unit_check_object("no cause", text, len,
          "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"There is no key "
          "material for what the request names\"}");

    text = problem(SEAL_KM_RATE_LIMITED, NULL, &len);
    unit_check_object("a cause", text, len,
          "{\"title\":\"Too Many Requests\",\"status\":429,\"detail\":\"The "
          "client has sent too many requests\","
          "\"cause\":\"NF_CONGESTION_RISK\"}");

    text = problem(SEAL_KM_MALFORMED_REQUEST, &fault, &len);
    unit_check_object("a fault", text, len,
          "{\"title\":\"Bad Request\",\"status\":400,\"detail\":\"The query "
          "does not ask for key information as it must\","
          "\"cause\":\"OPTIONAL_QUERY_PARAM_INCORRECT\",\"invalidParams\":"
          "[{\"param\":\"valUeId\",\"reason\":\"valUeId is "
          "\\\"wrong\\\"\"}]}");
}


/* every reason that the interface can come to */

static void
test_reasons(void **state)
{
    char                    *text;
    size_t                   i, len;
    json_t                  *json;
    const char              *cause;
    seal_km_reason_e         reason;
    const seal_km_reason_t  *row;

    static const struct {
        unsigned     status;
        const char  *title;
        const char  *cause;
    } statuses[] = {
        { 400, "Bad Request", NULL },
        { 401, "Unauthorized", NULL },
        { 403, "Forbidden", NULL },
        { 404, "Not Found", NULL },
        { 405, "Method Not Allowed", NULL },
        { 406, "Not Acceptable", NULL },
        { 425, "Too Early", NULL },
        { 429, "Too Many Requests", "NF_CONGESTION_RISK" },
        { 500, "Internal Server Error", "SYSTEM_FAILURE" },
        { 503, "Service Unavailable", NULL }
    };

    for (reason = SEAL_KM_OK + 1; reason < SEAL_KM_REASON_MAX; reason++) {

        if (reason == SEAL_KM_UNSUPPORTED_MEDIA_TYPE
            || reason == SEAL_KM_REQUEST_TOO_LARGE)
        {
            continue;
        }

        row = seal_km_reason_retrieval(reason);

        for (i = 0; i < unit_n(statuses); i++) {
            if (statuses[i].status == row->status) {
                break;
            }
        }

        unit_check(row->word, i < unit_n(statuses));

        text = problem(reason, NULL, &len);
        json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        unit_check(row->word, json != NULL);

        assert_int_equal(json_integer_value(json_object_get(json, "status")),
                         row->status);
        assert_string_equal(json_string_value(json_object_get(json, "title")),
                            statuses[i].title);
        assert_string_equal(json_string_value(json_object_get(json, "detail")),
                            row->description);

        cause = json_string_value(json_object_get(json, "cause"));
        assert_int_equal(cause != NULL, statuses[i].cause != NULL);

        if (cause != NULL) {
            assert_string_equal(cause, statuses[i].cause);
        }

        assert_int_equal(json_object_size(json), (cause != NULL) ? 4 : 3);

        json_decref(json);
        free(text);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_reasons)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
