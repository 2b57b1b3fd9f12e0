#include "seal_km_capif.h"


static int seal_km_capif_lists(seal_km_str_t list, seal_km_str_t aef,
    seal_km_str_t api);
static int seal_km_capif_has_api(seal_km_str_t apis, seal_km_str_t api);
static seal_km_str_t seal_km_capif_list(seal_km_str_t scope);
static int seal_km_capif_split(seal_km_str_t part, seal_km_str_t *aef,
    seal_km_str_t *apis);


int
seal_km_capif_names_one(seal_km_str_t scope)
{
    seal_km_str_t  list, aef, api;

    list = seal_km_capif_list(scope);

    return memchr(list.data, ';', list.len) == NULL
           && seal_km_capif_split(list, &aef, &api)
           && aef.len > 0
           && api.len > 0
           && memchr(api.data, ',', api.len) == NULL;
}


int
seal_km_capif_is_held(seal_km_str_t scopes, seal_km_str_t demanded)
{
    seal_km_str_t  word, aef, api;

    if (!seal_km_capif_names_one(demanded)
        || !seal_km_capif_split(seal_km_capif_list(demanded), &aef, &api))
    {
        return 0;
    }

    while (scopes.data != NULL) {
        word = seal_km_str_cut(&scopes, ' ');

        if (seal_km_capif_is_scope(word)
            && seal_km_capif_lists(seal_km_capif_list(word), aef, api))
        {
            return 1;
        }
    }

    return 0;
}


/* a part that is empty, or no AEF with APIs, lists nothing */

static int
seal_km_capif_lists(seal_km_str_t list, seal_km_str_t aef, seal_km_str_t api)
{
    seal_km_str_t  part, name, apis;

    while (list.data != NULL) {
        part = seal_km_str_cut(&list, ';');

        if (seal_km_capif_split(part, &name, &apis)
            && seal_km_str_equal(name, aef)
            && seal_km_capif_has_api(apis, api))
        {
            return 1;
        }
    }

    return 0;
}


static int
seal_km_capif_has_api(seal_km_str_t apis, seal_km_str_t api)
{
    while (apis.data != NULL) {
        if (seal_km_str_equal(seal_km_str_cut(&apis, ','), api)) {
            return 1;
        }
    }

    return 0;
}


/* what is behind the prefix */

static seal_km_str_t
seal_km_capif_list(seal_km_str_t scope)
{
    scope.data += sizeof(SEAL_KM_CAPIF_PREFIX) - 1;
    scope.len -= sizeof(SEAL_KM_CAPIF_PREFIX) - 1;

    return scope;
}


/* 0 where there is no colon */

static int
seal_km_capif_split(seal_km_str_t part, seal_km_str_t *aef,
    seal_km_str_t *apis)
{
    size_t  i;

    for (i = part.len; i > 0 && part.data[i - 1] != ':'; i--) {
        /* void */
    }

    if (i == 0) {
        return 0;
    }

    aef->data = part.data;
    aef->len = i - 1;

    apis->data = part.data + i;
    apis->len = part.len - i;

    return 1;
}
