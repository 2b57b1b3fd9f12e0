#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#include "seal_km_json_names.h"


/* a Mersenne prime: what is beyond its bits is added to what is in them */
#define SEAL_KM_JSON_PRIME       0x7fffffffu
#define SEAL_KM_JSON_PRIME_BITS  31

#define seal_km_json_fold(n)                                                  \
    (((n) & SEAL_KM_JSON_PRIME) + ((n) >> SEAL_KM_JSON_PRIME_BITS))


static int seal_km_json_names_grow(seal_km_json_names_t *names);
static int seal_km_json_names_set_table(seal_km_json_names_t *names,
    size_t n);
static uint32_t *seal_km_json_names_alloc(size_t n);
static int seal_km_json_names_set_key(seal_km_json_names_t *names);
static seal_km_json_e seal_km_json_names_look(seal_km_json_names_t *names,
    size_t size, const uint32_t *name, size_t n);
static uint64_t seal_km_json_names_hash(const seal_km_json_names_t *names,
    const char *p);
static int seal_km_json_names_equal(const char *a, const char *b);
static uint32_t seal_km_json_names_char(const char **text);


void
seal_km_json_names_init(seal_km_json_names_t *names, const char *text)
{
    names->text = text;
    names->names = names->room;
    names->n = 0;
    names->size = SEAL_KM_JSON_NAMES;
    names->table = names->table_room;
    names->table_size = 2 * SEAL_KM_JSON_NAMES;
    names->key = 0;
}


int
seal_km_json_names_add(seal_km_json_names_t *names, const char *p)
{
    if (names->n == names->size && seal_km_json_names_grow(names) != 0) {
        return -1;
    }

    names->names[names->n++] = (uint32_t) (p - names->text);

    return 0;
}


static int
seal_km_json_names_grow(seal_km_json_names_t *names)
{
    uint32_t  *grown;

    grown = seal_km_json_names_alloc(4 * names->size);

    if (grown == NULL) {
        return -1;
    }

    memcpy(grown, names->names, names->n * sizeof(uint32_t));

    if (names->names != names->room) {
        OPENSSL_free(names->names);
    }

    names->names = grown;
    names->size *= 4;

    return 0;
}


void
seal_km_json_names_free(seal_km_json_names_t *names)
{
    if (names->names != names->room) {
        OPENSSL_free(names->names);
    }

    if (names->table != names->table_room) {
        OPENSSL_free(names->table);
    }
}


