/*
 * The variables of seal_km_claim_set.  nginx knows a variable by its name,
 * whatever the location; what it has there is looked up when it is read.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_directives.h"
#include "ngx_http_seal_km_claim_set.h"
#include "ngx_http_seal_km_claim_text.h"
#include "ngx_http_seal_km_watch.h"


static char *ngx_http_seal_km_add_claim_variable(ngx_conf_t *cf,
    ngx_str_t *name);
static ngx_int_t ngx_http_seal_km_claim_set_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


char *
ngx_http_seal_km_set_claim_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t                     *value, name;
    ngx_uint_t                     i;
    seal_km_str_t                 *members;
    ngx_http_seal_km_claim_set_t  *set;

    value = cf->args->elts;
    name = value[1];

    if (name.len < 2 || name.data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_claim_set\" wants a variable first, "
                           "\"%V\" is none", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data++;
    name.len--;

    if (slcf->claim_sets == NULL) {
        slcf->claim_sets = ngx_array_create(cf->pool, 4,
                                        sizeof(ngx_http_seal_km_claim_set_t));
        if (slcf->claim_sets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_seal_km_find_claim_set(slcf->claim_sets, &name)) {
        return "is duplicate";
    }

    set = ngx_array_push(slcf->claim_sets);
    members = ngx_palloc(cf->pool,
                         (cf->args->nelts - 2) * sizeof(seal_km_str_t));

    if (set == NULL || members == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty parameter";
        }

        members[i - 2] = ngx_http_seal_km_str(&value[i]);
    }

    set->variable = name;
    set->path.members = members;
    set->path.n = cf->args->nelts - 2;

    return ngx_http_seal_km_add_claim_variable(cf, &name);
}


static char *
ngx_http_seal_km_add_claim_variable(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t            *copy;
    ngx_http_variable_t  *v;

    v = ngx_http_add_variable(cf, name, NGX_HTTP_VAR_CHANGEABLE
                                        |NGX_HTTP_VAR_NOCACHEABLE);
    if (v == NULL) {
        return NGX_CONF_ERROR;
    }

    if (v->get_handler == ngx_http_seal_km_claim_set_variable) {
        return NGX_CONF_OK;
    }

    if (v->get_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_claim_set\" wants a variable of its "
                           "own, \"$%V\" is set elsewhere too", name);
        return NGX_CONF_ERROR;
    }

    copy = ngx_palloc(cf->pool, sizeof(ngx_str_t));
    if (copy == NULL) {
        return NGX_CONF_ERROR;
    }

    *copy = v->name;

    v->get_handler = ngx_http_seal_km_claim_set_variable;
    v->data = (uintptr_t) copy;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_seal_km_is_claim_variable(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {
        v = key[i].value;

        if (v->get_handler == ngx_http_seal_km_claim_set_variable
            && v->name.len == name->len
            && ngx_strncmp(v->name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_seal_km_claim_set_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *name = (ngx_str_t *) data;

    ngx_uint_t                     i;
    ngx_http_seal_km_ctx_t        *ctx;
    ngx_http_seal_km_claim_set_t  *set;

    ngx_http_seal_km_note_read();

    ctx = ngx_http_seal_km_get_ctx(r);

    v->not_found = 1;

    if (ctx == NULL || !ctx->verified || ctx->claim_sets == NULL) {
        return NGX_OK;
    }

    set = ctx->claim_sets->elts;

    for (i = 0; i < ctx->claim_sets->nelts; i++) {
        if (set[i].variable.len == name->len
            && ngx_strncasecmp(set[i].variable.data, name->data, name->len)
               == 0)
        {
            return ngx_http_seal_km_claim_path_value(r, ctx, i, v);
        }
    }

    return NGX_OK;
}
