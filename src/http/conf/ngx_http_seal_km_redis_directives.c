/*
 * The setters of seal_km_redis_* that nginx has none for.
 */


#include "ngx_http_seal_km_redis_conf.h"
#include "ngx_http_seal_km_redis_directives.h"
#include "ngx_http_seal_km_values.h"
#include "seal_km_vault.h"

#include <openssl/crypto.h>


static ngx_array_t *ngx_http_seal_km_read_passwords(ngx_conf_t *cf);
static char *ngx_http_seal_km_store_password(ngx_conf_t *cf,
    ngx_str_t *password, ngx_str_t *value);
static void ngx_http_seal_km_password_cleanup(void *data);


static ngx_conf_bitmask_t  ngx_http_seal_km_ssl_protocols[] = {
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};


char *
ngx_http_seal_km_set_redis_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t                      *value;
    ngx_http_seal_km_redis_conf_t  *rcf;

    rcf = (ngx_http_seal_km_redis_conf_t *) (p + cmd->offset);

    if (rcf->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "sentinel") == 0) {

        if (cf->args->nelts != 3 || value[2].len == 0) {
            return "\"sentinel\" wants the name of the master";
        }

        rcf->mode = NGX_HTTP_SEAL_KM_SENTINEL;
        rcf->master_name = value[2];

        return NGX_CONF_OK;
    }

    if (cf->args->nelts != 2) {
        return "takes a name for \"sentinel\" only";
    }

    if (ngx_strcmp(value[1].data, "standalone") == 0) {
        rcf->mode = NGX_HTTP_SEAL_KM_STANDALONE;

    } else if (ngx_strcmp(value[1].data, "cluster") == 0) {
        rcf->mode = NGX_HTTP_SEAL_KM_CLUSTER;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_redis_mode\" knows \"standalone\", "
                           "\"sentinel\" and \"cluster\", but not \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_set_password(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t  *value;

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    return ngx_http_seal_km_store_password(cf, (ngx_str_t *) (p + cmd->offset),
                                           &value[1]);
}


char *
ngx_http_seal_km_set_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t    *value, *password;
    ngx_array_t  *passwords;

    passwords = ngx_http_seal_km_read_passwords(cf);
    if (passwords == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    password = passwords->elts;

    if (passwords->nelts != 1 || password->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" wants a file with one line, the password, "
                           "and \"%V\" is none", &cmd->name, &value[1]);
        return NGX_CONF_ERROR;
    }

    return ngx_http_seal_km_store_password(cf, (ngx_str_t *) (p + cmd->offset),
                                           password);
}


/*
 * Workers need it whenever they connect, so it stays as long as the configuration
 * does, where core dumps leave it out.
 */

static char *
ngx_http_seal_km_store_password(ngx_conf_t *cf, ngx_str_t *password,
    ngx_str_t *value)
{
    ngx_pool_cleanup_t  *cln;

    if (password->data) {
        return "is duplicate: one password is enough";
    }

    if (value->len == 0) {
        return "is empty";
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(seal_km_vault_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(cln->data, sizeof(seal_km_vault_t));
    cln->handler = ngx_http_seal_km_password_cleanup;

    password->data = seal_km_vault_alloc(cln->data, value->len);
    if (password->data == NULL) {
        return NGX_CONF_ERROR;
    }

    password->len = value->len;
    ngx_memcpy(password->data, value->data, value->len);

    /* nginx has no more use for its copy: it has called the directive's setter */

    OPENSSL_cleanse(value->data, value->len);

    return NGX_CONF_OK;
}


static void
ngx_http_seal_km_password_cleanup(void *data)
{
    seal_km_vault_free(data);
}


/* nginx adds up what stands twice: here it is an error, as everywhere */

char *
ngx_http_seal_km_set_ssl_protocols(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t      *value;
    ngx_uint_t      i;
    ngx_command_t   slot;

    if (*(ngx_uint_t *) (p + cmd->offset)) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_strcasecmp(value[i].data, (u_char *) "TLSv1.2") != 0
            && ngx_strcasecmp(value[i].data, (u_char *) "TLSv1.3") != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" knows \"TLSv1.2\" and \"TLSv1.3\", "
                               "but not \"%V\"", &value[0], &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    slot = *cmd;
    slot.post = &ngx_http_seal_km_ssl_protocols;

    return ngx_conf_set_bitmask_slot(cf, &slot, conf);
}


char *
ngx_http_seal_km_set_ssl_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_array_t  **passwords;

    passwords = (ngx_array_t **) (p + cmd->offset);

    if (*passwords != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *passwords = ngx_http_seal_km_read_passwords(cf);

    return *passwords ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* the lines of a file; NULL after an error was logged */

static ngx_array_t *
ngx_http_seal_km_read_passwords(ngx_conf_t *cf)
{
    ngx_str_t        *value;
    ngx_array_t      *passwords;
    ngx_file_info_t   fi;

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NULL;
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NULL;
    }

    if (ngx_file_info(value[1].data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" file \"%V\" could not be opened",
                           &value[0], &value[1]);
        return NULL;
    }

    if (ngx_is_dir(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" file \"%V\" is a folder", &value[0],
                           &value[1]);
        return NULL;
    }

    /* it logs why it cannot read, and wipes what it has read */

    passwords = ngx_ssl_read_password_file(cf, &value[1]);

    if (passwords == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" file \"%V\" could not be read", &value[0],
                           &value[1]);
    }

    return passwords;
}
