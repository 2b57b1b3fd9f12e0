/*
 * A refusal of SS_KeyInfoRetrieval: ProblemDetails (RFC 9457; TS 29.571, clause
 * 5.2.4.1), with the causes of TS 29.500, table 5.2.7.2-1.
 */


#ifndef SEAL_KM_PROBLEM_H
#define SEAL_KM_PROBLEM_H


#include "seal_km_query.h"
#include "seal_km_reason.h"


/*
 * Bytes of the message for a refusal: row is one of
 * seal_km_reason_retrieval().
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
