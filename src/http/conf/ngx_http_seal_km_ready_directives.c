/*
 * seal_km_ready: where it stands, and whom it asks about.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_values.h"


static ngx_http_seal_km_loc_conf_t *ngx_http_seal_km_ready_target(
    ngx_array_t *locations, ngx_http_seal_km_ready_t *ready);
static ngx_uint_t ngx_http_seal_km_ready_fits(ngx_http_core_loc_conf_t *clcf,
    ngx_str_t *uri);


char *
ngx_http_seal_km_set_ready(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t                      *value;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_seal_km_ready_t      **rp;
    ngx_http_seal_km_main_conf_t   *smcf;

    if (slcf->ready) {
        return "is duplicate";
    }

    if (slcf->metrics_file) {
        return "cannot stand beside \"seal_km_metrics\"";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[0] != '/') {
        return "wants the path of a location with \"seal_km_pass\"";
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    rp = ngx_array_push(&smcf->ready);
    slcf->ready = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_ready_t));

    if (rp == NULL || slcf->ready == NULL) {
        return NGX_CONF_ERROR;
    }

    *rp = slcf->ready;

    slcf->ready->uri = value[1];
    slcf->ready->server = ngx_http_conf_get_module_srv_conf(cf,
                                                        ngx_http_core_module);
    slcf->ready->file = cf->conf_file->file.name.data;
    slcf->ready->line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = smcf->ready_handler;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_seal_km_find_ready(ngx_conf_t *cf)
{
    ngx_uint_t                      i;
    ngx_http_seal_km_ready_t      **ready;
    ngx_http_seal_km_loc_conf_t    *target;
    ngx_http_seal_km_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    ready = smcf->ready.elts;

    for (i = 0; i < smcf->ready.nelts; i++) {
        target = ngx_http_seal_km_ready_target(&smcf->locations, ready[i]);

        if (target == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"seal_km_ready\" wants a location of its server "
                          "with \"seal_km_pass\", \"%V\" is none, in %s:%ui",
                          &ready[i]->uri, ready[i]->file, ready[i]->line);
            return NGX_ERROR;
        }

        if (target->probe == NULL) {
            target->probe = smcf->create_probe(cf, target);
            if (target->probe == NULL) {
                return NGX_ERROR;
            }
        }

        ready[i]->probe = target->probe;
    }

    return NGX_OK;
}


/*
 * As nginx would choose among those with seal_km_pass: an exact location, else
 * the first regular expression that fits, unless the longest prefix forbids
 * these, else the longest prefix.
 */

static ngx_http_seal_km_loc_conf_t *
ngx_http_seal_km_ready_target(ngx_array_t *locations,
    ngx_http_seal_km_ready_t *ready)
{
    ngx_uint_t                     i;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_seal_km_loc_conf_t  **conf, *prefix;
#if (NGX_PCRE)
    ngx_http_seal_km_loc_conf_t   *regex;

    regex = NULL;
#endif

    prefix = NULL;

    conf = locations->elts;

    for (i = 0; i < locations->nelts; i++) {
        clcf = conf[i]->core;

        if (conf[i]->server != ready->server
            || clcf->noname || clcf->named || clcf->lmt_excpt
            || !ngx_http_seal_km_ready_fits(clcf, &ready->uri))
        {
            continue;
        }

        if (clcf->exact_match) {
            return conf[i];
        }

#if (NGX_PCRE)
        if (clcf->regex) {
            regex = regex ? regex : conf[i];
            continue;
        }
#endif

        if (prefix == NULL || clcf->name.len > prefix->core->name.len) {
            prefix = conf[i];
        }
    }

#if (NGX_PCRE)
    if (regex && (prefix == NULL || !prefix->core->noregex)) {
        return regex;
    }
#endif

    return prefix;
}


static ngx_uint_t
ngx_http_seal_km_ready_fits(ngx_http_core_loc_conf_t *clcf, ngx_str_t *uri)
{
#if (NGX_PCRE)

    if (clcf->regex) {
        return ngx_regex_exec(clcf->regex->regex, uri, NULL, 0) >= 0;
    }

#endif

    if (clcf->name.len > uri->len
        || ngx_strncmp(clcf->name.data, uri->data, clcf->name.len) != 0)
    {
        return 0;
    }

    return !clcf->exact_match || clcf->name.len == uri->len;
}
