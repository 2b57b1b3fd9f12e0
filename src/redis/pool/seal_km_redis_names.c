/*
 * Host names that are resolved again when their time to live is over.
 */


#include "seal_km_redis_names.h"


/* milliseconds: how soon a name is asked for again that was not resolved, and
 * how often at most one is whose time to live is nothing */
#define SEAL_KM_REDIS_NAMES_RETRY  1000

/*
 * Milliseconds that a name is not asked for at most: its validity is told by a
 * clock that may be set back
 */
#define SEAL_KM_REDIS_NAMES_VALID  3600000

/* more names than any topology that is one has */
#define SEAL_KM_REDIS_NAMES_MAX    4096


typedef struct {
    /* an event's data: nginx' debug log reads an int behind three pointers */
    seal_km_redis_names_t         *names;
    seal_km_redis_name_address_t  *addresses;
    ngx_resolver_ctx_t            *ctx;         /* while it is resolved */
    int                            ident;

    ngx_uint_t                     n;
    ngx_event_t                    timer;
    ngx_queue_t                    queue;
    ngx_uint_t                     generation;  /* that it was asked for in */
    ngx_uint_t                     born;        /* and at first */
    ngx_rbtree_node_t              node;
    unsigned                       failing:1;   /* the log has been told */
    ngx_str_t                      host;
} seal_km_redis_name_t;


struct seal_km_redis_names_s {
    ngx_resolver_t                *resolver;
    ngx_msec_t                     timeout;
    seal_km_redis_names_pt         handler;
    void                          *data;
    ngx_queue_t                    queue;
    ngx_uint_t                     n;
    ngx_rbtree_t                   tree;        /* by their hosts */
    ngx_rbtree_node_t              sentinel;
};


static seal_km_redis_name_t *seal_km_redis_names_add(
    seal_km_redis_names_t *names, ngx_str_t *host, ngx_uint_t generation);
static void seal_km_redis_names_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_int_t seal_km_redis_names_compare(ngx_str_t *a, ngx_str_t *b);
static void seal_km_redis_names_timer_handler(ngx_event_t *ev);
static void seal_km_redis_names_resolve_handler(ngx_resolver_ctx_t *ctx);
static ngx_int_t seal_km_redis_names_set(seal_km_redis_name_t *name,
    ngx_resolver_ctx_t *ctx);
static ngx_uint_t seal_km_redis_names_has(seal_km_redis_name_t *name,
    seal_km_redis_name_address_t *address);
static void seal_km_redis_names_keep_first(seal_km_redis_name_t *name,
    seal_km_redis_name_address_t *addresses, ngx_uint_t n);
static seal_km_redis_name_t *seal_km_redis_names_find(
    seal_km_redis_names_t *names, ngx_str_t *host);
static void seal_km_redis_names_free(seal_km_redis_name_t *name);


#define seal_km_redis_names_of(rbnode)                                        \
    (ngx_rbtree_data(rbnode, seal_km_redis_name_t, node))


seal_km_redis_names_t *
seal_km_redis_names_create(ngx_conf_t *cf, ngx_resolver_t *resolver,
    ngx_msec_t timeout, seal_km_redis_names_pt handler, void *data)
{
    seal_km_redis_names_t  *names;

    names = ngx_pcalloc(cf->pool, sizeof(seal_km_redis_names_t));
    if (names == NULL) {
        return NULL;
    }

    names->resolver = resolver;
    names->timeout = timeout;
    names->handler = handler;
    names->data = data;

    ngx_queue_init(&names->queue);
    ngx_rbtree_init(&names->tree, &names->sentinel,
                    seal_km_redis_names_insert);

    return names;
}


void
seal_km_redis_names_destroy(seal_km_redis_names_t *names)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&names->queue)) {
        q = ngx_queue_head(&names->queue);
        seal_km_redis_names_free(ngx_queue_data(q, seal_km_redis_name_t,
                                                queue));
    }
}


static void
seal_km_redis_names_free(seal_km_redis_name_t *name)
{
    ngx_queue_remove(&name->queue);
    ngx_rbtree_delete(&name->names->tree, &name->node);
    name->names->n--;

    if (name->ctx) {
        ngx_resolve_name_done(name->ctx);
    }

    if (name->timer.timer_set) {
        ngx_del_timer(&name->timer);
    }

    if (name->addresses) {
        ngx_free(name->addresses);
    }

    ngx_free(name);
}


