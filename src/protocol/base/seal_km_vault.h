/*
 * Memory for keys that live as long as a configuration: pages of their own,
 * which a core dump leaves out.
 */


#ifndef SEAL_KM_VAULT_H
#define SEAL_KM_VAULT_H


#include <stddef.h>


typedef struct seal_km_vault_page_s  seal_km_vault_page_t;


typedef struct {
    seal_km_vault_page_t  *pages;
} seal_km_vault_t;


/* {NULL} is an empty one */

/*
 * size bytes that are zero and stay where they are until the vault is freed, of
 * which a page has to have room for all; NULL where memory is out, or size is
 * too large.
 */
void *seal_km_vault_alloc(seal_km_vault_t *vault, size_t size);

/* cleanses and frees all that is in it; it is empty then */
void seal_km_vault_free(seal_km_vault_t *vault);


#endif /* SEAL_KM_VAULT_H */
