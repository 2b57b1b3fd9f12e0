/*
 * RESP replies: hiredis' reader with our own reply objects.
 */


#include "seal_km_redis_reply.h"

#include <hiredis/sds.h>
#include <openssl/crypto.h>


/*
 * What a server only says that it will send is worth no more memory at once, and
 * no more is kept when it has been read.
 */
#define SEAL_KM_REDIS_ROOM_MAX  (1024 * 1024)

/* bytes behind a string, which are received together with it */
#define SEAL_KM_REDIS_CRLF  2


static ngx_uint_t seal_km_redis_reader_is_string(
    seal_km_redis_reader_t *reader, seal_km_redis_frame_e rc);
static ngx_int_t seal_km_redis_reader_start(seal_km_redis_reader_t *reader,
    u_char *last);
static seal_km_redis_reply_t *seal_km_redis_reader_finish(
    seal_km_redis_reader_t *reader);
static ngx_int_t seal_km_redis_reader_feed(seal_km_redis_reader_t *reader,
    u_char *data, size_t len, size_t more);
static ngx_int_t seal_km_redis_reader_reserve(seal_km_redis_reader_t *reader,
    size_t len, size_t more);
static void seal_km_redis_reader_shrink(redisReader *redis);
static void seal_km_redis_reader_discard(seal_km_redis_reader_t *reader);
static ngx_int_t seal_km_redis_reader_decode(seal_km_redis_reader_t *reader,
    seal_km_redis_reply_t **reply);
static seal_km_redis_reply_t *seal_km_redis_reply_create(
    seal_km_redis_reply_e type, size_t size);
static void *seal_km_redis_reply_add(const redisReadTask *task,
    seal_km_redis_reply_t *reply);
static void *seal_km_redis_reply_string(const redisReadTask *task, char *data,
    size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *seal_km_redis_reply_array(const redisReadTask *task, size_t n);
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
    .createNil = seal_km_redis_reply_nil,
    .freeObject = seal_km_redis_reply_free_object
};


/* replies without a text are never allocated, nor freed */

static seal_km_redis_reply_t  seal_km_redis_nil =
    { .type = SEAL_KM_REDIS_REPLY_NIL };
static seal_km_redis_reply_t  seal_km_redis_status =
    { .type = SEAL_KM_REDIS_REPLY_STATUS };
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

    /*
     * An empty buffer that is too large is made a small one here: hiredis 0.14
     * ends the process where it has no memory for that, and does so with all
     * that would be wanted again for the next reply.
     */

    reader->redis->maxbuf = 0;

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

    seal_km_redis_reply_free(reader->string);
    reader->string = NULL;

    redisReaderFree(reader->redis);
    reader->redis = NULL;
}


void
seal_km_redis_reader_room(seal_km_redis_reader_t *reader, ngx_str_t *room)
{
    seal_km_redis_reply_t  *string;

    string = reader->string;

    if (string != NULL) {
        room->data = string->data + reader->received;
        room->len = string->len + SEAL_KM_REDIS_CRLF - reader->received;
    }
}


ngx_int_t
seal_km_redis_reader_next(seal_km_redis_reader_t *reader, ngx_str_t *bytes,
    ngx_uint_t expected, ngx_uint_t drop, seal_km_redis_reply_t **reply)
{
    size_t                  used;
    u_char                 *data;
    seal_km_redis_frame_e   rc;
    seal_km_redis_frame_t  *frame;

    frame = &reader->frame;
    data = bytes->data;

    frame->max_elements = (expected & SEAL_KM_REDIS_KIND_MAP)
                          ? SEAL_KM_REDIS_MAP_ELEMENTS_MAX : 0;

    rc = seal_km_redis_frame_read(frame, data, bytes->len, &used);

    if (rc == SEAL_KM_REDIS_FRAME_BAD
        || (frame->kind && !(frame->kind & expected)))
    {
        return NGX_ERROR;
    }

    bytes->data += used;
    bytes->len -= used;

    if (drop) {
        /* what came while somebody still waited for it */
        seal_km_redis_reader_discard(reader);
        *reply = &seal_km_redis_dropped;

    } else if (reader->string) {
        reader->received += used;

    } else if (seal_km_redis_reader_is_string(reader, rc)) {

        if (rc == SEAL_KM_REDIS_FRAME_WHOLE) {
            used -= SEAL_KM_REDIS_CRLF;
        }

        if (seal_km_redis_reader_start(reader, data + used) != NGX_OK) {
            reader->starved = 1;
            return NGX_ERROR;
        }

    } else if (seal_km_redis_reader_feed(reader, data, used, frame->body)
               != NGX_OK)
    {
        reader->starved = 1;
        return NGX_ERROR;
    }

    if (rc == SEAL_KM_REDIS_FRAME_PART) {
        return NGX_AGAIN;
    }

    reader->kind = frame->kind;
    ngx_memzero(frame, sizeof(seal_km_redis_frame_t));

    if (drop) {
        return NGX_OK;
    }

    if (reader->string) {
        *reply = seal_km_redis_reader_finish(reader);
        return NGX_OK;
    }

    return seal_km_redis_reader_decode(reader, reply);
}


/*
 * 1 if a string is all of the reply, as a record is, and none of it was given to
 * hiredis: it goes to where it stays at once, whole or its first bytes.  One that
 * is very long is decoded by hiredis, bit by bit.
 */

