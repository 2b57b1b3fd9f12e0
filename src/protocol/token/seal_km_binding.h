/*
 * Sender-constrained tokens: the client certificate that a token is bound to
 * (RFC 8705, clause 3; RFC 7800, clause 3.1).
 */


#ifndef SEAL_KM_BINDING_H
#define SEAL_KM_BINDING_H


#include "seal_km_token.h"


/* bytes of a thumbprint: SHA-256 */
#define SEAL_KM_THUMBPRINT_SIZE  32


/*
 * SEAL_KM_OK if the token is not bound and need not be, or is bound to the
 * certificate whose SHA-256 (of its DER form) is thumbprint; else
 * SEAL_KM_TOKEN_BINDING.  thumbprint, of SEAL_KM_THUMBPRINT_SIZE bytes, is
 * NULL where the client has shown no certificate.
 */
seal_km_reason_e seal_km_binding_check(const seal_km_token_t *token,
    int required, const unsigned char *thumbprint);


#endif /* SEAL_KM_BINDING_H */
