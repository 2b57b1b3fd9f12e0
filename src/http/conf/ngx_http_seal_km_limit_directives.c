/*
 * seal_km_limit: the directive.
 */


#include "ngx_http_seal_km.h"


/* of rate= and burst= */
#define NGX_HTTP_SEAL_KM_LIMIT_MAX  1000000


static ngx_int_t ngx_http_seal_km_get_limit(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_seal_km_limit_t *limit);
static ngx_int_t ngx_http_seal_km_get_rate(ngx_str_t text, uint64_t *rate);
static ngx_int_t ngx_http_seal_km_get_burst(ngx_str_t text, uint64_t *burst);
static ngx_int_t ngx_http_seal_km_get_key(ngx_conf_t *cf, ngx_str_t text,
    ngx_http_seal_km_limit_t *limit);
static ngx_int_t ngx_http_seal_km_set_limit_id(ngx_conf_t *cf,
    ngx_http_seal_km_limit_t *limit);


char *
ngx_http_seal_km_set_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_seal_km_limit_t   *limit, **lp;

    lp = (ngx_http_seal_km_limit_t **) (p + cmd->offset);

    if (*lp != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        *lp = NULL;
        return NGX_CONF_OK;
    }

    limit = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_limit_t));
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    limit->file = cf->conf_file->file.name.data;
    limit->line = cf->conf_file->line;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_seal_km_get_limit(cf, &value[i], limit) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (limit->rate == 0) {
        return "wants \"rate=\", such as \"rate=10r/s\"";
    }

    *lp = limit;

    return (ngx_http_seal_km_set_limit_id(cf, limit) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* one parameter; what is wrong with it is logged */

static ngx_int_t
ngx_http_seal_km_get_limit(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_seal_km_limit_t *limit)
{
    ngx_int_t    rc;
    ngx_str_t    text;
    ngx_uint_t   twice;
    const char  *wants;

    rc = NGX_ERROR;
    twice = 0;
    wants = "\"rate=\", \"burst=\" and \"key=\", or \"off\" alone";

    if (ngx_strncmp(value->data, "rate=", 5) == 0) {
        text.data = value->data + 5;
        text.len = value->len - 5;

        wants = "a rate from 1 to 1000000, such as \"rate=10r/s\" or "
                "\"rate=30r/m\"";
        twice = (limit->rate != 0);
        rc = ngx_http_seal_km_get_rate(text, &limit->rate);

    } else if (ngx_strncmp(value->data, "burst=", 6) == 0) {
        text.data = value->data + 6;
        text.len = value->len - 6;

        wants = "a number from 0 to 1000000, such as \"burst=20\"";
        twice = limit->has_burst;
        limit->has_burst = 1;
        rc = ngx_http_seal_km_get_burst(text, &limit->burst);

    } else if (ngx_strncmp(value->data, "key=", 4) == 0) {
        text.data = value->data + 4;
        text.len = value->len - 4;

        wants = "a key that can be evaluated, such as "
                "\"key=$seal_km_claim_sub\"";
        twice = (limit->key != NULL);
        rc = ngx_http_seal_km_get_key(cf, text, limit);
    }

    if (rc == NGX_OK && !twice) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_limit\" wants %s, not \"%V\"%s", wants,
                       value, (rc == NGX_OK) ? " once more" : "");

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_seal_km_get_rate(ngx_str_t text, uint64_t *rate)
{
    ngx_int_t   n;
    ngx_uint_t  per;

    if (text.len < 3) {
        return NGX_ERROR;
    }

    text.len -= 3;

    if (ngx_strncmp(text.data + text.len, "r/s", 3) == 0) {
        per = 1;

    } else if (ngx_strncmp(text.data + text.len, "r/m", 3) == 0) {
        per = 60;

    } else {
        return NGX_ERROR;
    }

    n = ngx_atoi(text.data, text.len);

    if (n == NGX_ERROR || n < 1 || n > NGX_HTTP_SEAL_KM_LIMIT_MAX) {
        return NGX_ERROR;
    }

    /* a minute has as many milliseconds as a drop has parts */
    *rate = (uint64_t) n * NGX_HTTP_SEAL_KM_DROP / (1000 * per);

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_get_burst(ngx_str_t text, uint64_t *burst)
{
    ngx_int_t  n;

    n = ngx_atoi(text.data, text.len);

    if (n == NGX_ERROR || n > NGX_HTTP_SEAL_KM_LIMIT_MAX) {
        return NGX_ERROR;
    }

    *burst = (uint64_t) n * NGX_HTTP_SEAL_KM_DROP;

    return NGX_OK;
}


static ngx_int_t
ngx_http_seal_km_get_key(ngx_conf_t *cf, ngx_str_t text,
    ngx_http_seal_km_limit_t *limit)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    if (text.len == 0) {
        return NGX_ERROR;
    }

    cv = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_ERROR;
    }

    limit->text = text;
    limit->key = cv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &limit->text;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}


/* limits that say the same share their buckets, wherever they stand */

static ngx_int_t
ngx_http_seal_km_set_limit_id(ngx_conf_t *cf, ngx_http_seal_km_limit_t *limit)
{
    seal_km_str_t                  parts[3];
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    parts[0].data = (char *) &limit->rate;
    parts[0].len = sizeof(uint64_t);

    parts[1].data = (char *) &limit->burst;
    parts[1].len = sizeof(uint64_t);

    /* no key is empty: that is the default's */
    parts[2] = ngx_http_seal_km_str(&limit->text);

    return (seal_km_sha256(smcf->sha256, parts, 3, limit->id) == 0)
           ? NGX_OK : NGX_ERROR;
}
