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
