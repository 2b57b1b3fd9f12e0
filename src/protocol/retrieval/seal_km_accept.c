#include <string.h>
#include <strings.h>

#include "seal_km_accept.h"


static int seal_km_accept_is_json(seal_km_str_t range);
static int seal_km_accept_is_weight(seal_km_str_t parameter);
static int seal_km_accept_is_above_zero(seal_km_str_t weight);
static seal_km_str_t seal_km_accept_part(seal_km_str_t *rest, char c);
static seal_km_str_t seal_km_accept_trim(seal_km_str_t s);


int
seal_km_accept_has_json(seal_km_str_t value)
{
    int            taken;
    seal_km_str_t  element, parameter;

    while (value.data != NULL) {
        element = seal_km_accept_part(&value, ',');

        taken = seal_km_accept_is_json(seal_km_accept_part(&element, ';'));

        while (taken && element.data != NULL) {
            parameter = seal_km_accept_part(&element, ';');

            if (seal_km_accept_is_weight(parameter)) {
                parameter.data += 2;
                parameter.len -= 2;
                taken = seal_km_accept_is_above_zero(parameter);
                break;
            }
        }

        if (taken) {
            return 1;
        }
    }

    return 0;
}


static int
seal_km_accept_is_json(seal_km_str_t range)
{
    size_t  i;

    static const char  *ranges[] = {
        "application/json", "application/*", "*/*"
    };

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (range.len == strlen(ranges[i])
            && strncasecmp(range.data, ranges[i], range.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
seal_km_accept_is_weight(seal_km_str_t parameter)
{
    return parameter.len >= 2 && strncasecmp(parameter.data, "q=", 2) == 0;
}


/* "0" or "1", a point, and at most three digits, none of them behind "1" but 0 */

static int
seal_km_accept_is_above_zero(seal_km_str_t weight)
{
    int     above;
    char    c;
    size_t  i;

    if (weight.len == 0
        || weight.len > sizeof("0.000") - 1
        || (weight.data[0] != '0' && weight.data[0] != '1')
        || (weight.len > 1 && weight.data[1] != '.'))
    {
        return 0;
    }

    above = (weight.data[0] == '1');

    for (i = 2; i < weight.len; i++) {
        c = weight.data[i];

        if (c < '0' || c > '9' || (c > '0' && weight.data[0] == '1')) {
            return 0;
        }

        above |= (c > '0');
    }

    return above;
}


/* as seal_km_str_cut(), but a quoted string is passed over, and spaces go */

static seal_km_str_t
seal_km_accept_part(seal_km_str_t *rest, char c)
{
    int            quoted;
    size_t         i;
    seal_km_str_t  part;

    quoted = 0;
    part = *rest;

    for (i = 0; i < rest->len; i++) {

        if (rest->data[i] == '"') {
            quoted = !quoted;

        } else if (rest->data[i] == '\\' && quoted) {
            i++;

        } else if (rest->data[i] == c && !quoted) {
            part.len = i;
            rest->data += i + 1;
            rest->len -= i + 1;

            return seal_km_accept_trim(part);
        }
    }

    rest->data = NULL;
    rest->len = 0;

    return seal_km_accept_trim(part);
}


static seal_km_str_t
seal_km_accept_trim(seal_km_str_t s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len > 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}
