/*
 * A set of servers.  A cluster may have thousands, and its map names each of
 * them once for each range of slots: they are found in a tree, whose order is
 * total, so that no choice of addresses makes a search long.
 */


#include "seal_km_redis_servers.h"


/* what is searched for; host NULL: any, and any greeting */
typedef struct {
    struct sockaddr  *sockaddr;
    ngx_uint_t        greeting;
    ngx_str_t        *host;
} seal_km_redis_servers_key_t;


static void seal_km_redis_servers_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static seal_km_redis_server_t *seal_km_redis_servers_first(
    seal_km_redis_servers_t *servers, seal_km_redis_servers_key_t *key);
static ngx_int_t seal_km_redis_servers_compare(
    seal_km_redis_servers_key_t *key, seal_km_redis_server_t *server);
static ngx_int_t seal_km_redis_servers_compare_address(struct sockaddr *a,
    struct sockaddr *b);


#define seal_km_redis_servers_of(rbnode)                                      \
    (ngx_rbtree_data(rbnode, seal_km_redis_server_t, node))


void
seal_km_redis_servers_init(seal_km_redis_servers_t *servers)
{
    ngx_queue_init(&servers->queue);
    ngx_rbtree_init(&servers->tree, &servers->sentinel,
                    seal_km_redis_servers_insert);
}


seal_km_redis_server_t *
seal_km_redis_servers_find(seal_km_redis_servers_t *servers,
    seal_km_redis_address_t *address, ngx_uint_t greeting)
{
    seal_km_redis_servers_key_t  key;

    key.sockaddr = address->sockaddr;
    key.greeting = greeting;
    key.host = &address->host;

    return seal_km_redis_servers_first(servers, &key);
}


void
seal_km_redis_servers_add(seal_km_redis_servers_t *servers,
    seal_km_redis_server_t *server)
{
    ngx_queue_insert_tail(&servers->queue, &server->queue);
    ngx_rbtree_insert(&servers->tree, &server->node);
    servers->n++;
}


void
seal_km_redis_servers_remove(seal_km_redis_servers_t *servers,
    seal_km_redis_server_t *server)
{
    ngx_queue_remove(&server->queue);
    ngx_rbtree_delete(&servers->tree, &server->node);
    servers->n--;
}


ngx_uint_t
seal_km_redis_servers_is_failing(seal_km_redis_servers_t *servers,
    struct sockaddr *sockaddr)
{
    ngx_rbtree_node_t            *node;
    seal_km_redis_server_t       *server;
    seal_km_redis_servers_key_t   key;

    key.sockaddr = sockaddr;
    key.greeting = 0;
    key.host = NULL;

    server = seal_km_redis_servers_first(servers, &key);

    while (server && seal_km_redis_servers_compare(&key, server) == 0) {

        if (seal_km_redis_server_is_failing(server)) {
            return 1;
        }

        node = ngx_rbtree_next(&servers->tree, &server->node);
        server = node ? seal_km_redis_servers_of(node) : NULL;
    }

    return 0;
}


static void
seal_km_redis_servers_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t            **p;
    seal_km_redis_server_t        *server;
    seal_km_redis_servers_key_t    key;

    server = seal_km_redis_servers_of(node);

    key.sockaddr = server->address.sockaddr;
    key.greeting = server->greeting;
    key.host = &server->address.host;

    for ( ;; ) {
        p = (seal_km_redis_servers_compare(&key,
                                           seal_km_redis_servers_of(temp))
             < 0) ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


/* the first one that equals the key, or NULL */

static seal_km_redis_server_t *
seal_km_redis_servers_first(seal_km_redis_servers_t *servers,
    seal_km_redis_servers_key_t *key)
{
    ngx_int_t                rc;
    ngx_rbtree_node_t       *node;
    seal_km_redis_server_t  *server, *found;

    found = NULL;
    node = servers->tree.root;

    while (node != &servers->sentinel) {
        server = seal_km_redis_servers_of(node);

        rc = seal_km_redis_servers_compare(key, server);

        if (rc == 0) {
            found = server;
        }

        node = (rc <= 0) ? node->left : node->right;
    }

    return found;
}


static ngx_int_t
seal_km_redis_servers_compare(seal_km_redis_servers_key_t *key,
    seal_km_redis_server_t *server)
{
    ngx_int_t   rc;
    ngx_str_t  *host;

    rc = seal_km_redis_servers_compare_address(key->sockaddr,
                                               server->address.sockaddr);

    if (rc != 0 || key->host == NULL) {
        return rc;
    }

    if (key->greeting != server->greeting) {
        return (key->greeting < server->greeting) ? -1 : 1;
    }

    host = &server->address.host;

    if (key->host->len != host->len) {
        return (key->host->len < host->len) ? -1 : 1;
    }

    return host->len ? ngx_memcmp(key->host->data, host->data, host->len) : 0;
}


static ngx_int_t
seal_km_redis_servers_compare_address(struct sockaddr *a, struct sockaddr *b)
{
    ngx_int_t  p, q;

    if (a->sa_family != b->sa_family) {
        return (a->sa_family < b->sa_family) ? -1 : 1;
    }

    switch (a->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return ngx_strncmp(((struct sockaddr_un *) a)->sun_path,
                           ((struct sockaddr_un *) b)->sun_path,
                           sizeof(((struct sockaddr_un *) a)->sun_path));
#endif

    default:
        p = ngx_inet_get_port(a);
        q = ngx_inet_get_port(b);
        break;
    }

    if (p != q) {
        return p - q;
    }

#if (NGX_HAVE_INET6)
    if (a->sa_family == AF_INET6) {
        return ngx_memcmp(&((struct sockaddr_in6 *) a)->sin6_addr,
                          &((struct sockaddr_in6 *) b)->sin6_addr, 16);
    }
#endif

    return ngx_memcmp(&((struct sockaddr_in *) a)->sin_addr,
                      &((struct sockaddr_in *) b)->sin_addr, 4);
}
