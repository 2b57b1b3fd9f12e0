/*
 * The files of seal_km_jwks: read at configuration, and by each worker again
 * when they have changed.
 */


#include "ngx_http_seal_km_key_files.h"


/* whom a key's notice is told to: cf while the configuration is read */
typedef struct {
    ngx_conf_t                    *cf;
    ngx_http_seal_km_key_names_t  *names;
    ngx_str_t                     *file;
} ngx_http_seal_km_notice_t;


static ngx_http_seal_km_key_files_t *ngx_http_seal_km_find_key_files(
    ngx_array_t *all, ngx_str_t *names, ngx_uint_t n, size_t max_size);
static ngx_http_seal_km_key_files_t *ngx_http_seal_km_create_key_files(
    ngx_conf_t *cf, seal_km_sha256_t *sha256, ngx_str_t *names, ngx_uint_t n);
static ngx_int_t ngx_http_seal_km_load_key_file(ngx_conf_t *cf,
    ngx_http_seal_km_key_names_t *names, ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_file_t *file);
static ngx_int_t ngx_http_seal_km_look_at_key_file(
    ngx_http_seal_km_key_files_t *files, ngx_http_seal_km_key_file_t *file);
static ngx_int_t ngx_http_seal_km_take_text(
    ngx_http_seal_km_key_files_t *files, ngx_http_seal_km_key_file_t *file,
    seal_km_str_t text, u_char *digest);
static seal_km_jwks_t *ngx_http_seal_km_read_keys(
    ngx_http_seal_km_key_files_t *files, ngx_http_seal_km_key_file_t *file,
    seal_km_str_t text, ngx_uint_t told, const char **error);
static ngx_int_t ngx_http_seal_km_hash_text(seal_km_sha256_t *sha256,
    seal_km_str_t text, u_char *digest);
static void ngx_http_seal_km_key_notice(void *data, const char *text);
static void ngx_http_seal_km_key_files_timer(ngx_event_t *ev);
static void ngx_http_seal_km_key_files_cleanup(void *data);


ngx_http_seal_km_key_files_t *
ngx_http_seal_km_load_key_files(ngx_conf_t *cf, ngx_array_t *all,
    seal_km_sha256_t *sha256, ngx_http_seal_km_key_names_t *names,
    size_t max_size)
{
    ngx_str_t                      *full;
    ngx_uint_t                      i, n;
    ngx_http_seal_km_key_files_t   *files, **p;

    n = names->n;

    full = ngx_palloc(cf->pool, n * sizeof(ngx_str_t));
    if (full == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        full[i] = names->names[i];

        if (ngx_conf_full_name(cf->cycle, &full[i], 1) != NGX_OK) {
            return NULL;
        }
    }

    files = ngx_http_seal_km_find_key_files(all, full, n, max_size);
    if (files) {
        return files;
    }

    files = ngx_http_seal_km_create_key_files(cf, sha256, full, n);
    p = ngx_array_push(all);

    if (files == NULL || p == NULL) {
        return NULL;
    }

    *p = files;

    files->max_size = max_size;

    for (i = 0; i < n; i++) {
        if (ngx_http_seal_km_load_key_file(cf, names, files, &files->file[i])
            != NGX_OK)
        {
            return NULL;
        }
    }

    return files;
}


static ngx_http_seal_km_key_files_t *
ngx_http_seal_km_find_key_files(ngx_array_t *all, ngx_str_t *names,
    ngx_uint_t n, size_t max_size)
{
    ngx_str_t                      *have;
    ngx_uint_t                      i, k;
    ngx_http_seal_km_key_files_t  **files;

    files = all->elts;

    for (i = 0; i < all->nelts; i++) {

        if (files[i]->n != n || files[i]->max_size != max_size) {
            continue;
        }

        for (k = 0; k < n; k++) {
            have = &files[i]->file[k].name;

            if (have->len != names[k].len
                || ngx_strncmp(have->data, names[k].data, have->len) != 0)
            {
                break;
            }
        }

        if (k == n) {
            return files[i];
        }
    }

    return NULL;
}


