/*
 * The query of SS_KeyInfoRetrieval (TS 29.549, clause 7.6.1): whose key
 * information is asked for.
 */


#ifndef SEAL_KM_QUERY_H
#define SEAL_KM_QUERY_H


#include "seal_km_request.h"


/* what is wrong with a query, and how a refusal says so: static text */
typedef struct {
    const char  *param;     /* the parameter's name */
    const char  *cause;     /* TS 29.500, table 5.2.7.2-1 */
    const char  *reason;    /* names the parameter, but holds no value */
} seal_km_query_fault_t;


/*
 * Decodes the query, what stands behind the "?" of a request: "val-service-id"
 * once, and at most one target, which is "val-tgt-ue" (JSON with either
 * "valUserId" or "valUeId", as from version 1.3 of the API on), "valUserId" or
 * "valUeId" (as in the releases before).  Names and values are
 * percent-decoded; "+" is a plus sign; other parameters are ignored, whatever
 * they are.  Only "&" separates parameters.
 *
 * Fills *request with the ServiceID and, as SEAL_KM_IDENTITY_USER or _DEVICE,
 * with the target; all else in it is zero.  Strings point into query, or into
 * the arena.
 *
 * Returns SEAL_KM_OK, with *fault == NULL; SEAL_KM_MALFORMED_REQUEST, with the
 * first fault, val-service-id's before a target's; or SEAL_KM_INTERNAL_ERROR
 * where there is no memory, which says nothing of the query.  Except in the
 * last case *request holds what was readable and valid; of several targets it
 * holds none.
 */
seal_km_reason_e seal_km_query_decode(seal_km_request_t *request,
    const seal_km_query_fault_t **fault, seal_km_arena_t *arena,
    seal_km_str_t query);

/* the name of a target in 29.549: "valUserId" or "valUeId"; else NULL */
const char *seal_km_query_target_name(seal_km_identity_e type);


#endif /* SEAL_KM_QUERY_H */
