/*
 * A refusal of SS_KeyInfoRetrieval: ProblemDetails (RFC 9457; TS 29.571, clause
 * 5.2.4.1), with the causes of TS 29.500, table 5.2.7.2-1.
 */


#ifndef SEAL_KM_PROBLEM_H
#define SEAL_KM_PROBLEM_H


#include "seal_km_query.h"
#include "seal_km_reason.h"


/*
 * A row of the one table as this interface says it: where the table speaks of
 * POST and a body, or TS 33.434 has no other status than 500, status and
 * description are others; word and ErrorCode are not.
 */
const seal_km_reason_t *seal_km_problem_reason(seal_km_reason_e reason);

/*
 * Bytes of the message for a refusal: row is one of seal_km_problem_reason().
 * fault, which may be NULL, is what is wrong with the query; it gives the cause
 * in place of the status.
 */
size_t seal_km_problem_size(const seal_km_reason_t *row,
    const seal_km_query_fault_t *fault);

/*
 * Writes the message, without a NUL, to dst, which has room for
 * seal_km_problem_size(); returns its end.
 */
char *seal_km_problem_write(const seal_km_reason_t *row,
    const seal_km_query_fault_t *fault, char *dst);


#endif /* SEAL_KM_PROBLEM_H */
