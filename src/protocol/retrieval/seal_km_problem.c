#include <string.h>

#include "seal_km_json_write.h"
#include "seal_km_problem.h"


typedef struct {
    unsigned     status;
    const char  *title;     /* of IANA's registry of status codes */
    const char  *cause;     /* NULL: there is none for it */
} seal_km_problem_status_t;


/* 29.500 has no cause for a store that may be there again in a second */

static const seal_km_problem_status_t  seal_km_problem_statuses[] = {
    { 400, "Bad Request", NULL },
    { 401, "Unauthorized", NULL },
    { 403, "Forbidden", NULL },
    { 404, "Not Found", NULL },
    { 405, "Method Not Allowed", NULL },
    { 406, "Not Acceptable", NULL },
    { 425, "Too Early", NULL },
    { 429, "Too Many Requests", "NF_CONGESTION_RISK" },
    { 503, "Service Unavailable", NULL },

    /* the last is for what is none of these */
    { 500, "Internal Server Error", "SYSTEM_FAILURE" }
};

#define SEAL_KM_PROBLEM_STATUSES                                              \
    (sizeof(seal_km_problem_statuses) / sizeof(seal_km_problem_statuses[0]))


/* the members that the message has beside those of fault */

typedef struct {
    seal_km_str_t   title;
    seal_km_str_t   detail;
    seal_km_str_t   cause;
    char            status[SEAL_KM_JSON_INT_SIZE];
    size_t          status_len;
} seal_km_problem_t;


static void seal_km_problem_fill(seal_km_problem_t *problem,
    const seal_km_reason_t *row, const seal_km_query_fault_t *fault);
static size_t seal_km_problem_params_size(const seal_km_query_fault_t *fault);
static char *seal_km_problem_write_params(const seal_km_query_fault_t *fault,
    char *dst);


size_t
seal_km_problem_size(const seal_km_reason_t *row,
    const seal_km_query_fault_t *fault)
{
    seal_km_problem_t  problem;

    seal_km_problem_fill(&problem, row, fault);

    /* the first member has a brace where the others have a comma */

    return seal_km_json_member_size("title", problem.title)
           + seal_km_json_name_size("status") + problem.status_len
           + seal_km_json_member_size("detail", problem.detail)
           + seal_km_json_member_size("cause", problem.cause)
           + (fault != NULL ? seal_km_problem_params_size(fault) : 0)
           + 1;
}


char *
seal_km_problem_write(const seal_km_reason_t *row,
    const seal_km_query_fault_t *fault, char *dst)
{
    char               *start;
    seal_km_problem_t   problem;

    seal_km_problem_fill(&problem, row, fault);

    start = dst;

    dst = seal_km_json_write_member(dst, "title", problem.title);
    dst = seal_km_json_write_name(dst, "status");
    memcpy(dst, problem.status, problem.status_len);
    dst += problem.status_len;
    dst = seal_km_json_write_member(dst, "detail", problem.detail);
    dst = seal_km_json_write_member(dst, "cause", problem.cause);

    if (fault != NULL) {
        dst = seal_km_problem_write_params(fault, dst);
    }

    *start = '{';
    *dst++ = '}';

    return dst;
}


static void
seal_km_problem_fill(seal_km_problem_t *problem, const seal_km_reason_t *row,
    const seal_km_query_fault_t *fault)
{
    size_t                           i;
    const seal_km_problem_status_t  *status;

    for (i = 0; i < SEAL_KM_PROBLEM_STATUSES - 1; i++) {
        if (seal_km_problem_statuses[i].status == row->status) {
            break;
        }
    }

    status = &seal_km_problem_statuses[i];

    problem->title = seal_km_str_of(status->title);
    problem->status_len = seal_km_json_write_int(status->status,
                                                 problem->status);
    problem->detail = seal_km_str_of(row->description);
    problem->cause = seal_km_str_of((fault != NULL) ? fault->cause
                                                          : status->cause);
}


/* "invalidParams":[{"param":"...","reason":"..."}] */

static size_t
seal_km_problem_params_size(const seal_km_query_fault_t *fault)
{
    return seal_km_json_name_size("invalidParams")
           + seal_km_json_member_size("param",
                                      seal_km_str_of(fault->param))
           + seal_km_json_member_size("reason",
                                      seal_km_str_of(fault->reason))
           + sizeof("[}]") - 1;
}


static char *
seal_km_problem_write_params(const seal_km_query_fault_t *fault, char *dst)
{
    char  *object;

    dst = seal_km_json_write_name(dst, "invalidParams");
    *dst++ = '[';

    object = dst;

    dst = seal_km_json_write_member(dst, "param",
                                    seal_km_str_of(fault->param));
    dst = seal_km_json_write_member(dst, "reason",
                                    seal_km_str_of(fault->reason));
    *object = '{';
    *dst++ = '}';
    *dst++ = ']';

    return dst;
}
