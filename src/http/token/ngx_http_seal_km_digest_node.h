/*
 * What lies in shared memory by a hash: nginx's own tree of strings, by the first
 * bytes of the hash, and then by all of it.
 */


#ifndef NGX_HTTP_SEAL_KM_DIGEST_NODE_H
#define NGX_HTTP_SEAL_KM_DIGEST_NODE_H


#include <ngx_config.h>
#include <ngx_core.h>


/* of a hash that is random to begin with, any bytes tell as much as others */

static ngx_inline uint32_t
ngx_http_seal_km_digest_start(u_char *digest)
{
    uint32_t  start;

    ngx_memcpy(&start, digest, sizeof(uint32_t));

    return start;
}


/*
 * Readies node, the first member of what is inserted: digest, of len bytes, lies
 * in the same memory for as long as node does.
 */

static ngx_inline void
ngx_http_seal_km_name_node(ngx_str_node_t *node, u_char *digest,
    size_t len)
{
    node->node.key = ngx_http_seal_km_digest_start(digest);
    node->str.len = len;
    node->str.data = digest;
}


/* the node of that digest, or NULL */

static ngx_inline ngx_str_node_t *
ngx_http_seal_km_find_node(ngx_rbtree_t *tree, u_char *digest, size_t len)
{
    ngx_str_t  name;

    name.len = len;
    name.data = digest;

    return ngx_str_rbtree_lookup(tree, &name,
                                 ngx_http_seal_km_digest_start(digest));
}


#endif /* NGX_HTTP_SEAL_KM_DIGEST_NODE_H */
