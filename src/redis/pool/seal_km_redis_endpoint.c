/*
 * An address with the memory that it points to.
 */


#include "seal_km_redis_endpoint.h"


void
seal_km_redis_endpoint_init(seal_km_redis_endpoint_t *endpoint,
    ngx_str_t *host, struct sockaddr *sockaddr, socklen_t socklen,
    in_port_t port)
{
    seal_km_redis_address_t  *address;

    address = &endpoint->address;

    ngx_memcpy(&endpoint->sockaddr, sockaddr, socklen);
    ngx_inet_set_port(&endpoint->sockaddr.sockaddr, port);

    address->sockaddr = &endpoint->sockaddr.sockaddr;
    address->socklen = socklen;
    address->host = *host;
    address->name.data = endpoint->text;
    address->name.len = ngx_sock_ntop(address->sockaddr, socklen,
                                      endpoint->text, NGX_SOCKADDR_STRLEN, 1);
}


ngx_int_t
seal_km_redis_endpoint_parse(seal_km_redis_endpoint_t *endpoint, ngx_str_t *ip)
{
    in_addr_t             addr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;

    sin6 = &endpoint->sockaddr.sockaddr_in6;

    if (ngx_inet6_addr(ip->data, ip->len, sin6->sin6_addr.s6_addr) == NGX_OK) {
        sin6->sin6_family = AF_INET6;
        endpoint->address.socklen = sizeof(struct sockaddr_in6);
        return NGX_OK;
    }
#endif

    addr = ngx_inet_addr(ip->data, ip->len);

    if (addr == INADDR_NONE) {
        return NGX_ERROR;
    }

    sin = &endpoint->sockaddr.sockaddr_in;
    sin->sin_family = AF_INET;
    sin->sin_addr.s_addr = addr;
    endpoint->address.socklen = sizeof(struct sockaddr_in);

    return NGX_OK;
}
