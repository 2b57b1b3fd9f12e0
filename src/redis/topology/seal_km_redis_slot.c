/*
 * Which of a Redis Cluster's slots a key is in.
 */


#include <string.h>

#include "seal_km_redis_slot.h"


unsigned
seal_km_redis_slot(const unsigned char *key, size_t len)
{
    const unsigned char  *open, *close;

    open = len ? memchr(key, '{', len) : NULL;

    if (open) {
        open++;
        close = memchr(open, '}', key + len - open);

        if (close && close > open) {
            key = open;
            len = close - open;
        }
    }

    return seal_km_redis_crc16(key, len) % SEAL_KM_REDIS_SLOTS;
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
