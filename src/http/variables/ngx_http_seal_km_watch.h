/*
 * What is made of $seal_km_*, which nginx must not keep.
 *
 * nginx evaluates a map, and much else, once, and keeps the value for the
 * request and all of its subrequests, which share their variables.  What is
 * made of $seal_km_* is true of one request, and of one moment: before the
 * token and the request are known there is nothing to tell.  So each evaluation
 * is watched.  A value that is made while $seal_km_* is read is marked as one
 * of a volatile map is: whoever uses the variable next has it evaluated again,
 * by nginx itself.  All other variables are left alone, as is what "set", a
 * named capture or another module has assigned.
 */


#ifndef NGX_HTTP_SEAL_KM_WATCH_H
#define NGX_HTTP_SEAL_KM_WATCH_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* the get_handlers of all variables as they were, by index */
typedef struct {
    ngx_http_get_variable_pt     *get_handlers;
    ngx_uint_t                    n;
} ngx_http_seal_km_watched_t;


/*
 * Puts the watch before the get_handler of each variable that nginx knows by an
 * index; to be called when all of the configuration is read, modules included.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_seal_km_watch_variables(ngx_cycle_t *cycle,
    ngx_http_seal_km_watched_t *watched);

/* to be called whenever a variable of ours is read */
void ngx_http_seal_km_note_read(void);

/*
 * How many evaluations have failed in this process, as for want of memory.  To
 * nginx such a variable is not found, and empty in a text: who would decide by
 * that has to see whether the count has changed meanwhile.
 */
ngx_uint_t ngx_http_seal_km_count_failures(void);

/*
 * Between begin and end nothing is taken from an earlier evaluation, and $1 is
 * the same in all of what is evaluated.  begin returns what end wants.
 */
ngx_uint_t ngx_http_seal_km_begin_judging(void);
void ngx_http_seal_km_end_judging(ngx_uint_t outer);


#endif /* NGX_HTTP_SEAL_KM_WATCH_H */
