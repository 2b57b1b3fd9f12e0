/*
 * ngx_http_seal_km_module: nginx as SEAL key management server (SKM-S) of
 * 3GPP TS 33.434.  Directives, configuration and registration; what happens
 * to a request is in src/http/.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_redis_directives.h"
#include "ngx_http_seal_km_redis_pool.h"


/* what TS 33.434, clause 5.3.2 calls the current version */
#define NGX_HTTP_SEAL_KM_VERSION     "1.0.0"

/* Annex A: a small leeway, in seconds */
#define NGX_HTTP_SEAL_KM_LEEWAY_MAX  30

#define NGX_HTTP_SEAL_KM_REDIS_PORT  6379


static ngx_int_t ngx_http_seal_km_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_seal_km_init_process(ngx_cycle_t *cycle);
static void ngx_http_seal_km_start_handler(ngx_event_t *ev);
static void *ngx_http_seal_km_create_main_conf(ngx_conf_t *cf);
static void ngx_http_seal_km_sha256_cleanup(void *data);
static void *ngx_http_seal_km_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_seal_km_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_seal_km_merge_protocol(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf);
static char *ngx_http_seal_km_check_conf(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);
static const char *ngx_http_seal_km_missing(ngx_http_seal_km_loc_conf_t *conf);
static char *ngx_http_seal_km_set_key_set(ngx_conf_t *cf,
    ngx_http_seal_km_main_conf_t *smcf, ngx_http_seal_km_loc_conf_t *conf);

