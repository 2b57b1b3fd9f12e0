/*
 * Replies of a Redis server, or of whoever answers in its place.  What the frame
 * takes for a whole reply is one for hiredis too, no byte less or more, in whatever
 * pieces it comes in; or hiredis refuses it, as it does numbers that are written
 * oddly, and the connection is closed.  The first byte of the input tells the size
 * of the pieces.
 */


#include <hiredis/hiredis.h>

#include "fuzz.h"
#include "seal_km_redis_frame.h"


static seal_km_redis_frame_e fuzz_read(const uint8_t *data, size_t size,
    size_t piece, size_t *used, unsigned *kind);
static void fuzz_decode(const uint8_t *data, size_t size, unsigned kind);
static unsigned fuzz_kind(const redisReply *reply);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                 piece, used, used_whole;
    unsigned               kind, kind_whole;
    seal_km_redis_frame_e  rc;

    if (size == 0) {
        return 0;
    }

    piece = data[0] % 16 + 1;
    data++;
    size--;

    while (size > 0) {
        rc = fuzz_read(data, size, size, &used_whole, &kind_whole);

        fuzz_assert(fuzz_read(data, size, piece, &used, &kind) == rc);

        if (rc == SEAL_KM_REDIS_FRAME_BAD) {
            break;
        }

        fuzz_assert(kind == kind_whole && used == used_whole);

        if (rc == SEAL_KM_REDIS_FRAME_PART) {
            fuzz_assert(used == size);
            break;
        }

        fuzz_assert(used > 0);
        fuzz_decode(data, used, kind);

        data += used;
        size -= used;
    }

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


static void
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

    if (reply != NULL) {
        freeReplyObject(reply);
    }

    redisReaderFree(reader);
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
