#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdint.h>

#include "seal_km_secret.h"


typedef struct seal_km_secret_header_s  seal_km_secret_header_t;


/* lies before each block: free() is told no size, but has to cleanse */
struct seal_km_secret_header_s {
    size_t                    size;
    seal_km_secret_header_t  *next;     /* of what is lent */
} __attribute__ ((aligned(16)));


typedef struct {
    jwt_malloc_t    jwt_malloc;
    jwt_free_t      jwt_free;
    json_malloc_t   json_malloc;
#if (SEAL_KM_JANSSON_REALLOC)
    json_realloc_t  json_realloc;
#endif
    json_free_t     json_free;
} seal_km_secret_allocators_t;


static unsigned                     seal_km_secret_depth;
static int                          seal_km_secret_failed;
static seal_km_secret_header_t     *seal_km_secret_lent;
static seal_km_secret_allocators_t  seal_km_secret_former;


static void *seal_km_secret_lend(size_t size);
static void seal_km_secret_take_back(void *p);


void *
seal_km_secret_alloc(size_t size)
{
    seal_km_secret_header_t  *header;

    if (size > SIZE_MAX - sizeof(seal_km_secret_header_t)) {
        seal_km_secret_failed = 1;
        return NULL;
    }

    header = OPENSSL_malloc(sizeof(seal_km_secret_header_t) + size);

    if (header == NULL) {
        /* newer OpenSSL queues an error, which a TLS connection would find */
        ERR_clear_error();
        seal_km_secret_failed = 1;
        return NULL;
    }

    header->size = size;

    return header + 1;
}


void
seal_km_secret_free(void *p)
{
    seal_km_secret_header_t  *header;

    if (p == NULL) {
        return;
    }

    header = (seal_km_secret_header_t *) p - 1;

    OPENSSL_clear_free(header, sizeof(seal_km_secret_header_t) + header->size);
}


void
seal_km_secret_enter(void)
{
    seal_km_secret_allocators_t  *former;

    if (seal_km_secret_depth++ > 0) {
        return;
    }

    seal_km_secret_failed = 0;

    former = &seal_km_secret_former;

    jwt_get_alloc(&former->jwt_malloc, &former->jwt_free);

#if (SEAL_KM_JANSSON_REALLOC)
    json_get_alloc_funcs2(&former->json_malloc, &former->json_realloc,
                          &former->json_free);
#else
    json_get_alloc_funcs(&former->json_malloc, &former->json_free);
#endif

    /* LibJWT sets jansson's allocators too, to a detour through its own */

    (void) jwt_set_alloc(seal_km_secret_lend, seal_km_secret_take_back);
    json_set_alloc_funcs(seal_km_secret_lend, seal_km_secret_take_back);
}


/*
 * Where memory is out LibJWT 3.3 forgets some blocks, and frees others twice.  So
 * it never owns one: all are freed when its work is over.
 */

static void *
seal_km_secret_lend(size_t size)
{
    void                     *p;
    seal_km_secret_header_t  *header;

    p = seal_km_secret_alloc(size);

    if (p != NULL) {
        header = (seal_km_secret_header_t *) p - 1;
        header->next = seal_km_secret_lent;
        seal_km_secret_lent = header;
    }

    return p;
}


static void
seal_km_secret_take_back(void *p)
{
    if (p != NULL) {
        OPENSSL_cleanse(p, ((seal_km_secret_header_t *) p - 1)->size);
    }
}


void
seal_km_secret_leave(void)
{
    seal_km_secret_header_t      *header;
    seal_km_secret_allocators_t  *former;

    if (--seal_km_secret_depth > 0) {
        return;
    }

    while (seal_km_secret_lent != NULL) {
        header = seal_km_secret_lent;
        seal_km_secret_lent = header->next;
        seal_km_secret_free(header + 1);
    }

    former = &seal_km_secret_former;

    (void) jwt_set_alloc(former->jwt_malloc, former->jwt_free);

#if (SEAL_KM_JANSSON_REALLOC)
    json_set_alloc_funcs2(former->json_malloc, former->json_realloc,
                          former->json_free);
#else
    json_set_alloc_funcs(former->json_malloc, former->json_free);
#endif
}


int
seal_km_secret_has_failed(void)
{
    int  failed;

    failed = seal_km_secret_failed;
    seal_km_secret_failed = 0;

    return failed;
}


int
seal_km_secret_openssl_has_failed(void)
{
    unsigned long  error;

    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
            return 1;
        }
    }

    return 0;
}
