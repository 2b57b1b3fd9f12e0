/*
 * One pipelined connection to a Redis server: its state, how it fails, and how
 * it ends.
 */


#include "seal_km_redis_connection.h"

#include <openssl/crypto.h>


#define SEAL_KM_REDIS_BACKOFF_MIN   50      /* milliseconds */
#define SEAL_KM_REDIS_BACKOFF_MAX   1000

/* milliseconds: how soon the log is told the same again, at most */
#define SEAL_KM_REDIS_SAID          1000

/*
 * How often a server may close a connection that it has greeted before it has
 * answered any command: a record may be why, see seal_km_redis_command.h
 */
#define SEAL_KM_REDIS_EXCUSED       5


static u_char *seal_km_redis_log_context(ngx_log_t *log, u_char *buf,
    size_t len);
static void seal_km_redis_recovered(seal_km_redis_connection_t *rc);
static void seal_km_redis_tell(seal_km_redis_connection_t *rc, ngx_err_t err,
    const char *what);
static void seal_km_redis_close(seal_km_redis_connection_t *rc);
static void seal_km_redis_back_off(seal_km_redis_connection_t *rc);


void
seal_km_redis_connection_init(seal_km_redis_connection_t *rc,
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address)
{
    rc->settings = settings;
    rc->address = address;
    rc->ident = -1;

    seal_km_redis_commands_init(&rc->commands);

    rc->log = *ngx_cycle->log;
    rc->log.handler = seal_km_redis_log_context;
    rc->log.data = rc;
    rc->log.action = NULL;
}


static u_char *
seal_km_redis_log_context(ngx_log_t *log, u_char *buf, size_t len)
{
    seal_km_redis_connection_t  *rc;

    rc = log->data;

    return ngx_snprintf(buf, len, ", Redis server: \"%V\"",
                        &rc->address->name);
}


/*
 * One that has failed is counted so until it is ready, however often it is tried
 * meanwhile; one that is closed and has not is not counted.
 */

void
seal_km_redis_connection_changed(seal_km_redis_connection_t *rc)
{
    ngx_uint_t                 counted;
    seal_km_redis_count_e      as;
    seal_km_redis_settings_t  *settings;

    settings = rc->settings;

    if (!rc->countable || settings->count == NULL) {
        return;
    }

    counted = (rc->state != SEAL_KM_REDIS_CLOSED || rc->failures);

    if (rc->state == SEAL_KM_REDIS_READY) {
        as = SEAL_KM_REDIS_COUNT_READY;

    } else {
        as = rc->failures ? SEAL_KM_REDIS_COUNT_FAILED
                          : SEAL_KM_REDIS_COUNT_CONNECTING;
    }

    if (counted == rc->counted && as == rc->counted_as) {
        return;
    }

    if (rc->counted) {
        settings->count(settings->count_data, rc->counted_as, -1);
    }

    if (counted) {
        settings->count(settings->count_data, as, 1);
    }

    rc->counted = counted;
    rc->counted_as = as;
}


ngx_uint_t
seal_km_redis_connection_usable(seal_km_redis_connection_t *rc)
{
    rc->used = ngx_current_msec;

    if (rc->commands.n >= SEAL_KM_REDIS_COMMANDS_MAX) {
        return 0;
    }

    if (rc->state == SEAL_KM_REDIS_READY) {
        return 1;
    }

    /* nobody waits for a server that has just refused, but when exiting */
    return rc->state != SEAL_KM_REDIS_CLOSED
           && (rc->failures == 0 || ngx_exiting);
}


/*
 * After a failure it opens by itself, from a timer.  A worker that is exiting is
 * not to be kept by a timer, and opens what it still has a use for.
 */

ngx_uint_t
seal_km_redis_connection_openable(seal_km_redis_connection_t *rc)
{
    if (rc->state != SEAL_KM_REDIS_CLOSED) {
        return 0;
    }

    return rc->failures == 0
           || (ngx_exiting
               && (ngx_msec_int_t) (ngx_current_msec - rc->retry) >= 0);
}


void
seal_km_redis_connection_refused(seal_km_redis_connection_t *rc,
    const char *what)
{
    /* whatever it has answered before: it is tried less and less often */
    rc->greeted = 0;
    rc->proved = 0;

    seal_km_redis_connection_failed(rc, 0, what, SEAL_KM_REDIS_UNSENT);
}


void
seal_km_redis_connection_greeted(seal_km_redis_connection_t *rc)
{
    rc->greeted = 1;
    rc->denied = 0;

    if (rc->deaths < SEAL_KM_REDIS_EXCUSED) {
        seal_km_redis_recovered(rc);
    }
}


void
seal_km_redis_connection_proved(seal_km_redis_connection_t *rc)
{
    if (rc->proved) {
        return;
    }

    rc->proved = 1;
    rc->deaths = 0;
    rc->unnamed = rc->nameless;

    seal_km_redis_recovered(rc);
}


