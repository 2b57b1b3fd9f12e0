/*
 * Which zones count what happens where.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_tallies.h"


static ngx_int_t ngx_http_seal_km_add_tally(ngx_array_t *tallies,
    ngx_http_seal_km_tally_t *tally);


ngx_int_t
ngx_http_seal_km_set_tallies(ngx_conf_t *cf)
{
    ngx_uint_t                      i;
    ngx_http_seal_km_zone_t        *zone;
    ngx_http_seal_km_loc_conf_t   **location, *conf;
    ngx_http_seal_km_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    location = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {
        conf = location[i];

        if (conf->zone == NULL) {
            continue;
        }

        zone = conf->zone->data;
        conf->tally = &zone->tally;

        if (ngx_http_seal_km_add_tally(conf->redis.tallies, conf->tally)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (conf->key_set->source
            && ngx_http_seal_km_add_tally(&conf->key_set->source->tallies,
                                          conf->tally)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* each once, however many locations of the zone there are */

static ngx_int_t
ngx_http_seal_km_add_tally(ngx_array_t *tallies,
    ngx_http_seal_km_tally_t *tally)
{
    ngx_uint_t                  i;
    ngx_http_seal_km_tally_t  **known;

    known = tallies->elts;

    for (i = 0; i < tallies->nelts; i++) {
        if (known[i] == tally) {
            return NGX_OK;
        }
    }

    known = ngx_array_push(tallies);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = tally;

    return NGX_OK;
}
