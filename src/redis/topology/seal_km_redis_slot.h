/*
 * Which of a Redis Cluster's slots a key is in.  Plain C: no nginx header.
 */


#ifndef SEAL_KM_REDIS_SLOT_H
#define SEAL_KM_REDIS_SLOT_H


#include <stddef.h>


#define SEAL_KM_REDIS_SLOTS  16384


/*
 * The slot of a key of len bytes, 0 to SEAL_KM_REDIS_SLOTS - 1.  Of a key with
 * a hash tag, a non-empty {...}, only what is inside the first one counts.
 */
unsigned seal_km_redis_slot(const unsigned char *key, size_t len);

/* 1 if the key has a hash tag: what comes behind it changes no slot */
int seal_km_redis_slot_is_tagged(const unsigned char *key, size_t len);

/* CRC-16/XMODEM of len bytes, as the cluster specification demands */
unsigned seal_km_redis_crc16(const unsigned char *p, size_t len);


/* zeroed: none of the slots; bit n % 8 of byte n / 8 is slot n */
typedef struct {
    unsigned char  bytes[SEAL_KM_REDIS_SLOTS / 8];
} seal_km_redis_slot_set_t;


/*
 * Adds the slots from and to, and those between them.  0: they are no slots, or
 * one of them was there before; it takes no longer than the slots that it adds.
 */
int seal_km_redis_slot_add(seal_km_redis_slot_set_t *set, long long from,
    long long to);


#endif /* SEAL_KM_REDIS_SLOT_H */