static void
seal_km_redis_recovered(seal_km_redis_connection_t *rc)
{
    rc->failures = 0;

    if (rc->failing) {
        rc->failing = 0;
        rc->log.log_level = ngx_cycle->log->log_level;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "Redis server \"%V\" answers again",
                      &rc->address->name);
    }
}


void
seal_km_redis_connection_failed(seal_km_redis_connection_t *rc, ngx_err_t err,
    const char *what, seal_km_redis_end_e end)
{
    if (what) {
        rc->denied = rc->denying;
        rc->denying = 0;

        seal_km_redis_tell(rc, err, what);

        if (!rc->proved) {

            if (rc->greeted && rc->deaths++ < SEAL_KM_REDIS_EXCUSED) {
                /* who wants it may open it at once */
                rc->failures = 0;

            } else {
                rc->failing = 1;
                seal_km_redis_back_off(rc);
            }
        }

    } else {
        /* no timer is set: who wants it again may open it at once */
        rc->failures = 0;
    }

    seal_km_redis_close(rc);
    seal_km_redis_connection_changed(rc);

    seal_km_redis_command_end_all(&rc->commands, end);
}


/*
 * Whoever asks next may open it at once.  But nobody asks what only listens, which
 * has to try again by itself.
 */

void
seal_km_redis_connection_starved(seal_km_redis_connection_t *rc,
    const char *what, seal_km_redis_end_e end)
{
    if (rc->push) {
        seal_km_redis_connection_failed(rc, NGX_ENOMEM, what, end);
        return;
    }

    seal_km_redis_tell(rc, NGX_ENOMEM, what);
    seal_km_redis_connection_failed(rc, 0, NULL, end);
}


static void
seal_km_redis_tell(seal_km_redis_connection_t *rc, ngx_err_t err,
    const char *what)
{
    if (rc->failing
        || (rc->what == what
            && ngx_current_msec - rc->said < SEAL_KM_REDIS_SAID))
    {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                  "Redis server \"%V\" %s%s%s, requests waiting: %ui",
                  &rc->address->name, what, rc->last ? ", last sent: " : "",
                  rc->last ? rc->last : "", rc->commands.waiters);

    rc->said = ngx_current_msec;
    rc->what = what;
}


void
seal_km_redis_connection_close(seal_km_redis_connection_t *rc)
{
    if (rc->state != SEAL_KM_REDIS_CLOSED) {
        seal_km_redis_connection_failed(rc, 0, NULL, SEAL_KM_REDIS_LOST);
    }
}


static void
seal_km_redis_close(seal_km_redis_connection_t *rc)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = rc->peer.connection;

    if (c) {
        rc->unsecure(rc);

        pool = c->pool;

        ngx_close_connection(c);
        rc->peer.connection = NULL;

        if (pool) {
            ngx_destroy_pool(pool);
        }
    }

    if (rc->commands.flush.posted) {
        ngx_delete_posted_event(&rc->commands.flush);
    }

    if (rc->watch.timer_set) {
        ngx_del_timer(&rc->watch);
    }

    seal_km_redis_reader_free(&rc->reader);

    if (rc->out) {
        OPENSSL_cleanse(rc->out, rc->out_size);
        ngx_free(rc->out);
        rc->out = NULL;
    }

    rc->out_pos = 0;
    rc->out_last = 0;
    rc->replies = 0;
    rc->last = NULL;
    rc->ident = -1;
    rc->greeted = 0;
    rc->proved = 0;
    rc->state = SEAL_KM_REDIS_CLOSED;
}


/* the next try begins so long after this one has begun, or at once */

static void
seal_km_redis_back_off(seal_km_redis_connection_t *rc)
{
    ngx_uint_t  n;
    ngx_msec_t  delay, past;

    n = ngx_min(rc->failures, 10);
    delay = ngx_min(SEAL_KM_REDIS_BACKOFF_MIN << n, SEAL_KM_REDIS_BACKOFF_MAX);
    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    past = ngx_current_msec - rc->opened;
    delay = (past < delay) ? delay - past : 1;

    rc->failures++;
    rc->retry = ngx_current_msec + delay;

    if (!ngx_exiting && !ngx_terminate) {
        ngx_add_timer(&rc->reconnect, delay);
    }
}


void
seal_km_redis_connection_destroy(seal_km_redis_connection_t *rc)
{
    seal_km_redis_close(rc);

    rc->failures = 0;
    seal_km_redis_connection_changed(rc);

    if (rc->reconnect.timer_set) {
        ngx_del_timer(&rc->reconnect);
    }

    seal_km_redis_command_free_all(&rc->commands);
    seal_km_redis_connection_forget_session(rc);
}


void
seal_km_redis_connection_forget_session(seal_km_redis_connection_t *rc)
{
    if (rc->session) {
        ngx_ssl_free_session(rc->session);
        rc->session = NULL;
    }
}
