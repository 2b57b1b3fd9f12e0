/*
 * Variables that nginx has frozen too early.
 *
 * A map, and much else, is evaluated once for a request and then kept.  Where
 * something before the content phase (a limit_req key, "set", "if") reads a map
 * of $seal_km_*, it is evaluated while there is nothing to tell yet, and would
 * keep saying so afterwards.  So early reads of $seal_km_* are noted, and what
 * was evaluated from them is forgotten: when token and request are known, for
 * what judges them, and when the answer is, for headers and logs.
 */


#include "ngx_http_seal_km.h"


static ngx_uint_t ngx_http_seal_km_was_read_early(ngx_http_request_t *r);
static void ngx_http_seal_km_early_cleanup(void *data);
static ngx_uint_t ngx_http_seal_km_is_frozen(ngx_http_request_t *r,
    ngx_uint_t i);


/* how often $seal_km_* was read since the worker started */
static ngx_uint_t  ngx_http_seal_km_reads;


void
ngx_http_seal_km_note_read(ngx_http_request_t *r, ngx_uint_t early)
{
    ngx_pool_cleanup_t  *cln;

    ngx_http_seal_km_reads++;

    if (!early || ngx_http_seal_km_was_read_early(r)) {
        return;
    }

    /* the note is that this cleanup is there */

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln) {
        cln->handler = ngx_http_seal_km_early_cleanup;
    }
}


static ngx_uint_t
ngx_http_seal_km_was_read_early(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_seal_km_early_cleanup) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_seal_km_early_cleanup(void *data)
{
    /* void */
}


void
ngx_http_seal_km_thaw(ngx_http_request_t *r)
{
    ngx_uint_t                  i, again;
    ngx_http_core_main_conf_t  *cmcf;

    if (!ngx_http_seal_km_was_read_early(r)) {
        return;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    /*
     * A map of a map is found out once the inner one is forgotten, so this
     * goes on until a round finds nothing more.
     */

    do {
        again = 0;

        for (i = 0; i < cmcf->variables.nelts; i++) {

            if (!ngx_http_seal_km_is_frozen(r, i)) {
                continue;
            }

            r->variables[i].valid = 0;
            r->variables[i].not_found = 0;

            again = 1;
        }

    } while (again);
}


/*
 * 1 if the value that is kept of variable i would be another one now: that is
 * tried, by evaluating it aside and seeing whether that reads $seal_km_*.
 * Left alone are what never changes, such as $request_id, and what "set" has
 * set, which knows no other value: nginx gives that the index for data.
 */

static ngx_uint_t
ngx_http_seal_km_is_frozen(ngx_http_request_t *r, ngx_uint_t i)
{
    ngx_uint_t                    reads;
    ngx_http_variable_t          *v;
    ngx_http_variable_value_t    *kept, value;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_seal_km_captures_t   captures;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    v = cmcf->variables.elts;
    v = &v[i];
    kept = &r->variables[i];

    if ((!kept->valid && !kept->not_found)
        || kept->no_cacheable
        || !(v->flags & NGX_HTTP_VAR_CHANGEABLE)
        || v->get_handler == NULL
        || v->data == i)
    {
        return 0;
    }

    ngx_memzero(&value, sizeof(ngx_http_variable_value_t));

    reads = ngx_http_seal_km_reads;

    ngx_http_seal_km_keep_captures(r, &captures);

    (void) v->get_handler(r, &value, v->data);

    ngx_http_seal_km_restore_captures(r, &captures);

    return reads != ngx_http_seal_km_reads;
}
