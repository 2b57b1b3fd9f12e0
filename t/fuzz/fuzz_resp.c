/*
 * Replies of a Redis server, or of whoever answers in its place.  What the frame
 * takes for a whole reply is one for hiredis too, no byte less or more, in whatever
 * pieces it comes in; or hiredis refuses it, as it does numbers that are written
 * oddly, and the connection is closed.  The connection's own reader, into which
 * the same pieces go one after another, gives the reply that hiredis has by itself,
 * whatever was dropped before it.  The first byte of the input tells the size of
 * the pieces, and whether every second reply is given up while it comes in.
 */


#include "fuzz_nginx.h"
#include "seal_km_redis_reply.h"


#define FUZZ_KINDS                                                            \
    (SEAL_KM_REDIS_KIND_STRING|SEAL_KM_REDIS_KIND_NIL                         \
     |SEAL_KM_REDIS_KIND_STATUS|SEAL_KM_REDIS_KIND_ERROR                      \
     |SEAL_KM_REDIS_KIND_INTEGER|SEAL_KM_REDIS_KIND_ARRAY)


static seal_km_redis_frame_e fuzz_read(const uint8_t *data, size_t size,
    size_t piece, size_t *used, unsigned *kind);
static redisReply *fuzz_decode(const uint8_t *data, size_t size,
    unsigned kind);
static unsigned fuzz_kind(const redisReply *reply);
static ngx_int_t fuzz_feed(seal_km_redis_reader_t *reader,
    const uint8_t *data, size_t size, size_t piece, unsigned drop,
    seal_km_redis_reply_t **reply);
static void fuzz_equal(const seal_km_redis_reply_t *reply,
    const redisReply *same);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                   piece, used, used_whole;
    unsigned                 kind, kind_whole, drops, drop, n;
    redisReply              *same;
    ngx_int_t                fed;
    seal_km_redis_frame_e    rc;
    seal_km_redis_reply_t   *reply;
    seal_km_redis_reader_t   reader;

    if (size == 0) {
        return 0;
    }

    piece = data[0] % 16 + 1;
    drops = data[0] / 16 % 2;
    data++;
    size--;

    fuzz_assert(seal_km_redis_reader_init(&reader) == NGX_OK);

    for (n = 0; size > 0; n++) {
        drop = drops && n % 2;
        rc = fuzz_read(data, size, size, &used_whole, &kind_whole);

        fuzz_assert(fuzz_read(data, size, piece, &used, &kind) == rc);

        if (rc != SEAL_KM_REDIS_FRAME_WHOLE) {
            fed = fuzz_feed(&reader, data, size, piece, drop, &reply);
            fuzz_assert(fed == (rc == SEAL_KM_REDIS_FRAME_BAD ? NGX_ERROR
                                                              : NGX_AGAIN));
            fuzz_assert(rc == SEAL_KM_REDIS_FRAME_BAD || used == size);
            break;
        }

        fuzz_assert(kind == kind_whole && used == used_whole && used > 0);

        same = fuzz_decode(data, used, kind);
        fed = fuzz_feed(&reader, data, used, piece, drop, &reply);

        if (drop) {
            fuzz_assert(fed == NGX_OK);
            fuzz_assert(reply->type == SEAL_KM_REDIS_REPLY_DROPPED);

        } else {
            fuzz_assert(fed == (same ? NGX_OK : NGX_ERROR));
        }

        if (same == NULL && !drop) {
            break;
        }

        if (!drop) {
            fuzz_equal(reply, same);
        }

        fuzz_assert(reader.kind == kind);

        seal_km_redis_reply_free(reply);

        if (same != NULL) {
            freeReplyObject(same);
        }

        data += used;
        size -= used;
    }

    seal_km_redis_reader_free(&reader);

    return 0;
}


/* each piece in memory of its own */

static seal_km_redis_frame_e
fuzz_read(const uint8_t *data, size_t size, size_t piece, size_t *used,
    unsigned *kind)
{
    size_t                  n, took;
    uint8_t                *copy;
    seal_km_redis_frame_e   rc;
    seal_km_redis_frame_t   frame;

    memset(&frame, 0, sizeof(seal_km_redis_frame_t));
    rc = SEAL_KM_REDIS_FRAME_PART;

    for (*used = 0; rc == SEAL_KM_REDIS_FRAME_PART && *used < size;
         *used += took)
    {
        n = (size - *used < piece) ? size - *used : piece;
        copy = fuzz_alloc(n);
        memcpy(copy, data + *used, n);

        rc = seal_km_redis_frame_read(&frame, copy, n, &took);
        free(copy);

        fuzz_assert(took <= n);
        fuzz_assert(rc != SEAL_KM_REDIS_FRAME_PART || took == n);
        fuzz_assert(frame.size <= SEAL_KM_REDIS_REPLY_MAX);
        fuzz_assert(frame.elements <= SEAL_KM_REDIS_ELEMENTS_MAX);
        fuzz_assert(frame.depth <= SEAL_KM_REDIS_DEPTH_MAX);
    }

    *kind = frame.kind;

    return rc;
}


