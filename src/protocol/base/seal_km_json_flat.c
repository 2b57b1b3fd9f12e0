#include <string.h>

#include "seal_km_json_flat.h"


/* digits of an integer that fits in 64 bits whatever they are */
#define SEAL_KM_JSON_FLAT_DIGITS  18


static int seal_km_json_flat(seal_km_json_object_t *object,
    seal_km_str_t text);
static const char *seal_km_json_flat_member(seal_km_json_member_t *member,
    const char *p, const char *last);
static const char *seal_km_json_flat_string(seal_km_str_t *s, const char *p,
    const char *last);
static const char *seal_km_json_flat_integer(int64_t *integer, const char *p,
    const char *last);
static const char *seal_km_json_flat_space(const char *p, const char *last);
static const seal_km_json_member_t *seal_km_json_flat_find(
    const seal_km_json_object_t *object, seal_km_str_t name);


/* 1: stands in a string as it is, and is a character by itself */

static const unsigned char  seal_km_json_flat_chars[256] = {
    [' ' ... '!'] = 1, ['#' ... '['] = 1, [']' ... 0x7f] = 1
};


seal_km_json_e
seal_km_json_read(seal_km_json_object_t *object, seal_km_arena_t *arena,
    seal_km_str_t text, size_t max_values, seal_km_json_parse_pt parse)
{
    object->tree = NULL;
    object->n = 0;

    if (seal_km_json_flat(object, text) == 0) {
        return SEAL_KM_JSON_OK;
    }

    object->n = 0;

    return parse(arena, text, max_values, &object->tree);
}


/*
 * 0, or -1 where text is no flat object: it may be another one, or anything.  An
 * object without members is not worth the while, nor is a name that is there
 * twice: jansson refuses it.
 */

static int
seal_km_json_flat(seal_km_json_object_t *object, seal_km_str_t text)
{
    const char             *p, *last;
    seal_km_json_member_t  *member;

    p = text.data;
    last = p + text.len;

    p = seal_km_json_flat_space(p, last);

    do {
        /* a brace before the first, a comma before the others */

        if (p == last
            || *p != (object->n == 0 ? '{' : ',')
            || object->n == SEAL_KM_JSON_FLAT_MAX)
        {
            return -1;
        }

        member = &object->member[object->n];
        p = seal_km_json_flat_member(member, p + 1, last);

        if (p == NULL || seal_km_json_flat_find(object, member->name) != NULL) {
            return -1;
        }

        object->n++;

    } while (p < last && *p != '}');

    if (p == last) {
        return -1;
    }

    return (seal_km_json_flat_space(p + 1, last) == last) ? 0 : -1;
}


/* the rest return what follows what they have read, or NULL */

static const char *
seal_km_json_flat_member(seal_km_json_member_t *member, const char *p,
    const char *last)
{
    seal_km_json_value_t  *value;

    value = &member->value;

    p = seal_km_json_flat_space(p, last);
    p = seal_km_json_flat_string(&member->name, p, last);

    if (p == NULL) {
        return NULL;
    }

    p = seal_km_json_flat_space(p, last);

    if (p == last || *p != ':') {
        return NULL;
    }

    p = seal_km_json_flat_space(p + 1, last);

    if (p < last && *p == '"') {
        value->kind = SEAL_KM_JSON_STRING;
        value->integer = 0;
        p = seal_km_json_flat_string(&value->text, p, last);

    } else {
        value->kind = SEAL_KM_JSON_INTEGER;
        value->text.data = NULL;
        value->text.len = 0;
        p = seal_km_json_flat_integer(&value->integer, p, last);
    }

    return (p == NULL) ? NULL : seal_km_json_flat_space(p, last);
}


static const char *
seal_km_json_flat_string(seal_km_str_t *s, const char *p, const char *last)
{
    if (p == last || *p != '"') {
        return NULL;
    }

    s->data = ++p;

    while (p < last && seal_km_json_flat_chars[(unsigned char) *p]) {
        p++;
    }

    s->len = (size_t) (p - s->data);

    return (p < last && *p == '"') ? p + 1 : NULL;
}


/* none that is negative, and none that is a real: who sees to what follows it */

static const char *
seal_km_json_flat_integer(int64_t *integer, const char *p, const char *last)
{
    int64_t      n;
    const char  *first;

    n = 0;
    first = p;

    while (p < last && *p >= '0' && *p <= '9'
           && p - first < SEAL_KM_JSON_FLAT_DIGITS)
    {
        n = n * 10 + (*p - '0');
        p++;
    }

    if (p == first || (*first == '0' && p - first > 1)) {
        return NULL;
    }

    *integer = n;

    return p;
}


static const char *
seal_km_json_flat_space(const char *p, const char *last)
{
    while (p < last
           && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    {
        p++;
    }

    return p;
}


static const seal_km_json_member_t *
seal_km_json_flat_find(const seal_km_json_object_t *object, seal_km_str_t name)
{
    size_t  i;

    for (i = 0; i < object->n; i++) {
        if (seal_km_str_equal(object->member[i].name, name)) {
            return &object->member[i];
        }
    }

    return NULL;
}


int
seal_km_json_is_object(const seal_km_json_object_t *object)
{
    return object->n > 0 || json_is_object(object->tree);
}


size_t
seal_km_json_size(const seal_km_json_object_t *object)
{
    return (object->n > 0) ? object->n : json_object_size(object->tree);
}


seal_km_json_value_t
seal_km_json_get(const seal_km_json_object_t *object, const char *name)
{
    seal_km_str_t                 s;
    const json_t                 *json;
    seal_km_json_value_t          value;
    const seal_km_json_member_t  *member;

    memset(&value, 0, sizeof(seal_km_json_value_t));

    if (object->n > 0) {
        s.data = name;
        s.len = strlen(name);

        member = seal_km_json_flat_find(object, s);

        return (member == NULL) ? value : member->value;
    }

    json = json_object_get(object->tree, name);

    if (json != NULL) {
        value.kind = json_is_string(json) ? SEAL_KM_JSON_STRING
                     : json_is_integer(json) ? SEAL_KM_JSON_INTEGER
                     : SEAL_KM_JSON_OTHER;
        value.text = seal_km_json_text(json);
        value.integer = json_integer_value(json);
    }

    return value;
}
