/*
 * seal_km_notify and seal_km_notify_rate.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_values.h"


#define NGX_HTTP_SEAL_KM_NOTIFY_RATE_MAX  1000


static ngx_int_t ngx_http_seal_km_add_notify_word(
    ngx_http_seal_km_notify_t *notify, ngx_str_t *word);
static uint64_t ngx_http_seal_km_default_reasons(void);
static ngx_uint_t ngx_http_seal_km_is_required_word(ngx_array_t *locations,
    ngx_str_t *word);


char *
ngx_http_seal_km_set_notify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                      *value;
    ngx_uint_t                      i;
    ngx_http_seal_km_notify_t      *notify, **np;
    ngx_http_seal_km_main_conf_t   *smcf;

    np = (ngx_http_seal_km_notify_t **) (p + cmd->offset);

    if (*np) {
        return "is duplicate";
    }

    if (ngx_http_seal_km_refuse_variables(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "wants the name of a channel";
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    notify = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_notify_t));

    if (notify == NULL
        || ngx_array_init(&notify->words, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    notify->channel = value[1];
    notify->file = cf->conf_file->file.name.data;
    notify->line = cf->conf_file->line;

    if (cf->args->nelts == 2) {
        notify->reasons = ngx_http_seal_km_default_reasons();
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_seal_km_add_notify_word(notify, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    *np = notify;

    np = ngx_array_push(&smcf->notifies);
    if (np == NULL) {
        return NGX_CONF_ERROR;
    }

    *np = notify;

    return NGX_CONF_OK;
}


/* what an operator has to see to: the server's faults, and a record that lacks */

static uint64_t
ngx_http_seal_km_default_reasons(void)
{
    uint64_t                 reasons;
    ngx_uint_t               i;
    const seal_km_reason_t  *row;

    reasons = (uint64_t) 1 << SEAL_KM_NOT_FOUND;

    for (i = 0; i < SEAL_KM_REASON_MAX; i++) {
        row = seal_km_reason(i);

        if (row->error_code && ngx_strcmp(row->error_code, "01") == 0
            && i != SEAL_KM_RATE_LIMITED)
        {
            reasons |= (uint64_t) 1 << i;
        }
    }

    return reasons;
}


/* what is no reason of the module's may be an operator's own: looked at later */

static ngx_int_t
ngx_http_seal_km_add_notify_word(ngx_http_seal_km_notify_t *notify,
    ngx_str_t *word)
{
    ngx_str_t   *own;
    ngx_uint_t   i;

    for (i = SEAL_KM_OK + 1; i < SEAL_KM_REASON_MAX; i++) {
        if (ngx_strcmp(word->data, seal_km_reason(i)->word) == 0) {
            notify->reasons |= (uint64_t) 1 << i;
            return NGX_OK;
        }
    }

    own = ngx_array_push(&notify->words);
    if (own == NULL) {
        return NGX_ERROR;
    }

    *own = *word;

    return NGX_OK;
}


char *
ngx_http_seal_km_set_notify_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_int_t    n;
    ngx_str_t   *value;
    ngx_uint_t  *rate;

    rate = (ngx_uint_t *) (p + cmd->offset);

    if (*rate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = NGX_ERROR;

    if (value[1].len > 3
        && ngx_strcmp(value[1].data + value[1].len - 3, "r/s") == 0)
    {
        n = ngx_atoi(value[1].data, value[1].len - 3);
    }

    if (n < 1 || n > NGX_HTTP_SEAL_KM_NOTIFY_RATE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"seal_km_notify_rate\" wants a rate from 1 to "
                           "1000, such as \"10r/s\", not \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    *rate = n;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_seal_km_check_notify(ngx_conf_t *cf)
{
    ngx_str_t                      *word;
    ngx_uint_t                      i, n;
    ngx_http_seal_km_notify_t     **notify;
    ngx_http_seal_km_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    notify = smcf->notifies.elts;

    for (i = 0; i < smcf->notifies.nelts; i++) {
        word = notify[i]->words.elts;

        for (n = 0; n < notify[i]->words.nelts; n++) {

            if (ngx_http_seal_km_is_required_word(&smcf->locations, &word[n])) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"seal_km_notify\" knows the reasons of refusals, "
                          "and the words of \"seal_km_require\", but not "
                          "\"%V\" in %s:%ui",
                          &word[n], notify[i]->file, notify[i]->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_seal_km_is_required_word(ngx_array_t *locations, ngx_str_t *word)
{
    ngx_uint_t                     i, n;
    ngx_http_seal_km_rule_t       *rule;
    ngx_http_seal_km_loc_conf_t  **conf;

    conf = locations->elts;

    for (i = 0; i < locations->nelts; i++) {

        if (conf[i]->rules == NULL) {
            continue;
        }

        rule = conf[i]->rules->elts;

        for (n = 0; n < conf[i]->rules->nelts; n++) {
            if (rule[n].word && ngx_strcmp(rule[n].word, word->data) == 0) {
                return 1;
            }
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_seal_km_notifies(ngx_http_seal_km_notify_t *notify,
    seal_km_reason_e reason, const char *word)
{
    ngx_str_t   *own;
    ngx_uint_t   i;

    if (reason != SEAL_KM_POLICY || word == NULL) {
        return (notify->reasons >> reason) & 1;
    }

    own = notify->words.elts;

    for (i = 0; i < notify->words.nelts; i++) {
        if (ngx_strcmp(own[i].data, word) == 0) {
            return 1;
        }
    }

    return 0;
}
