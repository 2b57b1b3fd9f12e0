/*
 * The files of seal_km_jwks: read at configuration, and by each worker again
 * when they have changed.
 */


#ifndef NGX_HTTP_SEAL_KM_KEY_FILES_H
#define NGX_HTTP_SEAL_KM_KEY_FILES_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "seal_km_jwks.h"
#include "seal_km_sha256.h"

#include "ngx_http_seal_km_file_snapshot.h"


/* what a seal_km_jwks says, and where it stands */
typedef struct {
    ngx_str_t                      *names;     /* of files, at least one */
    ngx_uint_t                      n;
    u_char                         *file;      /* of the configuration */
    ngx_uint_t                      line;
} ngx_http_seal_km_key_names_t;


typedef struct {
    ngx_str_t                       name;      /* full, with a NUL behind it */
    ngx_http_seal_km_file_state_t   seen;
    unsigned                        unsettled:1; /* "seen" may not tell all */
    u_char                          told[SEAL_KM_SHA256_SIZE]; /* bad text */

    seal_km_jwks_t                 *jwks;      /* in force */
    u_char                          digest[SEAL_KM_SHA256_SIZE];
} ngx_http_seal_km_key_file_t;


/*
 * Locations that name the same files share them.  Each worker has a copy of
 * its own, and changes it.
 */
typedef struct {
    seal_km_sha256_t               *sha256;
    ngx_http_seal_km_key_file_t    *file;
    void                           *dummy;

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                       ident;

    ngx_uint_t                      n;
    size_t                          max_size;  /* of each of them, in bytes */
    seal_km_algorithms_t            algorithms;  /* that locations allow */
    ngx_msec_t                      interval;
    ngx_msec_t                      looked;
    ngx_uint_t                      changes;   /* grows when keys change */
    unsigned                        starved:1; /* there was no memory to look
                                                  at one of them, last time */
    ngx_event_t                     timer;
} ngx_http_seal_km_key_files_t;


/*
 * The files of these names, relative ones to the configuration's folder, of at
 * most max_size bytes: of all (an array of ngx_http_seal_km_key_files_t *) if
 * they were read before, else read now and added.  NULL after the error was
 * logged, with the file's name and where the directive stands.  Freed with cf's
 * pool.
 */
ngx_http_seal_km_key_files_t *ngx_http_seal_km_load_key_files(ngx_conf_t *cf,
    ngx_array_t *all, seal_km_sha256_t *sha256,
    ngx_http_seal_km_key_names_t *names, size_t max_size);

/*
 * A location with these settings uses the files: they are looked at every
 * interval, the shortest if there are several, and have to have a key for one
 * of the algorithms, of any location.
 */
void ngx_http_seal_km_use_key_files(ngx_http_seal_km_key_files_t *files,
    ngx_msec_t interval, seal_km_algorithms_t algorithms);

/*
 * Looks at the files if it is time to.  What has changed is read; what cannot
 * be used is logged once, and what was in force stays so.
 */
void ngx_http_seal_km_look_at_key_files(ngx_http_seal_km_key_files_t *files);


#endif /* NGX_HTTP_SEAL_KM_KEY_FILES_H */
