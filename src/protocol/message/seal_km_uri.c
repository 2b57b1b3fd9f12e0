#include <arpa/inet.h>
#include <string.h>

#include "seal_km_uri.h"


/* kinds of characters (RFC 3986, clauses 2.2, 2.3 and 3.3) */
#define SEAL_KM_URI_UNRESERVED  0x01
#define SEAL_KM_URI_SUB_DELIM   0x02
#define SEAL_KM_URI_COLON       0x04
#define SEAL_KM_URI_AT          0x08
#define SEAL_KM_URI_SLASH       0x10
#define SEAL_KM_URI_QUESTION    0x20
#define SEAL_KM_URI_ESCAPE      0x40

/* what the components are made of */
#define SEAL_KM_URI_REG_NAME                                                  \
    (SEAL_KM_URI_UNRESERVED|SEAL_KM_URI_SUB_DELIM|SEAL_KM_URI_ESCAPE)
#define SEAL_KM_URI_USERINFO    (SEAL_KM_URI_REG_NAME|SEAL_KM_URI_COLON)
#define SEAL_KM_URI_IP_FUTURE                                                 \
    (SEAL_KM_URI_UNRESERVED|SEAL_KM_URI_SUB_DELIM|SEAL_KM_URI_COLON)
#define SEAL_KM_URI_PATH                                                      \
    (SEAL_KM_URI_USERINFO|SEAL_KM_URI_AT|SEAL_KM_URI_SLASH)
#define SEAL_KM_URI_QUERY       (SEAL_KM_URI_PATH|SEAL_KM_URI_QUESTION)

#define seal_km_uri_is_alpha(c)                                               \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define seal_km_uri_is_digit(c)  ((c) >= '0' && (c) <= '9')
#define seal_km_uri_is_upper(c)  ((c) >= 'A' && (c) <= 'Z')
#define seal_km_uri_lower(c)                                                  \
    (char) (seal_km_uri_is_upper(c) ? (c) | 0x20 : (c))


/* the schemes with a default port; all of them demand a host */

typedef struct {
    seal_km_str_t  scheme;
    seal_km_str_t  port;
} seal_km_uri_scheme_t;


#define seal_km_uri_string(text)  { text, sizeof(text) - 1 }

static const seal_km_uri_scheme_t  seal_km_uri_schemes[] = {
    { seal_km_uri_string("http"),  seal_km_uri_string("80") },
    { seal_km_uri_string("https"), seal_km_uri_string("443") },
    { seal_km_uri_string("ws"),    seal_km_uri_string("80") },
    { seal_km_uri_string("wss"),   seal_km_uri_string("443") }
};


/* where the normal form has come to, and what is left of the URI */

typedef struct {
    const char                  *p;
    const char                  *last;
    char                        *dst;
    const seal_km_uri_scheme_t  *scheme;   /* NULL: another one */
    int                          authority;
} seal_km_uri_ctx_t;


static int seal_km_uri_scheme(seal_km_uri_ctx_t *ctx);
static int seal_km_uri_authority(seal_km_uri_ctx_t *ctx);
static int seal_km_uri_host(seal_km_uri_ctx_t *ctx, const char *last);
static int seal_km_uri_ip_literal(seal_km_str_t host);
static int seal_km_uri_port(seal_km_uri_ctx_t *ctx, const char *last);
static int seal_km_uri_path(seal_km_uri_ctx_t *ctx, const char *last);
static char *seal_km_uri_remove_dots(char *path, char *last);
static int seal_km_uri_copy(seal_km_uri_ctx_t *ctx, const char *last,
    unsigned allowed);
static int seal_km_uri_escape(const char *p, const char *last);
static unsigned seal_km_uri_kind(char c);
static int seal_km_uri_hex(char c);
static const char *seal_km_uri_find(const char *p, const char *last,
    const char *delimiters);


int
seal_km_uri_normalize(seal_km_str_t uri, char *dst, size_t *len)
{
    seal_km_uri_ctx_t  ctx;

    if (uri.len == 0 || uri.len > SEAL_KM_URI_MAX) {
        return -1;
    }

    ctx.p = uri.data;
    ctx.last = uri.data + uri.len;
    ctx.dst = dst;

    if (seal_km_uri_scheme(&ctx) != 0
        || seal_km_uri_authority(&ctx) != 0
        || seal_km_uri_path(&ctx, seal_km_uri_find(ctx.p, ctx.last, "?#"))
           != 0)
    {
        return -1;
    }

    if (ctx.p < ctx.last && *ctx.p == '?') {
        *ctx.dst++ = *ctx.p++;

        if (seal_km_uri_copy(&ctx, seal_km_uri_find(ctx.p, ctx.last, "#"),
                             SEAL_KM_URI_QUERY)
            != 0)
        {
            return -1;
        }
    }

    if (ctx.p < ctx.last) {
        *ctx.dst++ = *ctx.p++;

        if (seal_km_uri_copy(&ctx, ctx.last, SEAL_KM_URI_QUERY) != 0) {
            return -1;
        }
    }

    *len = (size_t) (ctx.dst - dst);

    return 0;
}


