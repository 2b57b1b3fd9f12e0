/*
 * Directives about what a record is, and what may be told of it.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_record_directives.h"
#include "ngx_http_seal_km_values.h"


char *
ngx_http_seal_km_set_record_keys(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (slcf->record_keys != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty parameter";
        }

        if (ngx_strcmp(value[i].data, "off") == 0) {
            slcf->record_keys = NULL;

            return (cf->args->nelts == 2) ? NGX_CONF_OK
                                          : "takes \"off\" alone only";
        }
    }

    slcf->record_keys = ngx_http_seal_km_load_record_keys(cf, &value[1],
                                                       cf->args->nelts - 1);

    return slcf->record_keys ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_seal_km_set_digest_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t  *value;

    if (slcf->record_digest != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "has an empty parameter";
    }

    slcf->record_digest = ngx_http_seal_km_load_digest_key(cf, &value[1]);

    return slcf->record_digest ? NGX_CONF_OK : NGX_CONF_ERROR;
}
