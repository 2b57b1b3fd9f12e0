/*
 * seal_km_notify: refusals that are published to a channel of Redis, for whom it
 * concerns.
 *
 * Nobody waits for it, and no answer does: what cannot be sent is dropped.  The
 * first refusal is told at once.  The same again within a second is counted, and
 * told when the second is over; an exiting worker stays for that.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_redis_seeds.h"

#include "seal_km_notice.h"


/* for so many milliseconds the same is not told again, but counted */
#define NGX_HTTP_SEAL_KM_NOTICE_AGAIN  1000

/* and within so many of them so many messages are sent, and no more */
#define NGX_HTTP_SEAL_KM_NOTICE_RATE   1000


/* what was told, and may be again; followed by its texts */
typedef struct {
    ngx_queue_t                   queue;     /* the oldest first */
    ngx_http_seal_km_loc_conf_t  *conf;
    seal_km_notice_t              notice;
    ngx_msec_t                    told;
    u_char                        id[SEAL_KM_SHA256_SIZE];
} ngx_http_seal_km_told_t;


/* a message on its way; followed by its text */
typedef struct {
    ngx_queue_t                   queue;
    seal_km_redis_query_t         query;
    ngx_http_seal_km_loc_conf_t  *conf;
    ngx_uint_t                    next;      /* server to be tried */
} ngx_http_seal_km_message_t;


/* of a worker */
struct ngx_http_seal_km_notices_s {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_sha256_t             *sha256;
    ngx_queue_t                   told;
    int                           ident;

    ngx_queue_t                   messages;
    ngx_event_t                   timer;     /* a second is over */
    ngx_uint_t                    counted;   /* of told, those with a count */

    ngx_msec_t                    since;     /* of the rate */
    ngx_uint_t                    sent;
};


static void ngx_http_seal_km_notices_cleanup(void *data);
static void ngx_http_seal_km_fill_notice(ngx_http_seal_km_ctx_t *ctx,
    ngx_http_seal_km_loc_conf_t *conf, seal_km_notice_t *notice);
static seal_km_str_t ngx_http_seal_km_notice_text(const char *text);
static ngx_int_t ngx_http_seal_km_notice_id(ngx_http_request_t *r,
    ngx_http_seal_km_notices_t *notices, seal_km_notice_t *notice,
    u_char *id);
static ngx_http_seal_km_told_t *ngx_http_seal_km_find_told(
    ngx_http_seal_km_notices_t *notices, u_char *id);
static void ngx_http_seal_km_remember_told(
    ngx_http_seal_km_notices_t *notices, ngx_http_seal_km_loc_conf_t *conf,
    seal_km_notice_t *notice, u_char *id);
static void ngx_http_seal_km_await_second(
    ngx_http_seal_km_notices_t *notices);
static void ngx_http_seal_km_second_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_seal_km_publish(ngx_http_seal_km_notices_t *notices,
    ngx_http_seal_km_loc_conf_t *conf, seal_km_notice_t *notice);
static ngx_uint_t ngx_http_seal_km_is_above_rate(
    ngx_http_seal_km_notices_t *notices, ngx_uint_t rate);
static ngx_int_t ngx_http_seal_km_message_get(void *data,
    seal_km_redis_address_t *address);
static void ngx_http_seal_km_message_answered(void *data);
static void ngx_http_seal_km_message_free(void *data, ngx_uint_t failed);
static void ngx_http_seal_km_message_handler(seal_km_redis_query_t *query);
static void ngx_http_seal_km_end_message(ngx_http_seal_km_message_t *message);
static void ngx_http_seal_km_count_note(ngx_http_seal_km_loc_conf_t *conf,
    ngx_http_seal_km_note_e what);