/* NULL: hiredis refuses it */

static redisReply *
fuzz_decode(const uint8_t *data, size_t size, unsigned kind)
{
    int           rc;
    void         *reply;
    redisReader  *reader;

    reader = redisReaderCreate();
    fuzz_assert(reader != NULL);

    reply = NULL;
    redisReaderFeed(reader, (const char *) data, size - 1);
    rc = redisReaderGetReply(reader, &reply);
    fuzz_assert(reply == NULL);

    if (rc == REDIS_OK) {
        redisReaderFeed(reader, (const char *) data + size - 1, 1);
        rc = redisReaderGetReply(reader, &reply);
        fuzz_assert((reply != NULL) == (rc == REDIS_OK));
        fuzz_assert(reply == NULL || fuzz_kind(reply) == kind);
    }

    redisReaderFree(reader);

    return reply;
}


static unsigned
fuzz_kind(const redisReply *reply)
{
    switch (reply->type) {

    case REDIS_REPLY_STRING:
        return SEAL_KM_REDIS_KIND_STRING;

    case REDIS_REPLY_NIL:
        return SEAL_KM_REDIS_KIND_NIL;

    case REDIS_REPLY_STATUS:
        return SEAL_KM_REDIS_KIND_STATUS;

    case REDIS_REPLY_ERROR:
        return SEAL_KM_REDIS_KIND_ERROR;

    case REDIS_REPLY_INTEGER:
        return SEAL_KM_REDIS_KIND_INTEGER;

    case REDIS_REPLY_ARRAY:
        return SEAL_KM_REDIS_KIND_ARRAY;

    default:
        return 0;
    }
}


/* one that is dropped is so from its second piece on */

static ngx_int_t
fuzz_feed(seal_km_redis_reader_t *reader, const uint8_t *data, size_t size,
    size_t piece, unsigned drop, seal_km_redis_reply_t **reply)
{
    size_t      n, from;
    uint8_t    *copy;
    ngx_int_t   rc;
    ngx_str_t   bytes;

    rc = NGX_AGAIN;

    for (from = 0; from < size; from += n) {
        copy = fuzz_alloc(piece);
        bytes.data = copy;
        bytes.len = piece;

        seal_km_redis_reader_room(reader, &bytes);
        fuzz_assert(bytes.len > 0);

        n = ngx_min(size - from, piece);
        n = ngx_min(n, bytes.len);
        bytes.len = n;

        memcpy(bytes.data, data + from, n);

        rc = seal_km_redis_reader_next(reader, &bytes, FUZZ_KINDS,
                                       drop && (from > 0 || n == size), reply);
        free(copy);

        fuzz_assert(bytes.len == 0 || rc == NGX_ERROR);
        fuzz_assert(rc != NGX_OK || from + n == size);
        fuzz_assert(!reader->starved);

        if (rc == NGX_ERROR) {
            break;
        }
    }

    return rc;
}


/* the text of a status nobody wants, so it is not kept */

static void
fuzz_equal(const seal_km_redis_reply_t *reply, const redisReply *same)
{
    size_t  i;

    switch (same->type) {

    case REDIS_REPLY_STRING:
    case REDIS_REPLY_ERROR:
        fuzz_assert(reply->type == (same->type == REDIS_REPLY_STRING
                                    ? SEAL_KM_REDIS_REPLY_STRING
                                    : SEAL_KM_REDIS_REPLY_ERROR));
        fuzz_assert(reply->len == (size_t) same->len);
        fuzz_assert(memcmp(reply->data, same->str, reply->len) == 0);
        fuzz_assert(reply->data[reply->len] == '\0');
        break;

    case REDIS_REPLY_NIL:
        fuzz_assert(reply->type == SEAL_KM_REDIS_REPLY_NIL);
        break;

    case REDIS_REPLY_STATUS:
        fuzz_assert(reply->type == SEAL_KM_REDIS_REPLY_STATUS);
        break;

    case REDIS_REPLY_INTEGER:
        fuzz_assert(reply->type == SEAL_KM_REDIS_REPLY_INTEGER);
        fuzz_assert(reply->integer == same->integer);
        break;

    default:
        fuzz_assert(same->type == REDIS_REPLY_ARRAY);
        fuzz_assert(reply->type == SEAL_KM_REDIS_REPLY_ARRAY);
        fuzz_assert(reply->n == same->elements);

        for (i = 0; i < reply->n; i++) {
            fuzz_equal(reply->elements[i], same->element[i]);
        }

        break;
    }
}