static ngx_http_seal_km_key_files_t *
ngx_http_seal_km_create_key_files(ngx_conf_t *cf, seal_km_sha256_t *sha256,
    ngx_str_t *names, ngx_uint_t n)
{
    ngx_uint_t                     i;
    ngx_pool_cleanup_t            *cln;
    ngx_http_seal_km_key_files_t  *files;

    files = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_key_files_t));
    if (files == NULL) {
        return NULL;
    }

    files->file = ngx_pcalloc(cf->pool,
                              n * sizeof(ngx_http_seal_km_key_file_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (files->file == NULL || cln == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        files->file[i].name = names[i];
    }

    files->n = n;
    files->sha256 = sha256;
    files->ident = -1;
    files->interval = NGX_MAX_INT_T_VALUE;

    files->timer.handler = ngx_http_seal_km_key_files_timer;
    files->timer.data = files;
    files->timer.cancelable = 1;

    cln->handler = ngx_http_seal_km_key_files_cleanup;
    cln->data = files;

    return files;
}


/* what is wrong with a file that an operator has just named stops nginx */

static ngx_int_t
ngx_http_seal_km_load_key_file(ngx_conf_t *cf,
    ngx_http_seal_km_key_names_t *names, ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_file_t *file)
{
    int                         rc;
    const char                 *error;
    seal_km_str_t               text;
    ngx_http_seal_km_notice_t   notice;

    if (ngx_http_seal_km_read_file(&file->name, files->max_size, &file->seen,
                                   &text, &error)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, file->seen.err,
                      "\"seal_km_jwks\" file \"%V\" %s in %s:%ui",
                      &file->name, error, names->file, names->line);
        return NGX_ERROR;
    }

    file->unsettled = ngx_http_seal_km_is_file_unsettled(&file->seen);

    notice.cf = cf;
    notice.names = names;
    notice.file = &file->name;

    error = "memory is out";
    file->jwks = seal_km_jwks_create();

    rc = -1;

    if (file->jwks
        && ngx_http_seal_km_hash_text(files->sha256, text, file->digest)
           == NGX_OK)
    {
        rc = seal_km_jwks_add(file->jwks, text, ngx_http_seal_km_key_notice,
                              &notice, &error);
    }

    ngx_http_seal_km_free_file_text(text);

    if (rc != 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"seal_km_jwks\" file \"%V\" cannot be used: %s "
                      "in %s:%ui",
                      &file->name, error, names->file, names->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_seal_km_use_key_files(ngx_http_seal_km_key_files_t *files,
    ngx_msec_t interval, seal_km_algorithms_t algorithms)
{
    files->interval = ngx_min(files->interval, interval);
    files->algorithms |= algorithms;
}


void
ngx_http_seal_km_look_at_key_files(ngx_http_seal_km_key_files_t *files)
{
    ngx_uint_t  i;

    if (files->algorithms == 0) {
        /* no location uses them */
        return;
    }

    /*
     * The timer is for a worker that nobody asks, which has to tell of faults
     * too.  Without a master process a reload starts no worker: so it is set
     * here, not when a process starts only.
     */

    if (!files->timer.timer_set) {
        files->timer.log = ngx_cycle->log;
        ngx_add_timer(&files->timer, files->interval);
    }

    /* for want of memory nothing was seen, so it may be looked at again at once */

    if (ngx_current_msec - files->looked < files->interval && !files->starved) {
        return;
    }

    files->looked = ngx_current_msec;
    files->starved = 0;

    for (i = 0; i < files->n; i++) {
        if (ngx_http_seal_km_look_at_key_file(files, &files->file[i])
            == NGX_OK)
        {
            files->changes++;
        }
    }
}


/* NGX_OK: its keys are others now; NGX_DECLINED: they are as they were */

static ngx_int_t
ngx_http_seal_km_look_at_key_file(ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_file_t *file)
{
    u_char                          digest[SEAL_KM_SHA256_SIZE];
    const char                     *failed;
    ngx_int_t                       rc;
    seal_km_str_t                   text;
    ngx_http_seal_km_file_state_t   state;

    if (!file->unsettled
        && ngx_http_seal_km_see_file(&file->name, &state) == NGX_OK
        && ngx_http_seal_km_same_file_state(&state, &file->seen))
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_seal_km_read_file(&file->name, files->max_size, &state,
                                    &text, &failed);

    if (rc == NGX_AGAIN) {
        file->unsettled = 1;
        return NGX_DECLINED;
    }

    if (rc != NGX_OK) {
        if (!ngx_http_seal_km_same_file_state(&state, &file->seen)) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, state.err,
                          "\"seal_km_jwks\" file \"%V\" %s: its former keys "
                          "stay in force", &file->name, failed);
        }

        if (state.err == NGX_ENOMEM) {
            files->starved = 1;
        }

        file->seen = state;
        file->unsettled = 0;
        ngx_memzero(file->told, SEAL_KM_SHA256_SIZE);

        return NGX_DECLINED;
    }

    file->seen = state;
    file->unsettled = ngx_http_seal_km_is_file_unsettled(&state);

    if (ngx_http_seal_km_hash_text(files->sha256, text, digest) == NGX_OK) {
        rc = ngx_http_seal_km_take_text(files, file, text, digest);

    } else {
        files->starved = 1;
        rc = NGX_ERROR;
    }

    ngx_http_seal_km_free_file_text(text);

    if (rc == NGX_ERROR) {
        /*
         * Memory may have been out, which not everyone who runs out of it can
         * tell from a fault of the text: a key that was withdrawn must not stay
         * in force for that.
         */
        file->unsettled = 1;
        return NGX_DECLINED;
    }

    return rc;
}


