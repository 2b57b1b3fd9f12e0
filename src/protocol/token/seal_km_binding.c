#include <string.h>

#include "seal_km_base64.h"
#include "seal_km_binding.h"


/* a thumbprint in base64url, without padding */
#define SEAL_KM_BINDING_TEXT_LEN  43


seal_km_reason_e
seal_km_binding_check(const seal_km_token_t *token, int required,
    const unsigned char *thumbprint)
{
    size_t         len;
    unsigned char  wanted[
                   seal_km_base64url_decoded_size(SEAL_KM_BINDING_TEXT_LEN)];

    if (token->binding == SEAL_KM_BINDING_NONE) {
        return required ? SEAL_KM_TOKEN_BINDING : SEAL_KM_OK;
    }

    if (token->binding != SEAL_KM_BINDING_CERTIFICATE || thumbprint == NULL) {
        return SEAL_KM_TOKEN_BINDING;
    }

    /* a string that is no SHA-256 is the thumbprint of no certificate */

    if (token->thumbprint.len != SEAL_KM_BINDING_TEXT_LEN
        || seal_km_base64url_decode(token->thumbprint, wanted, &len) != 0
        || len != SEAL_KM_THUMBPRINT_SIZE
        || memcmp(wanted, thumbprint, SEAL_KM_THUMBPRINT_SIZE) != 0)
    {
        return SEAL_KM_TOKEN_BINDING;
    }

    return SEAL_KM_OK;
}