static ngx_uint_t
seal_km_redis_reader_is_string(seal_km_redis_reader_t *reader,
    seal_km_redis_frame_e rc)
{
    return reader->frame.kind == SEAL_KM_REDIS_KIND_STRING
           && (rc == SEAL_KM_REDIS_FRAME_WHOLE || reader->frame.body > 0)
           && reader->frame.size <= SEAL_KM_REDIS_ROOM_MAX
           && reader->redis->pos == reader->redis->len;
}


/* a reply for the string, whose first bytes are those before last */

static ngx_int_t
seal_km_redis_reader_start(seal_km_redis_reader_t *reader, u_char *last)
{
    size_t                  len;
    seal_km_redis_reply_t  *string;

    len = reader->frame.size;

    string = seal_km_redis_reply_create(SEAL_KM_REDIS_REPLY_STRING,
                                        len + SEAL_KM_REDIS_CRLF);
    if (string == NULL) {
        return NGX_ERROR;
    }

    string->len = len;

    reader->string = string;
    reader->received = len - reader->frame.body;

    ngx_memcpy(string->data, last - reader->received, reader->received);

    return NGX_OK;
}


static seal_km_redis_reply_t *
seal_km_redis_reader_finish(seal_km_redis_reader_t *reader)
{
    seal_km_redis_reply_t  *string;

    string = reader->string;
    reader->string = NULL;

    string->data[string->len] = '\0';

    return string;
}


static ngx_int_t
seal_km_redis_reader_feed(seal_km_redis_reader_t *reader, u_char *data,
    size_t len, size_t more)
{
    if (seal_km_redis_reader_reserve(reader, len, more) != NGX_OK) {
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
 * the heap: where there is no room for more, it gets a new buffer from us.  That
 * has room for the rest of a string too, of which more bytes are to come: else a
 * long one would be copied again and again.
 */

static ngx_int_t
seal_km_redis_reader_reserve(seal_km_redis_reader_t *reader, size_t len,
    size_t more)
{
    sds           empty, buf;
    redisReader  *redis;

    redis = reader->redis;

    if (redis->buf != NULL && redis->len == 0
        && sdsavail(redis->buf) > SEAL_KM_REDIS_ROOM_MAX)
    {
        seal_km_redis_reader_shrink(redis);
    }

    if (redis->buf == NULL || redis->len == 0 || sdsavail(redis->buf) >= len) {
        return NGX_OK;
    }

    empty = sdsempty();
    if (empty == NULL) {
        return NGX_ERROR;
    }

    more = ngx_min(more, SEAL_KM_REDIS_ROOM_MAX);

    buf = sdsMakeRoomFor(empty, redis->len - redis->pos + len + more);
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


/* what was in it has been cleansed; without memory for another it stays */

static void
seal_km_redis_reader_shrink(redisReader *redis)
{
    sds  empty;

    empty = sdsempty();

    if (empty != NULL) {
        sdsfree(redis->buf);
        redis->buf = empty;
        redis->pos = 0;
    }
}


/* hiredis has decoded none of it: what it holds is whole, or was never given */

static void
seal_km_redis_reader_discard(seal_km_redis_reader_t *reader)
{
    redisReader  *redis;

    seal_km_redis_reply_free(reader->string);
    reader->string = NULL;

    redis = reader->redis;

    if (redis->pos != redis->len) {
        OPENSSL_cleanse(redis->buf, reader->used);
        redis->pos = redis->len;
    }
}


static ngx_int_t
seal_km_redis_reader_decode(seal_km_redis_reader_t *reader,
    seal_km_redis_reply_t **reply)
{
    void         *object;
    redisReader  *redis;

    redis = reader->redis;

    if (redisReaderGetReply(redis, &object) != REDIS_OK) {
        /* a number that it refuses, or no memory: it has freed its buffer */
        reader->used = 0;
        reader->starved = (redis->err == REDIS_ERR_OOM);
        return NGX_ERROR;
    }

    /* what was decoded may be key material, and stays in the buffer */
    OPENSSL_cleanse(redis->buf, reader->used);
    reader->used = redis->len;

    *reply = object;

    return (object != NULL && redis->pos == redis->len) ? NGX_OK : NGX_ERROR;
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
seal_km_redis_reply_create(seal_km_redis_reply_e type, size_t size)
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
    seal_km_redis_reply_e   type;
    seal_km_redis_reply_t  *reply;

    if (task->type == REDIS_REPLY_STATUS) {
        return seal_km_redis_reply_add(task, &seal_km_redis_status);
    }

    type = (task->type == REDIS_REPLY_STRING) ? SEAL_KM_REDIS_REPLY_STRING
                                              : SEAL_KM_REDIS_REPLY_ERROR;

    reply = seal_km_redis_reply_create(type, len);
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
    ngx_uint_t              i, max;
    seal_km_redis_reply_t  *reply;

    max = n;

    reply = seal_km_redis_reply_create(SEAL_KM_REDIS_REPLY_ARRAY,
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
    seal_km_redis_reply_t  *reply;

    reply = seal_km_redis_reply_create(SEAL_KM_REDIS_REPLY_INTEGER, 0);

    if (reply != NULL) {
        reply->integer = value;
    }

    return seal_km_redis_reply_add(task, reply);
}


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
