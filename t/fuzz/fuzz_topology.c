/*
 * What the servers of a Redis say of each other, from the bytes that come in to
 * the map, or the addresses, that are made of them: CLUSTER SLOTS, the answers of
 * a sentinel, or where a redirection leads to.  The first byte of the input tells
 * which.  The reader of replies, the map and the addresses are the module's own,
 * with nginx's functions for texts and addresses; the pool, which would connect to
 * servers, is played here.
 */


#include "fuzz.h"
#include "seal_km_redis_map.h"
#include "seal_km_redis_sentinel_answer.h"


#define FUZZ_SERVERS_MAX  4096
#define FUZZ_PORT         7000


static void fuzz_cluster(ngx_str_t *bytes);
static void fuzz_map(seal_km_redis_reply_t *reply);
static void fuzz_range(seal_km_redis_map_t *map, seal_km_redis_reply_t *range,
    unsigned char *seen);
static void fuzz_move(seal_km_redis_map_t *map);
static void fuzz_sentinel(ngx_str_t *bytes);
static void fuzz_answer(seal_km_redis_question_t *question);
static void fuzz_endpoint(seal_km_redis_endpoint_t *endpoint);
static void fuzz_redirection(ngx_str_t *text);
static in_port_t fuzz_port(const ngx_str_t *text);
static ngx_int_t fuzz_reply(seal_km_redis_reader_t *reader, ngx_str_t *bytes,
    ngx_uint_t kinds, seal_km_redis_reply_t **reply);
static void fuzz_forget_servers(void);


static seal_km_redis_pool_t      fuzz_pool;
static size_t                    fuzz_nservers;
static struct sockaddr_in        fuzz_sockaddr;
static seal_km_redis_address_t   fuzz_informant;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t  bytes;

    if (size == 0) {
        return 0;
    }

    ngx_queue_init(&fuzz_pool.servers.queue);

    fuzz_sockaddr.sin_family = AF_INET;
    fuzz_sockaddr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fuzz_sockaddr.sin_port = htons(FUZZ_PORT);
    fuzz_informant.sockaddr = (struct sockaddr *) &fuzz_sockaddr;
    fuzz_informant.socklen = sizeof(fuzz_sockaddr);
    ngx_str_set(&fuzz_informant.host, "127.0.0.1");

    bytes.data = (u_char *) data + 1;
    bytes.len = size - 1;

    switch (data[0] % 3) {

    case 0:
        fuzz_cluster(&bytes);
        break;

    case 1:
        fuzz_sentinel(&bytes);
        break;

    default:
        fuzz_redirection(&bytes);
        break;
    }

    fuzz_forget_servers();

    return 0;
}


static void
fuzz_cluster(ngx_str_t *bytes)
{
    seal_km_redis_reply_t   *reply;
    seal_km_redis_reader_t   reader;

    fuzz_assert(seal_km_redis_reader_init(&reader) == NGX_OK);

    while (fuzz_reply(&reader, bytes,
                      SEAL_KM_REDIS_KIND_ARRAY|SEAL_KM_REDIS_KIND_MAP
                      |SEAL_KM_REDIS_KIND_ERROR, &reply)
           == NGX_OK)
    {
        if (seal_km_redis_map_is_valid(reply)) {
            fuzz_map(reply);
        }

        seal_km_redis_reply_free(reply);
    }

    seal_km_redis_reader_free(&reader);
}


/* each slot is served by whom its range says, and no other slot by anybody */

static void
fuzz_map(seal_km_redis_reply_t *reply)
{
    size_t                       i;
    unsigned                     slot;

    static unsigned char         seen[SEAL_KM_REDIS_SLOTS];
    static seal_km_redis_map_t   map;

    memset(seen, 0, sizeof(seen));

    if (seal_km_redis_map_set(&map, &fuzz_pool, reply, &fuzz_informant)
        == NGX_OK)
    {
        fuzz_assert(reply->type == SEAL_KM_REDIS_REPLY_ARRAY && reply->n > 0);

        for (i = 0; i < reply->n; i++) {
            fuzz_range(&map, reply->elements[i], seen);
        }

        for (slot = 0; slot < SEAL_KM_REDIS_SLOTS; slot++) {
            fuzz_assert((map.slots[slot] != NULL) == seen[slot]);
        }

        fuzz_move(&map);
    }

    seal_km_redis_map_free(&map);
    fuzz_forget_servers();
}


