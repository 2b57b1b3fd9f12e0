/*
 * Directives of locations that are for the operator, not for clients.
 */


#include "ngx_http_seal_km_operator_directives.h"


char *
ngx_http_seal_km_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_seal_km_main_conf_t  *smcf;

    if (slcf->metrics_file) {
        return "is duplicate";
    }

    if (slcf->ready) {
        return "cannot stand beside \"seal_km_ready\"";
    }

    slcf->metrics_file = cf->conf_file->file.name.data;
    slcf->metrics_line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    clcf->handler = smcf->metrics_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_seal_km_merge_metrics(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf)
{
    const char                    *unfit;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_seal_km_main_conf_t  *smcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    if (clcf->noname && conf->metrics_file == NULL) {
        conf->metrics_file = prev->metrics_file;
        conf->metrics_line = prev->metrics_line;

        if (clcf->lmt_excpt && conf->metrics_file && clcf->handler == NULL) {
            clcf->handler = smcf->metrics_handler;
        }
    }

    if (conf->metrics_file == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->upstream.upstream) {
        unfit = "and \"seal_km_pass\" are both there";

    } else if (conf->zone == NULL) {
        unfit = "without \"seal_km_zone\"";

    } else {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"seal_km_metrics\" %s in the location \"%V\" in %s:%ui",
                  unfit, &clcf->name, conf->metrics_file, conf->metrics_line);

    return NGX_CONF_ERROR;
}
