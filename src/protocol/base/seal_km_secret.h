/*
 * Memory that is cleansed when it is freed, for jansson and LibJWT, which
 * free what they held of tokens and payloads as it is.
 */


#ifndef SEAL_KM_SECRET_H
#define SEAL_KM_SECRET_H


#include <jansson.h>
#include <stddef.h>


/* jansson 2.15 can also be told how to reallocate */
#if (JANSSON_VERSION_HEX >= 0x020f00)
#define SEAL_KM_JANSSON_REALLOC  1
#endif


/* malloc() and free() whose free() cleanses first; NULL where memory is out */
void *seal_km_secret_alloc(size_t size);
void seal_km_secret_free(void *p);

/*
 * Between enter and leave jansson and LibJWT take such memory.  What they free
 * is cleansed at once, and all that they took is freed by the outermost leave,
 * freed by them, twice, or not: nothing of theirs may be used after it.  It gives
 * both their former allocators back, so other modules of the process see none of
 * this.  The pairs nest.  One thread only, as nginx workers are.
 */
void seal_km_secret_enter(void);
void seal_km_secret_leave(void);

/*
 * 1 if an allocation has failed since the outermost enter, or since this was
 * last asked.  To be asked before leave, of all that decodes or verifies:
 * jansson goes on where memory is out, with a character less, and LibJWT says
 * no more than that something was wrong.  What they gave back is to be thrown
 * away then, and the answer is SEAL_KM_INTERNAL_ERROR, not a refusal.
 */
int seal_km_secret_has_failed(void);

/*
 * 1 if OpenSSL's queue of errors tells of memory that was missing, which it does
 * not always do.  What it tells is taken from the queue.
 */
int seal_km_secret_openssl_has_failed(void);


#endif /* SEAL_KM_SECRET_H */