static void
fuzz_move(seal_km_redis_map_t *map)
{
    seal_km_redis_server_t  *server;

    if (fuzz_nservers == 0) {
        return;
    }

    server = ngx_queue_data(ngx_queue_head(&fuzz_pool.servers.queue),
                            seal_km_redis_server_t, queue);

    seal_km_redis_map_move(map, 7, server);

    fuzz_assert(map->slots[7]->n == 1 && map->slots[7]->servers[0] == server);
}


static void
fuzz_range(seal_km_redis_map_t *map, seal_km_redis_reply_t *range,
    unsigned char *seen)
{
    int64_t                 slot, first, last;
    ngx_uint_t              i;
    seal_km_redis_shard_t  *shard;

    first = range->elements[0]->integer;
    last = range->elements[1]->integer;

    fuzz_assert(first >= 0 && first <= last && last < SEAL_KM_REDIS_SLOTS);

    shard = map->slots[first];
    fuzz_assert(shard != NULL && shard->n <= range->n - 2);

    for (i = 0; i < shard->n; i++) {
        fuzz_assert(shard->servers[i] != NULL);
    }

    for (slot = first; slot <= last; slot++) {
        fuzz_assert(!seen[slot] && map->slots[slot] == shard);
        seen[slot] = 1;
    }
}


static void
fuzz_sentinel(ngx_str_t *bytes)
{
    seal_km_redis_reply_t     *reply;
    seal_km_redis_reader_t     reader;
    seal_km_redis_question_t   question;

    memset(&question, 0, sizeof(question));
    fuzz_assert(seal_km_redis_reader_init(&reader) == NGX_OK);

    while (question.n < SEAL_KM_REDIS_QUESTION_MAX
           && fuzz_reply(&reader, bytes,
                         SEAL_KM_REDIS_KIND_ARRAY|SEAL_KM_REDIS_KIND_ERROR
                         |SEAL_KM_REDIS_KIND_NIL, &reply)
              == NGX_OK)
    {
        if (!seal_km_redis_sentinel_answer_is_valid(question.n, reply)) {
            seal_km_redis_reply_free(reply);
            break;
        }

        question.replies[question.n++] = reply;
    }

    if (question.n >= 2) {
        fuzz_answer(&question);
    }

    while (question.n > 0) {
        seal_km_redis_reply_free(question.replies[--question.n]);
    }

    seal_km_redis_reader_free(&reader);
}


static void
fuzz_answer(seal_km_redis_question_t *question)
{
    ngx_int_t                         rc, epoch;
    ngx_str_t                         host;
    ngx_uint_t                        i;
    seal_km_redis_server_t            who;
    seal_km_redis_endpoint_t          endpoint;
    seal_km_redis_sentinel_answer_t   answer;

    memset(&answer, 0, sizeof(answer));
    memset(&who, 0, sizeof(who));
    who.address = fuzz_informant;
    question->server = &who;

    if (!seal_km_redis_sentinel_answer_told(question, &epoch)) {
        return;
    }

    fuzz_assert(epoch == NGX_ERROR || epoch >= 0);

    seal_km_redis_sentinel_answer_take(&answer, question);

    if (seal_km_redis_sentinel_answer_master(&answer, &fuzz_pool, &endpoint,
                                             &host)
        == NGX_OK)
    {
        fuzz_endpoint(&endpoint);
    }

    for (i = 0; /* void */ ; i++) {
        rc = seal_km_redis_sentinel_answer_replica(&answer, &fuzz_pool, i,
                                                   &endpoint);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_OK) {
            fuzz_endpoint(&endpoint);
        }
    }

    fuzz_assert(i <= SEAL_KM_REDIS_ELEMENTS_MAX);

    seal_km_redis_sentinel_answer_free(&answer);
}


/* an address that can be connected to */

static void
fuzz_endpoint(seal_km_redis_endpoint_t *endpoint)
{
    seal_km_redis_address_t  *address;

    address = &endpoint->address;

    fuzz_assert(address->sockaddr == &endpoint->sockaddr.sockaddr);
    fuzz_assert(address->sockaddr->sa_family == AF_INET
                || address->sockaddr->sa_family == AF_INET6);
    fuzz_assert(address->socklen <= sizeof(endpoint->sockaddr));
    fuzz_assert(ngx_inet_get_port(address->sockaddr) != 0);
    fuzz_assert(address->name.len > 0
                && address->name.len <= NGX_SOCKADDR_STRLEN);
}


/* "host:port": one that is asked has that port, and none has a name or another */

