/*
 * Servers each of which holds all records: those of an upstream, among whom
 * the caller's balancer chooses, or the addresses that a name has now.
 */


#include "seal_km_redis_topology.h"


/* milliseconds between two looks at servers whose address has gone */
#define SEAL_KM_REDIS_STANDALONE_SWEEP  200

/*
 * The balancer tells nobody which servers it has done with: those that it has
 * not chosen for a minute go; and how often that is looked at, in milliseconds
 */
#define SEAL_KM_REDIS_STANDALONE_UNUSED  60000
#define SEAL_KM_REDIS_STANDALONE_LOOK    15000


typedef struct {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_redis_pool_t     *pool;
    seal_km_redis_server_t  **servers;   /* of the name; NULL: the balancer's */
    ngx_uint_t                n;
    int                       ident;

    ngx_event_t               sweep;
} seal_km_redis_standalone_t;


static void *seal_km_redis_standalone_create(ngx_conf_t *cf,
    seal_km_redis_pool_t *pool);
static void seal_km_redis_standalone_destroy(void *state);
static void seal_km_redis_standalone_resolved(void *state);
static void seal_km_redis_standalone_sweep_handler(ngx_event_t *ev);
static ngx_int_t seal_km_redis_standalone_pick(seal_km_redis_query_t *query);
static void seal_km_redis_standalone_release(seal_km_redis_query_t *query,
    ngx_uint_t failed);
static void seal_km_redis_standalone_late(seal_km_redis_query_t *query);


const seal_km_redis_topology_t  seal_km_redis_standalone = {
    seal_km_redis_standalone_create,
    seal_km_redis_standalone_resolved,     /* start: with what nginx resolved */
    seal_km_redis_standalone_destroy,
    seal_km_redis_standalone_resolved,
    seal_km_redis_standalone_pick,
    seal_km_redis_standalone_release,
    seal_km_redis_standalone_late,
    seal_km_redis_error,
    NULL,
    NULL,
    NULL
};


static void *
seal_km_redis_standalone_create(ngx_conf_t *cf, seal_km_redis_pool_t *pool)
{
    seal_km_redis_standalone_t  *s;

    s = ngx_pcalloc(cf->pool, sizeof(seal_km_redis_standalone_t));
    if (s == NULL) {
        return NULL;
    }

    s->pool = pool;
    s->ident = -1;

    seal_km_redis_pool_event(cf, &s->sweep,
                             seal_km_redis_standalone_sweep_handler, s);
    s->sweep.cancelable = 1;

    return s;
}


static void
seal_km_redis_standalone_destroy(void *state)
{
    seal_km_redis_standalone_t  *s = state;

    if (s->sweep.timer_set) {
        ngx_del_timer(&s->sweep);
    }

    if (s->servers) {
        ngx_free(s->servers);
    }
}


/* where the name of seal_km_pass is resolved again: it has been */

static void
seal_km_redis_standalone_resolved(void *state)
{
    ngx_uint_t                   i, n;
    seal_km_redis_address_t     *seeds;
    seal_km_redis_server_t     **servers;
    seal_km_redis_standalone_t  *s = state;

    if (seal_km_redis_pool_settings(s->pool)->resolver == NULL) {
        return;
    }

    seeds = seal_km_redis_pool_seeds(s->pool, &n);

    servers = ngx_calloc(n * sizeof(seal_km_redis_server_t *),
                         ngx_cycle->log);
    if (servers == NULL) {
        return;
    }

    seal_km_redis_pool_begin(s->pool);

    if (s->servers) {
        ngx_free(s->servers);
    }

    s->servers = servers;
    s->n = 0;

    for (i = 0; i < n; i++) {
        servers[s->n] = seal_km_redis_pool_server(s->pool, &seeds[i], 0);

        if (servers[s->n]) {
            s->n++;
        }
    }

    seal_km_redis_pool_commit(s->pool);

    if (!s->sweep.timer_set) {
        ngx_add_timer(&s->sweep, 1);
    }
}


static void
seal_km_redis_standalone_sweep_handler(ngx_event_t *ev)
{
    seal_km_redis_standalone_t  *s;

    s = ev->data;

    if (s->servers == NULL) {
        seal_km_redis_pool_sweep_unused(s->pool,
                                        SEAL_KM_REDIS_STANDALONE_UNUSED);
        return;
    }

    if (seal_km_redis_pool_sweep(s->pool)) {
        ngx_add_timer(&s->sweep, SEAL_KM_REDIS_STANDALONE_SWEEP);
    }
}


static ngx_int_t
seal_km_redis_standalone_pick(seal_km_redis_query_t *query)
{
    seal_km_redis_address_t      address;
    seal_km_redis_balancer_t    *balancer;
    seal_km_redis_standalone_t  *s;

    s = seal_km_redis_pool_state(query->pool);

    if (s->servers) {
        return seal_km_redis_choose(query, s->servers, s->n,
                                    SEAL_KM_REDIS_READ_ANY);
    }

    balancer = &query->balancer;

    if (balancer->get(balancer->data, &address) != NGX_OK) {
        return NGX_DECLINED;
    }

    query->server = seal_km_redis_pool_server(query->pool, &address, 0);

    if (query->server == NULL) {
        balancer->free(balancer->data, 0);
        return NGX_DECLINED;
    }

    query->balanced = 1;

    if (!s->sweep.timer_set) {
        ngx_add_timer(&s->sweep, SEAL_KM_REDIS_STANDALONE_LOOK);
    }

    return NGX_OK;
}


static void
seal_km_redis_standalone_release(seal_km_redis_query_t *query,
    ngx_uint_t failed)
{
    if (!query->balanced) {
        seal_km_redis_choose_release(query, failed);
        return;
    }

    query->server = NULL;
    query->balanced = 0;
    query->balancer.free(query->balancer.data, failed);
}


static void
seal_km_redis_standalone_late(seal_km_redis_query_t *query)
{
    if (!query->balanced) {
        seal_km_redis_choose_late(query);
    }
}
