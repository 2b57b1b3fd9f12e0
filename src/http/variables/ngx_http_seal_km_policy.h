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
 * The first of rules (an array of ngx_http_seal_km_rule_t) that r does not
 * fulfil, for one of its variables is empty, 0 or false; NULL where all are fulfilled.
 */
ngx_http_seal_km_rule_t *ngx_http_seal_km_broken_rule(ngx_http_request_t *r,
    ngx_array_t *rules);


#endif /* NGX_HTTP_SEAL_KM_POLICY_H */
