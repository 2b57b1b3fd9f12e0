/*
 * ngx_http_seal_km_module: nginx as SEAL key management server (SKM-S) of
 * 3GPP TS 33.434.  The table of directives, the empty configuration and the
 * start of a worker; all else is in src/http/.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_claim_directives.h"
#include "ngx_http_seal_km_claim_set.h"
#include "ngx_http_seal_km_directives.h"
#include "ngx_http_seal_km_interface.h"
#include "ngx_http_seal_km_limit.h"
#include "ngx_http_seal_km_location.h"
#include "ngx_http_seal_km_metrics.h"
#include "ngx_http_seal_km_operator_directives.h"
#include "ngx_http_seal_km_record_directives.h"
#include "ngx_http_seal_km_redis_directives.h"
#include "ngx_http_seal_km_tallies.h"
#include "ngx_http_seal_km_values.h"


static ngx_int_t ngx_http_seal_km_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_seal_km_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_seal_km_init_module(ngx_cycle_t *cycle);
static void ngx_http_seal_km_change_cycle(ngx_http_seal_km_main_conf_t *smcf);
static ngx_int_t ngx_http_seal_km_init_process(ngx_cycle_t *cycle);
static void ngx_http_seal_km_exit_process(ngx_cycle_t *cycle);
static void ngx_http_seal_km_start_handler(ngx_event_t *ev);
static void *ngx_http_seal_km_create_main_conf(ngx_conf_t *cf);
static ngx_int_t ngx_http_seal_km_init_arrays(ngx_conf_t *cf,
    ngx_http_seal_km_main_conf_t *smcf);
static void ngx_http_seal_km_sha256_cleanup(void *data);
static void *ngx_http_seal_km_create_loc_conf(ngx_conf_t *cf);


static ngx_conf_num_bounds_t  ngx_http_seal_km_database_bounds =
    { ngx_conf_check_num_bounds, 0, 2147483647 };
static ngx_conf_num_bounds_t  ngx_http_seal_km_connections_bounds =
    { ngx_conf_check_num_bounds, 1, 1024 };
static ngx_conf_num_bounds_t  ngx_http_seal_km_depth_bounds =
    { ngx_conf_check_num_bounds, 0, 100 };


static ngx_conf_enum_t  ngx_http_seal_km_payload_types[] = {
    { ngx_string("string"), SEAL_KM_PAYLOAD_STRING },
    { ngx_string("json"), SEAL_KM_PAYLOAD_JSON },
    { ngx_string("base64"), SEAL_KM_PAYLOAD_BASE64 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_seal_km_interfaces[] = {
    { ngx_string("km"), NGX_HTTP_SEAL_KM_INTERFACE_KM },
    { ngx_string("ss-kir"), NGX_HTTP_SEAL_KM_INTERFACE_KIR },
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
      ngx_http_seal_km_set_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_interface"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_interface,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, speaks),
      &ngx_http_seal_km_interfaces },

    { ngx_string("seal_km_ready"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_ready,
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
      ngx_http_seal_km_set_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, id),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_user_uri"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_value,
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
      ngx_http_seal_km_set_sec,
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
      ngx_http_seal_km_set_size,
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
      ngx_http_seal_km_set_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_check),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_jwks_request"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_request),
      &ngx_http_seal_km_path_post },

    { ngx_string("seal_km_jwks_cache"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_cache),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_jwks_stale"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_stale),
      NULL },

    { ngx_string("seal_km_jwks_cooldown"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_cooldown),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_jwks_timeout"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_timeout),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_jwks_max_size"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, jwks_max_size),
      &ngx_http_seal_km_size_post },

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
      ngx_http_seal_km_set_sec,
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

    { ngx_string("seal_km_notify"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_notify,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, notify),
      NULL },

    { ngx_string("seal_km_notify_rate"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_notify_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, notify_rate),
      NULL },

    { ngx_string("seal_km_limit"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, limit),
      NULL },

    { ngx_string("seal_km_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_seal_km_set_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_require_binding"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, require_binding),
      NULL },

    { ngx_string("seal_km_client_id_claim"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_words_or_off,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, client_id_claims),
      NULL },

    { ngx_string("seal_km_scope_claim"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_words,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, scope_claims),
      NULL },

    { ngx_string("seal_km_token_type"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_token_types,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_claim_set"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_2MORE,
      ngx_http_seal_km_set_claim_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
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

    { ngx_string("seal_km_record_keys"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_1MORE,
      ngx_http_seal_km_set_record_keys,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_record_plaintext"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, record_plaintext),
      NULL },

    { ngx_string("seal_km_record_digest_key"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_digest_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("seal_km_payload"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, payload),
      &ngx_http_seal_km_payload_types },

    { ngx_string("seal_km_redis_key_prefix"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.key_prefix),
      NULL },

    { ngx_string("seal_km_redis_user"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
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
      ngx_http_seal_km_set_number,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.database),
      &ngx_http_seal_km_database_bounds },

    { ngx_string("seal_km_redis_connect_timeout"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.connect_timeout),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_redis_timeout"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.timeout),
      &ngx_http_seal_km_msec_post },

    { ngx_string("seal_km_redis_connections"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_number,
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
      ngx_http_seal_km_set_number,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_verify_depth),
      &ngx_http_seal_km_depth_bounds },

    { ngx_string("seal_km_redis_ssl_trusted_certificate"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_trusted_certificate),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_crl"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_crl),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_name"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
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
      ngx_http_seal_km_set_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.ssl_certificate),
      &ngx_http_seal_km_text_post },

    { ngx_string("seal_km_redis_ssl_certificate_key"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
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
      ngx_http_seal_km_set_text,
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
      ngx_http_seal_km_set_choice,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_seal_km_loc_conf_t, redis.read),
      &ngx_http_seal_km_redis_reads },

    { ngx_string("seal_km_redis_sentinel_user"),
      NGX_HTTP_SEAL_KM_ANY|NGX_CONF_TAKE1,
      ngx_http_seal_km_set_text,
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
    ngx_http_seal_km_postconfiguration,    /* postconfiguration */

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
    ngx_http_seal_km_init_module,          /* init module */
    ngx_http_seal_km_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_seal_km_exit_process,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* of the worker: its first turn of the event loop */