/* NGX_OK: its keys are others now; NGX_DECLINED: they are those in force */

static ngx_int_t
ngx_http_seal_km_take_text(ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_file_t *file, seal_km_str_t text, u_char *digest)
{
    ngx_uint_t       told;
    const char      *error;
    seal_km_jwks_t  *jwks;

    if (ngx_memcmp(digest, file->digest, SEAL_KM_SHA256_SIZE) == 0) {
        ngx_memzero(file->told, SEAL_KM_SHA256_SIZE);
        return NGX_DECLINED;
    }

    told = (ngx_memcmp(digest, file->told, SEAL_KM_SHA256_SIZE) == 0);

    jwks = ngx_http_seal_km_read_keys(files, file, text, told, &error);

    if (jwks == NULL) {
        if (!told) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "\"seal_km_jwks\" file \"%V\" cannot be used: %s: its "
                          "former keys stay in force", &file->name, error);
        }

        ngx_memcpy(file->told, digest, SEAL_KM_SHA256_SIZE);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "\"seal_km_jwks\" file \"%V\" has changed: its new keys are "
                  "in force", &file->name);

    seal_km_jwks_free(file->jwks);

    file->jwks = jwks;
    ngx_memcpy(file->digest, digest, SEAL_KM_SHA256_SIZE);
    ngx_memzero(file->told, SEAL_KM_SHA256_SIZE);

    return NGX_OK;
}


/* its keys, if one of them is of use; NULL: *error says why not */

static seal_km_jwks_t *
ngx_http_seal_km_read_keys(ngx_http_seal_km_key_files_t *files,
    ngx_http_seal_km_key_file_t *file, seal_km_str_t text, ngx_uint_t told,
    const char **error)
{
    int                         rc;
    seal_km_jwks_t             *jwks;
    ngx_http_seal_km_notice_t   notice;

    notice.cf = NULL;
    notice.names = NULL;
    notice.file = &file->name;

    *error = "memory is out";

    jwks = seal_km_jwks_create();
    if (jwks == NULL) {
        files->starved = 1;
        return NULL;
    }

    rc = seal_km_jwks_add(jwks, text, told ? NULL : ngx_http_seal_km_key_notice,
                          &notice, error);

    if (rc != 0) {
        files->starved |= (rc == -2);
        seal_km_jwks_free(jwks);
        return NULL;
    }

    if ((seal_km_jwks_algorithms(jwks) & files->algorithms) == 0) {
        *error = "it has no usable key for any of seal_km_algorithms";
        seal_km_jwks_free(jwks);
        return NULL;
    }

    return jwks;
}


static ngx_int_t
ngx_http_seal_km_hash_text(seal_km_sha256_t *sha256, seal_km_str_t text,
    u_char *digest)
{
    return (seal_km_sha256(sha256, &text, 1, digest) == 0)
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_seal_km_key_notice(void *data, const char *text)
{
    ngx_http_seal_km_notice_t  *notice = data;

    if (notice->cf) {
        ngx_log_error(NGX_LOG_WARN, notice->cf->log, 0,
                      "\"seal_km_jwks\" file \"%V\": %s in %s:%ui",
                      notice->file, text, notice->names->file,
                      notice->names->line);
        return;
    }

    /* nobody has just written a configuration that he should look at again */

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "\"seal_km_jwks\" file \"%V\": %s", notice->file, text);
}


static void
ngx_http_seal_km_key_files_timer(ngx_event_t *ev)
{
    /* it sets the timer again */
    ngx_http_seal_km_look_at_key_files(ev->data);
}


static void
ngx_http_seal_km_key_files_cleanup(void *data)
{
    ngx_http_seal_km_key_files_t  *files = data;

    ngx_uint_t  i;

    if (files->timer.timer_set) {
        ngx_del_timer(&files->timer);
    }

    for (i = 0; i < files->n; i++) {
        seal_km_jwks_free(files->file[i].jwks);
    }
}
