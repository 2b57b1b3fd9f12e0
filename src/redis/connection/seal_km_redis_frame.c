/*
 * Where a RESP reply ends, and whether it is one that we take.
 */


#include "seal_km_redis_frame.h"


/* of a number's line: those of 64 bits, with a sign */
#define SEAL_KM_REDIS_FRAME_DIGITS  20


/* what comes next: these are the states, of which zero is the first */
enum {
    SEAL_KM_REDIS_FRAME_TYPE = 0,
    SEAL_KM_REDIS_FRAME_LINE,
    SEAL_KM_REDIS_FRAME_LF,
    SEAL_KM_REDIS_FRAME_BODY,
    SEAL_KM_REDIS_FRAME_BODY_CR,
    SEAL_KM_REDIS_FRAME_BODY_LF
};


static seal_km_redis_frame_e seal_km_redis_frame_type(
    seal_km_redis_frame_t *frame, unsigned char ch);
static seal_km_redis_frame_e seal_km_redis_frame_line(
    seal_km_redis_frame_t *frame, unsigned char ch);
static seal_km_redis_frame_e seal_km_redis_frame_digit(
    seal_km_redis_frame_t *frame, unsigned char ch);
static seal_km_redis_frame_e seal_km_redis_frame_line_end(
    seal_km_redis_frame_t *frame);
static seal_km_redis_frame_e seal_km_redis_frame_string(
    seal_km_redis_frame_t *frame);
static seal_km_redis_frame_e seal_km_redis_frame_array(
    seal_km_redis_frame_t *frame);
static seal_km_redis_frame_e seal_km_redis_frame_item_end(
    seal_km_redis_frame_t *frame);
static void seal_km_redis_frame_set_kind(seal_km_redis_frame_t *frame,
    unsigned kind);


seal_km_redis_frame_e
seal_km_redis_frame_read(seal_km_redis_frame_t *frame,
    const unsigned char *data, size_t len, size_t *used)
{
    size_t                 i, n;
    seal_km_redis_frame_e  rc;

    rc = SEAL_KM_REDIS_FRAME_PART;

    for (i = 0; i < len && rc == SEAL_KM_REDIS_FRAME_PART; i++) {

        switch (frame->state) {

        case SEAL_KM_REDIS_FRAME_TYPE:
            rc = seal_km_redis_frame_type(frame, data[i]);
            break;

        case SEAL_KM_REDIS_FRAME_LINE:
            rc = seal_km_redis_frame_line(frame, data[i]);
            break;

        case SEAL_KM_REDIS_FRAME_LF:
            rc = (data[i] == '\n') ? seal_km_redis_frame_line_end(frame)
                                   : SEAL_KM_REDIS_FRAME_BAD;
            break;

        case SEAL_KM_REDIS_FRAME_BODY:
            n = (frame->body < len - i) ? frame->body : len - i;
            frame->body -= n;
            i += n - 1;

            if (frame->body == 0) {
                frame->state = SEAL_KM_REDIS_FRAME_BODY_CR;
            }

            break;

        case SEAL_KM_REDIS_FRAME_BODY_CR:
            frame->state = SEAL_KM_REDIS_FRAME_BODY_LF;

            if (data[i] != '\r') {
                rc = SEAL_KM_REDIS_FRAME_BAD;
            }

            break;

        default: /* SEAL_KM_REDIS_FRAME_BODY_LF */
            rc = (data[i] == '\n') ? seal_km_redis_frame_item_end(frame)
                                   : SEAL_KM_REDIS_FRAME_BAD;
            break;
        }
    }

    *used = i;

    return rc;
}