ngx_http_seal_km_notices_t *
ngx_http_seal_km_create_notices(ngx_conf_t *cf, seal_km_sha256_t *sha256)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_seal_km_notices_t  *notices;

    notices = ngx_pcalloc(cf->pool, sizeof(ngx_http_seal_km_notices_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (notices == NULL || cln == NULL) {
        return NULL;
    }

    /* it comes last, and goes before the connections do */
    cln->handler = ngx_http_seal_km_notices_cleanup;
    cln->data = notices;

    notices->sha256 = sha256;
    notices->ident = -1;

    ngx_queue_init(&notices->told);
    ngx_queue_init(&notices->messages);

    notices->timer.handler = ngx_http_seal_km_second_handler;
    notices->timer.data = notices;
    notices->timer.log = &cf->cycle->new_log;

    return notices;
}


static void
ngx_http_seal_km_notices_cleanup(void *data)
{
    ngx_http_seal_km_stop_notices(data);
}


void
ngx_http_seal_km_stop_notices(ngx_http_seal_km_notices_t *notices)
{
    ngx_queue_t  *q;

    if (notices->timer.timer_set) {
        ngx_del_timer(&notices->timer);
    }

    while (!ngx_queue_empty(&notices->told)) {
        q = ngx_queue_head(&notices->told);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_seal_km_told_t, queue));
    }

    while (!ngx_queue_empty(&notices->messages)) {
        q = ngx_queue_head(&notices->messages);
        ngx_http_seal_km_end_message(
                     ngx_queue_data(q, ngx_http_seal_km_message_t, queue));
    }
}


void
ngx_http_seal_km_notify(ngx_http_request_t *r, ngx_http_seal_km_ctx_t *ctx)
{
    u_char                         id[SEAL_KM_SHA256_SIZE];
    seal_km_notice_t               notice;
    ngx_http_seal_km_told_t       *told;
    ngx_http_seal_km_notices_t    *notices;
    ngx_http_seal_km_loc_conf_t   *conf;
    ngx_http_seal_km_main_conf_t  *smcf;

    conf = ngx_http_seal_km_get_conf(r);

    if (conf->notify == NULL
        || !ngx_http_seal_km_notifies(conf->notify, ctx->reason, ctx->word))
    {
        return;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_seal_km_module);
    notices = smcf->notices;

    ngx_http_seal_km_fill_notice(ctx, conf, &notice);

    if (ngx_http_seal_km_notice_id(r, notices, &notice, id) != NGX_OK) {
        return;
    }

    told = ngx_http_seal_km_find_told(notices, id);

    if (told) {

        if (told->notice.count++ == 0) {
            /* an exiting worker has something to stay for */
            notices->counted++;
            notices->timer.cancelable = 0;
        }

        return;
    }

    notice.count = 1;

    if (ngx_http_seal_km_publish(notices, conf, &notice) == NGX_OK) {
        ngx_http_seal_km_remember_told(notices, conf, &notice, id);
    }
}


/* what may be told in a log may be told here */

static void
ngx_http_seal_km_fill_notice(ngx_http_seal_km_ctx_t *ctx,
    ngx_http_seal_km_loc_conf_t *conf, seal_km_notice_t *notice)
{
    seal_km_request_t  *request;

    request = &ctx->request;

    ngx_memzero(notice, sizeof(seal_km_notice_t));

    notice->skms_uri = ngx_http_seal_km_str(&conf->uri);
    notice->reason = ngx_http_seal_km_notice_text(
                                        ngx_http_seal_km_reason_word(ctx));
    notice->error_code = ngx_http_seal_km_notice_text(
                                     seal_km_reason(ctx->reason)->error_code);
    notice->service_id = request->service_id;
    notice->identity = request->identity;

    /* of a malformed request it is not known that it asks for the service */

    if (request->identity.data
        || (request->service_id.data && request->error == NULL))
    {
        notice->identity_type = ngx_http_seal_km_notice_text(
                               seal_km_identity_name(request->identity_type));
    }

    if (ctx->verified) {
        notice->client_id = ctx->token.client_id;
    }
}


static seal_km_str_t
ngx_http_seal_km_notice_text(const char *text)
{
    seal_km_str_t  s;

    s.data = text;
    s.len = ngx_strlen(text);

    return s;
}


/* of all that it says but how often, and when; and of where it goes */