static int
seal_km_uri_scheme(seal_km_uri_ctx_t *ctx)
{
    char           c;
    size_t         i;
    seal_km_str_t  scheme;

    if (!seal_km_uri_is_alpha(*ctx->p)) {
        return -1;
    }

    scheme.data = ctx->dst;

    for ( ;; ) {

        if (ctx->p == ctx->last) {
            return -1;
        }

        c = *ctx->p++;

        if (c == ':') {
            break;
        }

        if (!seal_km_uri_is_alpha(c) && !seal_km_uri_is_digit(c)
            && c != '+' && c != '-' && c != '.')
        {
            return -1;
        }

        *ctx->dst++ = seal_km_uri_lower(c);
    }

    scheme.len = (size_t) (ctx->dst - scheme.data);
    *ctx->dst++ = ':';

    ctx->scheme = NULL;

    for (i = 0; i < sizeof(seal_km_uri_schemes) / sizeof(seal_km_uri_scheme_t);
         i++)
    {
        if (seal_km_str_equal(seal_km_uri_schemes[i].scheme, scheme)) {
            ctx->scheme = &seal_km_uri_schemes[i];
        }
    }

    return 0;
}


static int
seal_km_uri_authority(seal_km_uri_ctx_t *ctx)
{
    const char  *last, *at;

    ctx->authority = (ctx->last - ctx->p >= 2
                      && ctx->p[0] == '/' && ctx->p[1] == '/');

    if (!ctx->authority) {
        return (ctx->scheme == NULL) ? 0 : -1;
    }

    *ctx->dst++ = *ctx->p++;
    *ctx->dst++ = *ctx->p++;

    last = seal_km_uri_find(ctx->p, ctx->last, "/?#");
    at = seal_km_uri_find(ctx->p, last, "@");

    if (at < last) {
        if (seal_km_uri_copy(ctx, at, SEAL_KM_URI_USERINFO) != 0) {
            return -1;
        }

        *ctx->dst++ = *ctx->p++;
    }

    if (seal_km_uri_host(ctx, last) != 0) {
        return -1;
    }

    return seal_km_uri_port(ctx, last);
}


static int
seal_km_uri_host(seal_km_uri_ctx_t *ctx, const char *last)
{
    char           *p, *host;
    seal_km_str_t   literal;

    host = ctx->dst;

    if (ctx->p < last && *ctx->p == '[') {
        literal.data = ctx->p + 1;
        literal.len = (size_t) (seal_km_uri_find(ctx->p, last, "]")
                                - literal.data);

        /* that is all there is where the "]" is missing */

        if (literal.data + literal.len == last
            || seal_km_uri_ip_literal(literal) != 0)
        {
            return -1;
        }

        memcpy(ctx->dst, ctx->p, literal.len + 2);
        ctx->dst += literal.len + 2;
        ctx->p += literal.len + 2;

    } else if (seal_km_uri_copy(ctx, seal_km_uri_find(ctx->p, last, ":"),
                                SEAL_KM_URI_REG_NAME)
               != 0)
    {
        return -1;
    }

    if (ctx->dst == host && ctx->scheme != NULL) {
        return -1;
    }

    for (p = host; p < ctx->dst; p++) {

        /* the digits of an escape stay in upper case */

        if (*p == '%') {
            p += 2;
            continue;
        }

        *p = seal_km_uri_lower(*p);
    }

    return 0;
}


/* what is in the brackets: IPv6address or IPvFuture (RFC 3986, 3.2.2) */

static int
seal_km_uri_ip_literal(seal_km_str_t host)
{
    char             text[INET6_ADDRSTRLEN];
    size_t           i;
    struct in6_addr  addr;

    if (host.len > 0 && (host.data[0] | 0x20) == 'v') {

        for (i = 1; i < host.len && seal_km_uri_hex(host.data[i]) >= 0; i++) {
            /* void */
        }

        if (i == 1 || i + 1 >= host.len || host.data[i] != '.') {
            return -1;
        }

        while (++i < host.len) {
            if ((seal_km_uri_kind(host.data[i]) & SEAL_KM_URI_IP_FUTURE) == 0) {
                return -1;
            }
        }

        return 0;
    }

    if (host.len >= sizeof(text)) {
        return -1;
    }

    memcpy(text, host.data, host.len);
    text[host.len] = '\0';

    /* a NUL would end the text early */

    if (memchr(text, '\0', host.len) != NULL) {
        return -1;
    }

    return (inet_pton(AF_INET6, text, &addr) == 1) ? 0 : -1;
}


/* a colon with nothing behind it and the default port are left out */

static int
seal_km_uri_port(seal_km_uri_ctx_t *ctx, const char *last)
{
    const char     *p;
    seal_km_str_t   port;

    if (ctx->p == last) {
        return 0;
    }

    if (*ctx->p != ':') {
        return -1;
    }

    port.data = ctx->p + 1;
    port.len = (size_t) (last - port.data);

    for (p = port.data; p < last; p++) {
        if (!seal_km_uri_is_digit(*p)) {
            return -1;
        }
    }

    if (port.len > 0
        && (ctx->scheme == NULL
            || !seal_km_str_equal(port, ctx->scheme->port)))
    {
        memcpy(ctx->dst, ctx->p, port.len + 1);
        ctx->dst += port.len + 1;
    }

    ctx->p = last;

    return 0;
}


