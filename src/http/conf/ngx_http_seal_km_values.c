/*
 * Setters of single values: nginx's own slots, but what is wrong is told with
 * the directive's name and with what it wants.
 */


#include "ngx_http_seal_km_values.h"


static char *ngx_http_seal_km_wants(ngx_conf_t *cf, const char *what);
static char *ngx_http_seal_km_knows(ngx_conf_t *cf, ngx_conf_enum_t *e);


ngx_int_t
ngx_http_seal_km_refuse_variables(ngx_conf_t *cf)
{
    return ngx_http_seal_km_refuse_variables_from(cf, 1);
}


ngx_int_t
ngx_http_seal_km_refuse_variables_from(ngx_conf_t *cf, ngx_uint_t first)
{
    u_char      *p, *last, c;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = first; i < cf->args->nelts; i++) {
        last = value[i].data + value[i].len;

        for (p = value[i].data; p + 1 < last; p++) {

            if (*p != '$') {
                continue;
            }

            c = ngx_tolower(p[1]);

            if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                || c == '_' || c == '{')
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"%V\" takes no variables", &value[0]);
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_seal_km_variable_name(ngx_str_t *value, ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    *name = *value;

    if (name->len == 0 || name->data[0] != '$') {
        return NGX_DECLINED;
    }

    name->data++;
    name->len--;

    if (name->len > 2 && name->data[0] == '{'
        && name->data[name->len - 1] == '}')
    {
        name->data++;
        name->len -= 2;
    }

    for (i = 0; i < name->len; i++) {
        c = ngx_tolower(name->data[i]);

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
            return NGX_DECLINED;
        }
    }

    return name->len ? NGX_OK : NGX_DECLINED;
}


char *
ngx_http_seal_km_set_text(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


char *
ngx_http_seal_km_set_msec(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_parse_time(&value[1], 0) == NGX_ERROR) {
        return ngx_http_seal_km_wants(cf, "a time, such as \"500ms\" or "
                                      "\"10s\"");
    }

    return ngx_conf_set_msec_slot(cf, cmd, conf);
}


char *
ngx_http_seal_km_set_sec(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_parse_time(&value[1], 1) == NGX_ERROR) {
        return ngx_http_seal_km_wants(cf, "a time in whole seconds, such as "
                                      "\"5s\"");
    }

    return ngx_conf_set_sec_slot(cf, cmd, conf);
}


char *
ngx_http_seal_km_set_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_parse_size(&value[1]) == NGX_ERROR) {
        return ngx_http_seal_km_wants(cf, "a size, such as \"500\" or \"8k\"");
    }

    return ngx_conf_set_size_slot(cf, cmd, conf);
}


char *
ngx_http_seal_km_set_number(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_conf_num_bounds_t *bounds = cmd->post;

    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n < bounds->low || n > bounds->high) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" wants a number from %i to %i, not \"%V\"",
                           &value[0], bounds->low, bounds->high, &value[1]);
        return NGX_CONF_ERROR;
    }

    return ngx_conf_set_num_slot(cf, cmd, conf);
}


char *
ngx_http_seal_km_set_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_conf_enum_t *e = cmd->post;

    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 0; e[i].name.len; i++) {
        if (e[i].name.len == value[1].len
            && ngx_strcasecmp(e[i].name.data, value[1].data) == 0)
        {
            return ngx_conf_set_enum_slot(cf, cmd, conf);
        }
    }

    return ngx_http_seal_km_knows(cf, e);
}


static char *
ngx_http_seal_km_wants(ngx_conf_t *cf, const char *what)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" wants %s, not \"%V\"",
                       &value[0], what, &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_seal_km_knows(ngx_conf_t *cf, ngx_conf_enum_t *e)
{
    u_char      *p, *last;
    ngx_str_t   *value;
    ngx_uint_t   i;
    u_char       names[NGX_MAX_CONF_ERRSTR / 2];

    p = names;
    last = names + sizeof(names);

    for (i = 0; e[i].name.len; i++) {
        p = ngx_slprintf(p, last, "%s\"%V\"",
                         i == 0 ? "" : e[i + 1].name.len ? ", " : " and ",
                         &e[i].name);
    }

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" knows %*s, but not \"%V\"",
                       &value[0], (size_t) (p - names), names, &value[1]);

    return NGX_CONF_ERROR;
}
