/*
 * Evaluating what an operator wrote with variables for this module.
 */


#include "ngx_http_seal_km_captures.h"
#include "ngx_http_seal_km_value.h"
#include "ngx_http_seal_km_watch.h"


ngx_int_t
ngx_http_seal_km_complex_value(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv, ngx_str_t *value)
{
    ngx_int_t                    rc;
    ngx_uint_t                   outer, failures;
    ngx_http_seal_km_captures_t  kept;

    if (ngx_http_seal_km_keep_captures(r, &kept) != NGX_OK) {
        return NGX_ERROR;
    }

    failures = ngx_http_seal_km_count_failures();
    outer = ngx_http_seal_km_begin_judging();

    rc = ngx_http_seal_km_own_captures(r, &kept);

    if (rc == NGX_OK) {
        rc = ngx_http_complex_value(r, cv, value);
    }

    ngx_http_seal_km_end_judging(outer);
    ngx_http_seal_km_restore_captures(r, &kept);

    if (failures != ngx_http_seal_km_count_failures()) {
        return NGX_ERROR;
    }

    return rc;
}


ngx_http_variable_value_t *
ngx_http_seal_km_flushed_variable(ngx_http_request_t *r, ngx_uint_t index)
{
    ngx_uint_t                    outer, failures;
    ngx_http_variable_value_t    *v;
    ngx_http_seal_km_captures_t   kept;

    if (ngx_http_seal_km_keep_captures(r, &kept) != NGX_OK) {
        return NULL;
    }

    v = NULL;
    failures = ngx_http_seal_km_count_failures();
    outer = ngx_http_seal_km_begin_judging();

    if (ngx_http_seal_km_own_captures(r, &kept) == NGX_OK) {
        v = ngx_http_get_flushed_variable(r, index);
    }

    ngx_http_seal_km_end_judging(outer);
    ngx_http_seal_km_restore_captures(r, &kept);

    if (failures != ngx_http_seal_km_count_failures()) {
        return NULL;
    }

    return v;
}
