/*
 * What the token cache has to know of each location.
 */


#include "ngx_http_seal_km.h"


#define NGX_HTTP_SEAL_KM_CLAIM_PREFIX  "seal_km_claim_"


/* hashes something of which another hash must be able to tell the end */
typedef struct {
    seal_km_sha256_t  *sha256;
    u_char            *digest;    /* of all so far, and of what comes */
} ngx_http_seal_km_chain_t;


static ngx_array_t *ngx_http_seal_km_variable_claims(ngx_conf_t *cf);
static ngx_int_t ngx_http_seal_km_set_identities(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf);
static ngx_int_t ngx_http_seal_km_set_policy_id(
    ngx_http_seal_km_main_conf_t *smcf, ngx_http_seal_km_loc_conf_t *conf);
static ngx_int_t ngx_http_seal_km_chain_profile(
    ngx_http_seal_km_chain_t *chain, ngx_http_seal_km_loc_conf_t *conf);
static ngx_int_t ngx_http_seal_km_chain(ngx_http_seal_km_chain_t *chain,
    const void *data, size_t len);
static ngx_int_t ngx_http_seal_km_chain_list(ngx_http_seal_km_chain_t *chain,
    const seal_km_str_t *s, size_t n);


ngx_int_t
ngx_http_seal_km_init_verify(ngx_conf_t *cf)
{
    ngx_uint_t                      i;
    ngx_array_t                    *texts;
    ngx_http_seal_km_loc_conf_t   **conf;
    ngx_http_seal_km_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_seal_km_module);

    texts = ngx_http_seal_km_variable_claims(cf);
    if (texts == NULL) {
        return NGX_ERROR;
    }

    conf = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {

        conf[i]->names.texts = texts->elts;
        conf[i]->names.ntexts = texts->nelts;

        if (ngx_http_seal_km_set_identities(cf, conf[i]) != NGX_OK
            || ngx_http_seal_km_set_policy_id(smcf, conf[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the NAMEs of all $seal_km_claim_NAME: logs and maps belong to no location */

static ngx_array_t *
ngx_http_seal_km_variable_claims(ngx_conf_t *cf)
{
    size_t                      n;
    ngx_uint_t                  i;
    ngx_array_t                *claims;
    seal_km_str_t              *claim;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    claims = ngx_array_create(cf->pool, 4, sizeof(seal_km_str_t));
    if (claims == NULL) {
        return NULL;
    }

    v = cmcf->variables.elts;
    n = sizeof(NGX_HTTP_SEAL_KM_CLAIM_PREFIX) - 1;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (v[i].name.len <= n
            || ngx_strncmp(v[i].name.data, NGX_HTTP_SEAL_KM_CLAIM_PREFIX, n)
               != 0)
        {
            continue;
        }

        claim = ngx_array_push(claims);
        if (claim == NULL) {
            return NULL;
        }

        claim->data = (char *) v[i].name.data + n;
        claim->len = v[i].name.len - n;
    }

    return claims;
}


/* the claims of seal_km_bind, each of them once */

static ngx_int_t
ngx_http_seal_km_set_identities(ngx_conf_t *cf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_uint_t      i, n;
    seal_km_str_t   name, *names;

    names = ngx_palloc(cf->pool, SEAL_KM_IDENTITY_MAX * sizeof(seal_km_str_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    conf->names.identities = names;
    conf->names.nidentities = 0;

    for (i = 0; i < SEAL_KM_IDENTITY_MAX; i++) {
        name = ngx_http_seal_km_str(&conf->bind[i]);

        for (n = 0; n < conf->names.nidentities; n++) {
            if (seal_km_str_equal(names[n], name)) {
                break;
            }
        }

        /* an empty name is "off" */

        if (name.len && n == conf->names.nidentities) {
            names[conf->names.nidentities++] = name;
        }
    }

    return NGX_OK;
}


/* the keys are no part of it: they change, and have their own generation */

static ngx_int_t
ngx_http_seal_km_set_policy_id(ngx_http_seal_km_main_conf_t *smcf,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_http_seal_km_chain_t  chain;

    chain.sha256 = smcf->sha256;
    chain.digest = conf->policy_id;

    if (ngx_http_seal_km_chain(&chain, &conf->algorithms, sizeof(ngx_uint_t))
            != NGX_OK
        || ngx_http_seal_km_chain_list(&chain, conf->claims.issuers,
                                       conf->claims.nissuers)
            != NGX_OK
        || ngx_http_seal_km_chain_list(&chain, conf->claims.audiences,
                                       conf->claims.naudiences)
            != NGX_OK
        || ngx_http_seal_km_chain_list(&chain, conf->names.identities,
                                       conf->names.nidentities)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_seal_km_chain_list(&chain, conf->names.texts,
                                    conf->names.ntexts)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_seal_km_chain_profile(&chain, conf);
}


/* where the claims are, and what else of them is kept */

static ngx_int_t
ngx_http_seal_km_chain_profile(ngx_http_seal_km_chain_t *chain,
    ngx_http_seal_km_loc_conf_t *conf)
{
    ngx_uint_t                   i;
    const seal_km_claim_path_t  *paths;

    if (ngx_http_seal_km_chain_list(chain, conf->profile.client_ids,
                                    conf->profile.nclient_ids)
            != NGX_OK
        || ngx_http_seal_km_chain_list(chain, conf->profile.scopes,
                                       conf->profile.nscopes)
            != NGX_OK
        || ngx_http_seal_km_chain_list(chain, conf->profile.types,
                                       conf->profile.ntypes)
            != NGX_OK
        || ngx_http_seal_km_chain(chain, &conf->names.npaths, sizeof(size_t))
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    paths = conf->names.paths;

    for (i = 0; i < conf->names.npaths; i++) {
        if (ngx_http_seal_km_chain_list(chain, paths[i].members, paths[i].n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the hash so far comes first, so that two texts are not one longer text */

static ngx_int_t
ngx_http_seal_km_chain(ngx_http_seal_km_chain_t *chain, const void *data,
    size_t len)
{
    seal_km_str_t  parts[2];

    parts[0].data = (char *) chain->digest;
    parts[0].len = SEAL_KM_SHA256_SIZE;

    parts[1].data = data;
    parts[1].len = len;

    return (seal_km_sha256(chain->sha256, parts, 2, chain->digest) == 0)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_seal_km_chain_list(ngx_http_seal_km_chain_t *chain,
    const seal_km_str_t *s, size_t n)
{
    size_t  i;

    if (ngx_http_seal_km_chain(chain, &n, sizeof(size_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_seal_km_chain(chain, s[i].data, s[i].len) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
