/*
 * What is made of $seal_km_*, which nginx must not keep.
 */


#include "ngx_http_seal_km.h"
#include "ngx_http_seal_km_captures.h"
#include "ngx_http_seal_km_watch.h"


/* a value that was made of ours */
typedef struct {
    ngx_http_variable_value_t     value;     /* data == NULL: none was */
    ngx_http_request_t           *request;   /* of whom it is true */
    ngx_uint_t                    round;     /* when; 0: not to be repeated */
} ngx_http_seal_km_made_t;


/* what was made in r->variables; in a cleanup of the pool */
typedef struct {
    ngx_http_variable_value_t    *variables;
    ngx_http_seal_km_made_t       made[1];   /* as many as there are */
} ngx_http_seal_km_values_t;


static ngx_int_t ngx_http_seal_km_watch(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_uint_t ngx_http_seal_km_stays(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_http_seal_km_made_t *made);
static ngx_int_t ngx_http_seal_km_evaluate(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data,
    ngx_http_get_variable_pt get_handler);
static ngx_int_t ngx_http_seal_km_mark(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_int_t rc);
static ngx_http_seal_km_values_t *ngx_http_seal_km_find_values(
    ngx_http_request_t *r);
static ngx_http_seal_km_values_t *ngx_http_seal_km_create_values(
    ngx_http_request_t *r);
static void ngx_http_seal_km_values_cleanup(void *data);


/* how often $seal_km_*, or what is made of it, was read */
static ngx_uint_t  ngx_http_seal_km_reads;

/* an evaluation with all that it causes is a round */
static ngx_uint_t  ngx_http_seal_km_round;
static ngx_uint_t  ngx_http_seal_km_depth;

static ngx_uint_t  ngx_http_seal_km_judging;

/* how many evaluations have failed, which nginx takes for empty values */
static ngx_uint_t  ngx_http_seal_km_failures;


ngx_int_t
ngx_http_seal_km_watch_variables(ngx_cycle_t *cycle,
    ngx_http_seal_km_watched_t *watched)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);

    v = cmcf->variables.elts;

    watched->n = cmcf->variables.nelts;
    watched->get_handlers = ngx_pcalloc(cycle->pool, watched->n
                                        * sizeof(ngx_http_get_variable_pt));
    if (watched->get_handlers == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < watched->n; i++) {
        watched->get_handlers[i] = v[i].get_handler;

        /*
         * What nginx evaluates at each use, and nobody may change, needs no
         * watch; ours are of that kind.
         */

        if ((v[i].flags & NGX_HTTP_VAR_NOCACHEABLE)
            && !(v[i].flags & NGX_HTTP_VAR_CHANGEABLE))
        {
            continue;
        }

        /* data stays: auth_request_set gives it to set_handlers */
        v[i].get_handler = ngx_http_seal_km_watch;
    }

    return NGX_OK;
}


void
ngx_http_seal_km_note_read(void)
{
    ngx_http_seal_km_reads++;
}


ngx_uint_t
ngx_http_seal_km_begin_judging(void)
{
    ngx_uint_t  outer;

    outer = ngx_http_seal_km_judging;

    ngx_http_seal_km_judging = 1;
    ngx_http_seal_km_round++;

    return outer;
}


void
ngx_http_seal_km_end_judging(ngx_uint_t outer)
{
    ngx_http_seal_km_judging = outer;
    ngx_http_seal_km_round++;
}


/*
 * The get_handler of all that is watched.  nginx has it fill an element of
 * r->variables, whose place tells which variable it is.
 */

static ngx_int_t
ngx_http_seal_km_watch(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_seal_km_values_t     *values;
    ngx_http_seal_km_watched_t    *watched;
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_seal_km_module);
    watched = &smcf->watched;

    if (v < r->variables || v >= r->variables + watched->n) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "a variable is evaluated outside of its request");
        return NGX_ERROR;
    }

    i = v - r->variables;
    values = ngx_http_seal_km_find_values(r);

    if (values && ngx_http_seal_km_stays(r, v, &values->made[i])) {
        return NGX_OK;
    }

    if (values) {
        values->made[i].value.data = NULL;
    }

    rc = ngx_http_seal_km_evaluate(r, v, data, watched->get_handlers[i]);

    if (rc != NGX_OK) {
        ngx_http_seal_km_failures++;
    }

    return rc;
}


