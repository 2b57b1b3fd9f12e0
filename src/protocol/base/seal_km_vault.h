/*
 * Memory for keys that live as long as a configuration: pages of their own,
 * which a core dump leaves out.
 */


#ifndef SEAL_KM_VAULT_H
#define SEAL_KM_VAULT_H


#include <stddef.h>


typedef struct seal_km_vault_pages_s  seal_km_vault_pages_t;


typedef struct {
    seal_km_vault_pages_t  *pages;
} seal_km_vault_t;


/* {NULL} is an empty one */

/* bytes at once: of a key there are few */
#define SEAL_KM_VAULT_MAX  (1024 * 1024)


/*
 * size bytes that are zero and stay where they are until the vault is freed; NULL
 * where memory is out, or size is more than SEAL_KM_VAULT_MAX.
 */
void *seal_km_vault_alloc(seal_km_vault_t *vault, size_t size);

/* cleanses and frees all that is in it; it is empty then */
void seal_km_vault_free(seal_km_vault_t *vault);


#endif /* SEAL_KM_VAULT_H */
