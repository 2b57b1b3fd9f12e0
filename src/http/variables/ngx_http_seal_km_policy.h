/*
 * seal_km_require: rules that an operator writes with nginx's variables.
 */


#ifndef NGX_HTTP_SEAL_KM_POLICY_H
#define NGX_HTTP_SEAL_KM_POLICY_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* one seal_km_require */
typedef struct {
    ngx_array_t   variables;   /* ngx_int_t, indices of variables */
    const char   *word;        /* of reason=, NUL-terminated; NULL: none */
} ngx_http_seal_km_rule_t;


/*
 * The setter of seal_km_require: adds a rule to the array of rules (pointer at
 * cmd->offset, NGX_CONF_UNSET_PTR or NULL where there is none yet).
 */
char *ngx_http_seal_km_set_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * NGX_OK where r fulfils all of rules (an array of ngx_http_seal_km_rule_t);
 * NGX_DECLINED and *broken, the first that it does not, for one of its variables
 * is empty, 0 or false; NGX_ERROR where one cannot be evaluated.
 */
ngx_int_t ngx_http_seal_km_check_rules(ngx_http_request_t *r,
    ngx_array_t *rules, ngx_http_seal_km_rule_t **broken);


#endif /* NGX_HTTP_SEAL_KM_POLICY_H */
