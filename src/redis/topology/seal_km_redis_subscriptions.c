/*
 * Connections to all sentinels, over which these tell of failovers.
 */


#include "seal_km_redis_connect.h"
#include "seal_km_redis_greeting.h"
#include "seal_km_redis_subscriptions.h"


static ngx_int_t seal_km_redis_subscriptions_create(
    seal_km_redis_subscriptions_t *s, seal_km_redis_settings_t *settings,
    seal_km_redis_address_t *seeds, ngx_uint_t n);
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
