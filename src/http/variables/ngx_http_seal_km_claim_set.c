/*
 * The variables of seal_km_claim_set.  nginx knows a variable by its name,
 * whatever the location; what it has there is looked up when it is read.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_directives.h"
#include "ngx_http_seal_km_claim_set.h"
#include "ngx_http_seal_km_claim_text.h"
#include "ngx_http_seal_km_values.h"
#include "ngx_http_seal_km_watch.h"


static char *ngx_http_seal_km_set_claim_path(ngx_conf_t *cf,
    seal_km_claim_path_t *path);
static char *ngx_http_seal_km_add_claim_variable(ngx_conf_t *cf,
    ngx_str_t *value);
static ngx_int_t ngx_http_seal_km_claim_set_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


char *
ngx_http_seal_km_set_claim_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t                     *value, name;
    ngx_http_seal_km_claim_set_t  *set;

    value = cf->args->elts;

    /* nginx takes $1 for a capture */

    if (ngx_http_seal_km_variable_name(&value[1], &name) != NGX_OK
        || (name.data[0] >= '0' && name.data[0] <= '9'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_claim_set\" wants a variable first, "
                           "\"%V\" is none", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_seal_km_refuse_variables_from(cf, 2) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

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
    if (set == NULL) {
        return NGX_CONF_ERROR;
    }

    set->variable = name;
    set->file = cf->conf_file->file.name.data;
    set->line = cf->conf_file->line;

    return ngx_http_seal_km_set_claim_path(cf, &set->path);
}


/* the claim and its members: what stands behind the variable */

static char *
ngx_http_seal_km_set_claim_path(ngx_conf_t *cf, seal_km_claim_path_t *path)
{
    ngx_str_t      *value;
    ngx_uint_t      i, n;
    seal_km_str_t  *members;

    value = cf->args->elts;
    n = cf->args->nelts - 2;

    members = ngx_palloc(cf->pool, n * sizeof(seal_km_str_t));
    if (members == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (value[i + 2].len == 0) {
            return "has an empty parameter";
        }

        members[i] = ngx_http_seal_km_str(&value[i + 2]);
    }

    path->members = members;
    path->n = n;

    return ngx_http_seal_km_add_claim_variable(cf, &value[1]);
}


static char *
ngx_http_seal_km_add_claim_variable(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_str_t            *name;
    ngx_http_variable_t  *v;

    name = ngx_palloc(cf->pool, sizeof(ngx_str_t));
    if (name == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_http_seal_km_variable_name(value, name);

    v = ngx_http_add_variable(cf, name, NGX_HTTP_VAR_CHANGEABLE
                                        |NGX_HTTP_VAR_NOCACHEABLE);

    if (v && v->get_handler == ngx_http_seal_km_claim_set_variable) {
        return NGX_CONF_OK;
    }

    if (v == NULL || v->get_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_claim_set\" wants a variable of its "
                           "own, \"%V\" has another meaning too", value);
        return NGX_CONF_ERROR;
    }

    *name = v->name;

    v->get_handler = ngx_http_seal_km_claim_set_variable;
    v->data = (uintptr_t) name;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_seal_km_check_claim_sets(ngx_conf_t *cf)
{
    ngx_uint_t                      i, n;
    ngx_http_seal_km_loc_conf_t   **conf;
    ngx_http_seal_km_claim_set_t   *set;
    ngx_http_seal_km_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    conf = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {

        if (conf[i]->claim_sets == NULL) {
            continue;
        }

        set = conf[i]->claim_sets->elts;

        for (n = 0; n < conf[i]->claim_sets->nelts; n++) {

            if (ngx_http_seal_km_is_claim_variable(cf, &set[n].variable)) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"seal_km_claim_set\" wants a variable of its "
                          "own, \"$%V\" has another meaning too in %s:%ui",
                          &set[n].variable, set[n].file, set[n].line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a "map" further down takes a variable over without a word */

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
        if (key[i].key.len == name->len
            && ngx_strncasecmp(key[i].key.data, name->data, name->len) == 0)
        {
            v = key[i].value;
            return v->get_handler == ngx_http_seal_km_claim_set_variable;
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