ngx_uint_t
ngx_http_seal_km_count_failures(void)
{
    return ngx_http_seal_km_failures;
}


/*
 * nginx had a value made of ours in v and wants a new one.  It is not made
 *  - where another value has been assigned meanwhile: auth_request_set and
 *    others leave the mark on it, by which nginx has dropped it;
 *  - where this very evaluation has made it already, or it would be made twice
 *    by each map that names another one twice, and in a chain 2^n times.
 */

static ngx_uint_t
ngx_http_seal_km_stays(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    ngx_http_seal_km_made_t *made)
{
    if (made->value.data == NULL || v->data == NULL) {
        return 0;
    }

    if (v->data != made->value.data || v->len != made->value.len) {
        v->valid = 1;
        v->no_cacheable = 0;
        v->not_found = 0;

        return 1;
    }

    if (ngx_http_seal_km_depth && made->round == ngx_http_seal_km_round
        && made->request == r)
    {
        *v = made->value;
        ngx_http_seal_km_reads++;

        return 1;
    }

    return 0;
}


static ngx_int_t
ngx_http_seal_km_evaluate(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data, ngx_http_get_variable_pt get_handler)
{
    ngx_int_t                    rc;
    ngx_uint_t                   reads, made;
    ngx_http_seal_km_captures_t  kept;

    if (ngx_http_seal_km_keep_captures(r, &kept) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_seal_km_depth++ == 0) {
        ngx_http_seal_km_round++;
    }

    reads = ngx_http_seal_km_reads;

    rc = get_handler(r, v, data);

    made = (reads != ngx_http_seal_km_reads);
    ngx_http_seal_km_depth--;

    /*
     * What the expressions of a map match is for the map only: a claim must
     * not choose what $1 is in the text around it.  Other maps do as ever,
     * but for texts of ours.
     */

    if (made || ngx_http_seal_km_judging) {
        ngx_http_seal_km_restore_captures(r, &kept);
    }

    return made ? ngx_http_seal_km_mark(r, v, rc) : rc;
}


/* the value is not to be used again by nginx, and not to be lost by us */

static ngx_int_t
ngx_http_seal_km_mark(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    ngx_int_t rc)
{
    ngx_http_seal_km_made_t    *made;
    ngx_http_seal_km_values_t  *values;

    v->no_cacheable = 1;

    values = ngx_http_seal_km_find_values(r);

    if (values == NULL) {
        values = ngx_http_seal_km_create_values(r);
        if (values == NULL) {
            return NGX_ERROR;
        }
    }

    made = &values->made[v - r->variables];

    if (rc != NGX_OK || v->not_found) {
        v->len = 0;
    }

    if (v->len == 0) {
        /* an empty one too differs from any that is assigned */
        v->data = (u_char *) made;
    }

    made->value = *v;
    made->request = r;
    made->round = (rc == NGX_OK) ? ngx_http_seal_km_round : 0;

    return rc;
}


/* subrequests share the pool, and most share their variables */

static ngx_http_seal_km_values_t *
ngx_http_seal_km_find_values(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_seal_km_values_t  *values;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler != ngx_http_seal_km_values_cleanup) {
            continue;
        }

        values = cln->data;

        if (values->variables == r->variables) {
            return values;
        }
    }

    return NULL;
}


static ngx_http_seal_km_values_t *
ngx_http_seal_km_create_values(ngx_http_request_t *r)
{
    size_t                         size;
    ngx_pool_cleanup_t            *cln;
    ngx_http_seal_km_values_t     *values;
    ngx_http_seal_km_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_seal_km_module);

    size = offsetof(ngx_http_seal_km_values_t, made)
           + smcf->watched.n * sizeof(ngx_http_seal_km_made_t);

    cln = ngx_pool_cleanup_add(r->pool, size);
    if (cln == NULL) {
        return NULL;
    }

    values = cln->data;
    ngx_memzero(values, size);

    values->variables = r->variables;

    cln->handler = ngx_http_seal_km_values_cleanup;

    return values;
}


/* the cleanup is there to be found */

static void
ngx_http_seal_km_values_cleanup(void *data)
{
    /* void */
}
