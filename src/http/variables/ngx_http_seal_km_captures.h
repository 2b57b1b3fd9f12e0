/*
 * $1, $2, ... of a request, which a map with a regular expression changes.
 */


#ifndef NGX_HTTP_SEAL_KM_CAPTURES_H
#define NGX_HTTP_SEAL_KM_CAPTURES_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* the locations of fifteen groups and of the whole */
#define NGX_HTTP_SEAL_KM_CAPTURES  32


/* captures as they were: where they lie, and what lies there */
typedef struct {
#if (NGX_PCRE)
    int          *captures;
    ngx_uint_t    n;
    u_char       *data;
    int          *content;     /* own, or in the request's pool */
    size_t        size;        /* of the content, in bytes */
    int           own[NGX_HTTP_SEAL_KM_CAPTURES];
    unsigned      realloc:1;   /* r->realloc_captures */
#else
    ngx_uint_t    n;           /* not used */
#endif
} ngx_http_seal_km_captures_t;


/*
 * Notes what r's captures are, and changes nothing.  *kept must not be copied.
 * NGX_OK, or NGX_ERROR where there is no memory.
 */
ngx_int_t ngx_http_seal_km_keep_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept);

/* puts back what has been kept: the pointer, its content, the count, the flag */
void ngx_http_seal_km_restore_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept);

/*
 * Between keep and restore: gives r an array of its own with the same captures.
 * nginx itself would take a new one for the next expression of a request that
 * has subrequests (r->realloc_captures), and before 1.31.3 leave it
 * uninitialized, with captures to be read from it, where that does not match.
 * NGX_OK, or NGX_ERROR where there is no memory.
 */
ngx_int_t ngx_http_seal_km_own_captures(ngx_http_request_t *r,
    ngx_http_seal_km_captures_t *kept);


#endif /* NGX_HTTP_SEAL_KM_CAPTURES_H */
