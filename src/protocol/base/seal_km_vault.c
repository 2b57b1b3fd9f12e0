#define _GNU_SOURCE

#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "seal_km_vault.h"


/* of what is given out */
#define SEAL_KM_VAULT_ALIGNMENT  16


struct seal_km_vault_pages_s {
    seal_km_vault_pages_t  *next;
    size_t                  size;
    size_t                  used;    /* of size, this header included */
};


static seal_km_vault_pages_t *seal_km_vault_add_pages(seal_km_vault_t *vault,
    size_t size);
static size_t seal_km_vault_round(size_t size, size_t unit);


void *
seal_km_vault_alloc(seal_km_vault_t *vault, size_t size)
{
    void                   *p;
    seal_km_vault_pages_t  *pages;

    if (size > SEAL_KM_VAULT_MAX) {
        return NULL;
    }

    size = seal_km_vault_round(size, SEAL_KM_VAULT_ALIGNMENT);
    pages = vault->pages;

    if (pages == NULL || pages->size - pages->used < size) {
        pages = seal_km_vault_add_pages(vault, size);

        if (pages == NULL) {
            return NULL;
        }
    }

    p = (char *) pages + pages->used;
    pages->used += size;

    return p;
}


/* with room for so many bytes, at least */

static seal_km_vault_pages_t *
seal_km_vault_add_pages(seal_km_vault_t *vault, size_t size)
{
    size_t                  header;
    seal_km_vault_pages_t  *pages;

    header = seal_km_vault_round(sizeof(seal_km_vault_pages_t),
                                 SEAL_KM_VAULT_ALIGNMENT);
    size = seal_km_vault_round(header + size, (size_t) sysconf(_SC_PAGESIZE));

    pages = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
                 -1, 0);
    if (pages == MAP_FAILED) {
        return NULL;
    }

#ifdef MADV_DONTDUMP
    /* where it fails the key is as safe as the rest of the memory */
    (void) madvise(pages, size, MADV_DONTDUMP);
#endif

    pages->size = size;
    pages->used = header;
    pages->next = vault->pages;
    vault->pages = pages;

    return pages;
}


/* unit is a power of two */

static size_t
seal_km_vault_round(size_t size, size_t unit)
{
    return (size + unit - 1) & ~(unit - 1);
}


void
seal_km_vault_free(seal_km_vault_t *vault)
{
    size_t                  size;
    seal_km_vault_pages_t  *pages;

    while (vault->pages != NULL) {
        pages = vault->pages;
        vault->pages = pages->next;

        size = pages->size;

        OPENSSL_cleanse(pages, size);
        munmap(pages, size);
    }
}
