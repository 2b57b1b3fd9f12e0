#include <stdint.h>
#include <string.h>

#include "seal_km_json_check.h"
#include "seal_km_json_names.h"


/* where jansson stops: values within values, that is */
#define SEAL_KM_JSON_LEVELS   2048

/* in place of an object's first name */
#define SEAL_KM_JSON_ARRAY    ((size_t) -1)

/* of any text in memory there is less, so that nothing overflows */
#define SEAL_KM_JSON_EXPONENT_MAX  1000000000000000


/* where the check has come to */

typedef struct {
    const char            *p;
    const char            *last;
    size_t                 depth;   /* arrays and objects that are open */
    seal_km_json_names_t   names;

    /* of each of them: how many names lie below its own */
    size_t                 levels[SEAL_KM_JSON_LEVELS];
} seal_km_json_check_t;


static seal_km_json_e seal_km_json_check_values(seal_km_json_check_t *check);
static seal_km_json_e seal_km_json_check_value(seal_km_json_check_t *check,
    int *more);
static seal_km_json_e seal_km_json_check_open(seal_km_json_check_t *check,
    int *more);
static seal_km_json_e seal_km_json_check_behind(seal_km_json_check_t *check,
    int *more);
static seal_km_json_e seal_km_json_check_close(seal_km_json_check_t *check);
static seal_km_json_e seal_km_json_check_name(seal_km_json_check_t *check);
static int seal_km_json_check_string(seal_km_json_check_t *check, int *nul);
static int seal_km_json_check_escape(seal_km_json_check_t *check, int *nul);
static int seal_km_json_check_word(seal_km_json_check_t *check,
    const char *word, size_t len);
static int seal_km_json_check_number(seal_km_json_check_t *check);
static int seal_km_json_check_digits(seal_km_json_check_t *check);
static int seal_km_json_check_exponent(seal_km_json_check_t *check,
    int64_t *exponent);
static int seal_km_json_is_double(const char *p, const char *last,
    int64_t exponent);
static int seal_km_json_is_below_limit(const char *p, const char *last);
static char seal_km_json_check_peek(seal_km_json_check_t *check);


seal_km_json_e
seal_km_json_check(seal_km_str_t text)
{
    seal_km_json_e        rc;
    seal_km_json_check_t  check;

    if (text.len > UINT32_MAX) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    check.p = text.data;
    check.last = text.data + text.len;
    check.depth = 0;

    seal_km_json_names_init(&check.names, text.data);

    rc = seal_km_json_check_values(&check);

    seal_km_json_names_free(&check.names);

    return rc;
}


static seal_km_json_e
seal_km_json_check_values(seal_km_json_check_t *check)
{
    int             more;
    seal_km_json_e  rc;

    do {
        /* down to a value that has no other within it */

        do {
            rc = seal_km_json_check_value(check, &more);

        } while (rc == SEAL_KM_JSON_OK && more);

        if (rc == SEAL_KM_JSON_OK) {
            rc = seal_km_json_check_behind(check, &more);
        }

    } while (rc == SEAL_KM_JSON_OK && more);

    return rc;
}


/* *more is 1 where the value has others in it, and check is at the first */

static seal_km_json_e
seal_km_json_check_value(seal_km_json_check_t *check, int *more)
{
    int  rc, nul;

    *more = 0;

    if (check->depth == SEAL_KM_JSON_LEVELS) {
        return SEAL_KM_JSON_INVALID;
    }

    switch (seal_km_json_check_peek(check)) {

    case '[':
    case '{':
        return seal_km_json_check_open(check, more);

    case '"':
        rc = seal_km_json_check_string(check, &nul);
        break;

    case 't':
        rc = seal_km_json_check_word(check, "true", 4);
        break;

    case 'f':
        rc = seal_km_json_check_word(check, "false", 5);
        break;

    case 'n':
        rc = seal_km_json_check_word(check, "null", 4);
        break;

    default:
        rc = seal_km_json_check_number(check);
        break;
    }

    return (rc == 0) ? SEAL_KM_JSON_OK : SEAL_KM_JSON_INVALID;
}


