/*
 * RESP replies: hiredis' reader with our own reply objects.
 */


#include "seal_km_redis_reply.h"

#include <hiredis/sds.h>
#include <openssl/crypto.h>


/* no answer to what we ask has as many elements */
#define SEAL_KM_REDIS_ELEMENTS_MAX  65536


static ngx_int_t seal_km_redis_reader_reserve(seal_km_redis_reader_t *reader,
    size_t len);
static seal_km_redis_reply_t *seal_km_redis_reply_create(
    const redisReadTask *task, seal_km_redis_reply_e type, size_t size);
static void *seal_km_redis_reply_add(const redisReadTask *task,
    seal_km_redis_reply_t *reply);
static ngx_uint_t seal_km_redis_reader_is_over_long(redisReader *redis);
static void *seal_km_redis_reply_string(const redisReadTask *task, char *data,
    size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *seal_km_redis_reply_array(const redisReadTask *task, size_t n);
static void *seal_km_redis_reply_double(const redisReadTask *task,
    double value, char *data, size_t len);
static void *seal_km_redis_reply_bool(const redisReadTask *task, int value);
#else
static void *seal_km_redis_reply_array(const redisReadTask *task, int n);
#endif
static void *seal_km_redis_reply_integer(const redisReadTask *task,
    long long value);
static void *seal_km_redis_reply_nil(const redisReadTask *task);
static void seal_km_redis_reply_free_object(void *reply);


static redisReplyObjectFunctions  seal_km_redis_reply_functions = {
    .createString = seal_km_redis_reply_string,
    .createArray = seal_km_redis_reply_array,
    .createInteger = seal_km_redis_reply_integer,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = seal_km_redis_reply_double,
    .createBool = seal_km_redis_reply_bool,
#endif
    .createNil = seal_km_redis_reply_nil,
    .freeObject = seal_km_redis_reply_free_object
};


/* replies without a text are never allocated, nor freed */

static seal_km_redis_reply_t  seal_km_redis_nil =
    { .type = SEAL_KM_REDIS_REPLY_NIL };
static seal_km_redis_reply_t  seal_km_redis_status =
    { .type = SEAL_KM_REDIS_REPLY_STATUS };
static seal_km_redis_reply_t  seal_km_redis_other =
    { .type = SEAL_KM_REDIS_REPLY_OTHER };
static seal_km_redis_reply_t  seal_km_redis_dropped =
    { .type = SEAL_KM_REDIS_REPLY_DROPPED };


ngx_int_t
seal_km_redis_reader_init(seal_km_redis_reader_t *reader)
{
    ngx_memzero(reader, sizeof(seal_km_redis_reader_t));

    reader->redis = redisReaderCreateWithFunctions(
                                              &seal_km_redis_reply_functions);
    if (reader->redis == NULL) {
        return NGX_ERROR;
    }

    reader->redis->privdata = reader;

    return NGX_OK;
}


void
seal_km_redis_reader_free(seal_km_redis_reader_t *reader)
{
    if (reader->redis == NULL) {
        return;
    }

    if (reader->redis->buf != NULL) {
        OPENSSL_cleanse(reader->redis->buf, reader->used);
    }

    redisReaderFree(reader->redis);
    reader->redis = NULL;
}


ngx_int_t
seal_km_redis_reader_feed(seal_km_redis_reader_t *reader, u_char *data,
    size_t len)
{
    if (seal_km_redis_reader_reserve(reader, len) != NGX_OK) {
        return NGX_ERROR;
    }

    if (redisReaderFeed(reader->redis, (char *) data, len) != REDIS_OK) {
        reader->used = 0;
        return NGX_ERROR;
    }

    reader->used = ngx_max(reader->used, reader->redis->len);

    return NGX_OK;
}


/*
 * hiredis' buffer grows by realloc(), which leaves what it held somewhere in
 * the heap: where there is no room for more, it gets a new buffer from us.
 */

static ngx_int_t
seal_km_redis_reader_reserve(seal_km_redis_reader_t *reader, size_t len)
{
    sds           empty, buf;
    redisReader  *redis;

    redis = reader->redis;

    if (redis->buf == NULL || redis->len == 0 || sdsavail(redis->buf) >= len) {
        return NGX_OK;
    }

    empty = sdsempty();
    if (empty == NULL) {
        return NGX_ERROR;
    }

    buf = sdsMakeRoomFor(empty, redis->len - redis->pos + len);
    if (buf == NULL) {
        sdsfree(empty);
        return NGX_ERROR;
    }

    /* there is room: this allocates nothing */
    buf = sdscatlen(buf, redis->buf + redis->pos, redis->len - redis->pos);

    OPENSSL_cleanse(redis->buf, reader->used);
    sdsfree(redis->buf);

    redis->buf = buf;
    redis->len -= redis->pos;
    redis->pos = 0;
    reader->used = redis->len;

    return NGX_OK;
}


ngx_int_t
seal_km_redis_reader_next(seal_km_redis_reader_t *reader,
    seal_km_redis_reply_t **reply)
{
    void         *object;
    redisReader  *redis;

    redis = reader->redis;

    if (redisReaderGetReply(redis, &object) != REDIS_OK) {
        /* on a protocol error hiredis has freed its buffer */
        reader->used = 0;
        return NGX_ERROR;
    }

    if (reader->other) {
        /* not one of its elements is worth waiting for */
        reader->other = 0;

        if (object == NULL) {
            object = &seal_km_redis_other;
        }
    }

    if (redis->pos == redis->len) {
        /* what was decoded may be key material, and stays in the buffer */
        OPENSSL_cleanse(redis->buf, reader->used);
        reader->used = redis->len;

    } else if (object == NULL && seal_km_redis_reader_is_over_long(redis)) {
        return NGX_ERROR;
    }

    *reply = object;

    return (object != NULL) ? NGX_OK : NGX_AGAIN;
}


/*
 * Whether what the reader waits for is too long, which a string says ahead:
 * nothing is gathered in vain, and no line is searched for its end for ever.
 */

static ngx_uint_t
seal_km_redis_reader_is_over_long(redisReader *redis)
{
    int      type;
    char    *p, *last;
    size_t   len;

    if (redis->ridx < 0) {
        return 0;
    }

#if (HIREDIS_MAJOR >= 1)
    type = redis->task[redis->ridx]->type;
#else
    type = redis->rstack[redis->ridx].type;
#endif

    p = redis->buf + redis->pos;
    last = redis->buf + redis->len;

    if (type != REDIS_REPLY_STRING) {
        return last - p > SEAL_KM_REDIS_LINE_MAX;
    }

    if (ngx_strlchr((u_char *) p, (u_char *) last, CR) == NULL) {
        return last - p > (ssize_t) NGX_INT64_LEN;
    }

    for (len = 0; *p >= '0' && *p <= '9'; p++) {
        len = len * 10 + (*p - '0');

        if (len > SEAL_KM_REDIS_REPLY_MAX) {
            return 1;
        }
    }

    return 0;
}


void
seal_km_redis_reply_free(seal_km_redis_reply_t *reply)
{
    ngx_uint_t  i;

    if (reply == NULL) {
        return;
    }

    switch (reply->type) {

    case SEAL_KM_REDIS_REPLY_STRING:
    case SEAL_KM_REDIS_REPLY_ERROR:
        OPENSSL_cleanse(reply->data, reply->len);
        break;

    case SEAL_KM_REDIS_REPLY_ARRAY:
        for (i = 0; i < reply->n; i++) {
            seal_km_redis_reply_free(reply->elements[i]);
        }

        break;

    case SEAL_KM_REDIS_REPLY_INTEGER:
        break;

    default:
        return;
    }

    ngx_free(reply);
}


ngx_str_t
seal_km_redis_reply_error_code(seal_km_redis_reply_t *reply)
{
    size_t     n;
    ngx_str_t  code;

    for (n = 0; n < reply->len && n < 32; n++) {
        if ((reply->data[n] < 'A' || reply->data[n] > 'Z')
            && reply->data[n] != '_')
        {
            break;
        }
    }

    if (n == 0 || (n < reply->len && reply->data[n] != ' ')) {
        ngx_str_set(&code, "ERR");
        return code;
    }

    code.len = n;
    code.data = reply->data;

    return code;
}


ngx_uint_t
seal_km_redis_reply_is_error(seal_km_redis_reply_t *reply, const char *code)
{
    size_t     len;
    ngx_str_t  have;

    if (reply->type != SEAL_KM_REDIS_REPLY_ERROR) {
        return 0;
    }

    have = seal_km_redis_reply_error_code(reply);
    len = ngx_strlen(code);

    return have.len == len && ngx_strncmp(have.data, code, len) == 0;
}


seal_km_redis_reply_t *
seal_km_redis_reply_element(seal_km_redis_reply_t *reply, ngx_uint_t i,
    seal_km_redis_reply_e type)
{
    if (reply == NULL
        || reply->type != SEAL_KM_REDIS_REPLY_ARRAY
        || i >= reply->n
        || reply->elements[i]->type != type)
    {
        return NULL;
    }

    return reply->elements[i];
}


ngx_uint_t
seal_km_redis_reply_is_string(seal_km_redis_reply_t *reply, ngx_uint_t i,
    const char *text)
{
    seal_km_redis_reply_t  *string;

    string = seal_km_redis_reply_element(reply, i, SEAL_KM_REDIS_REPLY_STRING);

    return string != NULL
           && string->len == ngx_strlen(text)
           && ngx_strncmp(string->data, text, string->len) == 0;
}


static seal_km_redis_reply_t *
seal_km_redis_reply_create(const redisReadTask *task,
    seal_km_redis_reply_e type, size_t size)
{
    seal_km_redis_reply_t  *reply;

    reply = ngx_alloc(sizeof(seal_km_redis_reply_t) + size, ngx_cycle->log);
    if (reply == NULL) {
        return NULL;
    }

    ngx_memzero(reply, sizeof(seal_km_redis_reply_t));
    reply->type = type;

    return reply;
}


/* hangs a reply into the array that it belongs to */

static void *
seal_km_redis_reply_add(const redisReadTask *task,
    seal_km_redis_reply_t *reply)
{
    seal_km_redis_reply_t  *array;

    if (reply == NULL) {
        return NULL;
    }

    if (task->parent != NULL) {
        array = task->parent->obj;

        if (array->type == SEAL_KM_REDIS_REPLY_ARRAY) {
            array->elements[task->idx] = reply;
        }
    }

    return reply;
}


static void *
seal_km_redis_reply_string(const redisReadTask *task, char *data, size_t len)
{
    seal_km_redis_reply_e    type;
    seal_km_redis_reply_t   *reply;
    seal_km_redis_reader_t  *reader;

    reader = task->privdata;

    if (task->type == REDIS_REPLY_STRING
        && (data[len] != '\r' || data[len + 1] != '\n'))
    {
        /*
         * hiredis skips the two bytes behind a bulk string unseen; where they
         * are no CRLF the length is wrong, and the value with it
         */
        return NULL;
    }

    if (task->type == REDIS_REPLY_STATUS) {
        return seal_km_redis_reply_add(task, &seal_km_redis_status);
    }

    if ((task->parent != NULL && !reader->tree)
        || (task->type != REDIS_REPLY_STRING
            && task->type != REDIS_REPLY_ERROR))
    {
        return seal_km_redis_reply_add(task, &seal_km_redis_other);
    }

    if (reader->drop) {
        return seal_km_redis_reply_add(task, &seal_km_redis_dropped);
    }

    type = (task->type == REDIS_REPLY_STRING) ? SEAL_KM_REDIS_REPLY_STRING
                                              : SEAL_KM_REDIS_REPLY_ERROR;

    reply = seal_km_redis_reply_create(task, type, len);
    if (reply == NULL) {
        return NULL;
    }

    reply->len = len;
    ngx_memcpy(reply->data, data, len);
    reply->data[len] = '\0';

    return seal_km_redis_reply_add(task, reply);
}


static void *
#if (HIREDIS_MAJOR >= 1)
seal_km_redis_reply_array(const redisReadTask *task, size_t n)
#else
seal_km_redis_reply_array(const redisReadTask *task, int n)
#endif
{
    ngx_uint_t               i, max;
    seal_km_redis_reply_t   *reply;
    seal_km_redis_reader_t  *reader;

    reader = task->privdata;

    if (!reader->tree) {
        reader->other = 1;
        return seal_km_redis_reply_add(task, &seal_km_redis_other);
    }

    max = n;

    if (max > SEAL_KM_REDIS_ELEMENTS_MAX) {
        return NULL;
    }

    reply = seal_km_redis_reply_create(task, SEAL_KM_REDIS_REPLY_ARRAY,
                                       max * sizeof(seal_km_redis_reply_t *));
    if (reply == NULL) {
        return NULL;
    }

    reply->n = max;
    reply->elements = (seal_km_redis_reply_t **) (reply + 1);

    for (i = 0; i < max; i++) {
        reply->elements[i] = &seal_km_redis_nil;
    }

    return seal_km_redis_reply_add(task, reply);
}


static void *
seal_km_redis_reply_integer(const redisReadTask *task, long long value)
{
    seal_km_redis_reply_t   *reply;
    seal_km_redis_reader_t  *reader;

    reader = task->privdata;

    if (!reader->tree) {
        return seal_km_redis_reply_add(task, &seal_km_redis_other);
    }

    reply = seal_km_redis_reply_create(task, SEAL_KM_REDIS_REPLY_INTEGER, 0);

    if (reply != NULL) {
        reply->integer = value;
    }

    return seal_km_redis_reply_add(task, reply);
}


#if (HIREDIS_MAJOR >= 1)

static void *
seal_km_redis_reply_double(const redisReadTask *task, double value, char *data,
    size_t len)
{
    return seal_km_redis_reply_add(task, &seal_km_redis_other);
}


static void *
seal_km_redis_reply_bool(const redisReadTask *task, int value)
{
    return seal_km_redis_reply_add(task, &seal_km_redis_other);
}

#endif


static void *
seal_km_redis_reply_nil(const redisReadTask *task)
{
    return seal_km_redis_reply_add(task, &seal_km_redis_nil);
}


static void
seal_km_redis_reply_free_object(void *reply)
{
    seal_km_redis_reply_free(reply);
}
