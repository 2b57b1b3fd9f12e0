/*
 * Hosts that servers announce.
 */


#include "seal_km_redis_host.h"


/* RFC 1035 2.3.4 */
#define SEAL_KM_REDIS_HOST_MAX  255


int
seal_km_redis_host_is_valid(const unsigned char *host, size_t len)
{
    size_t         i;
    unsigned char  c;

    if (len == 0 || len > SEAL_KM_REDIS_HOST_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        c = host[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || c == '-' || c == '_' || c == '.' || c == ':')
        {
            continue;
        }

        return 0;
    }

    return 1;
}
