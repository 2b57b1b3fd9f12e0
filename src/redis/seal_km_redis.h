/*
 * A Redis client inside nginx's event loop.  It knows no HTTP and no SEAL:
 * src/http/ asks it for the value of a key, and is called back once.
 *
 *     query  ->  topology (who serves this key?)  ->  server  ->  connection
 *
 * All of it belongs to one worker; nothing is shared and nothing blocks.
 */


#ifndef SEAL_KM_REDIS_H
#define SEAL_KM_REDIS_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef struct seal_km_redis_pool_s    seal_km_redis_pool_t;
typedef struct seal_km_redis_query_s   seal_km_redis_query_t;
typedef struct seal_km_redis_server_s  seal_km_redis_server_t;
typedef struct seal_km_redis_command_s seal_km_redis_command_t;
typedef struct seal_km_redis_reply_s   seal_km_redis_reply_t;


/* where a server is; the strings may go after the call that they came with */
typedef struct {
    struct sockaddr           *sockaddr;
    socklen_t                  socklen;
    ngx_str_t                  name;             /* for the log */
    ngx_str_t                  host;             /* as it was named, no port */
} seal_km_redis_address_t;


/* whom to read from, where there are replicas */
typedef enum {
    SEAL_KM_REDIS_READ_MASTER = 0,
    SEAL_KM_REDIS_READ_REPLICA,
    SEAL_KM_REDIS_READ_ANY
} seal_km_redis_read_e;


/* who serves a key: see seal_km_redis_topology.h */
typedef struct seal_km_redis_topology_s  seal_km_redis_topology_t;

/* servers that all hold everything: one, or the caller's balanced set */
extern const seal_km_redis_topology_t  seal_km_redis_standalone;

/* a master and its replicas, of whom sentinels tell */
extern const seal_km_redis_topology_t  seal_km_redis_sentinel;

/* masters that share the slots among them, each with its replicas */
extern const seal_km_redis_topology_t  seal_km_redis_cluster;


/*
 * What can be counted: connections for records by their state, each of them in
 * one at most, and what only grows.
 */
typedef enum {
    SEAL_KM_REDIS_COUNT_READY = 0,
    SEAL_KM_REDIS_COUNT_CONNECTING,  /* and has not failed before */
    SEAL_KM_REDIS_COUNT_FAILED,      /* and is not ready again */
    SEAL_KM_REDIS_COUNT_RECONNECTS,  /* a connection was opened once more */
    SEAL_KM_REDIS_COUNT_RETRIES      /* a query was sent once more */
} seal_km_redis_count_e;


typedef struct seal_km_redis_settings_s  seal_km_redis_settings_t;

/* how connections are made; lives as long as the configuration */
struct seal_km_redis_settings_s {
    ngx_str_t                  user;             /* empty: Redis' default */
    ngx_str_t                  password;         /* empty: no AUTH */
    ngx_uint_t                 database;         /* 0: no SELECT */
    ngx_uint_t                 connections;      /* to each server */
    ngx_msec_t                 connect_timeout;
    ngx_msec_t                 timeout;          /* of one query */

    ngx_ssl_t                 *ssl;              /* NULL: no TLS */
    ngx_str_t                  ssl_name;         /* empty: the server's host */
    unsigned                   ssl_server_name:1;
    unsigned                   ssl_verify:1;
    unsigned                   ssl_session_reuse:1;

    const seal_km_redis_topology_t  *topology;
    seal_km_redis_read_e       read;             /* but for standalone */
    seal_km_redis_address_t   *seeds;            /* likewise: nodes ... */
    ngx_uint_t                 nseeds;
    ngx_str_t                  master_name;      /* as sentinels know it */
    seal_km_redis_settings_t  *sentinel;         /* how these are spoken to */
    unsigned                   sentinels:1;      /* these settings are such */

    ngx_resolver_t            *resolver;         /* NULL: no name is resolved */
    ngx_msec_t                 resolver_timeout;
    ngx_str_t                  host;             /* empty, or to be resolved */
    in_port_t                  port;

    /* NULL, or called with each change, 1 or -1, also by pool_stop() */
    void                     (*count)(void *data, seal_km_redis_count_e what,
                                      ngx_int_t change);
    void                      *count_data;
};


/*
 * How the caller chooses among the servers that it was configured with.  Each
 * get that returned NGX_OK is given back by one free; where the server's answer
 * is the query's, answered is called before.  Of a query that is given up
 * meanwhile neither an answer nor a failure is told.
 */
