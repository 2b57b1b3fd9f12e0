#define _GNU_SOURCE

#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "seal_km_vault.h"


/* of what is given out */
#define SEAL_KM_VAULT_ALIGNMENT  16


struct seal_km_vault_page_s {
    seal_km_vault_page_t  *next;
    size_t                 size;
    size_t                 used;     /* of size, this header included */
};


static seal_km_vault_page_t *seal_km_vault_add_page(seal_km_vault_t *vault);


void *
seal_km_vault_alloc(seal_km_vault_t *vault, size_t size)
{
    void                  *p;
    seal_km_vault_page_t  *page;

    page = vault->pages;

    if (page == NULL || page->size - page->used < size) {
        page = seal_km_vault_add_page(vault);
    }

    if (page == NULL || page->size - page->used < size) {
        return NULL;
    }

    p = (char *) page + page->used;

    size = (size + SEAL_KM_VAULT_ALIGNMENT - 1)
           & ~(size_t) (SEAL_KM_VAULT_ALIGNMENT - 1);

    page->used = (size < page->size - page->used) ? page->used + size
                                                  : page->size;

    return p;
}


static seal_km_vault_page_t *
seal_km_vault_add_page(seal_km_vault_t *vault)
{
    size_t                 size;
    seal_km_vault_page_t  *page;

    size = (size_t) sysconf(_SC_PAGESIZE);

    page = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
                -1, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }

#ifdef MADV_DONTDUMP
    /* where it fails the key is as safe as the rest of the memory */
    (void) madvise(page, size, MADV_DONTDUMP);
#endif

    page->size = size;
    page->used = (sizeof(seal_km_vault_page_t) + SEAL_KM_VAULT_ALIGNMENT - 1)
                 & ~(size_t) (SEAL_KM_VAULT_ALIGNMENT - 1);
    page->next = vault->pages;
    vault->pages = page;

    return page;
}


void
seal_km_vault_free(seal_km_vault_t *vault)
{
    size_t                 size;
    seal_km_vault_page_t  *page;

    while (vault->pages != NULL) {
        page = vault->pages;
        vault->pages = page->next;

        size = page->size;

        OPENSSL_cleanse(page, size);
        munmap(page, size);
    }
}
