/*
 * The setters of seal_km_redis_* that nginx has none for.  They return what a
 * setter of nginx's does: NGX_CONF_OK, NGX_CONF_ERROR after an error was
 * logged, or what is wrong with the directive.
 */


#ifndef NGX_HTTP_SEAL_KM_REDIS_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_REDIS_DIRECTIVES_H


#include <ngx_config.h>
#include <ngx_core.h>


/* of seal_km_redis_mode; the offset is that of a ..._redis_conf_t */
char *ngx_http_seal_km_set_redis_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Of a password, and of a file that holds one in its only line.  The offset is
 * that of an ngx_str_t, {0, NULL} before; both directives may share it.  What
 * it points to is cleansed with cf's pool.
 */
char *ngx_http_seal_km_set_password(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_seal_km_set_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_redis_ssl_protocols; the offset is that of a bitmask */
char *ngx_http_seal_km_set_ssl_protocols(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Of seal_km_redis_ssl_password_file; the offset is that of an ngx_array_t * of
 * ngx_str_t, NGX_CONF_UNSET_PTR before.  It lasts as long as the configuration
 * is read.
 */
char *ngx_http_seal_km_set_ssl_password_file(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);


#endif /* NGX_HTTP_SEAL_KM_REDIS_DIRECTIVES_H */