typedef struct {
    /* NGX_OK, or NGX_DECLINED where no further server can be tried */
    ngx_int_t                (*get)(void *data,
                                   seal_km_redis_address_t *address);
    void                     (*answered)(void *data);
    void                     (*free)(void *data, ngx_uint_t failed);
    void                      *data;
} seal_km_redis_balancer_t;


typedef enum {
    SEAL_KM_REDIS_VALUE = 0,
    SEAL_KM_REDIS_NIL,
    SEAL_KM_REDIS_UNAVAILABLE,   /* no server could be asked, or it was lost */
    SEAL_KM_REDIS_TIMEOUT,       /* no answer in time */
    SEAL_KM_REDIS_ERROR          /* an answer that is neither value nor nil */
} seal_km_redis_result_e;


/*
 * One GET; or, where there is a message, one PUBLISH of it to the channel that
 * is the key, of which SEAL_KM_REDIS_VALUE means that a server has taken it.  It
 * lies in the caller's memory, zeroed before use, and must stay there until its
 * handler was called or it was cancelled.
 */
struct seal_km_redis_query_s {
    /* set by the caller */
    seal_km_redis_pool_t      *pool;
    seal_km_redis_balancer_t   balancer;
    ngx_str_t                  key;
    ngx_str_t                  message;          /* data == NULL: a GET */
    void                     (*handler)(seal_km_redis_query_t *query);
    void                      *data;
    ngx_log_t                 *log;

    /* set for the handler */
    seal_km_redis_result_e     result;
    ngx_str_t                  value;            /* points into reply */
    ngx_uint_t                 denied;           /* see below */

    /* the client's own */
    ngx_event_t                timer;
    ngx_msec_t                 start;
    ngx_msec_t                 deadline;
    seal_km_redis_server_t    *server;
    seal_km_redis_command_t   *command;
    seal_km_redis_reply_t     *reply;
    ngx_uint_t                 lost;             /* with a connection */
    ngx_uint_t                 unsent;           /* by this server */
    ngx_queue_t                queue;            /* while it is parked */
    uint64_t                   tried;            /* bits: servers failed it */
    ngx_uint_t                 chosen;           /* the bit of this server */
    ngx_uint_t                 hops;             /* redirections followed */
    ngx_uint_t                 turn;             /* where tries began, or 0 */
    unsigned                   balanced:1;       /* the balancer gave server */
    unsigned                   answered:1;       /* this server has */
    unsigned                   awaited:1;        /* has waited for a map */
    unsigned                   late:1;           /* half its time is over */
    unsigned                   parked:1;
    unsigned                   asking:1;
    unsigned                   suspect:1;        /* was on one that was lost */
    unsigned                   sent:1;           /* to some server, before */
};


/*
 * The connections made with these settings.  Made while the configuration is
 * read: a pool opens nothing before its first query, so every worker has its
 * own.  Its memory and connections go with cf's pool.  NULL: out of memory.
 */
seal_km_redis_pool_t *seal_km_redis_pool_create(ngx_conf_t *cf,
    seal_km_redis_settings_t *settings);

/*
 * Called in each worker before its first request: a topology that has to be
 * asked for is asked for now, rather than at the first query.
 */
void seal_km_redis_pool_start(seal_km_redis_pool_t *pool);

/*
 * Called when a worker exits, or with the configuration: closes all that is
 * open, without a call of any handler.  It may be repeated.
 */
void seal_km_redis_pool_stop(seal_km_redis_pool_t *pool);

/* the settings that a pool was made with */
seal_km_redis_settings_t *seal_km_redis_pool_settings(
    seal_km_redis_pool_t *pool);

/*
 * Starts a query.  NGX_AGAIN: the handler will be called, once, never from
 * inside this call.  NGX_ERROR: it will not, and query->result says why.
 */
ngx_int_t seal_km_redis_query_start(seal_km_redis_query_t *query);

/*
 * Of a query that has failed: whether that is for a password, a user, a
 * database or a permission that is wrong, which waiting will not mend.
 */
ngx_uint_t seal_km_redis_query_is_denied(seal_km_redis_query_t *query);

/*
 * Names that begin with base, enough of them that each master of a cluster
 * serves one; base itself, which is not among them, is served by one already.
 * Pushed to names, an array of ngx_str_t, which is empty where there is no
 * cluster, or nothing known of it.  NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t seal_km_redis_pool_names(seal_km_redis_pool_t *pool,
    ngx_str_t *base, ngx_array_t *names);

/*
 * Forgets the query, whatever its state: its handler is not called any more,
 * a late reply is dropped, the value is cleansed and freed.  To be called for
 * every query that was started, also after its handler; it may be repeated.
 */
void seal_km_redis_query_cancel(seal_km_redis_query_t *query);


#endif /* SEAL_KM_REDIS_H */
