/*
 * The setters of directives that nginx has none for, and what is checked of the
 * values that its own have set.  A setter returns what one of nginx's does:
 * NGX_CONF_OK, NGX_CONF_ERROR after an error was logged, or what is wrong with
 * the directive.  conf is an ngx_http_seal_km_loc_conf_t.
 */


#ifndef NGX_HTTP_SEAL_KM_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_DIRECTIVES_H


#include <ngx_config.h>
#include <ngx_core.h>


/* of seal_km_pass: makes our handler the location's */
char *ngx_http_seal_km_set_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_seal_km_set_interface(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_uri: all of them in normal form, the first as it is spelt too */
char *ngx_http_seal_km_set_uris(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Of a list of words, of which none is empty.  The offset is that of an
 * ngx_array_t * of seal_km_str_t, NGX_CONF_UNSET_PTR before.
 */
char *ngx_http_seal_km_set_words(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* the same, but "off" alone makes a list without words */
char *ngx_http_seal_km_set_words_or_off(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_scope: values with variables, or "off" */
char *ngx_http_seal_km_set_scopes(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of an ngx_http_complex_value_t *: a value with variables */
char *ngx_http_seal_km_set_value(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_jwks: the files are read when it is known which location does */
char *ngx_http_seal_km_set_jwks(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_algorithms */
char *ngx_http_seal_km_set_algorithms(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_bind: each kind is set, and inherited, by itself */
char *ngx_http_seal_km_set_bind(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* what is checked after a slot of nginx's: */

/* sec: no more than Annex A of the specification allows */
extern ngx_conf_post_t  ngx_http_seal_km_leeway_post;

/* str: UTF-8, and not empty */
extern ngx_conf_post_t  ngx_http_seal_km_text_post;

/* str: the path of a location */
extern ngx_conf_post_t  ngx_http_seal_km_path_post;

/* msec, size: not 0 */
extern ngx_conf_post_t  ngx_http_seal_km_msec_post;
extern ngx_conf_post_t  ngx_http_seal_km_size_post;


#endif /* NGX_HTTP_SEAL_KM_DIRECTIVES_H */
