/*
 * One Redis server as a worker knows it.
 */


#include "seal_km_redis_connect.h"
#include "seal_km_redis_greeting.h"
#include "seal_km_redis_server.h"


/* milliseconds, as nginx's fail_timeout */
#define SEAL_KM_REDIS_SERVER_LEFT_OUT  10000


static seal_km_redis_connection_t *seal_km_redis_server_connection(
    seal_km_redis_server_t *server);
static ngx_uint_t seal_km_redis_server_is_idle(seal_km_redis_connection_t *rc);
static seal_km_redis_connection_t *seal_km_redis_server_open(
    seal_km_redis_connection_t *rc);


seal_km_redis_server_t *
seal_km_redis_server_create(seal_km_redis_settings_t *settings,
    seal_km_redis_address_t *address, ngx_uint_t greeting)
{
    u_char                  *p;
    size_t                   size;
    ngx_uint_t               i, n;
    seal_km_redis_server_t  *server;

    n = settings->connections;
    size = offsetof(seal_km_redis_server_t, connections)
           + n * sizeof(seal_km_redis_connection_t);

    server = ngx_calloc(size + address->name.len + address->host.len,
                        ngx_cycle->log);
    if (server == NULL) {
        return NULL;
    }

    /* the balancer's own copy may vanish: servers come and go */

    ngx_memcpy(&server->sockaddr, address->sockaddr, address->socklen);
    server->address.sockaddr = &server->sockaddr.sockaddr;
    server->address.socklen = address->socklen;
    server->address.name.len = address->name.len;
    server->address.name.data = (u_char *) server + size;
    server->address.host.len = address->host.len;
    server->address.host.data = server->address.name.data + address->name.len;

    p = ngx_cpymem(server->address.name.data, address->name.data,
                   address->name.len);

    /* no name: no text either, and none is to be copied */

    if (address->host.len) {
        ngx_memcpy(p, address->host.data, address->host.len);
    }

    server->greeting = greeting;
    server->n = n;

    /* whatever its role is: that is among the questions */
    seal_km_redis_connect_init(&server->control, settings, &server->address,
                               seal_km_redis_greet, 0);

    for (i = 0; i < n; i++) {
        seal_km_redis_connect_init(&server->connections[i], settings,
                                   &server->address, seal_km_redis_greet,
                                   greeting);
        server->connections[i].countable = 1;
    }

    return server;
}


void
seal_km_redis_server_destroy(seal_km_redis_server_t *server)
{
    ngx_uint_t  i;

    seal_km_redis_connection_destroy(&server->control);

    for (i = 0; i < server->n; i++) {
        seal_km_redis_connection_destroy(&server->connections[i]);
    }

    ngx_free(server);
}


void
seal_km_redis_server_withdraw(seal_km_redis_server_t *server)
{
    ngx_uint_t  i;

    seal_km_redis_connection_close(&server->control);

    for (i = 0; i < server->n; i++) {
        seal_km_redis_connection_close(&server->connections[i]);
    }
}


void
seal_km_redis_server_refused(seal_km_redis_server_t *server, const char *what)
{
    ngx_uint_t                   i;
    seal_km_redis_connection_t  *rc;

    for (i = 0; i < server->n; i++) {
        rc = &server->connections[i];

        if (rc->state == SEAL_KM_REDIS_READY) {
            seal_km_redis_connection_refused(rc, what);
        }
    }
}


ngx_uint_t
seal_km_redis_server_is_ready(seal_km_redis_server_t *server)
{
    ngx_uint_t  i;

    for (i = 0; i < server->n; i++) {
        if (server->connections[i].state == SEAL_KM_REDIS_READY) {
            return 1;
        }
    }

    return 0;
}


void
seal_km_redis_server_rest(seal_km_redis_server_t *server)
{
    if (server->control.commands.waiters == 0) {
        seal_km_redis_connection_close(&server->control);
    }
}


void
seal_km_redis_server_failed(seal_km_redis_server_t *server)
{
    server->left_out = 1;
    server->failed = ngx_current_msec;
}


void
seal_km_redis_server_served(seal_km_redis_server_t *server)
{
    server->left_out = 0;
}


ngx_uint_t
seal_km_redis_server_is_left_out(seal_km_redis_server_t *server)
{
    return server->left_out
           && ngx_current_msec - server->failed
              < SEAL_KM_REDIS_SERVER_LEFT_OUT;
}


