/*
 * The key set of seal_km_jwks.
 */


#include <openssl/crypto.h>

#include "ngx_http_seal_km_key_set.h"


/* no SIM-S publishes as much; a mistaken file name is told early */
#define NGX_HTTP_SEAL_KM_JWKS_FILE_MAX  (1024 * 1024)


typedef struct {
    ngx_conf_t  *cf;
    ngx_str_t   *file;
} ngx_http_seal_km_notice_t;


static ngx_http_seal_km_key_set_t *ngx_http_seal_km_find_key_set(
    ngx_array_t *sets, ngx_array_t *files);
static ngx_int_t ngx_http_seal_km_load_key_file(ngx_conf_t *cf,
    ngx_http_seal_km_key_set_t *set, seal_km_sha256_t *sha256,
    ngx_str_t *file);
static ngx_int_t ngx_http_seal_km_read_key_file(ngx_conf_t *cf,
    ngx_str_t *file, seal_km_str_t *text);
static void ngx_http_seal_km_key_notice(void *data, const char *text);
static void ngx_http_seal_km_key_set_cleanup(void *data);


ngx_http_seal_km_key_set_t *
ngx_http_seal_km_load_key_set(ngx_conf_t *cf, ngx_array_t *sets,
    seal_km_sha256_t *sha256, ngx_str_t *names, ngx_uint_t n)
{
    ngx_str_t                    *file;
    ngx_uint_t                    i;
    ngx_array_t                   files;
    ngx_pool_cleanup_t           *cln;
    ngx_http_seal_km_key_set_t   *set, **p;

    if (ngx_array_init(&files, cf->pool, n, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        file = ngx_array_push(&files);
        *file = names[i];

        if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
            return NULL;
        }
    }

    set = ngx_http_seal_km_find_key_set(sets, &files);
    if (set) {
        return set;
    }

    set = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_key_set_t));
    p = ngx_array_push(sets);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (set == NULL || p == NULL || cln == NULL) {
        return NULL;
    }

    *p = set;
    cln->handler = ngx_http_seal_km_key_set_cleanup;
    cln->data = set;

    set->files = files;
    set->jwks = seal_km_jwks_create();

    if (set->jwks == NULL) {
        return NULL;
    }

    file = files.elts;

    for (i = 0; i < n; i++) {
        if (ngx_http_seal_km_load_key_file(cf, set, sha256, &file[i])
            != NGX_OK)
        {
            return NULL;
        }
    }

    return set;
}


static ngx_http_seal_km_key_set_t *
ngx_http_seal_km_find_key_set(ngx_array_t *sets, ngx_array_t *files)
{
    ngx_str_t                    *have, *want;
    ngx_uint_t                    i, n;
    ngx_http_seal_km_key_set_t  **set;

    set = sets->elts;
    want = files->elts;

    for (i = 0; i < sets->nelts; i++) {

        if (set[i]->files.nelts != files->nelts) {
            continue;
        }

        have = set[i]->files.elts;

        for (n = 0; n < files->nelts; n++) {
            if (have[n].len != want[n].len
                || ngx_strncmp(have[n].data, want[n].data, want[n].len) != 0)
            {
                break;
            }
        }

        if (n == files->nelts) {
            return set[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_seal_km_load_key_file(ngx_conf_t *cf,
    ngx_http_seal_km_key_set_t *set, seal_km_sha256_t *sha256,
    ngx_str_t *file)
{
    int                         rc;
    const char                 *error;
    seal_km_str_t               text, parts[2];
    ngx_http_seal_km_notice_t   notice;

    if (ngx_http_seal_km_read_key_file(cf, file, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    notice.cf = cf;
    notice.file = file;

    rc = seal_km_jwks_add(set->jwks, text, ngx_http_seal_km_key_notice, &notice,
                          &error);

    parts[0].data = (char *) set->generation;
    parts[0].len = SEAL_KM_SHA256_SIZE;
    parts[1] = text;

    if (rc == 0 && seal_km_sha256(sha256, parts, 2, set->generation) != 0) {
        error = "cannot be hashed";
        rc = -1;
    }

    /* it may hold private keys */
    OPENSSL_cleanse((char *) text.data, text.len);
    ngx_free((char *) text.data);

    if (rc != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_jwks\" file \"%V\" cannot be used: %s",
                           file, error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_read_key_file(ngx_conf_t *cf, ngx_str_t *file,
    seal_km_str_t *text)
{
    u_char           *buf;
    size_t            len;
    ssize_t           n;
    const char       *failed;
    ngx_fd_t          fd;
    ngx_err_t         err;
    ngx_file_info_t   fi;

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"seal_km_jwks\" file \"%V\" could not be opened",
                           file);
        return NGX_ERROR;
    }

    buf = NULL;
    err = 0;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        failed = "could not be examined";
        goto failed;
    }

    if (!ngx_is_file(&fi)) {
        failed = "is not a regular file";
        goto failed;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_SEAL_KM_JWKS_FILE_MAX) {
        failed = "is too large for a JWK Set";
        goto failed;
    }

    len = (size_t) ngx_file_size(&fi);

    buf = ngx_alloc(len + 1, cf->log);
    if (buf == NULL) {
        err = NGX_ENOMEM;
        failed = "could not be read";
        goto failed;
    }

    n = ngx_read_fd(fd, buf, len);

    if (n == -1 || (size_t) n != len) {
        err = (n == -1) ? ngx_errno : 0;
        failed = "could not be read";
        goto failed;
    }

    (void) ngx_close_file(fd);

    text->data = (char *) buf;
    text->len = len;

    return NGX_OK;

failed:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "\"seal_km_jwks\" file \"%V\" %s",
                       file, failed);

    if (buf) {
        ngx_free(buf);
    }

    (void) ngx_close_file(fd);

    return NGX_ERROR;
}


static void
ngx_http_seal_km_key_notice(void *data, const char *text)
{
    ngx_http_seal_km_notice_t  *notice = data;

    ngx_conf_log_error(NGX_LOG_WARN, notice->cf, 0,
                       "\"seal_km_jwks\" file \"%V\": %s", notice->file, text);
}


static void
ngx_http_seal_km_key_set_cleanup(void *data)
{
    ngx_http_seal_km_key_set_t  *set = data;

    seal_km_jwks_free(set->jwks);
}