static seal_km_json_e
seal_km_json_check_open(seal_km_json_check_t *check, int *more)
{
    int  object;

    object = (*check->p++ == '{');

    check->levels[check->depth++] = object ? check->names.n
                                           : SEAL_KM_JSON_ARRAY;

    if (seal_km_json_check_peek(check) == (object ? '}' : ']')) {
        return seal_km_json_check_close(check);
    }

    *more = 1;

    return object ? seal_km_json_check_name(check) : SEAL_KM_JSON_OK;
}


/* a value has ended: *more is 1 where check is at the next one */

static seal_km_json_e
seal_km_json_check_behind(seal_km_json_check_t *check, int *more)
{
    char            c;
    int             object;
    seal_km_json_e  rc;

    while (check->depth > 0) {
        c = seal_km_json_check_peek(check);
        object = (check->levels[check->depth - 1] != SEAL_KM_JSON_ARRAY);

        if (c == ',') {
            check->p++;
            *more = 1;
            return object ? seal_km_json_check_name(check) : SEAL_KM_JSON_OK;
        }

        if (c != (object ? '}' : ']')) {
            return SEAL_KM_JSON_INVALID;
        }

        rc = seal_km_json_check_close(check);

        if (rc != SEAL_KM_JSON_OK) {
            return rc;
        }
    }

    *more = 0;
    (void) seal_km_json_check_peek(check);

    return (check->p == check->last) ? SEAL_KM_JSON_OK : SEAL_KM_JSON_INVALID;
}


static seal_km_json_e
seal_km_json_check_close(seal_km_json_check_t *check)
{
    size_t  first;

    check->p++;
    first = check->levels[--check->depth];

    if (first == SEAL_KM_JSON_ARRAY) {
        return SEAL_KM_JSON_OK;
    }

    return seal_km_json_names_end(&check->names, first);
}


/* a member's name and the colon behind it */

static seal_km_json_e
seal_km_json_check_name(seal_km_json_check_t *check)
{
    int          nul;
    const char  *name;

    if (seal_km_json_check_peek(check) != '"') {
        return SEAL_KM_JSON_INVALID;
    }

    name = check->p + 1;

    if (seal_km_json_check_string(check, &nul) != 0
        || nul
        || seal_km_json_check_peek(check) != ':')
    {
        return SEAL_KM_JSON_INVALID;
    }

    check->p++;

    if (seal_km_json_names_add(&check->names, name) != 0) {
        return SEAL_KM_JSON_NO_MEMORY;
    }

    return SEAL_KM_JSON_OK;
}


/* *nul is 1 where the string has U+0000 in it */

static int
seal_km_json_check_string(seal_km_json_check_t *check, int *nul)
{
    size_t         n;
    unsigned char  c;

    *nul = 0;
    check->p++;

    while (check->p < check->last) {
        c = (unsigned char) *check->p;

        if (c >= 0x80) {
            n = seal_km_str_utf8_char(check->p,
                                      (size_t) (check->last - check->p));
            if (n == 0) {
                return -1;
            }

            check->p += n;

        } else if (c == '"') {
            check->p++;
            return 0;

        } else if (c == '\\') {
            if (seal_km_json_check_escape(check, nul) != 0) {
                return -1;
            }

        } else if (c < 0x20) {
            return -1;

        } else {
            check->p++;
        }
    }

    return -1;
}


static int
seal_km_json_check_escape(seal_km_json_check_t *check, int *nul)
{
    int          c;
    size_t       left;
    const char  *p;

    p = check->p;
    left = (size_t) (check->last - p);

    if (left >= 2 && p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL) {
        check->p += 2;
        return 0;
    }

    if (left < 6 || p[1] != 'u') {
        return -1;
    }

    c = seal_km_json_hex4(p + 2);
    check->p += 6;

    if (c < 0xd800 || c > 0xdfff) {
        *nul |= (c == 0);
        return (c < 0) ? -1 : 0;
    }

    /* half of a surrogate pair, which must be the first and have a second */

    if (c > 0xdbff || left < 12 || p[6] != '\\' || p[7] != 'u') {
        return -1;
    }

    c = seal_km_json_hex4(p + 8);
    check->p += 6;

    return (c >= 0xdc00 && c <= 0xdfff) ? 0 : -1;
}


