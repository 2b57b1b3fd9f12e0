/*
 * Evaluating what an operator wrote with variables, one value without a trace
 * in the next.
 */


#include "ngx_http_seal_km_captures.h"


void
ngx_http_seal_km_keep_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept)
{
#if (NGX_PCRE)

    kept->captures = r->captures;
    kept->n = r->ncaptures;
    kept->data = r->captures_data;

    /* whatever matches next takes an array of its own */
    r->realloc_captures = 1;

#endif
}


void
ngx_http_seal_km_restore_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept)
{
#if (NGX_PCRE)

    r->captures = kept->captures;
    r->ncaptures = kept->n;
    r->captures_data = kept->data;

    r->realloc_captures = 1;

#endif
}


ngx_int_t
ngx_http_seal_km_complex_value(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv, ngx_str_t *value)
{
    ngx_int_t                    rc;
    ngx_http_seal_km_captures_t  kept;

    ngx_http_seal_km_keep_captures(r, &kept);

    rc = ngx_http_complex_value(r, cv, value);

    ngx_http_seal_km_restore_captures(r, &kept);

    return rc;
}


ngx_http_variable_value_t *
ngx_http_seal_km_flushed_variable(ngx_http_request_t *r, ngx_uint_t index)
{
    ngx_http_variable_value_t    *v;
    ngx_http_seal_km_captures_t   kept;

    ngx_http_seal_km_keep_captures(r, &kept);

    v = ngx_http_get_flushed_variable(r, index);

    ngx_http_seal_km_restore_captures(r, &kept);

    return v;
}
