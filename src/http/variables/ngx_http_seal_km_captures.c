/*
 * $1, $2, ... of a request, which a map with a regular expression changes.
 */


#include "ngx_http_seal_km_captures.h"


ngx_int_t
ngx_http_seal_km_keep_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept)
{
#if (NGX_PCRE)

    kept->captures = r->captures;
    kept->n = r->ncaptures;
    kept->data = r->captures_data;
    kept->realloc = r->realloc_captures;
    kept->content = kept->own;

    /* an expression without groups that has matched needs no array */
    kept->size = kept->captures ? kept->n * sizeof(int) : 0;

    if (kept->size > sizeof(kept->own)) {
        kept->content = ngx_palloc(r->pool, kept->size);
        if (kept->content == NULL) {
            return NGX_ERROR;
        }
    }

    if (kept->size) {
        ngx_memcpy(kept->content, kept->captures, kept->size);
    }

#endif

    return NGX_OK;
}


void
ngx_http_seal_km_restore_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept)
{
#if (NGX_PCRE)

    r->captures = kept->captures;
    r->ncaptures = kept->n;
    r->captures_data = kept->data;
    r->realloc_captures = kept->realloc;

    if (kept->size) {
        ngx_memcpy(kept->captures, kept->content, kept->size);
    }

#endif
}


ngx_int_t
ngx_http_seal_km_own_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept)
{
#if (NGX_PCRE)

    int                        *captures;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    if (cmcf->ncaptures == 0) {
        /* no expression has groups */
        return NGX_OK;
    }

    captures = ngx_pcalloc(r->pool, cmcf->ncaptures * sizeof(int));
    if (captures == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(captures, kept->content, kept->size);

    r->captures = captures;
    r->realloc_captures = 0;

#endif

    return NGX_OK;
}