static int
seal_km_json_check_word(seal_km_json_check_t *check, const char *word,
    size_t len)
{
    if ((size_t) (check->last - check->p) < len
        || memcmp(check->p, word, len) != 0)
    {
        return -1;
    }

    check->p += len;

    return 0;
}


static int
seal_km_json_check_number(seal_km_json_check_t *check)
{
    int64_t      exponent;
    const char  *start, *last;

    if (check->p < check->last && *check->p == '-') {
        check->p++;
    }

    start = check->p;

    if (seal_km_json_check_digits(check) != 0
        || (*start == '0' && check->p - start > 1))
    {
        return -1;
    }

    if (check->p < check->last && *check->p == '.') {
        check->p++;

        if (seal_km_json_check_digits(check) != 0) {
            return -1;
        }
    }

    last = check->p;
    exponent = 0;

    if (check->p < check->last && (*check->p | 0x20) == 'e'
        && seal_km_json_check_exponent(check, &exponent) != 0)
    {
        return -1;
    }

    return seal_km_json_is_double(start, last, exponent) ? 0 : -1;
}


/* one digit or more */

static int
seal_km_json_check_digits(seal_km_json_check_t *check)
{
    const char  *start;

    start = check->p;

    while (check->p < check->last && *check->p >= '0' && *check->p <= '9') {
        check->p++;
    }

    return (check->p > start) ? 0 : -1;
}


static int
seal_km_json_check_exponent(seal_km_json_check_t *check, int64_t *exponent)
{
    int          negative;
    int64_t      n;
    const char  *p;

    check->p++;
    negative = 0;

    if (check->p < check->last && (*check->p == '+' || *check->p == '-')) {
        negative = (*check->p == '-');
        check->p++;
    }

    p = check->p;

    if (seal_km_json_check_digits(check) != 0) {
        return -1;
    }

    for (n = 0; p < check->p && n < SEAL_KM_JSON_EXPONENT_MAX; p++) {
        n = n * 10 + (*p - '0');
    }

    *exponent = negative ? -n : n;

    return 0;
}


/*
 * 1 if the number, digits with or without a point, is not rounded to infinity
 * (IEEE 754, 4.3.1).  As 0.d... * 10^n, where d is no 0, all with n below 309
 * are doubles, and none with n above is.
 */

static int
seal_km_json_is_double(const char *p, const char *last, int64_t exponent)
{
    int64_t      n;
    const char  *point;

    if (last - p + exponent < 309) {
        return 1;
    }

    point = memchr(p, '.', (size_t) (last - p));
    point = (point == NULL) ? last : point;

    n = (point - p) + exponent;

    if (*p == '0') {

        for (p = point + 1, n = exponent; p < last && *p == '0'; p++) {
            n--;
        }

        if (p >= last) {
            return 1;
        }
    }

    return n < 309 || (n == 309 && seal_km_json_is_below_limit(p, last));
}


/*
 * Whether the digits are below those of 2^1024 - 2^970, which is as far from
 * the greatest double as from what would be the next, and is rounded up.
 */

static int
seal_km_json_is_below_limit(const char *p, const char *last)
{
    char    c;
    size_t  i;

    static const char  limit[] =
        "17976931348623158079372897140530341507993413271003782693617377"
        "89804449682927647509466490179775872070963302864166928879109465"
        "55547851940402630657488671505820681908902000708383676273854845"
        "81771153176447573027006985557136695962284291481986083493647529"
        "2719074168444365510704342711559699508093042880177904174497792";

    for (i = 0; i < sizeof(limit) - 1; i++) {

        if (p < last && *p == '.') {
            p++;
        }

        c = (p < last) ? *p++ : '0';

        if (c != limit[i]) {
            return c < limit[i];
        }
    }

    return 0;
}


/* the next byte that is no white space, 0 at the end */

static char
seal_km_json_check_peek(seal_km_json_check_t *check)
{
    char  c;

    for ( /* void */ ; check->p < check->last; check->p++) {
        c = *check->p;

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return c;
        }
    }

    return 0;
}