seal_km_json_e
seal_km_json_names_end(seal_km_json_names_t *names, size_t n)
{
    size_t  count, size;

    count = names->n - n;
    names->n = n;

    if (count < 2) {
        return SEAL_KM_JSON_OK;
    }

    /* a power of two, of which at most three quarters are used */

    for (size = 4; size - size / 4 < count; size *= 2) {
        /* void */
    }

    if (seal_km_json_names_set_table(names, size) != 0
        || (names->key == 0 && seal_km_json_names_set_key(names) != 0))
    {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    return seal_km_json_names_look(names, size, names->names + n, count);
}


static int
seal_km_json_names_set_table(seal_km_json_names_t *names, size_t n)
{
    uint32_t  *table;

    if (n <= names->table_size) {
        return 0;
    }

    table = seal_km_json_names_alloc(n);

    if (table == NULL) {
        return -1;
    }

    if (names->table != names->table_room) {
        OPENSSL_free(names->table);
    }

    names->table = table;
    names->table_size = n;

    return 0;
}


static uint32_t *
seal_km_json_names_alloc(size_t n)
{
    uint32_t  *p;

    if (n > (size_t) -1 / sizeof(uint32_t)) {
        return NULL;
    }

    p = OPENSSL_malloc(n * sizeof(uint32_t));

    if (p == NULL) {
        /* newer OpenSSL queues an error, which a TLS connection would find */
        ERR_clear_error();
    }

    return p;
}


static int
seal_km_json_names_set_key(seal_km_json_names_t *names)
{
    uint32_t  n;

    if (RAND_bytes((unsigned char *) &n, sizeof(n)) != 1) {
        ERR_clear_error();
        return -1;
    }

    names->key = n % (SEAL_KM_JSON_PRIME - 1) + 1;

    return 0;
}


/*
 * Puts n names into a hash table, and stops at one that is there already.  The
 * hash is made with a key that nobody can know: so nobody can choose names for
 * which this is slow.
 */

static seal_km_json_e
seal_km_json_names_look(seal_km_json_names_t *names, size_t size,
    const uint32_t *name, size_t n)
{
    size_t       i, slot;
    uint32_t    *table;
    const char  *p;

    table = names->table;
    memset(table, 0, size * sizeof(uint32_t));

    for (i = 0; i < n; i++) {
        p = names->text + name[i];

        for (slot = seal_km_json_names_hash(names, p) & (size - 1);
             table[slot] != 0;
             slot = (slot + 1) & (size - 1))
        {
            if (seal_km_json_names_equal(p, names->text + table[slot])) {
                return SEAL_KM_JSON_INVALID;
            }
        }

        table[slot] = name[i];
    }

    return SEAL_KM_JSON_OK;
}


/*
 * A name is a polynomial over the field of the prime, its characters are the
 * coefficients, and the hash is its value at a secret point.  Two polynomials
 * of degree n have the same value at n points at most.
 */

static uint64_t
seal_km_json_names_hash(const seal_km_json_names_t *names, const char *p)
{
    uint32_t  c;
    uint64_t  hash;

    hash = 0;

    while ((c = seal_km_json_names_char(&p)) != 0) {
        hash = hash * names->key + c;
        hash = seal_km_json_fold(hash);
        hash = seal_km_json_fold(hash);
    }

    return hash;
}


static int
seal_km_json_names_equal(const char *a, const char *b)
{
    uint32_t  c;

    do {
        c = seal_km_json_names_char(&a);

        if (c != seal_km_json_names_char(&b)) {
            return 0;
        }

    } while (c != 0);

    return 1;
}


/* the next character of a name, 0 at its end */

static uint32_t
seal_km_json_names_char(const char **text)
{
    uint32_t              c;
    const unsigned char  *p;

    p = (const unsigned char *) *text;
    c = *p;

    if (c == '"') {
        return 0;
    }

    if (c == '\\') {
        return seal_km_json_escape(text);
    }

    if (c < 0x80) {
        *text += 1;

    } else if (c < 0xe0) {
        c = (c & 0x1f) << 6 | (p[1] & 0x3f);
        *text += 2;

    } else if (c < 0xf0) {
        c = (c & 0x0f) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3f);
        *text += 3;

    } else {
        c = (c & 0x07) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6
            | (p[3] & 0x3f);
        *text += 4;
    }

    return c;
}


uint32_t
seal_km_json_escape(const char **text)
{
    uint32_t     c;
    const char  *p;

    p = *text + 1;
    *text += 2;

    switch (*p) {

    case 'b':
        return '\b';

    case 'f':
        return '\f';

    case 'n':
        return '\n';

    case 'r':
        return '\r';

    case 't':
        return '\t';

    case 'u':
        break;

    default: /* a quote, a backslash or a slash */
        return (unsigned char) *p;
    }

    c = (uint32_t) seal_km_json_hex4(p + 1);
    *text += 4;

    if (c < 0xd800 || c > 0xdfff) {
        return c;
    }

    /* the other half of a surrogate pair is behind its own "\u" */

    c = 0x10000 + ((c - 0xd800) << 10)
        + ((uint32_t) seal_km_json_hex4(p + 7) - 0xdc00);
    *text += 6;

    return c;
}


int
seal_km_json_hex4(const char *p)
{
    int      value;
    char     c;
    size_t   i;

    value = 0;

    for (i = 0; i < 4; i++) {
        c = p[i];
        value <<= 4;

        if (c >= '0' && c <= '9') {
            value |= c - '0';

        } else if (c >= 'a' && c <= 'f') {
            value |= c - 'a' + 10;

        } else if (c >= 'A' && c <= 'F') {
            value |= c - 'A' + 10;

        } else {
            return -1;
        }
    }

    return value;
}
