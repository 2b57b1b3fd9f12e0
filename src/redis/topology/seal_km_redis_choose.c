/*
 * Whom of a master and its replicas a query is sent to next.
 */


#include "seal_km_redis_topology.h"
#include "seal_km_redis_choice.h"


ngx_int_t
seal_km_redis_choose(seal_km_redis_query_t *query,
    seal_km_redis_server_t **servers, ngx_uint_t n, seal_km_redis_read_e read)
{
    int         i;
    uint64_t    left_out;
    ngx_uint_t  k;

    n = (read == SEAL_KM_REDIS_READ_MASTER)
        ? ngx_min(n, 1) : ngx_min(n, SEAL_KM_REDIS_CHOICE_MAX);

    left_out = 0;

    for (k = 0; k < n; k++) {
        if (seal_km_redis_server_is_left_out(servers[k])) {
            left_out |= (uint64_t) 1 << k;
        }
    }

    if (query->turn == 0) {
        /* kept: who is asked twice is the same one, if it still serves */
        query->turn = seal_km_redis_pool_turn(query->pool);
    }

    i = seal_km_redis_choice(n, query->turn, query->tried, left_out,
                             read == SEAL_KM_REDIS_READ_REPLICA);

    if (i < 0) {
        return NGX_DECLINED;
    }

    query->server = servers[i];
    query->chosen = i;

    seal_km_redis_server_chosen(query->server);

    return NGX_OK;
}


void
seal_km_redis_choose_release(seal_km_redis_query_t *query, ngx_uint_t failed)
{
    if (failed) {
        query->tried |= (uint64_t) 1 << query->chosen;
        seal_km_redis_server_failed(query->server);

    } else if (query->answered) {
        seal_km_redis_server_served(query->server);
    }

    query->server = NULL;
}


void
seal_km_redis_choose_late(seal_km_redis_query_t *query)
{
    seal_km_redis_server_failed(query->server);
}
