#include <string.h>

#include "seal_km_extract_format.h"


static int seal_km_extract_get(seal_km_str_t *in, void *data, size_t len);
static int seal_km_extract_get_number(seal_km_str_t *in, size_t *number);
static int seal_km_extract_get_string(seal_km_str_t *in, seal_km_str_t *s,
    size_t *number);
static int seal_km_extract_skip_strings(seal_km_str_t *in);
static int seal_km_extract_skip_identities(const seal_km_token_t *token,
    seal_km_str_t *in);


int
seal_km_extract_read(seal_km_token_t *token, seal_km_str_t extract,
    const seal_km_extract_names_t *names)
{
    size_t                  number;
    seal_km_extract_head_t  head;

    memset(token, 0, sizeof(seal_km_token_t));

    if (seal_km_extract_get(&extract, &head, sizeof(seal_km_extract_head_t))
            != 0
        || seal_km_extract_get_string(&extract, &token->client_id, &number)
            != 0
        || seal_km_extract_get_string(&extract, &token->sub, &number) != 0
        || seal_km_extract_get_string(&extract, &token->iss, &number) != 0
        || seal_km_extract_get_string(&extract, &token->scope, &number) != 0
        || seal_km_extract_get_string(&extract, &token->thumbprint, &number)
            != 0)
    {
        memset(token, 0, sizeof(seal_km_token_t));
        return -1;
    }

    token->exp = head.exp;
    token->nbf = head.nbf;
    token->has_nbf = (head.has_nbf != 0);
    token->binding = (seal_km_binding_e) head.binding;
    token->type_refused = (head.type_refused != 0);
    token->left_out = (head.left_out != 0);

    token->extract = extract;
    token->names = names;

    return 0;
}


int
seal_km_extract_has_identity(const seal_km_token_t *token, const char *claim,
    seal_km_str_t identity)
{
    size_t                          i, n, number;
    seal_km_str_t                   in, s;
    const seal_km_extract_names_t  *names;

    in = token->extract;
    names = token->names;

    for (i = 0; i < names->nidentities; i++) {

        if (strcmp(names->identities[i].data, claim) != 0) {

            if (seal_km_extract_skip_strings(&in) != 0) {
                return 0;
            }

            continue;
        }

        if (seal_km_extract_get_number(&in, &n) != 0) {
            return 0;
        }

        while (n-- > 0) {
            if (seal_km_extract_get_string(&in, &s, &number) != 0) {
                return 0;
            }

            if (seal_km_str_equal(s, identity)) {
                return 1;
            }
        }

        return 0;
    }

    return 0;
}


int
seal_km_extract_text(const seal_km_token_t *token, seal_km_str_t name,
    seal_km_str_t *text)
{
    size_t                          i, number;
    seal_km_str_t                   in;
    const seal_km_extract_names_t  *names;

    names = token->names;

    if (seal_km_extract_skip_identities(token, &in) != 0) {
        return -1;
    }

    for (i = 0; i < names->ntexts; i++) {

        if (seal_km_extract_get_string(&in, text, &number) != 0) {
            return -1;
        }

        if (seal_km_str_equal(names->texts[i], name)) {
            return (number == SEAL_KM_EXTRACT_LEFT_OUT) ? -1 : 0;
        }
    }

    return -1;
}


int
seal_km_extract_path_text(const seal_km_token_t *token, size_t i,
    seal_km_str_t *text)
{
    size_t         n, number;
    seal_km_str_t  in;

    number = SEAL_KM_EXTRACT_ABSENT;

    if (i >= token->names->npaths
        || seal_km_extract_skip_identities(token, &in) != 0)
    {
        return -1;
    }

    for (n = token->names->ntexts + i + 1; n > 0; n--) {
        if (seal_km_extract_get_string(&in, text, &number) != 0) {
            return -1;
        }
    }

    return (number == SEAL_KM_EXTRACT_LEFT_OUT) ? -1 : 0;
}


static int
seal_km_extract_get(seal_km_str_t *in, void *data, size_t len)
{
    if (len > in->len) {
        return -1;
    }

    memcpy(data, in->data, len);

    in->data += len;
    in->len -= len;

    return 0;
}


static int
seal_km_extract_get_number(seal_km_str_t *in, size_t *number)
{
    uint16_t  n;

    if (seal_km_extract_get(in, &n, sizeof(uint16_t)) != 0) {
        return -1;
    }

    *number = n;

    return 0;
}


/* *number: the length, or what stands in its place; then s->data is NULL */

static int
seal_km_extract_get_string(seal_km_str_t *in, seal_km_str_t *s,
    size_t *number)
{
    s->data = NULL;
    s->len = 0;

    if (seal_km_extract_get_number(in, number) != 0) {
        return -1;
    }

    if (*number == SEAL_KM_EXTRACT_ABSENT
        || *number == SEAL_KM_EXTRACT_LEFT_OUT)
    {
        return 0;
    }

    if (*number > in->len) {
        return -1;
    }

    s->data = in->data;
    s->len = *number;

    in->data += s->len;
    in->len -= s->len;

    return 0;
}


static int
seal_km_extract_skip_strings(seal_km_str_t *in)
{
    size_t         n, number;
    seal_km_str_t  s;

    if (seal_km_extract_get_number(in, &n) != 0) {
        return -1;
    }

    while (n-- > 0) {
        if (seal_km_extract_get_string(in, &s, &number) != 0) {
            return -1;
        }
    }

    return 0;
}


/* *in: what is behind the identities */

static int
seal_km_extract_skip_identities(const seal_km_token_t *token,
    seal_km_str_t *in)
{
    size_t  i;

    *in = token->extract;

    for (i = 0; i < token->names->nidentities; i++) {
        if (seal_km_extract_skip_strings(in) != 0) {
            return -1;
        }
    }

    return 0;
}
