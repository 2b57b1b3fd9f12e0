/*
 * Files as they are in one moment, whoever may be writing to them, and how it
 * is known that they have changed.
 */


#include "ngx_http_seal_km_file_snapshot.h"

#include <openssl/crypto.h>


/* how often a file is read that changes while it is read */
#define NGX_HTTP_SEAL_KM_READ_TRIES      3

/*
 * Times of files are those of the kernel's clock ticks: for so many seconds a
 * file may change once more and look the same.
 */
#define NGX_HTTP_SEAL_KM_SETTLED         2


static ngx_int_t ngx_http_seal_km_read_once(ngx_str_t *name, size_t max,
    ngx_http_seal_km_file_state_t *state, seal_km_str_t *text,
    const char **failed);
static const char *ngx_http_seal_km_read_open_file(ngx_fd_t fd, size_t max,
    ngx_http_seal_km_file_state_t *state, seal_km_str_t *text);
static const char *ngx_http_seal_km_examine(ngx_file_info_t *fi, size_t max,
    ngx_http_seal_km_file_state_t *state);
static void ngx_http_seal_km_set_seen(ngx_http_seal_km_file_state_t *state,
    ngx_file_info_t *fi);
static void ngx_http_seal_km_set_unseen(ngx_http_seal_km_file_state_t *state,
    ngx_err_t err);


ngx_int_t
ngx_http_seal_km_see_file(ngx_str_t *name,
    ngx_http_seal_km_file_state_t *state)
{
    ngx_file_info_t  fi;

    if (ngx_file_info(name->data, &fi) == NGX_FILE_ERROR) {
        ngx_http_seal_km_set_unseen(state, ngx_errno);
        return NGX_ERROR;
    }

    ngx_http_seal_km_set_seen(state, &fi);

    return NGX_OK;
}


ngx_int_t
ngx_http_seal_km_read_file(ngx_str_t *name, size_t max,
    ngx_http_seal_km_file_state_t *state, seal_km_str_t *text,
    const char **failed)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SEAL_KM_READ_TRIES; i++) {
        rc = ngx_http_seal_km_read_once(name, max, state, text, failed);

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    *failed = "changes while it is read";

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_seal_km_read_once(ngx_str_t *name, size_t max,
    ngx_http_seal_km_file_state_t *state, seal_km_str_t *text,
    const char **failed)
{
    ngx_fd_t                        fd;
    ngx_file_info_t                 fi;
    ngx_http_seal_km_file_state_t   after;

    /* before it is opened: a pipe or a device might do something then */

    if (ngx_file_info(name->data, &fi) == NGX_FILE_ERROR) {
        ngx_http_seal_km_set_unseen(state, ngx_errno);
        *failed = "could not be opened";
        return NGX_ERROR;
    }

    *failed = ngx_http_seal_km_examine(&fi, max, state);

    if (*failed) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        state->err = ngx_errno;
        *failed = "could not be opened";
        return NGX_ERROR;
    }

    *failed = ngx_http_seal_km_read_open_file(fd, max, state, text);

    (void) ngx_close_file(fd);

    if (*failed) {
        return NGX_ERROR;
    }

    /* another file may have taken its place, or it may have been written to */

    if (ngx_file_info(name->data, &fi) == NGX_FILE_ERROR
        || ngx_http_seal_km_examine(&fi, max, &after) != NULL
        || !ngx_http_seal_km_same_file_state(state, &after))
    {
        ngx_http_seal_km_free_file_text(*text);
        return NGX_AGAIN;
    }

    return NGX_OK;
}


/* what is wrong, NULL if nothing is */

static const char *
ngx_http_seal_km_read_open_file(ngx_fd_t fd, size_t max,
    ngx_http_seal_km_file_state_t *state, seal_km_str_t *text)
{
    u_char           *buf;
    size_t            len;
    ssize_t           n;
    const char       *failed;
    ngx_file_info_t   fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        state->err = ngx_errno;
        return "could not be examined";
    }

    failed = ngx_http_seal_km_examine(&fi, max, state);
    if (failed) {
        return failed;
    }

    len = (size_t) ngx_file_size(&fi);

    buf = ngx_alloc(len + 1, ngx_cycle->log);
    if (buf == NULL) {
        state->err = NGX_ENOMEM;
        return "could not be read";
    }

    n = ngx_read_fd(fd, buf, len);

    if (n == -1) {
        state->err = ngx_errno;
        ngx_free(buf);
        return "could not be read";
    }

    /* where that is less than there was, it has changed: that is seen later */

    text->data = (char *) buf;
    text->len = n;

    return NULL;
}


/* what is wrong with such a file, NULL if nothing is */

static const char *
ngx_http_seal_km_examine(ngx_file_info_t *fi, size_t max,
    ngx_http_seal_km_file_state_t *state)
{
    ngx_http_seal_km_set_seen(state, fi);

    if (!ngx_is_file(fi)) {
        return "is not a regular file";
    }

    if (ngx_file_size(fi) > (off_t) max) {
        return "is too large";
    }

    return NULL;
}


static void
ngx_http_seal_km_set_seen(ngx_http_seal_km_file_state_t *state,
    ngx_file_info_t *fi)
{
    ngx_memzero(state, sizeof(ngx_http_seal_km_file_state_t));

    state->device = (uint64_t) fi->st_dev;
    state->inode = (uint64_t) fi->st_ino;
    state->size = ngx_file_size(fi);
    state->changed = fi->st_ctime;
#if (NGX_DARWIN)
    state->nanoseconds = fi->st_ctimespec.tv_nsec;
#else
    state->nanoseconds = fi->st_ctim.tv_nsec;
#endif
}


static void
ngx_http_seal_km_set_unseen(ngx_http_seal_km_file_state_t *state,
    ngx_err_t err)
{
    ngx_memzero(state, sizeof(ngx_http_seal_km_file_state_t));

    state->err = err;
}


ngx_uint_t
ngx_http_seal_km_same_file_state(ngx_http_seal_km_file_state_t *a,
    ngx_http_seal_km_file_state_t *b)
{
    return a->err == b->err
           && a->device == b->device
           && a->inode == b->inode
           && a->size == b->size
           && a->changed == b->changed
           && a->nanoseconds == b->nanoseconds;
}


ngx_uint_t
ngx_http_seal_km_is_file_unsettled(ngx_http_seal_km_file_state_t *state)
{
    return state->changed + NGX_HTTP_SEAL_KM_SETTLED >= ngx_time();
}


void
ngx_http_seal_km_free_file_text(seal_km_str_t text)
{
    OPENSSL_cleanse((char *) text.data, text.len);
    ngx_free((char *) text.data);
}
