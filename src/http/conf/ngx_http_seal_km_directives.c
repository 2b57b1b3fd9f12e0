/*
 * The setters of directives that nginx has none for, and what is checked of the
 * values that its own have set.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_directives.h"
#include "ngx_http_seal_km_values.h"

#include "seal_km_capif.h"


/* Annex A: a small leeway, in seconds */
#define NGX_HTTP_SEAL_KM_LEEWAY_MAX  30

#define NGX_HTTP_SEAL_KM_REDIS_PORT  6379


static ngx_int_t ngx_http_seal_km_check_address(ngx_conf_t *cf);
static ngx_int_t ngx_http_seal_km_check_scope_text(ngx_conf_t *cf,
    ngx_http_complex_value_t *cv);
static void ngx_http_seal_km_no_algorithm(ngx_conf_t *cf, ngx_str_t *name);
static char *ngx_http_seal_km_check_leeway(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_text(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_path(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_msec(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_size(ngx_conf_t *cf, void *post,
    void *data);


ngx_conf_post_t  ngx_http_seal_km_leeway_post =
    { ngx_http_seal_km_check_leeway };
ngx_conf_post_t  ngx_http_seal_km_text_post =
    { ngx_http_seal_km_check_text };
ngx_conf_post_t  ngx_http_seal_km_path_post =
    { ngx_http_seal_km_check_path };
ngx_conf_post_t  ngx_http_seal_km_msec_post =
    { ngx_http_seal_km_check_msec };
ngx_conf_post_t  ngx_http_seal_km_size_post =
    { ngx_http_seal_km_check_size };


char *
ngx_http_seal_km_set_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_url_t                      u;
    ngx_str_t                     *value;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_seal_km_main_conf_t  *smcf;

    if (slcf->upstream.upstream) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK
        || ngx_http_seal_km_check_address(cf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[1];
    u.default_port = NGX_HTTP_SEAL_KM_REDIS_PORT;
    u.no_resolve = 1;

    slcf->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (slcf->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->file = cf->conf_file->file.name.data;
    slcf->line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    clcf->handler = smcf->handler;

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_set_interface(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    if (slcf->upstream.upstream == NULL) {
        /* to be told where seal_km_pass is missing, which else sets them */
        slcf->file = cf->conf_file->file.name.data;
        slcf->line = cf->conf_file->line;
    }

    return ngx_http_seal_km_set_choice(cf, cmd, conf);
}


/* nginx would not tell the directive, nor how an address is written here */

static ngx_int_t
ngx_http_seal_km_check_address(ngx_conf_t *cf)
{
    ngx_url_t     u;
    ngx_str_t    *value;
    const char   *error;

    value = cf->args->elts;

    if (ngx_strstr(value[1].data, "://")) {
        /* not quoted: a password may stand in it */
        error = "a URL is none of these";

    } else {
        ngx_memzero(&u, sizeof(ngx_url_t));

        u.url = value[1];
        u.default_port = NGX_HTTP_SEAL_KM_REDIS_PORT;
        u.no_resolve = 1;

        if (ngx_parse_url(cf->pool, &u) == NGX_OK) {
            return NGX_OK;
        }

        error = u.err ? u.err : "memory is out";
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_pass\" wants \"host:port\", "
                       "\"unix:/path\" or the name of an upstream: %s", error);

    return NGX_ERROR;
}


char *
ngx_http_seal_km_set_uris(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    char           *p;
    size_t          len;
    ngx_str_t      *value;
    ngx_uint_t      i;
    seal_km_str_t  *uri;

    if (slcf->uris != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    slcf->uris = ngx_array_create(cf->pool, 2 * (cf->args->nelts - 1),
                                  sizeof(seal_km_str_t));
    if (slcf->uris == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        p = ngx_pnalloc(cf->pool, value[i].len + 1);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        if (seal_km_uri_normalize(ngx_http_seal_km_str(&value[i]), p, &len)
            != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"seal_km_uri\" wants absolute URIs, "
                               "\"%V\" is none", &value[i]);
            return NGX_CONF_ERROR;
        }

        uri = ngx_array_push(slcf->uris);
        uri->data = p;
        uri->len = len;

        /* clients mostly spell it as it is spelt here */

        if (!seal_km_str_equal(*uri, ngx_http_seal_km_str(&value[i]))) {
            uri = ngx_array_push(slcf->uris);
            *uri = ngx_http_seal_km_str(&value[i]);
        }
    }

    slcf->uri = value[1];

    return NGX_CONF_OK;
}


/* a list of words, of which none is empty */

char *
ngx_http_seal_km_set_words(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t       *value;
    ngx_uint_t       i;
    ngx_array_t    **words;
    seal_km_str_t   *word;

    words = (ngx_array_t **) (p + cmd->offset);

    if (*words != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    *words = ngx_array_create(cf->pool, cf->args->nelts - 1,
                              sizeof(seal_km_str_t));
    if (*words == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty parameter";
        }

        word = ngx_array_push(*words);
        *word = ngx_http_seal_km_str(&value[i]);
    }

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_set_words_or_off(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    char          *rv;
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t   *words;

    rv = ngx_http_seal_km_set_words(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;
    words = *(ngx_array_t **) (p + cmd->offset);

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "off") != 0) {
            continue;
        }

        if (cf->args->nelts != 2) {
            return "takes \"off\" alone only";
        }

        /* no word, which is not the same as no directive */
        words->nelts = 0;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_set_scopes(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    if (slcf->scopes != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slcf->scopes = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                    sizeof(ngx_http_complex_value_t));
    if (slcf->scopes == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty parameter";
        }

        if (ngx_strchr(value[i].data, ' ')) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"seal_km_scope\" wants each scope as a "
                               "parameter of its own: no scope has a space, as "
                               "\"%V\" has", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ngx_strcmp(value[i].data, "off") == 0) {
            return (cf->args->nelts == 2) ? NGX_CONF_OK
                                          : "takes \"off\" alone only";
        }

        cv = ngx_array_push(slcf->scopes);

        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

        ccv.cf = cf;
        ccv.value = &value[i];
        ccv.complex_value = cv;

        if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
            return "has a value that cannot be evaluated";
        }

        if (ngx_http_seal_km_check_scope_text(cf, cv) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* of a scope of CAPIF that is made of variables only a request tells */

static ngx_int_t
ngx_http_seal_km_check_scope_text(ngx_conf_t *cf, ngx_http_complex_value_t *cv)
{
    seal_km_str_t  scope;

    scope = ngx_http_seal_km_str(&cv->value);

    if (cv->lengths
        || !seal_km_capif_is_scope(scope)
        || seal_km_capif_names_one(scope))
    {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_scope\" wants a scope of CAPIF to name one "
                       "AEF and one API, as \"3gpp#aef:api\" does and \"%V\" "
                       "does not", &cv->value);

    return NGX_ERROR;
}


char *
ngx_http_seal_km_set_value(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *rv;

    rv = ngx_http_set_complex_value_slot(cf, cmd, conf);

    return (rv == NGX_CONF_ERROR) ? "has a value that cannot be evaluated" : rv;
}


char *
ngx_http_seal_km_set_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t                     *value, *names;
    ngx_uint_t                     n;
    ngx_http_seal_km_key_names_t  *jwks;

    if (slcf->jwks) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    jwks = ngx_palloc(cf->pool, sizeof(ngx_http_seal_km_key_names_t));
    names = ngx_palloc(cf->pool, n * sizeof(ngx_str_t));

    if (jwks == NULL || names == NULL) {
        return NGX_CONF_ERROR;
    }

    /* cf->args is the next directive's too */
    ngx_memcpy(names, &value[1], n * sizeof(ngx_str_t));

    jwks->names = names;
    jwks->n = n;
    jwks->file = cf->conf_file->file.name.data;
    jwks->line = cf->conf_file->line;

    slcf->jwks = jwks;

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_set_algorithms(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t             *value;
    ngx_uint_t             i;
    seal_km_algorithms_t   named;

    if (slcf->algorithms) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        named = seal_km_algorithms_named(ngx_http_seal_km_str(&value[i]));

        if (named == 0) {
            ngx_http_seal_km_no_algorithm(cf, &value[i]);
            return NGX_CONF_ERROR;
        }

        slcf->algorithms |= named;
    }

    return NGX_CONF_OK;
}


static void
ngx_http_seal_km_no_algorithm(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char      *p, *last;
    ngx_uint_t   i;
    u_char       names[(SEAL_KM_ALGORITHM_N + 1) * sizeof(" Ed25519")];

    p = names;
    last = names + sizeof(names);

    for (i = 0; i < SEAL_KM_ALGORITHM_N; i++) {
        p = ngx_slprintf(p, last, " %s", seal_km_algorithm(i)->name);
    }

    p = ngx_slprintf(p, last, " EdDSA");

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_algorithms\" does not know the algorithm "
                       "\"%V\", but%*s", name, (size_t) (p - names), names);
}


/* each kind is set, and inherited, by itself */

char *
ngx_http_seal_km_set_bind(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t    *value, *claim;
    ngx_uint_t    i;
    const char   *kind;

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = SEAL_KM_IDENTITY_CLIENT; i < SEAL_KM_IDENTITY_MAX; i++) {

        kind = seal_km_identity_name(i);

        if (ngx_strcmp(value[1].data, kind) != 0) {
            continue;
        }

        claim = &slcf->bind[i];

        if (claim->data) {
            return "is duplicate";
        }

        if (value[2].len == 0) {
            return "has an empty parameter";
        }

        *claim = value[2];

        if (ngx_strcmp(value[2].data, "off") == 0) {
            claim->len = 0;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_bind\" knows \"user\", \"client\" and "
                       "\"device\", but not \"%V\"", &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_seal_km_check_leeway(ngx_conf_t *cf, void *post, void *data)
{
    time_t  *leeway = data;

    if (*leeway > NGX_HTTP_SEAL_KM_LEEWAY_MAX) {
        return "must not be above 30s";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_text(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *text = data;

    if (text->len == 0) {
        return "is empty";
    }

    if (!seal_km_str_is_utf8(ngx_http_seal_km_str(text))) {
        return "is not UTF-8";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_path(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    if (path->len == 0 || path->data[0] != '/') {
        return "wants the path of an internal location";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_msec(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *msec = data;

    if (*msec == 0) {
        return "must not be 0";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    if (*size == 0) {
        return "must not be 0";
    }

    return NGX_CONF_OK;
}
