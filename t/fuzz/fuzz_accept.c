/*
 * Lists that others write: an Accept, and the scopes of CAPIF behind a line end.
 * What is added to them on either side changes nothing of what they say.
 */


#include "fuzz.h"
#include "seal_km_accept.h"
#include "seal_km_capif.h"


static void fuzz_accept(seal_km_str_t value);
static void fuzz_capif(seal_km_str_t demanded, seal_km_str_t scopes);
static seal_km_str_t fuzz_join(const char *before, seal_km_str_t s,
    const char *after);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seal_km_str_t  whole, scopes, demanded;

    whole = fuzz_join("", fuzz_str(data, size), "");

    fuzz_accept(whole);

    scopes = whole;
    demanded = seal_km_str_cut(&scopes, '\n');

    if (seal_km_capif_is_scope(demanded)) {
        fuzz_capif(demanded, scopes);
    }

    free((char *) whole.data);

    return 0;
}


static void
fuzz_accept(seal_km_str_t value)
{
    int            json;
    seal_km_str_t  more;

    json = seal_km_accept_has_json(value);

    more = fuzz_join("text/html;a=\",\\\"\";q=1, ,", value, "");
    fuzz_assert(seal_km_accept_has_json(more) == json);
    free((char *) more.data);

    more = fuzz_join("", value, ", */*;q=0");
    fuzz_assert(seal_km_accept_has_json(more) == json);
    free((char *) more.data);

    more = fuzz_join("*/*,", value, "");
    fuzz_assert(seal_km_accept_has_json(more));
    free((char *) more.data);
}


static void
fuzz_capif(seal_km_str_t demanded, seal_km_str_t scopes)
{
    int            held, one;
    seal_km_str_t  more;

    one = seal_km_capif_names_one(demanded);
    held = seal_km_capif_is_held(scopes, demanded);

    fuzz_assert(one || !held);

    /* itself, if it has no space in it, which no scope has */

    if (memchr(demanded.data, ' ', demanded.len) == NULL) {
        fuzz_assert(seal_km_capif_is_held(demanded, demanded) == one);
    }

    if (scopes.data == NULL) {
        fuzz_assert(!held);
        return;
    }

    more = fuzz_join("x 3gpp#;:,; ", scopes, " 3gpp#");
    fuzz_assert(seal_km_capif_is_held(more, demanded) == held);
    free((char *) more.data);

    /* a longer name of the AEF is another one */

    more = fuzz_join("3gpp#x", fuzz_str(demanded.data + 5, demanded.len - 5),
                     "");
    if (memchr(more.data, ' ', more.len) == NULL) {
        fuzz_assert(!seal_km_capif_is_held(more, demanded));
    }
    free((char *) more.data);
}


static seal_km_str_t
fuzz_join(const char *before, seal_km_str_t s, const char *after)
{
    char           *text;
    size_t          nbefore, nafter;
    seal_km_str_t   joined;

    nbefore = strlen(before);
    nafter = strlen(after);

    text = fuzz_alloc(nbefore + s.len + nafter);

    memcpy(text, before, nbefore);

    if (s.len > 0) {
        memcpy(text + nbefore, s.data, s.len);
    }

    memcpy(text + nbefore + s.len, after, nafter);

    joined.data = text;
    joined.len = nbefore + s.len + nafter;

    return joined;
}