static seal_km_redis_frame_e
seal_km_redis_frame_type(seal_km_redis_frame_t *frame, unsigned char ch)
{
    switch (ch) {

    case '+':
        seal_km_redis_frame_set_kind(frame, SEAL_KM_REDIS_KIND_STATUS);
        break;

    case '-':
        seal_km_redis_frame_set_kind(frame, SEAL_KM_REDIS_KIND_ERROR);
        break;

    case ':':
        seal_km_redis_frame_set_kind(frame, SEAL_KM_REDIS_KIND_INTEGER);
        break;

    case '$':
    case '*':
        /* it may be nil: told by the number */
        break;

    default:
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    frame->state = SEAL_KM_REDIS_FRAME_LINE;
    frame->type = ch;
    frame->line = 0;
    frame->negative = 0;
    frame->number = 0;

    return SEAL_KM_REDIS_FRAME_PART;
}


static seal_km_redis_frame_e
seal_km_redis_frame_line(seal_km_redis_frame_t *frame, unsigned char ch)
{
    if (ch == '\r') {
        frame->state = SEAL_KM_REDIS_FRAME_LF;
        return SEAL_KM_REDIS_FRAME_PART;
    }

    frame->line++;

    if (frame->type != '+' && frame->type != '-') {
        return seal_km_redis_frame_digit(frame, ch);
    }

    frame->size++;

    if (ch == '\n'
        || frame->line > SEAL_KM_REDIS_LINE_MAX
        || frame->size > SEAL_KM_REDIS_REPLY_MAX)
    {
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    return SEAL_KM_REDIS_FRAME_PART;
}


/* whether a number is written as hiredis wants it, hiredis says */

static seal_km_redis_frame_e
seal_km_redis_frame_digit(seal_km_redis_frame_t *frame, unsigned char ch)
{
    if (ch == '-' && frame->line == 1) {
        frame->negative = 1;
        return SEAL_KM_REDIS_FRAME_PART;
    }

    if (ch < '0' || ch > '9' || frame->line > SEAL_KM_REDIS_FRAME_DIGITS) {
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    if (frame->type == ':') {
        return SEAL_KM_REDIS_FRAME_PART;
    }

    /* a leading zero is none of Redis', and would have no end */

    if (frame->number == 0 && frame->line > 1 + (size_t) frame->negative) {
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    frame->number = frame->number * 10 + (ch - '0');

    return (frame->number > SEAL_KM_REDIS_REPLY_MAX) ? SEAL_KM_REDIS_FRAME_BAD
                                                     : SEAL_KM_REDIS_FRAME_PART;
}


static seal_km_redis_frame_e
seal_km_redis_frame_line_end(seal_km_redis_frame_t *frame)
{
    if (frame->type == '+' || frame->type == '-') {
        return seal_km_redis_frame_item_end(frame);
    }

    if (frame->line == (size_t) frame->negative) {
        /* no digit */
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    if (frame->type == ':') {
        return seal_km_redis_frame_item_end(frame);
    }

    if (frame->negative) {
        seal_km_redis_frame_set_kind(frame, SEAL_KM_REDIS_KIND_NIL);

        return (frame->number == 1) ? seal_km_redis_frame_item_end(frame)
                                    : SEAL_KM_REDIS_FRAME_BAD;
    }

    return (frame->type == '$') ? seal_km_redis_frame_string(frame)
                                : seal_km_redis_frame_array(frame);
}


static seal_km_redis_frame_e
seal_km_redis_frame_string(seal_km_redis_frame_t *frame)
{
    seal_km_redis_frame_set_kind(frame, SEAL_KM_REDIS_KIND_STRING);

    frame->body = (size_t) frame->number;
    frame->size += frame->body;
    frame->state = frame->body ? SEAL_KM_REDIS_FRAME_BODY
                               : SEAL_KM_REDIS_FRAME_BODY_CR;

    return (frame->size > SEAL_KM_REDIS_REPLY_MAX) ? SEAL_KM_REDIS_FRAME_BAD
                                                   : SEAL_KM_REDIS_FRAME_PART;
}


static seal_km_redis_frame_e
seal_km_redis_frame_array(seal_km_redis_frame_t *frame)
{
    unsigned  n, max;

    seal_km_redis_frame_set_kind(frame, SEAL_KM_REDIS_KIND_ARRAY);

    max = frame->max_elements ? frame->max_elements
                              : SEAL_KM_REDIS_ELEMENTS_MAX;

    if (frame->number > max) {
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    n = (unsigned) frame->number;
    frame->elements += n;

    if (frame->elements > max) {
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    if (n == 0) {
        return seal_km_redis_frame_item_end(frame);
    }

    if (frame->depth == SEAL_KM_REDIS_DEPTH_MAX) {
        return SEAL_KM_REDIS_FRAME_BAD;
    }

    frame->left[frame->depth++] = n;
    frame->state = SEAL_KM_REDIS_FRAME_TYPE;

    return SEAL_KM_REDIS_FRAME_PART;
}


/* an item is whole, and with it perhaps the arrays that it is the last of */

static seal_km_redis_frame_e
seal_km_redis_frame_item_end(seal_km_redis_frame_t *frame)
{
    frame->state = SEAL_KM_REDIS_FRAME_TYPE;

    while (frame->depth) {

        if (--frame->left[frame->depth - 1]) {
            return SEAL_KM_REDIS_FRAME_PART;
        }

        frame->depth--;
    }

    return SEAL_KM_REDIS_FRAME_WHOLE;
}


static void
seal_km_redis_frame_set_kind(seal_km_redis_frame_t *frame, unsigned kind)
{
    if (frame->kind == 0) {
        frame->kind = kind;
    }
}