void
seal_km_redis_server_chosen(seal_km_redis_server_t *server)
{
    if (server->left_out) {
        server->failed = ngx_current_msec;
    }
}


ngx_uint_t
seal_km_redis_server_is_failing(seal_km_redis_server_t *server)
{
    ngx_uint_t                   i, failing;
    seal_km_redis_connection_t  *rc;

    if (seal_km_redis_server_is_left_out(server)) {
        return 1;
    }

    failing = 0;

    for (i = 0; i < server->n; i++) {
        rc = &server->connections[i];

        if (rc->state == SEAL_KM_REDIS_READY) {
            return 0;
        }

        failing |= (rc->failures != 0);
    }

    return failing;
}


ngx_uint_t
seal_km_redis_server_is_denied(seal_km_redis_server_t *server)
{
    ngx_uint_t  i;

    for (i = 0; i < server->n; i++) {
        if (server->connections[i].denied) {
            return 1;
        }
    }

    return server->control.denied;
}


ngx_uint_t
seal_km_redis_server_waiters(seal_km_redis_server_t *server)
{
    ngx_uint_t  i, waiters;

    waiters = server->control.commands.waiters;

    for (i = 0; i < server->n; i++) {
        waiters += server->connections[i].commands.waiters;
    }

    return waiters;
}


seal_km_redis_command_t *
seal_km_redis_server_send(seal_km_redis_server_t *server, int argc,
    const char **argv, const size_t *len, ngx_uint_t flags,
    seal_km_redis_command_pt handler, void *data)
{
    seal_km_redis_connection_t  *rc;

    rc = seal_km_redis_server_connection(server);

    if (rc == NULL) {
        return NULL;
    }

    return seal_km_redis_command_send(&rc->commands, argc, argv, len, flags,
                                      handler, data);
}


/*
 * A ready connection before one that is opening, then the shortest queue.
 * Another one is opened, and in time for those to come, where this leaves none
 * without something to do.
 */

static seal_km_redis_connection_t *
seal_km_redis_server_connection(seal_km_redis_server_t *server)
{
    ngx_uint_t                   i, idle, failing;
    seal_km_redis_connection_t  *rc, *best, *closed;

    best = NULL;
    closed = NULL;
    idle = 0;
    failing = 0;

    for (i = 0; i < server->n; i++) {
        rc = &server->connections[i];

        if (seal_km_redis_connection_usable(rc)) {
            idle += seal_km_redis_server_is_idle(rc);

            if (best == NULL
                || rc->state > best->state
                || (rc->state == best->state
                    && rc->commands.n < best->commands.n))
            {
                best = rc;
            }

        } else if (seal_km_redis_connection_openable(rc)) {
            closed = closed ? closed : rc;

        } else {
            failing |= (rc->failures != 0);
        }
    }

    if (best == NULL) {
        /* nobody waits for a server that has just refused */
        return (closed && !failing) ? seal_km_redis_server_open(closed)
                                    : NULL;
    }

    if (closed && idle <= seal_km_redis_server_is_idle(best)
        && ngx_cycle->free_connection_n > ngx_cycle->connection_n / 4)
    {
        closed->nameless = best->nameless;
        closed->unnamed = best->unnamed;
        (void) seal_km_redis_server_open(closed);
    }

    return best;
}


/* whether it has nothing to do, or will have nothing when it is open */

static ngx_uint_t
seal_km_redis_server_is_idle(seal_km_redis_connection_t *rc)
{
    return (rc->state == SEAL_KM_REDIS_READY) ? rc->commands.n == 0
                                              : rc->commands.waiters == 0;
}


/* NULL if it failed at once */

static seal_km_redis_connection_t *
seal_km_redis_server_open(seal_km_redis_connection_t *rc)
{
    if (seal_km_redis_connection_openable(rc)) {
        (void) seal_km_redis_connect(rc);
    }

    return seal_km_redis_connection_usable(rc) ? rc : NULL;
}


seal_km_redis_command_t *
seal_km_redis_server_ask(seal_km_redis_server_t *server, int argc,
    const char **argv, const size_t *len, seal_km_redis_command_pt handler,
    void *data)
{
    if (seal_km_redis_server_open(&server->control) == NULL) {
        return NULL;
    }

    return seal_km_redis_command_send(&server->control.commands, argc, argv,
                                      len, SEAL_KM_REDIS_TREE, handler, data);
}


void
seal_km_redis_server_distrust(seal_km_redis_server_t *server,
    const char *what)
{
    seal_km_redis_connection_refused(&server->control, what);
}