static ngx_int_t
ngx_http_seal_km_notice_id(ngx_http_request_t *r,
    ngx_http_seal_km_notices_t *notices, seal_km_notice_t *notice, u_char *id)
{
    char                         *p;
    seal_km_str_t                 parts[3];
    ngx_http_seal_km_loc_conf_t  *conf;

    conf = ngx_http_seal_km_get_conf(r);

    p = ngx_pnalloc(r->pool, seal_km_notice_size(notice));
    if (p == NULL) {
        return NGX_ERROR;
    }

    parts[0].data = (char *) &conf->redis.pool;
    parts[0].len = sizeof(seal_km_redis_pool_t *);

    parts[1].data = p;
    parts[1].len = seal_km_notice_write(notice, p) - p;

    parts[2] = ngx_http_seal_km_str(&conf->notify->channel);

    return (seal_km_sha256(notices->sha256, parts, 3, id) == 0)
           ? NGX_OK : NGX_ERROR;
}


/* there are no more than the rate has let through in a second or two */

static ngx_http_seal_km_told_t *
ngx_http_seal_km_find_told(ngx_http_seal_km_notices_t *notices, u_char *id)
{
    ngx_queue_t              *q;
    ngx_http_seal_km_told_t  *told;

    for (q = ngx_queue_head(&notices->told);
         q != ngx_queue_sentinel(&notices->told);
         q = ngx_queue_next(q))
    {
        told = ngx_queue_data(q, ngx_http_seal_km_told_t, queue);

        if (ngx_memcmp(told->id, id, SEAL_KM_SHA256_SIZE) == 0) {
            return told;
        }
    }

    return NULL;
}


/* without memory the next one is told at once, too */

static void
ngx_http_seal_km_remember_told(ngx_http_seal_km_notices_t *notices,
    ngx_http_seal_km_loc_conf_t *conf, seal_km_notice_t *notice, u_char *id)
{
    char                     *p;
    ngx_uint_t                i;
    seal_km_str_t            *text[3];
    ngx_http_seal_km_told_t  *told;

    told = ngx_alloc(sizeof(ngx_http_seal_km_told_t) + notice->service_id.len
                     + notice->identity.len + notice->client_id.len,
                     ngx_cycle->log);
    if (told == NULL) {
        return;
    }

    told->conf = conf;
    told->notice = *notice;
    told->notice.count = 0;
    told->told = ngx_current_msec;
    ngx_memcpy(told->id, id, SEAL_KM_SHA256_SIZE);

    /* the others are static, or the configuration's */

    text[0] = &told->notice.service_id;
    text[1] = &told->notice.identity;
    text[2] = &told->notice.client_id;

    p = (char *) told + sizeof(ngx_http_seal_km_told_t);

    for (i = 0; i < 3; i++) {
        if (text[i]->data) {
            ngx_memcpy(p, text[i]->data, text[i]->len);
            text[i]->data = p;
            p += text[i]->len;
        }
    }

    ngx_queue_insert_tail(&notices->told, &told->queue);

    ngx_http_seal_km_await_second(notices);
}


static void
ngx_http_seal_km_await_second(ngx_http_seal_km_notices_t *notices)
{
    ngx_msec_t                past;
    ngx_queue_t              *q;
    ngx_http_seal_km_told_t  *told;

    if (ngx_queue_empty(&notices->told) || notices->timer.timer_set) {
        return;
    }

    q = ngx_queue_head(&notices->told);
    told = ngx_queue_data(q, ngx_http_seal_km_told_t, queue);

    past = ngx_current_msec - told->told;

    notices->timer.cancelable = (notices->counted == 0);

    ngx_add_timer(&notices->timer, (past < NGX_HTTP_SEAL_KM_NOTICE_AGAIN)
                                   ? NGX_HTTP_SEAL_KM_NOTICE_AGAIN - past : 1);
}


/* what has been counted is told, and is not told again for a second, either */

static void
ngx_http_seal_km_second_handler(ngx_event_t *ev)
{
    ngx_queue_t                 *q;
    ngx_http_seal_km_told_t     *told;
    ngx_http_seal_km_notices_t  *notices;

    notices = ev->data;

    while (!ngx_queue_empty(&notices->told)) {
        q = ngx_queue_head(&notices->told);
        told = ngx_queue_data(q, ngx_http_seal_km_told_t, queue);

        if (ngx_current_msec - told->told < NGX_HTTP_SEAL_KM_NOTICE_AGAIN) {
            break;
        }

        ngx_queue_remove(q);

        if (told->notice.count == 0) {
            ngx_free(told);
            continue;
        }

        notices->counted--;

        if (ngx_http_seal_km_publish(notices, told->conf, &told->notice)
            != NGX_OK)
        {
            ngx_free(told);
            continue;
        }

        told->notice.count = 0;
        told->told = ngx_current_msec;
        ngx_queue_insert_tail(&notices->told, q);
    }

    ngx_http_seal_km_await_second(notices);
}


