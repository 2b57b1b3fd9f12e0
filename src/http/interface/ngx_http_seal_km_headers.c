/*
 * Headers of a request, and what every response of the module has, whatever a
 * location speaks.
 */


#include "ngx_http_seal_km_headers.h"
#include "ngx_http_seal_km_compat.h"


/*
 * Modules that store responses, and variables, look for Cache-Control at a place
 * of its own; "expires" and modules that edit headers rewrite what they find
 * there.  So that they find it, and yet nothing else is sent, it is a copy.
 */

ngx_int_t
ngx_http_seal_km_forbid_storing(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  no_store = ngx_string("no-store");

    h = ngx_pcalloc(r->pool, sizeof(ngx_table_elt_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Cache-Control");
    h->value = no_store;

    if (ngx_http_seal_km_set_cache_control(r, h) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_seal_km_add_header(r, "Cache-Control", &no_store);
}


ngx_int_t
ngx_http_seal_km_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}


ngx_int_t
ngx_http_seal_km_set_form(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type)
{
    u_char  *p;

    r->headers_out.status = status;

    /* what follows ";" is not what nginx knows a type by */

    p = ngx_strlchr(type->data, type->data + type->len, ';');

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = p ? (size_t) (p - type->data)
                                        : type->len;
    r->headers_out.content_type_lowcase = NULL;

    /* If-None-Match and the like would make it nginx's own 304 or 412 */
    r->disable_not_modified = 1;
    r->allow_ranges = 0;

    return ngx_http_seal_km_forbid_storing(r);
}


ngx_int_t
ngx_http_seal_km_send(ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_uint_t
ngx_http_seal_km_is_word(ngx_str_t text, ngx_str_t *word)
{
    return text.len == word->len
           && (ngx_memcmp(text.data, word->data, word->len) == 0
               || ngx_strncasecmp(text.data, word->data, word->len) == 0);
}


ngx_table_elt_t *
ngx_http_seal_km_next_header(ngx_list_part_t **part, ngx_uint_t *i)
{
    ngx_table_elt_t  *h;

    while (*i == (*part)->nelts) {
        if ((*part)->next == NULL) {
            return NULL;
        }

        *part = (*part)->next;
        *i = 0;
    }

    h = (*part)->elts;

    return &h[(*i)++];
}
