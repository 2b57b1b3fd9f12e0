/*
 * seal_km_client_id_claim, seal_km_scope_claim and seal_km_token_type, and what
 * a location inherits of them and of seal_km_claim_set.
 */


#include "ngx_http_seal_km_claim_directives.h"
#include "ngx_http_seal_km_values.h"


static char *ngx_http_seal_km_merge_words(ngx_conf_t *cf, ngx_array_t **words,
    ngx_array_t *prev, const seal_km_str_t *word);
static char *ngx_http_seal_km_merge_claim_sets(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf);


/* TS 33.434, Annex A */
static const seal_km_str_t  ngx_http_seal_km_client_id = { "client_id", 9 };
static const seal_km_str_t  ngx_http_seal_km_scope = { "scope", 5 };


char *
ngx_http_seal_km_set_token_types(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t      *value;
    ngx_uint_t      i;
    seal_km_str_t  *type;

    if (slcf->token_types != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    slcf->token_types = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                         sizeof(seal_km_str_t));
    if (slcf->token_types == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty parameter";
        }

        if (ngx_strcmp(value[i].data, "any") == 0) {
            return (cf->args->nelts == 2) ? NGX_CONF_OK
                                          : "takes \"any\" alone only";
        }

        type = ngx_array_push(slcf->token_types);
        *type = seal_km_token_type(ngx_http_seal_km_str(&value[i]));
    }

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_merge_claims(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->token_types, prev->token_types, NULL);

    if (ngx_http_seal_km_merge_words(cf, &conf->client_id_claims,
                                     prev->client_id_claims,
                                     &ngx_http_seal_km_client_id)
            != NGX_CONF_OK
        || ngx_http_seal_km_merge_words(cf, &conf->scope_claims,
                                        prev->scope_claims,
                                        &ngx_http_seal_km_scope)
            != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_seal_km_merge_claim_sets(cf, prev, conf);
}


/* the default is an array of that one word */

static char *
ngx_http_seal_km_merge_words(ngx_conf_t *cf, ngx_array_t **words,
    ngx_array_t *prev, const seal_km_str_t *word)
{
    seal_km_str_t  *first;

    if (*words != NGX_CONF_UNSET_PTR) {
        return NGX_CONF_OK;
    }

    if (prev != NGX_CONF_UNSET_PTR) {
        *words = prev;
        return NGX_CONF_OK;
    }

    *words = ngx_array_create(cf->pool, 1, sizeof(seal_km_str_t));
    if (*words == NULL) {
        return NGX_CONF_ERROR;
    }

    first = ngx_array_push(*words);
    *first = *word;

    return NGX_CONF_OK;
}


/* variable by variable: what a level does not set itself, it inherits */

static char *
ngx_http_seal_km_merge_claim_sets(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_uint_t                     i;
    ngx_http_seal_km_claim_set_t  *set, *inherited;

    if (prev->claim_sets == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->claim_sets == NULL) {
        conf->claim_sets = prev->claim_sets;
        return NGX_CONF_OK;
    }

    inherited = prev->claim_sets->elts;

    for (i = 0; i < prev->claim_sets->nelts; i++) {

        if (ngx_http_seal_km_find_claim_set(conf->claim_sets,
                                            &inherited[i].variable))
        {
            continue;
        }

        set = ngx_array_push(conf->claim_sets);
        if (set == NULL) {
            return NGX_CONF_ERROR;
        }

        *set = inherited[i];
    }

    return NGX_CONF_OK;
}


/* names of variables are compared without regard to case, as nginx does */

ngx_http_seal_km_claim_set_t *
ngx_http_seal_km_find_claim_set(ngx_array_t *sets, ngx_str_t *variable)
{
    ngx_uint_t                     i;
    ngx_http_seal_km_claim_set_t  *set;

    set = sets->elts;

    for (i = 0; i < sets->nelts; i++) {
        if (set[i].variable.len == variable->len
            && ngx_strncasecmp(set[i].variable.data, variable->data,
                               variable->len)
               == 0)
        {
            return &set[i];
        }
    }

    return NULL;
}


char *
ngx_http_seal_km_fill_claims(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_uint_t                     i, n;
    seal_km_claim_path_t          *paths;
    ngx_http_seal_km_claim_set_t  *set;

    conf->profile.client_ids = conf->client_id_claims->elts;
    conf->profile.nclient_ids = conf->client_id_claims->nelts;
    conf->profile.scopes = conf->scope_claims->elts;
    conf->profile.nscopes = conf->scope_claims->nelts;

    if (conf->token_types) {
        conf->profile.types = conf->token_types->elts;
        conf->profile.ntypes = conf->token_types->nelts;
    }

    if (conf->claim_sets == NULL) {
        return NGX_CONF_OK;
    }

    n = conf->claim_sets->nelts;
    set = conf->claim_sets->elts;

    paths = ngx_palloc(cf->pool, n * sizeof(seal_km_claim_path_t));
    if (paths == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {
        paths[i] = set[i].path;
    }

    conf->names.paths = paths;
    conf->names.npaths = n;

    return NGX_CONF_OK;
}
