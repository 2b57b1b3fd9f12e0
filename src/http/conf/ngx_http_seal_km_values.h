/*
 * Setters of single values: nginx's own slots, but what is wrong is told with
 * the directive's name and with what it wants.  They return what a setter of
 * nginx's does; cmd->offset is where the value goes.
 */


#ifndef NGX_HTTP_SEAL_KM_VALUES_H
#define NGX_HTTP_SEAL_KM_VALUES_H


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * For a directive that evaluates no variables: an error where one is meant.
 * NGX_OK, or NGX_ERROR after that was logged; the value is not, for it may be a
 * password.
 */
ngx_int_t ngx_http_seal_km_refuse_variables(ngx_conf_t *cf);

/* the same from that argument on; the directive's name is argument 0 */
ngx_int_t ngx_http_seal_km_refuse_variables_from(ngx_conf_t *cf,
    ngx_uint_t first);

/* the name in "$name" or "${name}"; NGX_OK, or NGX_DECLINED for any other text */
ngx_int_t ngx_http_seal_km_variable_name(ngx_str_t *value, ngx_str_t *name);

/* ngx_str_t, without variables */
char *ngx_http_seal_km_set_text(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_msec_t */
char *ngx_http_seal_km_set_msec(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* time_t, in whole seconds */
char *ngx_http_seal_km_set_sec(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* size_t */
char *ngx_http_seal_km_set_size(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_int_t; cmd->post is an ngx_conf_num_bounds_t * */
char *ngx_http_seal_km_set_number(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_uint_t; cmd->post is an ngx_conf_enum_t * */
char *ngx_http_seal_km_set_choice(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_SEAL_KM_VALUES_H */
