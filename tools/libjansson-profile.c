/*
 * What Jansson is there for: the texts of a request, read as the module reads
 * them.  tools/libjansson.sh has this run once, with a Jansson that counts, so that
 * gcc knows which way it goes, and how often.
 */


#include <stddef.h>
#include <string.h>

#include <jansson.h>


#define ROUNDS  1000


static const char *const  texts[] = {

    /* a SEAL KM Request */
    "{\"Version\":\"1.0.0\",\"SKmsUri\":\"https://skm-s.example/seal-km\","
    "\"ServiceID\":\"v2x.example\",\"UserID\":\"alice\","
    "\"Date/Time\":1764432000}",

    "{\n  \"Version\": \"1.0.0\",\n  \"SKmsUri\": \"https://skm-s.example/\","
    "\n  \"ServiceID\": \"caf\\u00e9 \xc3\xa9\",\n  \"DeviceID\": \"d-17\","
    "\n  \"Date/Time\": 1764432000\n}\n",

    /* the header and the claims of an access token */
    "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"2026-11\"}",

    "{\"iss\":\"https://sim-s.example\",\"aud\":\"https://skm-s.example\","
    "\"client_id\":\"skm-c\",\"sub\":\"alice\",\"scope\":\"seal:km seal:im\","
    "\"iat\":1764431000,\"nbf\":1764431000.25,\"exp\":1764435000,"
    "\"jti\":\"0d5f6b1e8c2a4977b3e9\",\"admin\":false,\"act\":null,"
    "\"cnf\":{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\"},"
    "\"roles\":[\"role-of-a-vertical-application-1\","
    "\"role-of-a-vertical-application-2\",\"role-of-another-one\"]}",

    /* the header of an encrypted record, written with white space */
    "{ \"alg\": \"dir\", \"enc\": \"A256GCM\", \"kid\": \"2026-11\" }"
};


static const char *const  names[] = {
    "Version", "SKmsUri", "ServiceID", "ClientID", "DeviceID", "UserID",
    "Date/Time", "alg", "crit", "kid", "exp", "nbf", "iss", "sub", "client_id",
    "scope", "aud"
};


/* as in an arena: all is dropped at once */

static struct {
    size_t  used;
    _Alignas(max_align_t) char  bytes[64 * 1024];
} arena;


static void *
take(size_t size)
{
    void  *p;

    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);

    if (size > sizeof(arena.bytes) - arena.used) {
        return NULL;
    }

    p = arena.bytes + arena.used;
    arena.used += size;

    return p;
}


static void
drop(void *p)
{
    (void) p;
}


static int
read_text(const char *text)
{
    size_t         i, found;
    const json_t  *json;

    arena.used = 0;
    found = 0;

    json = json_loadb(text, strlen(text),
                      JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL|JSON_DECODE_ANY,
                      NULL);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found += (json_object_get(json, names[i]) != NULL);
    }

    return found > 0;
}


int
main(void)
{
    size_t  i, n;

    json_set_alloc_funcs(take, drop);

    /* not by chance: the same source is to become the same library */
    json_object_seed(1);

    for (n = 0; n < ROUNDS; n++) {
        for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            if (!read_text(texts[i])) {
                return 1;
            }
        }
    }

    return 0;
}
