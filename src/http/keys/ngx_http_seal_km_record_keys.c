/*
 * The files of seal_km_record_keys and seal_km_record_digest_key.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_seal_km_file_snapshot.h"
#include "ngx_http_seal_km_record_keys.h"


/* a mistaken file name is told early */
#define NGX_HTTP_SEAL_KM_SECRET_FILE_MAX  (64 * 1024)


/* whom a key's notice is told to */
typedef struct {
    ngx_conf_t  *cf;
    ngx_str_t   *file;
} ngx_http_seal_km_record_notice_t;


static ngx_int_t ngx_http_seal_km_load_record_key_file(ngx_conf_t *cf,
    seal_km_jwe_keys_t *keys, ngx_str_t *name);
static ngx_int_t ngx_http_seal_km_read_secret_file(ngx_conf_t *cf,
    const char *directive, ngx_str_t *name, seal_km_str_t *text);
static void ngx_http_seal_km_check_secret_file(ngx_conf_t *cf,
    const char *directive, ngx_str_t *name);
static void ngx_http_seal_km_record_notice(void *data, const char *text);
static void ngx_http_seal_km_record_keys_cleanup(void *data);
static void ngx_http_seal_km_digest_key_cleanup(void *data);


seal_km_jwe_keys_t *
ngx_http_seal_km_load_record_keys(ngx_conf_t *cf, ngx_str_t *names,
    ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_pool_cleanup_t  *cln;
    seal_km_jwe_keys_t  *keys;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    keys = seal_km_jwe_keys_create();

    if (keys == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_record_keys\" needs memory and OpenSSL's "
                           "AES-256-GCM");
        return NULL;
    }

    cln->handler = ngx_http_seal_km_record_keys_cleanup;
    cln->data = keys;

    for (i = 0; i < n; i++) {
        if (ngx_http_seal_km_load_record_key_file(cf, keys, &names[i])
            != NGX_OK)
        {
            return NULL;
        }
    }

    if (seal_km_jwe_keys_count(keys) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_record_keys\" has no key that can be "
                           "used");
        return NULL;
    }

    return keys;
}


static ngx_int_t
ngx_http_seal_km_load_record_key_file(ngx_conf_t *cf,
    seal_km_jwe_keys_t *keys, ngx_str_t *name)
{
    int                                rc;
    const char                        *error;
    seal_km_str_t                      text;
    ngx_http_seal_km_record_notice_t   notice;

    if (ngx_http_seal_km_read_secret_file(cf, "seal_km_record_keys", name,
                                          &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    notice.cf = cf;
    notice.file = name;

    rc = seal_km_jwe_keys_add(keys, text, ngx_http_seal_km_record_notice,
                              &notice, &error);

    ngx_http_seal_km_free_file_text(text);

    if (rc != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_record_keys\" file \"%V\" %s", name,
                           error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


seal_km_record_digest_t *
ngx_http_seal_km_load_digest_key(ngx_conf_t *cf, ngx_str_t *name)
{
    seal_km_str_t             text, key;
    ngx_pool_cleanup_t       *cln;
    seal_km_record_digest_t  *digest;

    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (cln == NULL
        || ngx_http_seal_km_read_secret_file(cf, "seal_km_record_digest_key",
                                             name, &text)
           != NGX_OK)
    {
        return NULL;
    }

    key = text;

    if (key.len && key.data[key.len - 1] == '\n') {
        key.len--;

        if (key.len && key.data[key.len - 1] == '\r') {
            key.len--;
        }
    }

    digest = NULL;

    if (key.len < SEAL_KM_RECORD_DIGEST_KEY_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_record_digest_key\" file \"%V\" has "
                           "%uz bytes, at least %d are needed",
                           name, key.len, SEAL_KM_RECORD_DIGEST_KEY_MIN);

    } else {
        digest = seal_km_record_digest_create(key);
    }

    ngx_http_seal_km_free_file_text(text);

    if (digest) {
        cln->handler = ngx_http_seal_km_digest_key_cleanup;
        cln->data = digest;
    }

    return digest;
}


/* NGX_OK with *text, which is to be freed, and *name made a full one */

static ngx_int_t
ngx_http_seal_km_read_secret_file(ngx_conf_t *cf, const char *directive,
    ngx_str_t *name, seal_km_str_t *text)
{
    const char                     *failed;
    ngx_http_seal_km_file_state_t   state;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_seal_km_read_file(name, NGX_HTTP_SEAL_KM_SECRET_FILE_MAX,
                                   &state, text, &failed)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, state.err,
                           "\"%s\" file \"%V\" %s", directive, name, failed);
        return NGX_ERROR;
    }

    ngx_http_seal_km_check_secret_file(cf, directive, name);

    return NGX_OK;
}


static void
ngx_http_seal_km_check_secret_file(ngx_conf_t *cf, const char *directive,
    ngx_str_t *name)
{
    ngx_file_info_t  fi;

    if (ngx_file_info(name->data, &fi) != NGX_FILE_ERROR
        && (fi.st_mode & S_IROTH))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%s\" file \"%V\" can be read by others than its "
                           "owner and group: \"chmod o-r\" it",
                           directive, name);
    }
}


static void
ngx_http_seal_km_record_notice(void *data, const char *text)
{
    ngx_http_seal_km_record_notice_t *notice = data;

    ngx_conf_log_error(NGX_LOG_WARN, notice->cf, 0,
                       "\"seal_km_record_keys\" file \"%V\": %s",
                       notice->file, text);
}


static void
ngx_http_seal_km_record_keys_cleanup(void *data)
{
    seal_km_jwe_keys_free(data);
}


static void
ngx_http_seal_km_digest_key_cleanup(void *data)
{
    seal_km_record_digest_free(data);
}
