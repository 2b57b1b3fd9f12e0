/*
 * Which zones count what happens where: at a location, over connections to Redis,
 * and when keys are fetched.
 */


#ifndef NGX_HTTP_SEAL_KM_TALLIES_H
#define NGX_HTTP_SEAL_KM_TALLIES_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * To be called once the configuration is read and all zones are made: gives each
 * location its zone's tally, and what locations share that of all their zones.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_set_tallies(ngx_conf_t *cf);


#endif /* NGX_HTTP_SEAL_KM_TALLIES_H */
