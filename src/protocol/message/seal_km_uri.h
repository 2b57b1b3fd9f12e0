/*
 * SKmsUri: normalisation of RFC 3986, clauses 6.2.2 and 6.2.3.
 */


#ifndef SEAL_KM_URI_H
#define SEAL_KM_URI_H


#include "seal_km_str.h"


#define SEAL_KM_URI_MAX  2048


/*
 * Writes the normal form of uri to dst, which has room for uri.len + 1 bytes
 * (an empty path becomes "/"), and its length to *len; no NUL is added.
 * Returns 0, or -1 where uri is not an absolute URI (scheme ":" …; a fragment
 * is allowed), is longer than SEAL_KM_URI_MAX, has an ill-formed
 * percent-escape or a character that RFC 3986 does not know.
 *
 * Two URIs name the same SKM-S if their normal forms are equal byte for byte:
 * case of scheme and host, escapes of unreserved characters, dot segments,
 * default port and empty path make no difference; user information, query
 * and fragment do, even when they are empty.
 */
int seal_km_uri_normalize(seal_km_str_t uri, char *dst, size_t *len);


#endif /* SEAL_KM_URI_H */
