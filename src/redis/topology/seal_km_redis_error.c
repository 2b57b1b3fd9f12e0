/*
 * What Redis' errors mean to a query, and to an operator.
 */


#include "seal_km_redis_topology.h"


/* milliseconds: how soon the log is told again of a PUBLISH that is refused */
#define SEAL_KM_REDIS_ERROR_AGAIN  60000


typedef struct {
    ngx_str_t    code;
    ngx_uint_t   not_now;    /* the server cannot serve anybody now */
    ngx_uint_t   denial;     /* an operator has to change something */
    const char  *advice;
} seal_km_redis_error_t;


static const seal_km_redis_error_t  seal_km_redis_errors[] = {
    { ngx_string("LOADING"), 1, 0, "it is still reading its data set" },
    { ngx_string("MASTERDOWN"), 1, 0, "it is a replica that lost its master" },
    { ngx_string("CLUSTERDOWN"), 1, 0, "its cluster does not serve this slot" },
    { ngx_string("NOAUTH"), 1, 1, "set \"seal_km_redis_password\"" },
    { ngx_string("NOPERM"), 0, 1,
      "its user needs +get on the keys of \"seal_km_redis_key_prefix\"" },
    { ngx_string("WRONGTYPE"), 0, 0, "the record is no String, load it with SET" },
    { ngx_string("MOVED"), 0, 0, "it is a node of a cluster" },
    { ngx_null_string, 0, 0, "see the log of the server" }
};


static void seal_km_redis_publish_error(seal_km_redis_query_t *query,
    ngx_str_t *code);


ngx_int_t
seal_km_redis_error(seal_km_redis_query_t *query,
    seal_km_redis_reply_t *reply)
{
    ngx_str_t                     code;
    const seal_km_redis_error_t  *error;

    code = seal_km_redis_reply_error_code(reply);

    for (error = seal_km_redis_errors; error->code.len; error++) {
        if (code.len == error->code.len
            && ngx_strncmp(code.data, error->code.data, code.len) == 0)
        {
            break;
        }
    }

    if (query->message.data) {
        seal_km_redis_publish_error(query, &code);

    } else {
        ngx_log_error(NGX_LOG_ERR, query->log, 0,
                      "Redis answered GET with the error \"%V\": %s", &code,
                      error->advice);
    }

    query->denied |= error->denial;

    return error->not_now ? NGX_DECLINED : NGX_OK;
}


/* nobody waits for it, so it is told once a minute */

static void
seal_km_redis_publish_error(seal_km_redis_query_t *query, ngx_str_t *code)
{
    static ngx_uint_t  told;
    static ngx_msec_t  when;

    /* not by the time of day: that may be set back */

    if (told && ngx_current_msec - when < SEAL_KM_REDIS_ERROR_AGAIN) {
        return;
    }

    told = 1;
    when = ngx_current_msec;

    ngx_log_error(NGX_LOG_ERR, query->log, 0,
                  "Redis answered PUBLISH with the error \"%V\": check that "
                  "its user has +publish, and the channel of "
                  "\"seal_km_notify\"", code);
}
