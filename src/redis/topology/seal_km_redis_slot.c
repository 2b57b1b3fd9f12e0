/*
 * Which of a Redis Cluster's slots a key is in.
 */


#include <string.h>

#include "seal_km_redis_slot.h"


static const unsigned char *seal_km_redis_slot_tag(const unsigned char *key,
    size_t len, size_t *tag_len);


unsigned
seal_km_redis_slot(const unsigned char *key, size_t len)
{
    size_t                tag_len;
    const unsigned char  *tag;

    tag = seal_km_redis_slot_tag(key, len, &tag_len);

    return (tag ? seal_km_redis_crc16(tag, tag_len)
                : seal_km_redis_crc16(key, len)) % SEAL_KM_REDIS_SLOTS;
}


int
seal_km_redis_slot_is_tagged(const unsigned char *key, size_t len)
{
    size_t  tag_len;

    return seal_km_redis_slot_tag(key, len, &tag_len) != NULL;
}


static const unsigned char *
seal_km_redis_slot_tag(const unsigned char *key, size_t len, size_t *tag_len)
{
    const unsigned char  *open, *close;

    open = len ? memchr(key, '{', len) : NULL;

    if (open == NULL) {
        return NULL;
    }

    open++;
    close = memchr(open, '}', key + len - open);

    if (close == NULL || close == open) {
        return NULL;
    }

    *tag_len = close - open;

    return open;
}


/* polynomial 0x1021, most significant bit first, beginning with 0 */

unsigned
seal_km_redis_crc16(const unsigned char *p, size_t len)
{
    unsigned  crc, i;

    crc = 0;

    while (len--) {
        crc ^= (unsigned) *p++ << 8;

        for (i = 0; i < 8; i++) {
            crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
        }

        crc &= 0xffff;
    }

    return crc;
}


int
seal_km_redis_slot_add(seal_km_redis_slot_set_t *set, long long from,
    long long to)
{
    unsigned char  *byte, bit;

    if (from < 0 || to < from || to >= SEAL_KM_REDIS_SLOTS) {
        return 0;
    }

    for ( /* void */ ; from <= to; from++) {
        byte = &set->bytes[from / 8];
        bit = 1 << from % 8;

        if (*byte & bit) {
            return 0;
        }

        *byte |= bit;
    }

    return 1;
}