ngx_int_t
seal_km_redis_names_get(seal_km_redis_names_t *names, ngx_str_t *host,
    ngx_uint_t generation, seal_km_redis_name_address_t **addresses,
    ngx_uint_t *n)
{
    seal_km_redis_name_t  *name;

    name = seal_km_redis_names_find(names, host);

    if (name == NULL) {
        name = seal_km_redis_names_add(names, host, generation);

        if (name == NULL) {
            return NGX_ERROR;
        }
    }

    name->generation = generation;

    *addresses = name->addresses;
    *n = name->n;

    return name->n ? NGX_OK : NGX_AGAIN;
}


static seal_km_redis_name_t *
seal_km_redis_names_find(seal_km_redis_names_t *names, ngx_str_t *host)
{
    ngx_int_t              rc;
    ngx_rbtree_node_t     *node;
    seal_km_redis_name_t  *name;

    node = names->tree.root;

    while (node != &names->sentinel) {
        name = seal_km_redis_names_of(node);

        rc = seal_km_redis_names_compare(host, &name->host);

        if (rc == 0) {
            return name;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static void
seal_km_redis_names_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_str_t           *host;
    ngx_rbtree_node_t  **p;

    host = &seal_km_redis_names_of(node)->host;

    for ( ;; ) {
        p = (seal_km_redis_names_compare(host,
                                         &seal_km_redis_names_of(temp)->host)
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


static ngx_int_t
seal_km_redis_names_compare(ngx_str_t *a, ngx_str_t *b)
{
    if (a->len != b->len) {
        return (a->len < b->len) ? -1 : 1;
    }

    return ngx_strncasecmp(a->data, b->data, a->len);
}


void
seal_km_redis_names_prefer(seal_km_redis_names_t *names, ngx_str_t *host,
    ngx_uint_t i)
{
    seal_km_redis_name_t          *name;
    seal_km_redis_name_address_t   first;

    name = seal_km_redis_names_find(names, host);

    if (name && i && i < name->n) {
        first = name->addresses[0];
        name->addresses[0] = name->addresses[i];
        name->addresses[i] = first;
    }
}


void
seal_km_redis_names_forget(seal_km_redis_names_t *names,
    ngx_uint_t generation)
{
    ngx_queue_t           *q, *next;
    seal_km_redis_name_t  *name;

    for (q = ngx_queue_head(&names->queue);
         q != ngx_queue_sentinel(&names->queue);
         q = next)
    {
        next = ngx_queue_next(q);
        name = ngx_queue_data(q, seal_km_redis_name_t, queue);

        if (name->generation < generation) {
            seal_km_redis_names_free(name);
        }
    }
}


void
seal_km_redis_names_forget_born(seal_km_redis_names_t *names,
    ngx_uint_t generation)
{
    ngx_queue_t           *q, *next;
    seal_km_redis_name_t  *name;

    for (q = ngx_queue_head(&names->queue);
         q != ngx_queue_sentinel(&names->queue);
         q = next)
    {
        next = ngx_queue_next(q);
        name = ngx_queue_data(q, seal_km_redis_name_t, queue);

        if (name->born == generation) {
            seal_km_redis_names_free(name);
        }
    }
}


static seal_km_redis_name_t *
seal_km_redis_names_add(seal_km_redis_names_t *names, ngx_str_t *host,
    ngx_uint_t generation)
{
    seal_km_redis_name_t  *name;

    if (names->n >= SEAL_KM_REDIS_NAMES_MAX) {
        return NULL;
    }

    name = ngx_calloc(sizeof(seal_km_redis_name_t) + host->len,
                      ngx_cycle->log);
    if (name == NULL) {
        return NULL;
    }

    name->names = names;
    name->ident = -1;
    name->born = generation;
    name->host.len = host->len;
    name->host.data = (u_char *) (name + 1);
    ngx_memcpy(name->host.data, host->data, host->len);

    name->timer.handler = seal_km_redis_names_timer_handler;
    name->timer.data = name;
    name->timer.log = ngx_cycle->log;

    /* a worker that exits resolves on, for those whom it waits for */
    name->timer.cancelable = 1;

    ngx_queue_insert_tail(&names->queue, &name->queue);
    ngx_rbtree_insert(&names->tree, &name->node);
    names->n++;

    /* the resolver may answer at once, and our caller is not ready for that */
    ngx_add_timer(&name->timer, 1);

    return name;
}


static void
seal_km_redis_names_timer_handler(ngx_event_t *ev)
{
    ngx_resolver_ctx_t    *ctx;
    seal_km_redis_name_t  *name;

    name = ev->data;

    ctx = ngx_resolve_start(name->names->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_add_timer(&name->timer, SEAL_KM_REDIS_NAMES_RETRY);
        return;
    }

    ctx->name = name->host;
    ctx->handler = seal_km_redis_names_resolve_handler;
    ctx->data = name;
    ctx->timeout = name->names->timeout;
    ctx->cancelable = 1;

    name->ctx = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        /* it has freed the context */
        name->ctx = NULL;
        ngx_add_timer(&name->timer, SEAL_KM_REDIS_NAMES_RETRY);
    }
}


static void
seal_km_redis_names_resolve_handler(ngx_resolver_ctx_t *ctx)
{
    time_t                 valid;
    ngx_int_t              rc;
    ngx_msec_t             delay;
    seal_km_redis_name_t  *name;

    name = ctx->data;
    name->ctx = NULL;

    rc = NGX_ERROR;
    delay = SEAL_KM_REDIS_NAMES_RETRY;

    if (ctx->state == NGX_OK) {
        rc = seal_km_redis_names_set(name, ctx);

        /* while it is valid nginx' resolver says again what it has said */
        valid = ctx->valid - ngx_time();

        if (valid > 0) {
            delay = ngx_min((ngx_msec_t) valid + 1,
                            SEAL_KM_REDIS_NAMES_VALID / 1000) * 1000;
        }

        name->failing = 0;

    } else if (!name->failing) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "Redis host \"%V\" could not be resolved (%i: %s)",
                      &name->host, ctx->state,
                      ngx_resolver_strerror(ctx->state));
        name->failing = 1;
    }

    ngx_resolve_name_done(ctx);

    ngx_add_timer(&name->timer, delay);

    if (rc == NGX_OK) {
        name->names->handler(name->names->data);
    }
}


/* NGX_OK: other addresses; NGX_DECLINED: the same; NGX_ERROR: no memory */

static ngx_int_t
seal_km_redis_names_set(seal_km_redis_name_t *name, ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t                     i, same;
    seal_km_redis_name_address_t  *addresses;

    addresses = ngx_calloc(ctx->naddrs * sizeof(seal_km_redis_name_address_t),
                           ngx_cycle->log);
    if (addresses == NULL) {
        return NGX_ERROR;
    }

    same = (ctx->naddrs == name->n);

    for (i = 0; i < ctx->naddrs; i++) {
        ngx_memcpy(&addresses[i].sockaddr, ctx->addrs[i].sockaddr,
                   ctx->addrs[i].socklen);
        addresses[i].socklen = ctx->addrs[i].socklen;

        same = same && seal_km_redis_names_has(name, &addresses[i]);
    }

    if (same) {
        /* in whatever order */
        ngx_free(addresses);
        return NGX_DECLINED;
    }

    seal_km_redis_names_keep_first(name, addresses, ctx->naddrs);

    if (name->addresses) {
        ngx_free(name->addresses);
    }

    name->addresses = addresses;
    name->n = ctx->naddrs;

    return NGX_OK;
}


static ngx_uint_t
seal_km_redis_names_has(seal_km_redis_name_t *name,
    seal_km_redis_name_address_t *address)
{
    ngx_uint_t  i;

    for (i = 0; i < name->n; i++) {
        if (ngx_cmp_sockaddr(&name->addresses[i].sockaddr.sockaddr,
                             name->addresses[i].socklen,
                             &address->sockaddr.sockaddr, address->socklen, 0)
            == NGX_OK)
        {
            return 1;
        }
    }

    return 0;
}


/* resolvers rotate the order: who uses one address stays with it */

static void
seal_km_redis_names_keep_first(seal_km_redis_name_t *name,
    seal_km_redis_name_address_t *addresses, ngx_uint_t n)
{
    ngx_uint_t                    i;
    seal_km_redis_name_address_t  former;

    if (name->n == 0) {
        return;
    }

    former = name->addresses[0];

    for (i = 0; i < n; i++) {
        if (ngx_cmp_sockaddr(&addresses[i].sockaddr.sockaddr,
                             addresses[i].socklen,
                             &former.sockaddr.sockaddr, former.socklen, 0)
            == NGX_OK)
        {
            addresses[i] = addresses[0];
            addresses[0] = former;
            return;
        }
    }
}
