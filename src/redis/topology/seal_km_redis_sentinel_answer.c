/*
 * What sentinels are asked, and what one of them has answered.
 */


#include "seal_km_redis_sentinel_answer.h"


/* of the replicas so many are looked at: those of old are told, too */
#define SEAL_KM_REDIS_SENTINEL_LOOK  1024


/* the commands of a question, in the order of their replies */
enum {
    SEAL_KM_REDIS_SENTINEL_STATE = 0,
    SEAL_KM_REDIS_SENTINEL_ADDRESS,
    SEAL_KM_REDIS_SENTINEL_REPLICAS
};


static ngx_str_t seal_km_redis_sentinel_answer_field(
    seal_km_redis_reply_t *fields, const char *name);


/*
 * The epoch comes before the address: that may be newer, but is never older,
 * than the epoch that it is believed for.
 */

ngx_uint_t
seal_km_redis_sentinel_answer_command(seal_km_redis_settings_t *settings,
    ngx_uint_t i, const char **argv, size_t *len)
{
    static const char * const  commands[] = {
        "MASTER", "GET-MASTER-ADDR-BY-NAME", "REPLICAS"
    };

    if (i > SEAL_KM_REDIS_SENTINEL_REPLICAS
        || (i == SEAL_KM_REDIS_SENTINEL_REPLICAS
            && settings->read == SEAL_KM_REDIS_READ_MASTER))
    {
        return 0;
    }

    argv[0] = "SENTINEL";
    len[0] = 8;
    argv[1] = commands[i];
    len[1] = ngx_strlen(commands[i]);
    argv[2] = (const char *) settings->master_name.data;
    len[2] = settings->master_name.len;

    return 3;
}


/* an error may be the answer to each, and nil to that about an unknown master */

ngx_uint_t
seal_km_redis_sentinel_answer_is_valid(ngx_uint_t i,
    seal_km_redis_reply_t *reply)
{
    ngx_uint_t             k;
    seal_km_redis_reply_e  type;

    if (reply->type == SEAL_KM_REDIS_REPLY_ERROR
        || reply->type == SEAL_KM_REDIS_REPLY_NIL)
    {
        return 1;
    }

    if (reply->type != SEAL_KM_REDIS_REPLY_ARRAY) {
        return 0;
    }

    if (i == SEAL_KM_REDIS_SENTINEL_ADDRESS) {
        /* host and port; "*0" is what a nil may look like */

        if (reply->n != 0 && reply->n != 2) {
            return 0;
        }

    } else if (i == SEAL_KM_REDIS_SENTINEL_STATE && reply->n % 2) {
        return 0;
    }

    type = (i == SEAL_KM_REDIS_SENTINEL_REPLICAS) ? SEAL_KM_REDIS_REPLY_ARRAY
                                                  : SEAL_KM_REDIS_REPLY_STRING;

    for (k = 0; k < reply->n; k++) {
        if (reply->elements[k]->type != type) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
seal_km_redis_sentinel_answer_told(seal_km_redis_question_t *question,
    ngx_int_t *epoch)
{
    ngx_str_t               text;
    seal_km_redis_reply_t  *address;

    text = seal_km_redis_sentinel_answer_field(
                             question->replies[SEAL_KM_REDIS_SENTINEL_STATE],
                             "config-epoch");

    *epoch = ngx_atoi(text.data, text.len);

    address = question->replies[SEAL_KM_REDIS_SENTINEL_ADDRESS];

    return seal_km_redis_reply_element(address, 0, SEAL_KM_REDIS_REPLY_STRING)
           && seal_km_redis_reply_element(address, 1,
                                          SEAL_KM_REDIS_REPLY_STRING);
}


void
seal_km_redis_sentinel_answer_take(seal_km_redis_sentinel_answer_t *answer,
    seal_km_redis_question_t *question)
{
    ngx_uint_t  i;

    seal_km_redis_sentinel_answer_free(answer);

    answer->who = question->server;

    for (i = 0; i < question->n; i++) {
        answer->replies[i] = question->replies[i];
        question->replies[i] = NULL;
    }
}


ngx_int_t
seal_km_redis_sentinel_answer_master(seal_km_redis_sentinel_answer_t *answer,
    seal_km_redis_pool_t *pool, seal_km_redis_endpoint_t *endpoint,
    ngx_str_t *host)
{
    ngx_str_t               ip;
    seal_km_redis_reply_t  *address, *port;

    address = answer->replies[SEAL_KM_REDIS_SENTINEL_ADDRESS];
    port = address->elements[1];

    host->data = address->elements[0]->data;
    host->len = address->elements[0]->len;
    ngx_str_null(&ip);

    return seal_km_redis_announced(pool, endpoint, host, &ip,
                                   ngx_atoi(port->data, port->len),
                                   &answer->who->address);
}


ngx_int_t
seal_km_redis_sentinel_answer_replica(seal_km_redis_sentinel_answer_t *answer,
    seal_km_redis_pool_t *pool, ngx_uint_t i,
    seal_km_redis_endpoint_t *endpoint)
{
    ngx_str_t               host, ip, port, flags, link;
    seal_km_redis_reply_t  *replicas, *replica;

    replicas = answer->replies[SEAL_KM_REDIS_SENTINEL_REPLICAS];

    if (replicas == NULL || replicas->type != SEAL_KM_REDIS_REPLY_ARRAY
        || i >= ngx_min(replicas->n, SEAL_KM_REDIS_SENTINEL_LOOK))
    {
        return NGX_DONE;
    }

    replica = replicas->elements[i];

    host = seal_km_redis_sentinel_answer_field(replica, "ip");
    port = seal_km_redis_sentinel_answer_field(replica, "port");
    flags = seal_km_redis_sentinel_answer_field(replica, "flags");
    link = seal_km_redis_sentinel_answer_field(replica, "master-link-status");
    ngx_str_null(&ip);

    if (host.len == 0
        || link.len != 2 || ngx_strncmp(link.data, "ok", 2) != 0
        || ngx_strnstr(flags.data, "down", flags.len) != NULL
        || ngx_strnstr(flags.data, "disconnected", flags.len) != NULL
        || seal_km_redis_announced(pool, endpoint, &host, &ip,
                                   ngx_atoi(port.data, port.len),
                                   &answer->who->address)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* fields: name, value, name, value, … */

static ngx_str_t
seal_km_redis_sentinel_answer_field(seal_km_redis_reply_t *fields,
    const char *name)
{
    ngx_str_t               value;
    ngx_uint_t              i;
    seal_km_redis_reply_t  *text;

    /* terminated as it is, for ngx_strnstr() */
    ngx_str_set(&value, "");

    if (fields->type != SEAL_KM_REDIS_REPLY_ARRAY) {
        return value;
    }

    for (i = 0; i + 1 < fields->n; i += 2) {

        if (!seal_km_redis_reply_is_string(fields, i, name)) {
            continue;
        }

        text = seal_km_redis_reply_element(fields, i + 1,
                                           SEAL_KM_REDIS_REPLY_STRING);
        if (text) {
            value.data = text->data;
            value.len = text->len;
        }

        break;
    }

    return value;
}


void
seal_km_redis_sentinel_answer_free(seal_km_redis_sentinel_answer_t *answer)
{
    ngx_uint_t  i;

    for (i = 0; i < SEAL_KM_REDIS_QUESTION_MAX; i++) {
        seal_km_redis_reply_free(answer->replies[i]);
    }

    ngx_memzero(answer, sizeof(seal_km_redis_sentinel_answer_t));
}