/* NGX_OK: it is on its way; NGX_ERROR: it is dropped */

static ngx_int_t
ngx_http_seal_km_publish(ngx_http_seal_km_notices_t *notices,
    ngx_http_seal_km_loc_conf_t *conf, seal_km_notice_t *notice)
{
    char                        *p;
    seal_km_redis_query_t       *query;
    ngx_http_seal_km_message_t  *message;

    if (ngx_http_seal_km_is_above_rate(notices, conf->notify_rate)) {
        ngx_http_seal_km_count_note(conf, NGX_HTTP_SEAL_KM_NOTE_DROPPED);
        return NGX_ERROR;
    }

    notice->time = ngx_time();

    message = ngx_alloc(sizeof(ngx_http_seal_km_message_t)
                        + seal_km_notice_size(notice), ngx_cycle->log);
    if (message == NULL) {
        ngx_http_seal_km_count_note(conf, NGX_HTTP_SEAL_KM_NOTE_DROPPED);
        return NGX_ERROR;
    }

    ngx_memzero(message, sizeof(ngx_http_seal_km_message_t));

    p = (char *) message + sizeof(ngx_http_seal_km_message_t);

    message->conf = conf;

    query = &message->query;

    query->key = conf->notify->channel;
    query->message.data = (u_char *) p;
    query->message.len = seal_km_notice_write(notice, p) - p;
    query->pool = conf->redis.pool;
    query->handler = ngx_http_seal_km_message_handler;
    query->data = message;
    query->log = ngx_cycle->log;

    query->balancer.get = ngx_http_seal_km_message_get;
    query->balancer.answered = ngx_http_seal_km_message_answered;
    query->balancer.free = ngx_http_seal_km_message_free;
    query->balancer.data = message;

    ngx_queue_insert_tail(&notices->messages, &message->queue);

    if (seal_km_redis_query_start(query) != NGX_AGAIN) {
        ngx_http_seal_km_message_handler(query);
        return NGX_ERROR;
    }

    notices->sent++;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_seal_km_is_above_rate(ngx_http_seal_km_notices_t *notices,
    ngx_uint_t rate)
{
    if (ngx_current_msec - notices->since >= NGX_HTTP_SEAL_KM_NOTICE_RATE) {
        notices->since = ngx_current_msec;
        notices->sent = 0;
    }

    return notices->sent >= rate;
}


/*
 * nginx's balancer chooses for a request, which this one is of no longer: the
 * servers are tried in their order.
 */

static ngx_int_t
ngx_http_seal_km_message_get(void *data, seal_km_redis_address_t *address)
{
    ngx_http_seal_km_message_t *message = data;

    return ngx_http_seal_km_nth_server(message->conf->redis.upstream,
                                       message->next++,
                                       message->conf->redis.ssl, address);
}


static void
ngx_http_seal_km_message_answered(void *data)
{
    /* void */
}


static void
ngx_http_seal_km_message_free(void *data, ngx_uint_t failed)
{
    /* void */
}


static void
ngx_http_seal_km_message_handler(seal_km_redis_query_t *query)
{
    ngx_http_seal_km_message_t  *message;

    message = query->data;

    ngx_http_seal_km_count_note(message->conf,
                                (query->result == SEAL_KM_REDIS_VALUE)
                                ? NGX_HTTP_SEAL_KM_NOTE_SENT
                                : NGX_HTTP_SEAL_KM_NOTE_DROPPED);

    ngx_http_seal_km_end_message(message);
}


static void
ngx_http_seal_km_end_message(ngx_http_seal_km_message_t *message)
{
    seal_km_redis_query_cancel(&message->query);
    ngx_queue_remove(&message->queue);
    ngx_free(message);
}


static void
ngx_http_seal_km_count_note(ngx_http_seal_km_loc_conf_t *conf,
    ngx_http_seal_km_note_e what)
{
    if (conf->tally) {
        conf->tally->counters->notifications[what]++;
    }
}
