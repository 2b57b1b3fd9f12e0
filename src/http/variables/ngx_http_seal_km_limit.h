/*
 * seal_km_limit: how often a client may come, told apart by its token.
 */


#ifndef NGX_HTTP_SEAL_KM_LIMIT_H
#define NGX_HTTP_SEAL_KM_LIMIT_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_seal_km_limit_directives.h"


/*
 * Once the configuration is read: warns of each limit in use whose key has no
 * variable of ours.
 */
void ngx_http_seal_km_look_at_limits(ngx_conf_t *cf);


#endif /* NGX_HTTP_SEAL_KM_LIMIT_H */