static ngx_event_t  ngx_http_seal_km_start;


static ngx_int_t
ngx_http_seal_km_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_seal_km_add_variables(cf);
}


static ngx_int_t
ngx_http_seal_km_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_seal_km_main_conf_t  *smcf;

    if (ngx_http_seal_km_check_zones(cf) != NGX_OK
        || ngx_http_seal_km_check_claim_sets(cf) != NGX_OK
        || ngx_http_seal_km_find_ready(cf) != NGX_OK
        || ngx_http_seal_km_check_notify(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_seal_km_set_tallies(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_seal_km_look_at_limits(cf);

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    if (smcf->notifies.nelts) {
        smcf->notices = ngx_http_seal_km_create_notices(cf, smcf->sha256);
        if (smcf->notices == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_seal_km_init_verify(cf);
}


/* all variables are known now, those of other modules too */

static ngx_int_t
ngx_http_seal_km_init_module(ngx_cycle_t *cycle)
{
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_seal_km_module);

    if (smcf == NULL) {
        return NGX_OK;
    }

    if (ngx_process == NGX_PROCESS_SINGLE && !ngx_is_init_cycle(ngx_cycle)) {
        ngx_http_seal_km_change_cycle(smcf);
    }

    if (smcf->locations.nelts == 0) {
        return NGX_OK;
    }

    return ngx_http_seal_km_watch_variables(cycle, &smcf->watched);
}


/* a reload without a master process: this very process goes on with it */

static void
ngx_http_seal_km_change_cycle(ngx_http_seal_km_main_conf_t *smcf)
{
    ngx_http_seal_km_main_conf_t  *former;

    former = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                                 ngx_http_seal_km_module);

    if (former) {
        ngx_http_seal_km_change_zones(&former->zones, &smcf->zones);
    }

    ngx_http_seal_km_enter_zones(&smcf->zones);
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

    ngx_http_seal_km_enter_zones(&smcf->zones);

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


/*
 * A worker that exits stays for its requests, and for nothing else: what Redis
 * is being asked for others' sake is given up.
 */

static void
ngx_http_seal_km_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_seal_km_main_conf_t    *smcf;
    ngx_http_seal_km_redis_conf_t  **conf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_seal_km_module);

    if (smcf == NULL) {
        return;
    }

    if (smcf->notices) {
        ngx_http_seal_km_stop_notices(smcf->notices);
    }

    conf = smcf->pools.elts;

    for (i = 0; i < smcf->pools.nelts; i++) {
        seal_km_redis_pool_stop(conf[i]->pool);
    }

    ngx_http_seal_km_leave_zones(&smcf->zones);
    ngx_http_seal_km_free_arenas();
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

    if (ngx_http_seal_km_init_arrays(cf, smcf) != NGX_OK) {
        return NULL;
    }

    /* what reads the configuration stands below what answers a request */
    smcf->handler = ngx_http_seal_km_handler;
    smcf->metrics_handler = ngx_http_seal_km_metrics_handler;
    smcf->interfaces[NGX_HTTP_SEAL_KM_INTERFACE_KM] =
                                          &ngx_http_seal_km_interface_km;
    smcf->interfaces[NGX_HTTP_SEAL_KM_INTERFACE_KIR] =
                                          &ngx_http_seal_km_interface_kir;
    smcf->ready_handler = ngx_http_seal_km_ready_handler;
    smcf->create_probe = ngx_http_seal_km_create_probe;

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

    return smcf;
}


/* all but the last hold pointers */

static ngx_int_t
ngx_http_seal_km_init_arrays(ngx_conf_t *cf,
    ngx_http_seal_km_main_conf_t *smcf)
{
    ngx_uint_t    i;
    ngx_array_t  *arrays[] = {
        &smcf->key_files, &smcf->sources, &smcf->key_sets, &smcf->pools,
        &smcf->locations, &smcf->zones, &smcf->ready, &smcf->notifies
    };

    for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        if (ngx_array_init(arrays[i], cf->pool, 4, sizeof(void *)) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_array_init(&smcf->zone_uses, cf->pool, 4,
                          sizeof(ngx_http_seal_km_zone_use_t));
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
     *     conf->interface = NULL;
     *     conf->uri = { 0, NULL };
     *     conf->id = { 0, NULL };
     *     conf->user_uri = NULL;
     *     conf->jwks = NULL;
     *     conf->jwks_request = { 0, NULL };
     *     conf->key_set = NULL;
     *     conf->algorithms = 0;
     *     conf->bind = { { 0, NULL } };
     *     conf->claim_sets = NULL;
     *     conf->notify = NULL;
     *     conf->metrics_file = NULL;
     *     conf->tally = NULL;
     *     conf->redis = { 0 };
     *     conf->core = NULL;
     *     conf->server = NULL;
     *     conf->probe = NULL;
     *     conf->ready = NULL;
     */

    conf->speaks = NGX_CONF_UNSET_UINT;
    conf->uris = NGX_CONF_UNSET_PTR;
    conf->versions = NGX_CONF_UNSET_PTR;
    conf->window = NGX_CONF_UNSET;
    conf->require_tls = NGX_CONF_UNSET;
    conf->max_request_size = NGX_CONF_UNSET_SIZE;

    conf->jwks_check = NGX_CONF_UNSET_MSEC;
    conf->jwks_cache = NGX_CONF_UNSET_MSEC;
    conf->jwks_stale = NGX_CONF_UNSET_MSEC;
    conf->jwks_cooldown = NGX_CONF_UNSET_MSEC;
    conf->jwks_timeout = NGX_CONF_UNSET_MSEC;
    conf->jwks_max_size = NGX_CONF_UNSET_SIZE;
    conf->issuers = NGX_CONF_UNSET_PTR;
    conf->audiences = NGX_CONF_UNSET_PTR;
    conf->scopes = NGX_CONF_UNSET_PTR;
    conf->leeway = NGX_CONF_UNSET;
    conf->client_id_claims = NGX_CONF_UNSET_PTR;
    conf->scope_claims = NGX_CONF_UNSET_PTR;
    conf->token_types = NGX_CONF_UNSET_PTR;
    conf->require_binding = NGX_CONF_UNSET;
    conf->zone = NGX_CONF_UNSET_PTR;
    conf->token_cache = NGX_CONF_UNSET;
    conf->rules = NGX_CONF_UNSET_PTR;
    conf->limit = NGX_CONF_UNSET_PTR;
    conf->notify_rate = NGX_CONF_UNSET_UINT;

    conf->record_keys = NGX_CONF_UNSET_PTR;
    conf->record_plaintext = NGX_CONF_UNSET;
    conf->record_digest = NGX_CONF_UNSET_PTR;
    conf->payload = NGX_CONF_UNSET_UINT;

    ngx_http_seal_km_init_redis_conf(&conf->redis);

    return conf;
}
