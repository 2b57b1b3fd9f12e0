/*
 * Memory that is cleansed when it is freed, for jansson and LibJWT, which
 * free what they held of tokens and payloads as it is.
 */


#ifndef SEAL_KM_SECRET_H
#define SEAL_KM_SECRET_H


#include <stddef.h>


/* malloc() and free() whose free() cleanses first; NULL where memory is out */
void *seal_km_secret_alloc(size_t size);
void seal_km_secret_free(void *p);

/*
 * Between enter and leave jansson and LibJWT take their memory from the two
 * functions above; leave gives both their former allocators back, so other
 * modules of the process see none of it.  What was allocated in between must
 * be freed in between.  The pairs nest.  One thread only, as nginx workers are.
 */
void seal_km_secret_enter(void);
void seal_km_secret_leave(void);


#endif /* SEAL_KM_SECRET_H */
