/*
 * One Redis server as a worker knows it: its address, the persistent connections
 * to it, and one more over which it is asked about the topology: no answer to
 * such a question may ever come where a record is waited for.
 */


#ifndef SEAL_KM_REDIS_SERVER_H
#define SEAL_KM_REDIS_SERVER_H


#include "seal_km_redis_connection.h"


struct seal_km_redis_server_s {
    ngx_queue_t                   queue;      /* both of the pool */
    ngx_rbtree_node_t             node;
    seal_km_redis_address_t       address;    /* a copy of our own */
    ngx_sockaddr_t                sockaddr;
    ngx_uint_t                    greeting;   /* SEAL_KM_REDIS_GREET_... */
    ngx_uint_t                    generation; /* the pool's mark */
    ngx_uint_t                    born;       /* and its first one */
    ngx_uint_t                    round;      /* of questions, the last one */
    ngx_msec_t                    used;       /* when the pool was asked */
    ngx_msec_t                    failed;     /* a request, if left_out */
    unsigned                      left_out:1;
    seal_km_redis_connection_t    control;    /* for questions */
    ngx_uint_t                    n;
    seal_km_redis_connection_t    connections[1];
};


/*
 * A server of that address, whose connections are made with settings and
 * greeted so, none of them open yet.  NULL: out of memory.
 */
seal_km_redis_server_t *seal_km_redis_server_create(
    seal_km_redis_settings_t *settings, seal_km_redis_address_t *address,
    ngx_uint_t greeting);

/* closes its connections, without a call of any handler, and frees it */
void seal_km_redis_server_destroy(seal_km_redis_server_t *server);

/*
 * Closes its connections, whose commands end as UNSENT, or LOST where they were
 * written.  It calls handlers.
 */
void seal_km_redis_server_withdraw(seal_km_redis_server_t *server);

/*
 * It must not be asked any more over the connections that it has: closes those
 * that are ready, and logs what, a static text.  What was sent to it ends as
 * UNSENT.
 */
void seal_km_redis_server_refused(seal_km_redis_server_t *server,
    const char *what);

/* 1 if it has a connection that is ready for commands */
ngx_uint_t seal_km_redis_server_is_ready(seal_km_redis_server_t *server);

/* closes the connection for questions, where nobody waits for an answer */
void seal_km_redis_server_rest(seal_km_redis_server_t *server);

/*
 * A request could not be served by it, or was: after the former it is left out
 * for a while, where there is another one, however well it connects.
 */
void seal_km_redis_server_failed(seal_km_redis_server_t *server);
void seal_km_redis_server_served(seal_km_redis_server_t *server);

/* 1 while it is to be left out */
ngx_uint_t seal_km_redis_server_is_left_out(seal_km_redis_server_t *server);

/*
 * It is being asked.  If it was left out until now, it still is by the others
 * until this one was served.
 */
void seal_km_redis_server_chosen(seal_km_redis_server_t *server);

/* 1 if it has failed since it has answered last, or is left out */
ngx_uint_t seal_km_redis_server_is_failing(seal_km_redis_server_t *server);

/* 1 if a connection to it was refused last: see connection's denied */
ngx_uint_t seal_km_redis_server_is_denied(seal_km_redis_server_t *server);

/* commands that somebody waits for */
ngx_uint_t seal_km_redis_server_waiters(seal_km_redis_server_t *server);

/*
 * Sends a command over the connection with the fewest commands.  NULL where
 * the server takes none: it has just failed, or too many wait for it already.
 */
seal_km_redis_command_t *seal_km_redis_server_send(
    seal_km_redis_server_t *server, int argc, const char **argv,
    const size_t *len, ngx_uint_t flags, seal_km_redis_command_pt handler,
    void *data);

/*
 * Likewise a question, over a connection that carries nothing else; the answer
 * may be of any type.
 */
seal_km_redis_command_t *seal_km_redis_server_ask(
    seal_km_redis_server_t *server, int argc, const char **argv,
    const size_t *len, seal_km_redis_command_pt handler, void *data);

/*
 * What came over that connection was no answer to the question: closes it, and
 * logs what, a static text.
 */
void seal_km_redis_server_distrust(seal_km_redis_server_t *server,
    const char *what);


#endif /* SEAL_KM_REDIS_SERVER_H */
