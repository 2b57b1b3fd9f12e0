/*
 * The configuration of a location: what it inherits, whether it is complete and
 * fits together, and what is made of it before the first request.
 */


#ifndef NGX_HTTP_SEAL_KM_LOCATION_H
#define NGX_HTTP_SEAL_KM_LOCATION_H


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * nginx's merge_loc_conf: child (an ngx_http_seal_km_loc_conf_t, like parent)
 * gets what it lacks.  If it has a seal_km_pass it is checked, gets its keys
 * and connections and is added to the main configuration's locations.
 * NGX_CONF_OK, or NGX_CONF_ERROR after the error was logged.
 */
char *ngx_http_seal_km_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


#endif /* NGX_HTTP_SEAL_KM_LOCATION_H */
