/*
 * Files as they are in one moment, whoever may be writing to them, and how it
 * is known that they have changed.
 */


#ifndef NGX_HTTP_SEAL_KM_FILE_SNAPSHOT_H
#define NGX_HTTP_SEAL_KM_FILE_SNAPSHOT_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "seal_km_str.h"


/* by what a file is known to have changed; or why it could not be seen */
typedef struct {
    ngx_err_t             err;        /* not 0: the others are 0 */
    uint64_t              device;
    uint64_t              inode;
    off_t                 size;
    time_t                changed;    /* ctime */
    long                  nanoseconds;
} ngx_http_seal_km_file_state_t;


/*
 * Sets the state of the file of that name (a NUL behind it, as in all names
 * here) without opening it.  NGX_OK, or NGX_ERROR: state->err says why.
 */
ngx_int_t ngx_http_seal_km_see_file(ngx_str_t *name,
    ngx_http_seal_km_file_state_t *state);

/*
 * Reads a regular file of at most max bytes whole, as it is in one moment.
 * NGX_OK: *text is to be freed with ngx_http_seal_km_free_file_text(), and
 * *state is the file's.  Else *failed tells what is wrong, as the rest of a
 * sentence that begins with the name.  NGX_ERROR: *state says of which file,
 * and its err is the system's error or 0; NGX_AGAIN: it changes all the time.
 */
ngx_int_t ngx_http_seal_km_read_file(ngx_str_t *name, size_t max,
    ngx_http_seal_km_file_state_t *state, seal_km_str_t *text,
    const char **failed);

/* 1 if both are of the same file, which has not changed in between */
ngx_uint_t ngx_http_seal_km_same_file_state(ngx_http_seal_km_file_state_t *a,
    ngx_http_seal_km_file_state_t *b);

/*
 * 1 if the file changed so lately that it may change once more and keep its
 * state: its text has to be looked at.
 */
ngx_uint_t ngx_http_seal_km_is_file_unsettled(
    ngx_http_seal_km_file_state_t *state);

/* frees a text, which may be secret, and cleanses it */
void ngx_http_seal_km_free_file_text(seal_km_str_t text);


#endif /* NGX_HTTP_SEAL_KM_FILE_SNAPSHOT_H */
