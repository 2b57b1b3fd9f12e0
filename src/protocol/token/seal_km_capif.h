/*
 * Scopes of CAPIF (TS 29.222; TS 29.549, clause 8.2): which
 * APIs of which API exposing functions (AEF) a token is for.
 *
 *     3gpp#aef1:api1,api2;aef2:api1
 */


#ifndef SEAL_KM_CAPIF_H
#define SEAL_KM_CAPIF_H


#include <string.h>

#include "seal_km_str.h"


#define SEAL_KM_CAPIF_PREFIX  "3gpp#"


/* 1 if s is meant to be such a scope */
static inline int
seal_km_capif_is_scope(seal_km_str_t s)
{
    return s.len >= sizeof(SEAL_KM_CAPIF_PREFIX) - 1
           && memcmp(s.data, SEAL_KM_CAPIF_PREFIX,
                     sizeof(SEAL_KM_CAPIF_PREFIX) - 1) == 0;
}

/*
 * 1 if such a scope names one AEF and one of its APIs, as one that is demanded
 * must: neither is empty, and there is no second one.
 */
int seal_km_capif_names_one(seal_km_str_t scope);

/*
 * 1 if one of the words, separated by spaces, of scopes is such a scope and
 * lists the AEF and the API that demanded names; never where that does not name
 * exactly one.  In the part of an AEF the last ":" divides.
 */
int seal_km_capif_is_held(seal_km_str_t scopes, seal_km_str_t demanded);


#endif /* SEAL_KM_CAPIF_H */
