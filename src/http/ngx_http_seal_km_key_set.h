/*
 * The key set of seal_km_jwks: its files, and the keys decoded from them.
 */


#ifndef NGX_HTTP_SEAL_KM_KEY_SET_H
#define NGX_HTTP_SEAL_KM_KEY_SET_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "seal_km_jwks.h"
#include "seal_km_sha256.h"


typedef struct {
    ngx_array_t      files;     /* ngx_str_t, full names */
    seal_km_jwks_t  *jwks;
    u_char           generation[SEAL_KM_SHA256_SIZE];  /* of the texts */
} ngx_http_seal_km_key_set_t;


/*
 * The key set of these files, relative ones to the configuration's folder: one
 * of sets (an array of ngx_http_seal_km_key_set_t *) if they were read before,
 * else read now and added.  NULL after the error was logged, with the file's
 * name.  The set is freed with cf's pool.
 */
ngx_http_seal_km_key_set_t *ngx_http_seal_km_load_key_set(ngx_conf_t *cf,
    ngx_array_t *sets, seal_km_sha256_t *sha256, ngx_str_t *names,
    ngx_uint_t n);


#endif /* NGX_HTTP_SEAL_KM_KEY_SET_H */
