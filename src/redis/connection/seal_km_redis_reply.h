/*
 * RESP replies, decoded by hiredis once they are whole (see the frame), of which
 * each string is copied once: out of the reader's buffer into the reply.  A long
 * one that is all of a reply is not even that: it is received where it stays.
 */


#ifndef SEAL_KM_REDIS_REPLY_H
#define SEAL_KM_REDIS_REPLY_H


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include "seal_km_redis.h"
#include "seal_km_redis_frame.h"


typedef enum {
    SEAL_KM_REDIS_REPLY_STRING = 0,
    SEAL_KM_REDIS_REPLY_NIL,
    SEAL_KM_REDIS_REPLY_STATUS,
    SEAL_KM_REDIS_REPLY_ERROR,
    SEAL_KM_REDIS_REPLY_INTEGER,
    SEAL_KM_REDIS_REPLY_ARRAY,
    SEAL_KM_REDIS_REPLY_DROPPED    /* nobody waits for it: not decoded */
} seal_km_redis_reply_e;


struct seal_km_redis_reply_s {
    seal_km_redis_reply_e    type;
    int64_t                  integer;
    ngx_uint_t               n;         /* of an array; none is NULL */
    seal_km_redis_reply_t  **elements;
    size_t                   len;       /* of a string or an error */
    u_char                   data[1];   /* terminated */
};


typedef struct {
    redisReader            *redis;
    size_t                  used;     /* bytes of its buffer to cleanse */
    seal_km_redis_frame_t   frame;    /* of the reply that comes in, */
    seal_km_redis_reply_t  *string;   /* which may be this one */
    size_t                  received; /* bytes of it */
    unsigned                kind;     /* of the last one: SEAL_KM_REDIS_KIND_... */
    unsigned                starved:1; /* it was memory that was missing */
} seal_km_redis_reader_t;


/* NGX_OK, or NGX_ERROR without memory */
ngx_int_t seal_km_redis_reader_init(seal_km_redis_reader_t *reader);

/* cleanses and frees; may be repeated */
void seal_km_redis_reader_free(seal_km_redis_reader_t *reader);

/*
 * Where the next bytes are to be received: *room, or, while a long string comes
 * in, its reply, to which *room is set then.
 */
void seal_km_redis_reader_room(seal_km_redis_reader_t *reader,
    ngx_str_t *room);

/*
 * The next reply, out of bytes that were received there, of which those that
 * belong to it are taken away.  Its kind must be among the expected ones; a
 * dropped one is nobody's, and kept nowhere.  NGX_OK and *reply, which is the
 * caller's; NGX_AGAIN: more bytes are needed; NGX_ERROR: no RESP, another kind,
 * too long, or out of memory (reader->starved), and the reader is of no more use.
 */
ngx_int_t seal_km_redis_reader_next(seal_km_redis_reader_t *reader,
    ngx_str_t *bytes, ngx_uint_t expected, ngx_uint_t drop,
    seal_km_redis_reply_t **reply);

/* cleanses and frees, with all elements; NULL does nothing */
void seal_km_redis_reply_free(seal_km_redis_reply_t *reply);

/*
 * The first word of an error ("NOAUTH", "ERR", …), which is all of it that may
 * be logged: Redis quotes what it was sent.  Points into reply; "ERR" where it
 * is no word.
 */
ngx_str_t seal_km_redis_reply_error_code(seal_km_redis_reply_t *reply);

/* 1 if the reply is an error of that code */
ngx_uint_t seal_km_redis_reply_is_error(seal_km_redis_reply_t *reply,
    const char *code);

/* element i of an array if it is of that type, else NULL */
seal_km_redis_reply_t *seal_km_redis_reply_element(
    seal_km_redis_reply_t *reply, ngx_uint_t i, seal_km_redis_reply_e type);

/* 1 if element i of an array is that string */
ngx_uint_t seal_km_redis_reply_is_string(seal_km_redis_reply_t *reply,
    ngx_uint_t i, const char *text);


#endif /* SEAL_KM_REDIS_REPLY_H */
