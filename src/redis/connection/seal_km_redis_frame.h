/*
 * Where a RESP reply ends, and whether it is one that we take, said while it
 * comes in and before it is decoded: what is too long, or no RESP at all, is
 * neither gathered nor parsed.  Plain C.
 */


#ifndef SEAL_KM_REDIS_FRAME_H
#define SEAL_KM_REDIS_FRAME_H


#include <stddef.h>
#include <stdint.h>


/*
 * The longest reply that is read, in bytes of its strings and lines, the longest
 * that is one line (status, error), the elements of its arrays, and how deep
 * these may be nested: hiredis 0.14 knows no more.
 */
#define SEAL_KM_REDIS_REPLY_MAX     (16 * 1024 * 1024)
#define SEAL_KM_REDIS_LINE_MAX      (64 * 1024)
#define SEAL_KM_REDIS_ELEMENTS_MAX  65536
#define SEAL_KM_REDIS_DEPTH_MAX     7

/*
 * The elements of the map of a cluster that is in as many ranges as it has slots:
 * each range has two numbers, and seven nodes with four elements and as many that
 * Redis 7 knows besides (ip, hostname).  While one is looked at it takes 100 MB at
 * most.
 */
#define SEAL_KM_REDIS_MAP_ELEMENTS_MAX  (16384 * (3 + 7 * 9))


/* kinds of replies, one bit each: what a command expects is a sum of them */
#define SEAL_KM_REDIS_KIND_STRING   0x01
#define SEAL_KM_REDIS_KIND_NIL      0x02
#define SEAL_KM_REDIS_KIND_STATUS   0x04
#define SEAL_KM_REDIS_KIND_ERROR    0x08
#define SEAL_KM_REDIS_KIND_INTEGER  0x10
#define SEAL_KM_REDIS_KIND_ARRAY    0x20

/* no kind, but beside ARRAY: it may have SEAL_KM_REDIS_MAP_ELEMENTS_MAX */
#define SEAL_KM_REDIS_KIND_MAP      0x40


typedef enum {
    SEAL_KM_REDIS_FRAME_WHOLE = 0,
    SEAL_KM_REDIS_FRAME_PART,
    SEAL_KM_REDIS_FRAME_BAD
} seal_km_redis_frame_e;


/* all zero, but for max_elements: before the first byte of a reply */
typedef struct {
    unsigned   max_elements; /* 0: SEAL_KM_REDIS_ELEMENTS_MAX */
    unsigned   kind;       /* of the reply, 0 as long as it is not known */
    int        state;
    int        type;       /* the first byte of the line that is read */
    size_t     line;       /* bytes of it so far, but for type and CR LF */
    unsigned   negative:1; /* the number in it */
    int64_t    number;
    size_t     body;       /* bytes of a string that are to come */

    size_t     size;       /* what strings and lines have had so far */
    unsigned   elements;
    unsigned   depth;      /* arrays that are open, and what they still want */
    unsigned   left[SEAL_KM_REDIS_DEPTH_MAX];
} seal_km_redis_frame_t;


/*
 * Reads on in a reply.  WHOLE: it ends with the first *used of len bytes, and
 * the frame is to be zeroed for the next one; PART: all of them belong to it,
 * and more are to come; BAD: this is no RESP 2, or more than we take.  Whenever
 * frame->kind is set the kind of the reply is known.
 */
seal_km_redis_frame_e seal_km_redis_frame_read(seal_km_redis_frame_t *frame,
    const unsigned char *data, size_t len, size_t *used);


#endif /* SEAL_KM_REDIS_FRAME_H */
