/*
 * seal_km_notify and seal_km_notify_rate.
 */


#ifndef NGX_HTTP_SEAL_KM_NOTIFY_DIRECTIVES_H
#define NGX_HTTP_SEAL_KM_NOTIFY_DIRECTIVES_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "seal_km_reason.h"


/* one seal_km_notify */
typedef struct {
    ngx_str_t                 channel;
    uint64_t                  reasons;   /* bit n: seal_km_reason_e n */
    ngx_array_t               words;     /* ngx_str_t: of seal_km_require */
    u_char                   *file;      /* where it stands */
    ngx_uint_t                line;
} ngx_http_seal_km_notify_t;


/*
 * The setter of seal_km_notify: the offset is that of an
 * ngx_http_seal_km_notify_t *, NULL before.
 */
char *ngx_http_seal_km_set_notify(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* of seal_km_notify_rate: an ngx_uint_t, NGX_CONF_UNSET_UINT before */
char *ngx_http_seal_km_set_notify_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Once the configuration is read: whether each word that is named is one of the
 * module's, or of a seal_km_require.  NGX_OK, or NGX_ERROR after the error was
 * logged.
 */
ngx_int_t ngx_http_seal_km_check_notify(ngx_conf_t *cf);

/*
 * 1 if refusals of that reason, or of the word in the place of "policy", are to
 * be told; word may be NULL.
 */
ngx_uint_t ngx_http_seal_km_notifies(ngx_http_seal_km_notify_t *notify,
    seal_km_reason_e reason, const char *word);


#endif /* NGX_HTTP_SEAL_KM_NOTIFY_DIRECTIVES_H */
