#include "unit.h"

#include "seal_km_reason.h"


static const struct {
    seal_km_reason_e   reason;
    const char        *word;
    unsigned           status;
    const char        *error_code;
} rows[] = {
    { SEAL_KM_OK, "ok", 200, NULL },
    { SEAL_KM_TLS_REQUIRED, "tls_required", 403, "04" },
    { SEAL_KM_EARLY_DATA, "early_data", 425, "04" },
    { SEAL_KM_METHOD_NOT_ALLOWED, "method_not_allowed", 405, "04" },
    { SEAL_KM_NOT_ACCEPTABLE, "not_acceptable", 406, "04" },
    { SEAL_KM_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415, "04" },
    { SEAL_KM_REQUEST_TOO_LARGE, "request_too_large", 413, "04" },
    { SEAL_KM_TOKEN_MISSING, "token_missing", 401, "03" },
    { SEAL_KM_TOKEN_MALFORMED, "token_malformed", 401, "03" },
    { SEAL_KM_TOKEN_ALGORITHM, "token_algorithm", 401, "03" },
    { SEAL_KM_TOKEN_KEY, "token_key", 401, "03" },
    { SEAL_KM_TOKEN_SIGNATURE, "token_signature", 401, "03" },
    { SEAL_KM_TOKEN_EXPIRED, "token_expired", 401, "03" },
    { SEAL_KM_TOKEN_NOT_YET_VALID, "token_not_yet_valid", 401, "03" },
    { SEAL_KM_TOKEN_ISSUER, "token_issuer", 401, "03" },
    { SEAL_KM_TOKEN_AUDIENCE, "token_audience", 401, "03" },
    { SEAL_KM_TOKEN_BINDING, "token_binding", 401, "03" },
    { SEAL_KM_TOKEN_TYPE, "token_type", 401, "03" },
    { SEAL_KM_MALFORMED_REQUEST, "malformed_request", 400, "04" },
    { SEAL_KM_UNSUPPORTED_VERSION, "unsupported_version", 400, "04" },
    { SEAL_KM_RATE_LIMITED, "rate_limited", 429, "01" },
    { SEAL_KM_INSUFFICIENT_SCOPE, "insufficient_scope", 403, "04" },
    { SEAL_KM_SKMS_URI_MISMATCH, "skms_uri_mismatch", 403, "04" },
    { SEAL_KM_DATE_TIME_OUT_OF_WINDOW, "date_time_out_of_window", 403, "04" },
    { SEAL_KM_IDENTITY_MISMATCH, "identity_mismatch", 403, "04" },
    { SEAL_KM_POLICY, "policy", 403, "04" },
    { SEAL_KM_NOT_FOUND, "not_found", 404, "02" },
    { SEAL_KM_STORE_UNAVAILABLE, "store_unavailable", 500, "01" },
    { SEAL_KM_STORE_TIMEOUT, "store_timeout", 500, "01" },
    { SEAL_KM_STORE_ERROR, "store_error", 500, "01" },
    { SEAL_KM_PAYLOAD_INVALID, "payload_invalid", 500, "01" },
    { SEAL_KM_RECORD_INVALID, "record_invalid", 500, "01" },
    { SEAL_KM_INTERNAL_ERROR, "internal_error", 500, "01" }
};


static void
test_rows(void **state)
{
    size_t                   i;
    const seal_km_reason_t  *row;

    assert_int_equal(unit_n(rows), SEAL_KM_REASON_MAX);

    for (i = 0; i < unit_n(rows); i++) {
        row = seal_km_reason(rows[i].reason);

        assert_int_equal((unsigned) rows[i].reason, i);
        assert_string_equal(row->word, rows[i].word);
        assert_int_equal(row->status, rows[i].status);

        if (rows[i].error_code == NULL) {
            assert_null(row->error_code);

        } else {
            assert_string_equal(row->error_code, rows[i].error_code);
        }
    }
}


static void
test_outside(void **state)
{
    const seal_km_reason_t  *row;

    row = seal_km_reason(SEAL_KM_INTERNAL_ERROR);

    assert_ptr_equal(seal_km_reason(SEAL_KM_REASON_MAX), row);
    assert_ptr_equal(seal_km_reason((seal_km_reason_e) -1), row);
    assert_ptr_equal(seal_km_reason((seal_km_reason_e) 1000000), row);
}


/* RFC 6750, clause 3: %x20-21 / %x23-5B / %x5D-7E */

static void
test_descriptions(void **state)
{
    int          i, j;
    const char  *p, *description;

    for (i = 0; i < SEAL_KM_REASON_MAX; i++) {
        description = seal_km_reason((seal_km_reason_e) i)->description;
        assert_true(strlen(description) > 10);

        for (p = description; *p != '\0'; p++) {
            assert_true(*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\');
        }

        for (j = 0; j < i; j++) {
            assert_string_not_equal(description,
                            seal_km_reason((seal_km_reason_e) j)->description);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_descriptions)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
