/*
 * RESP replies, decoded by hiredis, of which each string is copied once: out of
 * the reader's buffer into the reply.
 */


#ifndef SEAL_KM_REDIS_REPLY_H
#define SEAL_KM_REDIS_REPLY_H


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include "seal_km_redis.h"


/*
 * The longest reply that is read, and the longest that is one line: status,
 * error, length.  One that is longer closes its connection.
 */
#define SEAL_KM_REDIS_REPLY_MAX  (16 * 1024 * 1024)
#define SEAL_KM_REDIS_LINE_MAX   (64 * 1024)


typedef enum {
    SEAL_KM_REDIS_REPLY_STRING = 0,
    SEAL_KM_REDIS_REPLY_NIL,
    SEAL_KM_REDIS_REPLY_STATUS,
    SEAL_KM_REDIS_REPLY_ERROR,
    SEAL_KM_REDIS_REPLY_INTEGER,   /* these two only where a tree is wanted */
    SEAL_KM_REDIS_REPLY_ARRAY,
    SEAL_KM_REDIS_REPLY_OTHER,     /* what was asked for is not answered so */
    SEAL_KM_REDIS_REPLY_DROPPED    /* nobody waits for it: not copied */
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
    unsigned                drop:1;   /* the next reply is nobody's */
    unsigned                tree:1;   /* it may be an integer or an array */
    unsigned                other:1;  /* it is one that may not be */
} seal_km_redis_reader_t;


/* NGX_OK, or NGX_ERROR without memory */
ngx_int_t seal_km_redis_reader_init(seal_km_redis_reader_t *reader);

/* cleanses and frees; may be repeated */
void seal_km_redis_reader_free(seal_km_redis_reader_t *reader);

/* Takes bytes that were received.  NGX_ERROR: out of memory. */
ngx_int_t seal_km_redis_reader_feed(seal_km_redis_reader_t *reader,
    u_char *data, size_t len);

/*
 * The next reply: NGX_OK and *reply, which is the caller's; NGX_AGAIN: more
 * bytes are needed; NGX_ERROR: no RESP, too long, or out of memory, and the
 * reader is of no more use.
 */
ngx_int_t seal_km_redis_reader_next(seal_km_redis_reader_t *reader,
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
