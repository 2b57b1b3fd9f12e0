/*
 * Connections to all sentinels, over which these tell of failovers.
 */


#include "seal_km_redis_connect.h"
#include "seal_km_redis_greeting.h"
#include "seal_km_redis_subscriptions.h"


/* milliseconds: how often a subscription is tried */
#define SEAL_KM_REDIS_SUBSCRIPTIONS_BEAT  2000


static ngx_int_t seal_km_redis_subscriptions_create(
    seal_km_redis_subscriptions_t *s, seal_km_redis_settings_t *settings,
    seal_km_redis_address_t *seeds, ngx_uint_t n);
static void seal_km_redis_subscriptions_beat(
    seal_km_redis_subscriptions_t *s);
static void seal_km_redis_subscriptions_beat_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static void seal_km_redis_subscriptions_push_handler(void *data,
    seal_km_redis_reply_t *reply);


void
seal_km_redis_subscriptions_keep(seal_km_redis_subscriptions_t *s,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *seeds,
    ngx_uint_t n)
{
    ngx_uint_t                   i;
    seal_km_redis_connection_t  *rc;

    if (ngx_exiting
        || (s->connections == NULL
            && seal_km_redis_subscriptions_create(s, settings, seeds, n)
               != NGX_OK))
    {
        return;
    }

    for (i = 0; i < s->n; i++) {
        rc = &s->connections[i];

        /* as long as it is used it opens again by itself after a failure */

        (void) seal_km_redis_connection_usable(rc);

        if (rc->state == SEAL_KM_REDIS_CLOSED && rc->failures == 0) {
            (void) seal_km_redis_connect(rc);
        }
    }

    if (ngx_current_msec - s->beat >= SEAL_KM_REDIS_SUBSCRIPTIONS_BEAT) {
        s->beat = ngx_current_msec;
        seal_km_redis_subscriptions_beat(s);
    }
}


/*
 * A proxy that has lost the sentinel behind it may keep the connection, over
 * which nothing comes ever after: what is subscribed to already is subscribed
 * to again, which changes nothing, takes no further right, and is answered.
 */

static void
seal_km_redis_subscriptions_beat(seal_km_redis_subscriptions_t *s)
{
    ngx_uint_t                   i;
    seal_km_redis_connection_t  *rc;

    static const char * const  argv[] = { "SUBSCRIBE", "+switch-master" };
    static const size_t        len[] = { 9, 14 };

    for (i = 0; i < s->n; i++) {
        rc = &s->connections[i];

        if (rc->state == SEAL_KM_REDIS_READY && rc->commands.n == 0) {
            (void) seal_km_redis_command_send(&rc->commands, 2,
                                     (const char **) argv, len,
                                     SEAL_KM_REDIS_KIND_ARRAY,
                                     seal_km_redis_subscriptions_beat_handler,
                                     s);
        }
    }
}


/* a message that comes before the answer is taken for it */

static void
seal_km_redis_subscriptions_beat_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    if (end == SEAL_KM_REDIS_ANSWERED) {
        seal_km_redis_subscriptions_push_handler(data, reply);
    }
}


static ngx_int_t
seal_km_redis_subscriptions_create(seal_km_redis_subscriptions_t *s,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *seeds,
    ngx_uint_t n)
{
    ngx_uint_t                   i;
    seal_km_redis_connection_t  *rc;

    s->connections = ngx_calloc(n * sizeof(seal_km_redis_connection_t),
                                ngx_cycle->log);
    if (s->connections == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rc = &s->connections[i];

        seal_km_redis_connect_init(rc, settings, &seeds[i],
                                   seal_km_redis_greet,
                                   SEAL_KM_REDIS_GREET_SUBSCRIBE);

        rc->push = seal_km_redis_subscriptions_push_handler;
        rc->push_data = s;
    }

    s->n = n;
    s->seeds = seeds;

    return NGX_OK;
}


/* whatever the message says: sentinels are asked what is so */

static void
seal_km_redis_subscriptions_push_handler(void *data,
    seal_km_redis_reply_t *reply)
{
    seal_km_redis_subscriptions_t  *s = data;

    if (seal_km_redis_reply_is_string(reply, 0, "message")) {
        s->handler(s->data);
    }

    seal_km_redis_reply_free(reply);
}


void
seal_km_redis_subscriptions_end(seal_km_redis_subscriptions_t *s)
{
    ngx_uint_t  i;

    for (i = 0; i < s->n; i++) {
        seal_km_redis_connection_destroy(&s->connections[i]);
    }

    if (s->connections) {
        ngx_free(s->connections);
    }

    s->connections = NULL;
    s->n = 0;
}