static int
seal_km_uri_path(seal_km_uri_ctx_t *ctx, const char *last)
{
    char  *path;

    path = ctx->dst;

    if (ctx->p == last && ctx->authority) {
        *ctx->dst++ = '/';
        return 0;
    }

    if (seal_km_uri_copy(ctx, last, SEAL_KM_URI_PATH) != 0) {
        return -1;
    }

    /* "urn:a/../b" is no hierarchy */

    if (ctx->dst == path || *path != '/') {
        return 0;
    }

    ctx->dst = seal_km_uri_remove_dots(path, ctx->dst);

    if (!ctx->authority && ctx->dst - path >= 2 && path[1] == '/') {

        /* A path "//" would be read as an authority.  There is room, since at
           least "/." was removed before it. */

        memmove(path + 2, path, (size_t) (ctx->dst - path));
        memcpy(path, "/.", 2);
        ctx->dst += 2;
    }

    return 0;
}


/*
 * RFC 3986, clause 5.2.4, in place, for a path that begins with "/".  Returns
 * the new end of the path.
 */

static char *
seal_km_uri_remove_dots(char *path, char *last)
{
    char    *p, *dst, *end;
    size_t   n;

    p = path;
    dst = path;

    while (p < last) {

        /* p is at the slash before a segment */

        end = memchr(p + 1, '/', (size_t) (last - (p + 1)));
        end = (end == NULL) ? last : end;
        n = (size_t) (end - p);

        if (n == 3 && p[1] == '.' && p[2] == '.') {

            while (dst > path && *--dst != '/') {
                /* void */
            }

        } else if (n != 2 || p[1] != '.') {
            memmove(dst, p, n);
            dst += n;
            p = end;
            continue;
        }

        /* a dot segment at the end leaves its slash */

        if (end == last) {
            *dst++ = '/';
        }

        p = end;
    }

    return dst;
}


/*
 * Copies up to last.  Escapes of unreserved characters are decoded, others get
 * digits in upper case (RFC 3986, clauses 6.2.2.1 and 6.2.2.2).
 */

static int
seal_km_uri_copy(seal_km_uri_ctx_t *ctx, const char *last, unsigned allowed)
{
    int        value;
    unsigned   kind;

    static const char  hex[] = "0123456789ABCDEF";

    while (ctx->p < last) {
        kind = seal_km_uri_kind(*ctx->p);

        if ((kind & allowed) == 0) {
            return -1;
        }

        if (kind != SEAL_KM_URI_ESCAPE) {
            *ctx->dst++ = *ctx->p++;
            continue;
        }

        value = seal_km_uri_escape(ctx->p, last);

        if (value < 0) {
            return -1;
        }

        ctx->p += 3;

        if (seal_km_uri_kind((char) value) == SEAL_KM_URI_UNRESERVED) {
            *ctx->dst++ = (char) value;
            continue;
        }

        *ctx->dst++ = '%';
        *ctx->dst++ = hex[value >> 4];
        *ctx->dst++ = hex[value & 0x0f];
    }

    return 0;
}


/* the byte that the escape at p stands for, -1 if it is ill-formed */

static int
seal_km_uri_escape(const char *p, const char *last)
{
    int  high, low;

    if (last - p < 3) {
        return -1;
    }

    high = seal_km_uri_hex(p[1]);
    low = seal_km_uri_hex(p[2]);

    if (high < 0 || low < 0) {
        return -1;
    }

    return high << 4 | low;
}


/* 0 for what may stand in none of the components */

static unsigned
seal_km_uri_kind(char c)
{
    if (seal_km_uri_is_alpha(c) || seal_km_uri_is_digit(c)) {
        return SEAL_KM_URI_UNRESERVED;
    }

    switch (c) {

    case '-':
    case '.':
    case '_':
    case '~':
        return SEAL_KM_URI_UNRESERVED;

    case '!':
    case '$':
    case '&':
    case '\'':
    case '(':
    case ')':
    case '*':
    case '+':
    case ',':
    case ';':
    case '=':
        return SEAL_KM_URI_SUB_DELIM;

    case ':':
        return SEAL_KM_URI_COLON;

    case '@':
        return SEAL_KM_URI_AT;

    case '/':
        return SEAL_KM_URI_SLASH;

    case '?':
        return SEAL_KM_URI_QUESTION;

    case '%':
        return SEAL_KM_URI_ESCAPE;

    default:
        return 0;
    }
}


static int
seal_km_uri_hex(char c)
{
    if (seal_km_uri_is_digit(c)) {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}


/* the first of the delimiters, or last where there is none */

static const char *
seal_km_uri_find(const char *p, const char *last, const char *delimiters)
{
    for ( /* void */ ; p < last; p++) {

        /* strchr() would find the NUL at the end of delimiters */

        if (*p != '\0' && strchr(delimiters, *p) != NULL) {
            break;
        }
    }

    return p;
}
