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
    SEAL_KM_REDIS_REPLY_OTHER,     /* nothing that we ask for answers so */
    SEAL_KM_REDIS_REPLY_DROPPED    /* nobody waits for it: not copied */
} seal_km_redis_reply_e;


struct seal_km_redis_reply_s {
    seal_km_redis_reply_e   type;
    size_t                  len;      /* of a string or an error */
    u_char                  data[1];
};


typedef struct {
    redisReader            *redis;
    size_t                  used;     /* bytes of its buffer to cleanse */
    unsigned                drop:1;   /* the next reply is nobody's */
    unsigned                other:1;  /* an aggregate has begun */
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

/* cleanses and frees; NULL does nothing */
void seal_km_redis_reply_free(seal_km_redis_reply_t *reply);

/*
 * The first word of an error ("NOAUTH", "ERR", …), which is all of it that may
 * be logged: Redis quotes what it was sent.  Points into reply; "ERR" where it
 * is no word.
 */
ngx_str_t seal_km_redis_reply_error_code(seal_km_redis_reply_t *reply);


#endif /* SEAL_KM_REDIS_REPLY_H */
