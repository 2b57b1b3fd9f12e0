/*
 * Secrets about records, out of files that are read with the configuration
 * only, as a certificate's key is: they may be root's alone.
 */


#ifndef NGX_HTTP_SEAL_KM_RECORD_KEYS_H
#define NGX_HTTP_SEAL_KM_RECORD_KEYS_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "seal_km_jwe_keys.h"
#include "seal_km_record_digest.h"


/*
 * The keys of seal_km_record_keys: of the files of these names, relative ones
 * to the configuration's folder.  NULL after the error was logged, with the
 * directive and the file.  Cleansed and freed with cf's pool.
 */
seal_km_jwe_keys_t *ngx_http_seal_km_load_record_keys(ngx_conf_t *cf,
    ngx_str_t *names, ngx_uint_t n);

/* likewise seal_km_record_digest_key, a file with the bytes of one key */
seal_km_record_digest_t *ngx_http_seal_km_load_digest_key(ngx_conf_t *cf,
    ngx_str_t *name);


#endif /* NGX_HTTP_SEAL_KM_RECORD_KEYS_H */