static void
fuzz_redirection(ngx_str_t *text)
{
    u_char                  *copy;
    in_port_t                port;
    seal_km_redis_server_t  *known, *server;

    known = seal_km_redis_pool_server(&fuzz_pool, &fuzz_informant, 0);

    copy = fuzz_alloc(text->len);
    memcpy(copy, text->data, text->len);
    text->data = copy;

    server = seal_km_redis_announced_redirect(&fuzz_pool, text,
                                              &fuzz_informant);

    if (server != NULL) {
        port = fuzz_port(text);
        fuzz_assert(port != 0);
        fuzz_assert(ngx_inet_get_port(server->address.sockaddr) == port);
        fuzz_assert(server != known || port == FUZZ_PORT);
    }

    free(copy);
}


/* of decimal digits behind the last colon; 0: of anything else */

static in_port_t
fuzz_port(const ngx_str_t *text)
{
    size_t         i, colon;
    unsigned long  port;

    for (colon = text->len; colon > 0 && text->data[colon - 1] != ':'; colon--)
    {
        /* void */
    }

    port = 0;

    for (i = colon; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return 0;
        }

        port = port * 10 + (text->data[i] - '0');

        if (port > 65535) {
            return 0;
        }
    }

    return (in_port_t) port;
}


/* in one piece, in memory of its own, that is no longer there afterwards */

static ngx_int_t
fuzz_reply(seal_km_redis_reader_t *reader, ngx_str_t *bytes, ngx_uint_t kinds,
    seal_km_redis_reply_t **reply)
{
    u_char     *copy;
    ngx_int_t   rc;
    ngx_str_t   left;

    if (bytes->len == 0) {
        return NGX_AGAIN;
    }

    copy = fuzz_alloc(bytes->len);
    memcpy(copy, bytes->data, bytes->len);
    left.data = copy;
    left.len = bytes->len;

    rc = seal_km_redis_reader_next(reader, &left, kinds, 0, reply);

    fuzz_assert(left.len <= bytes->len);
    bytes->data += bytes->len - left.len;
    bytes->len = left.len;
    free(copy);

    return rc;
}


/* the pool, as far as a map needs one; it takes any server */

seal_km_redis_server_t *
seal_km_redis_pool_server(seal_km_redis_pool_t *pool,
    seal_km_redis_address_t *address, ngx_uint_t greeting)
{
    seal_km_redis_server_t  *server;

    fuzz_assert(pool == &fuzz_pool);
    fuzz_assert(address->sockaddr != NULL && address->socklen > 0);

    if (fuzz_nservers == FUZZ_SERVERS_MAX) {
        return NULL;
    }

    server = fuzz_alloc(sizeof(seal_km_redis_server_t));
    memset(server, 0, sizeof(seal_km_redis_server_t));

    /* the host is of the reply: it is known by its address only */

    memcpy(&server->sockaddr, address->sockaddr, address->socklen);
    server->address.sockaddr = &server->sockaddr.sockaddr;
    server->address.socklen = address->socklen;
    server->greeting = greeting;
    server->generation = pool->generation;

    ngx_queue_insert_tail(&pool->servers.queue, &server->queue);
    fuzz_nservers++;

    return server;
}


static void
fuzz_forget_servers(void)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&fuzz_pool.servers.queue)) {
        q = ngx_queue_head(&fuzz_pool.servers.queue);
        ngx_queue_remove(q);
        free(ngx_queue_data(q, seal_km_redis_server_t, queue));
    }

    fuzz_nservers = 0;
}


void
seal_km_redis_pool_begin(seal_km_redis_pool_t *pool)
{
    pool->generation++;
}


void
seal_km_redis_pool_commit(seal_km_redis_pool_t *pool)
{
    pool->committed = pool->generation;
}


void
seal_km_redis_pool_abandon(seal_km_redis_pool_t *pool)
{
}


/* no resolver: pool->names is NULL */

ngx_int_t
seal_km_redis_names_get(seal_km_redis_names_t *names, ngx_str_t *host,
    ngx_uint_t generation, seal_km_redis_name_address_t **addresses,
    ngx_uint_t *n)
{
    abort();
}


void
seal_km_redis_names_prefer(seal_km_redis_names_t *names, ngx_str_t *host,
    ngx_uint_t i)
{
    abort();
}


ngx_uint_t
seal_km_redis_servers_is_failing(seal_km_redis_servers_t *servers,
    struct sockaddr *sockaddr)
{
    return 0;
}
