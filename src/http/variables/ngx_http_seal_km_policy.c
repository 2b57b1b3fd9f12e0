/*
 * seal_km_require: rules that an operator writes with nginx's variables.
 */


#include "ngx_http_seal_km_policy.h"
#include "ngx_http_seal_km_value.h"
#include "ngx_http_seal_km_values.h"

#include "seal_km_reason.h"


#define NGX_HTTP_SEAL_KM_REASON_PARAM  "reason="


static ngx_uint_t ngx_http_seal_km_is_own_word(u_char *word);
static ngx_int_t ngx_http_seal_km_get_word(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_seal_km_rule_t *rule);
static ngx_int_t ngx_http_seal_km_get_variables(ngx_conf_t *cf,
    ngx_http_seal_km_rule_t *rule, ngx_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_http_seal_km_get_variable(ngx_conf_t *cf,
    ngx_str_t *value);
static ngx_uint_t ngx_http_seal_km_is_true(ngx_http_variable_value_t *v);


char *
ngx_http_seal_km_set_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  n;
    ngx_array_t               **rules;
    ngx_http_seal_km_rule_t    *rule;

    rules = (ngx_array_t **) (p + cmd->offset);

    if (*rules == NGX_CONF_UNSET_PTR || *rules == NULL) {
        *rules = ngx_array_create(cf->pool, 2,
                                  sizeof(ngx_http_seal_km_rule_t));
        if (*rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    rule = ngx_array_push(*rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    n = cf->args->nelts;

    switch (ngx_http_seal_km_get_word(cf, &value[n - 1], rule)) {

    case NGX_OK:
        n--;
        break;

    case NGX_ERROR:
        return NGX_CONF_ERROR;

    default: /* NGX_DECLINED */
        break;
    }

    if (n == 1) {
        return "wants a variable";
    }

    return (ngx_http_seal_km_get_variables(cf, rule, &value[1], n - 1)
            == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_seal_km_get_variables(ngx_conf_t *cf, ngx_http_seal_km_rule_t *rule,
    ngx_str_t *value, ngx_uint_t n)
{
    ngx_int_t   *index;
    ngx_uint_t   i;

    if (ngx_array_init(&rule->variables, cf->pool, n, sizeof(ngx_int_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        index = ngx_array_push(&rule->variables);

        *index = ngx_http_seal_km_get_variable(cf, &value[i]);
        if (*index == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED where value is no reason= */

static ngx_int_t
ngx_http_seal_km_get_word(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_seal_km_rule_t *rule)
{
    size_t   i, n;
    u_char  *p, c;

    rule->word = NULL;

    n = sizeof(NGX_HTTP_SEAL_KM_REASON_PARAM) - 1;

    if (ngx_strncmp(value->data, NGX_HTTP_SEAL_KM_REASON_PARAM, n) != 0) {
        return NGX_DECLINED;
    }

    /* arguments of a directive end with a NUL */
    p = value->data + n;
    n = value->len - n;

    for (i = 0; i < n; i++) {
        c = p[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
            break;
        }
    }

    if (n == 0 || i < n) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_require\" wants a word of a-z, 0-9 and "
                           "\"_\" in \"%V\"", value);
        return NGX_ERROR;
    }

    if (ngx_http_seal_km_is_own_word(p)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_require\" wants a word of your own, "
                           "not one of the module's, in \"%V\"", value);
        return NGX_ERROR;
    }

    rule->word = (const char *) p;

    return NGX_OK;
}


/* in a log a refusal must look neither like a success nor like another one */

static ngx_uint_t
ngx_http_seal_km_is_own_word(u_char *word)
{
    ngx_uint_t  i;

    for (i = 0; i < SEAL_KM_REASON_MAX; i++) {
        if (ngx_strcmp(word, seal_km_reason(i)->word) == 0) {
            return 1;
        }
    }

    return 0;
}


/* the index of the variable that value, $name or ${name}, is; or NGX_ERROR */

static ngx_int_t
ngx_http_seal_km_get_variable(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_str_t  name;

    if (ngx_http_seal_km_variable_name(value, &name) == NGX_OK) {
        return ngx_http_get_variable_index(cf, &name);
    }

    /* any other text would be true at all times */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_require\" wants variables and, last, "
                       "\"reason=\" once at most, not \"%V\"", value);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_seal_km_check_rules(ngx_http_request_t *r, ngx_array_t *rules,
    ngx_http_seal_km_rule_t **broken)
{
    ngx_int_t                  *index;
    ngx_uint_t                  i, n;
    ngx_http_seal_km_rule_t    *rule;
    ngx_http_variable_value_t  *v;

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        index = rule[i].variables.elts;

        for (n = 0; n < rule[i].variables.nelts; n++) {
            v = ngx_http_seal_km_flushed_variable(r, index[n]);

            if (v == NULL) {
                return NGX_ERROR;
            }

            if (!ngx_http_seal_km_is_true(v)) {
                *broken = &rule[i];
                return NGX_DECLINED;
            }
        }
    }

    return NGX_OK;
}


/* as "if" has it, and a claim that is false is not true either */

static ngx_uint_t
ngx_http_seal_km_is_true(ngx_http_variable_value_t *v)
{
    if (v->not_found || v->len == 0) {
        return 0;
    }

    if (v->len == 1 && v->data[0] == '0') {
        return 0;
    }

    return v->len != sizeof("false") - 1
           || ngx_strncmp(v->data, "false", sizeof("false") - 1) != 0;
}