static char *ngx_http_seal_km_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_seal_km_set_uris(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_seal_km_set_words(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_seal_km_set_words_or_off(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_seal_km_set_scopes(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_seal_km_set_jwks(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_seal_km_set_algorithms(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_seal_km_set_bind(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

static char *ngx_http_seal_km_check_leeway(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_text(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_path(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_msec(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_seal_km_check_size(ngx_conf_t *cf, void *post,
    void *data);


static ngx_conf_post_t  ngx_http_seal_km_leeway_post =
    { ngx_http_seal_km_check_leeway };
static ngx_conf_post_t  ngx_http_seal_km_text_post =
    { ngx_http_seal_km_check_text };
static ngx_conf_post_t  ngx_http_seal_km_path_post =
    { ngx_http_seal_km_check_path };
static ngx_conf_post_t  ngx_http_seal_km_msec_post =
    { ngx_http_seal_km_check_msec };
static ngx_conf_post_t  ngx_http_seal_km_size_post =
    { ngx_http_seal_km_check_size };

static ngx_conf_num_bounds_t  ngx_http_seal_km_database_bounds =
    { ngx_conf_check_num_bounds, 0, 2147483647 };
static ngx_conf_num_bounds_t  ngx_http_seal_km_connections_bounds =
    { ngx_conf_check_num_bounds, 1, 1024 };


static ngx_conf_enum_t  ngx_http_seal_km_payload_types[] = {
    { ngx_string("string"), SEAL_KM_PAYLOAD_STRING },
    { ngx_string("json"), SEAL_KM_PAYLOAD_JSON },
    { ngx_string("base64"), SEAL_KM_PAYLOAD_BASE64 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_seal_km_redis_reads[] = {
    { ngx_string("master"), SEAL_KM_REDIS_READ_MASTER },
    { ngx_string("replica"), SEAL_KM_REDIS_READ_REPLICA },
    { ngx_string("any"), SEAL_KM_REDIS_READ_ANY },
    { ngx_null_string, 0 }
};


#define NGX_HTTP_SEAL_KM_ANY                                                  \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF


static ngx_command_t  ngx_http_seal_km_commands[] = {

    { ngx_string("seal_km_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_seal_km_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_uri"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_uris,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_id"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, id),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_user_uri"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, user_uri),
      NULL },

    { ngx_string("seal_km_version"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_words,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, versions),
      NULL },

    { ngx_string("seal_km_window"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, window),
      NULL },

    { ngx_string("seal_km_require_tls"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, require_tls),
      NULL },

    { ngx_string("seal_km_max_request_size"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, max_request_size),
      &ngx_http_seal_km_size_post },

    { ngx_string("seal_km_jwks"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_jwks,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_jwks_check"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_check),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_jwks_request"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_request),
      &ngx_http_seal_km_path_post },

    { ngx_string("seal_km_jwks_cache"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_cache),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_jwks_stale"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_stale),
      NULL },

    { ngx_string("seal_km_jwks_cooldown"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_cooldown),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_algorithms"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_algorithms,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_issuer"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_words_or_off,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, issuers),
      NULL },

    { ngx_string("seal_km_audience"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_words_or_off,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, audiences),
      NULL },

    { ngx_string("seal_km_scope"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_scopes,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_leeway"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, leeway),
      &ngx_http_seal_km_leeway_post },

    { ngx_string("seal_km_zone"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE12,
      ngx_http_seal_km_set_zone,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, zone),
      NULL },

    { ngx_string("seal_km_token_cache"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, token_cache),
      NULL },

    { ngx_string("seal_km_require_binding"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, require_binding),
      NULL },

    { ngx_string("seal_km_bind"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE2,
      ngx_http_seal_km_set_bind,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_require"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, rules),
      NULL },

    { ngx_string("seal_km_payload"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, payload),
      &ngx_http_seal_km_payload_types },

    { ngx_string("seal_km_redis_key_prefix"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.key_prefix),
      NULL },

    { ngx_string("seal_km_redis_user"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.user),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_password"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_password,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.password),
      NULL },

    { ngx_string("seal_km_redis_password_file"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_password_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.password),
      NULL },

    { ngx_string("seal_km_redis_database"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.database),
      &ngx_http_seal_km_database_bounds },

    { ngx_string("seal_km_redis_connect_timeout"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.connect_timeout),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_redis_timeout"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.timeout),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_redis_connections"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.connections),
      &ngx_http_seal_km_connections_bounds },

    { ngx_string("seal_km_redis_ssl"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl),
      NULL },

    { ngx_string("seal_km_redis_ssl_verify"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_verify),
      NULL },

    { ngx_string("seal_km_redis_ssl_verify_depth"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_verify_depth),
      NULL },

    { ngx_string("seal_km_redis_ssl_trusted_certificate"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_trusted_certificate),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_crl"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_crl),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_name"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_name),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_server_name"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_server_name),
      NULL },

    { ngx_string("seal_km_redis_ssl_certificate"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_certificate),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_certificate_key"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_certificate_key),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_password_file"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_ssl_password_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_passwords),
      NULL },

    { ngx_string("seal_km_redis_ssl_protocols"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_ssl_protocols,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_protocols),
      NULL },

    { ngx_string("seal_km_redis_ssl_ciphers"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_ciphers),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_session_reuse"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_session_reuse),
      NULL },

    { ngx_string("seal_km_redis_mode"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE12,
      ngx_http_seal_km_set_redis_mode,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis),
      NULL },

    { ngx_string("seal_km_redis_read"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.read),
      &ngx_http_seal_km_redis_reads },

    { ngx_string("seal_km_redis_sentinel_user"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.sentinel_user),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_sentinel_password"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_password,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.sentinel_password),
      NULL },

    { ngx_string("seal_km_redis_sentinel_password_file"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_password_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.sentinel_password),
      NULL },

    { ngx_string("seal_km_redis_sentinel_ssl"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.sentinel_ssl),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_seal_km_module_ctx = {
    ngx_http_seal_km_preconfiguration,     /* preconfiguration */
    ngx_http_seal_km_init_verify,          /* postconfiguration */

    ngx_http_seal_km_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_seal_km_create_loc_conf,      /* create location configuration */
    ngx_http_seal_km_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_seal_km_module = {
    NGX_MODULE_V1,
    &ngx_http_seal_km_module_ctx,          /* module context */
    ngx_http_seal_km_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_seal_km_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* of the worker: its first turn of the event loop */
static ngx_event_t  ngx_http_seal_km_start;


/* in the order of the kinds: client, device, user */

static ngx_str_t  ngx_http_seal_km_default_bind[SEAL_KM_IDENTITY_MAX] = {
    ngx_null_string,
    ngx_string("client_id"),
    ngx_string("device_id"),
    ngx_string("sub")
};


static seal_km_str_t  ngx_http_seal_km_default_version = {
    NGX_HTTP_SEAL_KM_VERSION, sizeof(NGX_HTTP_SEAL_KM_VERSION) - 1
};


static ngx_int_t
ngx_http_seal_km_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_seal_km_add_variables(cf);
}


/*
 * From now on the worker sees when key files change, even if nobody asks it.
 * Topologies are asked for before the first request needs them; where this is
 * not called, at a reload without a master process, that request asks.
 */

static ngx_int_t
ngx_http_seal_km_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                      i;
    ngx_http_seal_km_key_files_t  **files;
    ngx_http_seal_km_main_conf_t   *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_seal_km_module);

    if (smcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    files = smcf->key_files.elts;

    for (i = 0; i < smcf->key_files.nelts; i++) {
        ngx_http_seal_km_look_at_key_files(files[i]);
    }

    /* not from here: the worker has not yet closed what it has inherited */

    ngx_http_seal_km_start.handler = ngx_http_seal_km_start_handler;
    ngx_http_seal_km_start.data = smcf;
    ngx_http_seal_km_start.log = cycle->log;
    ngx_http_seal_km_start.cancelable = 1;

    ngx_add_timer(&ngx_http_seal_km_start, 1);

    return NGX_OK;
}


static void
ngx_http_seal_km_start_handler(ngx_event_t *ev)
{
    ngx_uint_t                       i;
    ngx_http_seal_km_main_conf_t    *smcf;
    ngx_http_seal_km_redis_conf_t  **conf;

    smcf = ev->data;
    conf = smcf->pools.elts;

    for (i = 0; i < smcf->pools.nelts && !ngx_exiting; i++) {
        seal_km_redis_pool_start(conf[i]->pool);
    }
}


static void *
ngx_http_seal_km_create_main_conf(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&smcf->key_files, cf->pool, 4,
                       sizeof(ngx_http_seal_km_key_files_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&smcf->sources, cf->pool, 4,
                       sizeof(ngx_http_seal_km_key_source_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&smcf->key_sets, cf->pool, 4,
                       sizeof(ngx_http_seal_km_key_set_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&smcf->locations, cf->pool, 4,
                       sizeof(ngx_http_seal_km_loc_conf_t *))
        != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    smcf->sha256 = seal_km_sha256_create();
    if (smcf->sha256 == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_seal_km_sha256_cleanup;
    cln->data = smcf->sha256;

    if (ngx_array_init(&smcf->pools, cf->pool, 4,
                       sizeof(ngx_http_seal_km_redis_conf_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void
ngx_http_seal_km_sha256_cleanup(void *data)
{
    seal_km_sha256_free(data);
}


static void *
ngx_http_seal_km_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->upstream = { 0 };
     *     conf->file = NULL;
     *     conf->uri = { 0, NULL };
     *     conf->id = { 0, NULL };
     *     conf->user_uri = NULL;
     *     conf->key_files = NULL;
     *     conf->jwks_request = { 0, NULL };
     *     conf->key_set = NULL;
     *     conf->algorithms = 0;
     *     conf->bind = { { 0, NULL } };
     *     conf->redis = { 0 };
     */

    conf->uris = NGX_CONF_UNSET_PTR;
    conf->versions = NGX_CONF_UNSET_PTR;
    conf->window = NGX_CONF_UNSET;
    conf->require_tls = NGX_CONF_UNSET;
    conf->max_request_size = NGX_CONF_UNSET_SIZE;

    conf->jwks_check = NGX_CONF_UNSET_MSEC;
    conf->jwks_cache = NGX_CONF_UNSET_MSEC;
    conf->jwks_stale = NGX_CONF_UNSET_MSEC;
    conf->jwks_cooldown = NGX_CONF_UNSET_MSEC;
    conf->issuers = NGX_CONF_UNSET_PTR;
    conf->audiences = NGX_CONF_UNSET_PTR;
    conf->scopes = NGX_CONF_UNSET_PTR;
    conf->leeway = NGX_CONF_UNSET;
    conf->require_binding = NGX_CONF_UNSET;
    conf->zone = NGX_CONF_UNSET_PTR;
    conf->token_cache = NGX_CONF_UNSET;
    conf->rules = NGX_CONF_UNSET_PTR;

    conf->payload = NGX_CONF_UNSET_UINT;

    ngx_http_seal_km_init_redis_conf(&conf->redis);

    return conf;
}


static char *
ngx_http_seal_km_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_seal_km_loc_conf_t  *prev = parent;
    ngx_http_seal_km_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_seal_km_main_conf_t  *smcf;

    if (ngx_http_seal_km_merge_protocol(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_seal_km_merge_redis_conf(&prev->redis, &conf->redis);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" answer as the location around them does */

    if (clcf->noname && conf->upstream.upstream == NULL) {
        conf->upstream = prev->upstream;
        conf->file = prev->file;
        conf->line = prev->line;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL && conf->upstream.upstream) {
        clcf->handler = ngx_http_seal_km_handler;
    }

    if (conf->upstream.upstream == NULL) {
        return NGX_CONF_OK;
    }

    conf->redis.upstream = conf->upstream.upstream;

    if (ngx_http_seal_km_check_conf(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    /* locations with the same settings share their connections */

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    if (ngx_http_seal_km_set_redis_pool(cf, &smcf->pools, &conf->redis)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_merge_protocol(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *prev, ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_uint_t      i;
    seal_km_str_t  *version;

    if (conf->uris == NGX_CONF_UNSET_PTR) {
        conf->uris = prev->uris;
        conf->uri = prev->uri;
    }

    ngx_conf_merge_str_value(conf->id, prev->id, "");

    if (conf->user_uri == NULL) {
        conf->user_uri = prev->user_uri;
    }

    ngx_conf_merge_ptr_value(conf->versions, prev->versions, NULL);

    if (conf->versions == NULL) {
        conf->versions = ngx_array_create(cf->pool, 1, sizeof(seal_km_str_t));
        if (conf->versions == NULL) {
            return NGX_CONF_ERROR;
        }

        version = ngx_array_push(conf->versions);
        *version = ngx_http_seal_km_default_version;
    }

    ngx_conf_merge_sec_value(conf->window, prev->window, 5);
    ngx_conf_merge_value(conf->require_tls, prev->require_tls, 1);
    ngx_conf_merge_size_value(conf->max_request_size, prev->max_request_size,
                              8 * 1024);

    if (conf->key_files == NULL) {
        conf->key_files = prev->key_files;
    }

    ngx_conf_merge_msec_value(conf->jwks_check, prev->jwks_check, 10000);

    ngx_conf_merge_str_value(conf->jwks_request, prev->jwks_request, "");
    ngx_conf_merge_msec_value(conf->jwks_cache, prev->jwks_cache, 3600000);
    ngx_conf_merge_msec_value(conf->jwks_stale, prev->jwks_stale, 86400000);
    ngx_conf_merge_msec_value(conf->jwks_cooldown, prev->jwks_cooldown, 30000);

    if (conf->algorithms == 0) {
        conf->algorithms = prev->algorithms ? prev->algorithms
                                            : seal_km_algorithms_asymmetric();
    }

    if (conf->issuers == NGX_CONF_UNSET_PTR) {
        conf->issuers = prev->issuers;
    }

    if (conf->audiences == NGX_CONF_UNSET_PTR) {
        conf->audiences = prev->audiences;
    }

    if (conf->scopes == NGX_CONF_UNSET_PTR) {
        conf->scopes = prev->scopes;
    }

    ngx_conf_merge_sec_value(conf->leeway, prev->leeway, 0);
    ngx_conf_merge_value(conf->require_binding, prev->require_binding, 0);
    ngx_conf_merge_ptr_value(conf->zone, prev->zone, NULL);
    ngx_conf_merge_value(conf->token_cache, prev->token_cache,
                         NGX_CONF_UNSET);
    ngx_conf_merge_ptr_value(conf->rules, prev->rules, NULL);

    for (i = 0; i < SEAL_KM_IDENTITY_MAX; i++) {
        if (conf->bind[i].data == NULL) {
            conf->bind[i] = prev->bind[i].data
                            ? prev->bind[i] : ngx_http_seal_km_default_bind[i];
        }
    }

    ngx_conf_merge_uint_value(conf->payload, prev->payload,
                              SEAL_KM_PAYLOAD_STRING);

    return NGX_CONF_OK;
}


/* of a location with seal_km_pass: is all there, and does it fit together? */

static char *
ngx_http_seal_km_check_conf(ngx_conf_t *cf, ngx_http_seal_km_loc_conf_t *conf)
{
    const char                     *missing, *unfit;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_seal_km_loc_conf_t   **location;
    ngx_http_seal_km_main_conf_t   *smcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    missing = ngx_http_seal_km_missing(conf);

    if (missing) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no \"%s\" is defined for the location \"%V\" with "
                      "\"seal_km_pass\" in %s:%ui",
                      missing, &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    if (ngx_http_seal_km_set_key_set(cf, smcf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->key_set->source == NULL
        && (seal_km_jwks_algorithms(conf->key_set->jwks) & conf->algorithms)
        == 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"seal_km_jwks\" \"%V\"%s has no usable key for any of "
                      "\"seal_km_algorithms\" in the location \"%V\" with "
                      "\"seal_km_pass\" in %s:%ui",
                      &conf->key_files->file[0].name,
                      conf->key_files->n > 1 ? " and others" : "",
                      &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    unfit = ngx_http_seal_km_check_redis_conf(&conf->redis);

    if (unfit) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s for the location \"%V\" with \"seal_km_pass\" in "
                      "%s:%ui", unfit, &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (clcf->client_max_body_size
        && clcf->client_max_body_size < (off_t) conf->max_request_size)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"client_max_body_size\" is below "
                      "\"seal_km_max_request_size\" and takes effect first, "
                      "in the location \"%V\" with \"seal_km_pass\" in %s:%ui",
                      &clcf->name, conf->file, conf->line);
    }

    if (conf->token_cache == 1 && conf->zone == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"seal_km_token_cache\" without \"seal_km_zone\" in "
                      "the location \"%V\" with \"seal_km_pass\" in %s:%ui",
                      &clcf->name, conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (conf->token_cache != 0) {
        conf->cache = conf->zone;
    }

    conf->claims.issuers = conf->issuers->elts;
    conf->claims.nissuers = conf->issuers->nelts;
    conf->claims.audiences = conf->audiences->elts;
    conf->claims.naudiences = conf->audiences->nelts;
    conf->claims.leeway = conf->leeway;

    location = ngx_array_push(&smcf->locations);
    conf->learnt = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_learnt_t));

    if (location == NULL || conf->learnt == NULL) {
        return NGX_CONF_ERROR;
    }

    *location = conf;

    return NGX_CONF_OK;
}


static const char *
ngx_http_seal_km_missing(ngx_http_seal_km_loc_conf_t *conf)
{
    if (conf->uris == NGX_CONF_UNSET_PTR) {
        return "seal_km_uri";
    }

    if (conf->key_files == NULL && conf->jwks_request.len == 0) {
        return "seal_km_jwks";
    }

    if (conf->issuers == NGX_CONF_UNSET_PTR) {
        return "seal_km_issuer";
    }

    if (conf->audiences == NGX_CONF_UNSET_PTR) {
        return "seal_km_audience";
    }

    if (conf->scopes == NGX_CONF_UNSET_PTR) {
        return "seal_km_scope";
    }

    return NULL;
}


/* locations with the same sources of keys share their key set */

static char *
ngx_http_seal_km_set_key_set(ngx_conf_t *cf,
    ngx_http_seal_km_main_conf_t *smcf, ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_core_srv_conf_t        *cscf;
    ngx_http_seal_km_key_source_t   *source;
    ngx_http_seal_km_source_conf_t   source_conf;

    source = NULL;

    if (conf->key_files) {
        ngx_http_seal_km_use_key_files(conf->key_files, conf->jwks_check,
                                       conf->algorithms);
    }

    if (conf->jwks_request.len) {
        cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

        source_conf.uri = conf->jwks_request;
        source_conf.ctx = cscf->ctx;
        source_conf.cache = conf->jwks_cache;
        source_conf.stale = conf->jwks_stale;
        source_conf.cooldown = conf->jwks_cooldown;

        source = ngx_http_seal_km_get_key_source(cf, &smcf->sources,
                                                 smcf->sha256, &source_conf);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        source->algorithms |= conf->algorithms;
    }

    conf->key_set = ngx_http_seal_km_get_key_set(cf, &smcf->key_sets,
                                                 smcf->sha256,
                                                 conf->key_files, source);

    return conf->key_set ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_seal_km_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_url_t                  u;
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (slcf->upstream.upstream) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[1];
    u.default_port = NGX_HTTP_SEAL_KM_REDIS_PORT;
    u.no_resolve = 1;

    slcf->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (slcf->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->file = cf->conf_file->file.name.data;
    slcf->line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = ngx_http_seal_km_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_set_uris(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    char           *p;
    size_t          len;
    ngx_str_t      *value;
    ngx_uint_t      i;
    seal_km_str_t  *uri;

    if (slcf->uris != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slcf->uris = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                  sizeof(seal_km_str_t));
    if (slcf->uris == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        p = ngx_pnalloc(cf->pool, value[i].len + 1);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        if (seal_km_uri_normalize(ngx_http_seal_km_str(&value[i]), p, &len)
            != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"seal_km_uri\" wants absolute URIs, "
                               "\"%V\" is none", &value[i]);
            return NGX_CONF_ERROR;
        }

        uri = ngx_array_push(slcf->uris);
        uri->data = p;
        uri->len = len;
    }

    slcf->uri = value[1];

    return NGX_CONF_OK;
}


/* a list of words, of which none is empty */

static char *
ngx_http_seal_km_set_words(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t       *value;
    ngx_uint_t       i;
    ngx_array_t    **words;
    seal_km_str_t   *word;

    words = (ngx_array_t **) (p + cmd->offset);

    if (*words != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    *words = ngx_array_create(cf->pool, cf->args->nelts - 1,
                              sizeof(seal_km_str_t));
    if (*words == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty parameter";
        }

        word = ngx_array_push(*words);
        *word = ngx_http_seal_km_str(&value[i]);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_set_words_or_off(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    char          *rv;
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t   *words;

    rv = ngx_http_seal_km_set_words(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;
    words = *(ngx_array_t **) (p + cmd->offset);

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "off") != 0) {
            continue;
        }

        if (cf->args->nelts != 2) {
            return "takes \"off\" alone only";
        }

        /* no word, which is not the same as no directive */
        words->nelts = 0;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_set_scopes(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    if (slcf->scopes != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slcf->scopes = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                    sizeof(ngx_http_complex_value_t));
    if (slcf->scopes == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty parameter";
        }

        if (ngx_strcmp(value[i].data, "off") == 0) {
            return (cf->args->nelts == 2) ? NGX_CONF_OK
                                          : "takes \"off\" alone only";
        }

        cv = ngx_array_push(slcf->scopes);

        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

        ccv.cf = cf;
        ccv.value = &value[i];
        ccv.complex_value = cv;

        if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_set_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t                     *value;
    ngx_http_seal_km_main_conf_t  *smcf;

    if (slcf->key_files) {
        return "is duplicate";
    }

    value = cf->args->elts;
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    slcf->key_files = ngx_http_seal_km_load_key_files(cf, &smcf->key_files,
                                                      smcf->sha256, &value[1],
                                                      cf->args->nelts - 1);

    return slcf->key_files ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_seal_km_set_algorithms(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    int          n;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (slcf->algorithms) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        n = seal_km_algorithm_find(ngx_http_seal_km_str(&value[i]));

        if (n < 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"seal_km_algorithms\" does not know the "
                               "algorithm \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        slcf->algorithms |= 1U << n;
    }

    return NGX_CONF_OK;
}


/* each kind is set, and inherited, by itself */

static char *
ngx_http_seal_km_set_bind(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_seal_km_loc_conf_t *slcf = conf;

    ngx_str_t    *value, *claim;
    ngx_uint_t    i;
    const char   *kind;

    value = cf->args->elts;

    for (i = SEAL_KM_IDENTITY_CLIENT; i < SEAL_KM_IDENTITY_MAX; i++) {

        kind = seal_km_identity_name(i);

        if (ngx_strcmp(value[1].data, kind) != 0) {
            continue;
        }

        claim = &slcf->bind[i];

        if (claim->data) {
            return "is duplicate";
        }

        if (value[2].len == 0) {
            return "has an empty parameter";
        }

        *claim = value[2];

        if (ngx_strcmp(value[2].data, "off") == 0) {
            claim->len = 0;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"seal_km_bind\" knows \"user\", \"client\" and "
                       "\"device\", but not \"%V\"", &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_seal_km_check_leeway(ngx_conf_t *cf, void *post, void *data)
{
    time_t  *leeway = data;

    if (*leeway > NGX_HTTP_SEAL_KM_LEEWAY_MAX) {
        return "must not be above 30s";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_text(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *text = data;

    if (text->len == 0) {
        return "is empty";
    }

    if (!seal_km_str_is_utf8(ngx_http_seal_km_str(text))) {
        return "is not UTF-8";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_path(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    if (path->len == 0 || path->data[0] != '/') {
        return "wants the path of an internal location";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_msec(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *msec = data;

    if (*msec == 0) {
        return "must not be 0";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_seal_km_check_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    if (*size == 0) {
        return "must not be 0";
    }

    return NGX_CONF_OK;
}
