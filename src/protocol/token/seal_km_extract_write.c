#include <string.h>

#include "seal_km_claims.h"
#include "seal_km_extract_format.h"
#include "seal_km_secret.h"


/* where to write; full once something did not fit */

typedef struct {
    char  *p;
    char  *last;
    int    full;
    int    left_out;
} seal_km_extract_out_t;


static void seal_km_extract_put_token(seal_km_extract_out_t *out,
    const seal_km_token_t *token, seal_km_extract_head_t *head);
static void seal_km_extract_put(seal_km_extract_out_t *out, const void *data,
    size_t len);
static void seal_km_extract_put_number(seal_km_extract_out_t *out,
    size_t number);
static void seal_km_extract_put_string(seal_km_extract_out_t *out,
    seal_km_str_t s);
static void seal_km_extract_put_identity(seal_km_extract_out_t *out,
    const json_t *claim);
static void seal_km_extract_put_text(seal_km_extract_out_t *out, int rc,
    seal_km_str_t text, char *buffer);


size_t
seal_km_extract_write(const seal_km_token_t *token,
    const seal_km_extract_names_t *names, char *dst)
{
    int                     rc;
    char                   *buffer;
    size_t                  i, reserve;
    const char             *name;
    seal_km_str_t           text;
    seal_km_extract_out_t   out;
    seal_km_extract_head_t  head;

    out.p = dst;
    out.last = dst + SEAL_KM_EXTRACT_MAX;
    out.full = 0;
    out.left_out = 0;

    seal_km_extract_put_token(&out, token, &head);

    for (i = 0; i < names->nidentities; i++) {
        name = names->identities[i].data;

        seal_km_extract_put_identity(&out,
                                     json_object_get(token->claims, name));
    }

    /* room for each to say that it was left out */
    reserve = (names->ntexts + names->npaths) * sizeof(uint16_t);

    if (out.full || reserve > (size_t) (out.last - out.p)) {
        return 0;
    }

    out.last -= reserve;

    for (i = 0; i < names->ntexts; i++) {
        out.last += sizeof(uint16_t);
        rc = seal_km_claims_text(token, names->texts[i], &text, &buffer);
        seal_km_extract_put_text(&out, rc, text, buffer);
    }

    for (i = 0; i < names->npaths; i++) {
        out.last += sizeof(uint16_t);
        rc = seal_km_claims_path_text(token, names->paths, i, &text, &buffer);
        seal_km_extract_put_text(&out, rc, text, buffer);
    }

    if (out.full) {
        return 0;
    }

    if (out.left_out) {
        head.left_out = 1;
        memcpy(dst, &head, sizeof(seal_km_extract_head_t));
    }

    return (size_t) (out.p - dst);
}


/* what every location needs; *head is what has been written */

static void
seal_km_extract_put_token(seal_km_extract_out_t *out,
    const seal_km_token_t *token, seal_km_extract_head_t *head)
{
    /* what lies between the members as well */
    memset(head, 0, sizeof(seal_km_extract_head_t));

    head->exp = token->exp;
    head->nbf = token->nbf;
    head->has_nbf = token->has_nbf;
    head->binding = (unsigned char) token->binding;
    head->type_refused = token->type_refused;

    seal_km_extract_put(out, head, sizeof(seal_km_extract_head_t));

    seal_km_extract_put_string(out, token->client_id);
    seal_km_extract_put_string(out, token->sub);
    seal_km_extract_put_string(out, token->iss);
    seal_km_extract_put_string(out, token->scope);
    seal_km_extract_put_string(out, token->thumbprint);
}


static void
seal_km_extract_put(seal_km_extract_out_t *out, const void *data, size_t len)
{
    if (len > (size_t) (out->last - out->p)) {
        out->full = 1;
    }

    if (!out->full && len > 0) {
        memcpy(out->p, data, len);
        out->p += len;
    }
}


static void
seal_km_extract_put_number(seal_km_extract_out_t *out, size_t number)
{
    uint16_t  n;

    n = (uint16_t) number;

    seal_km_extract_put(out, &n, sizeof(uint16_t));
}


static void
seal_km_extract_put_string(seal_km_extract_out_t *out, seal_km_str_t s)
{
    if (s.data == NULL) {
        seal_km_extract_put_number(out, SEAL_KM_EXTRACT_ABSENT);
        return;
    }

    if (s.len > SEAL_KM_EXTRACT_MAX) {
        out->full = 1;
        return;
    }

    seal_km_extract_put_number(out, s.len);
    seal_km_extract_put(out, s.data, s.len);
}


/* a string, or an array of nothing but strings; of anything else none */

static void
seal_km_extract_put_identity(seal_km_extract_out_t *out, const json_t *claim)
{
    size_t  i, n;

    if (json_is_string(claim)) {
        seal_km_extract_put_number(out, 1);
        seal_km_extract_put_string(out, seal_km_json_text(claim));
        return;
    }

    n = json_array_size(claim);

    if (n > SEAL_KM_EXTRACT_MAX) {
        out->full = 1;
        return;
    }

    for (i = 0; i < n; i++) {
        if (!json_is_string(json_array_get(claim, i))) {
            n = 0;
        }
    }

    seal_km_extract_put_number(out, n);

    for (i = 0; i < n; i++) {
        seal_km_extract_put_string(out,
                               seal_km_json_text(json_array_get(claim, i)));
    }
}


/* rc, text and buffer are what the function that made them gave */

static void
seal_km_extract_put_text(seal_km_extract_out_t *out, int rc,
    seal_km_str_t text, char *buffer)
{
    if (rc != 0
        || (text.data != NULL
            && sizeof(uint16_t) + text.len > (size_t) (out->last - out->p)))
    {
        seal_km_extract_put_number(out, SEAL_KM_EXTRACT_LEFT_OUT);
        out->left_out = 1;

    } else {
        seal_km_extract_put_string(out, text);
    }

    seal_km_secret_free(buffer);
}
