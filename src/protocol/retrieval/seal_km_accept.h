/*
 * Accept (RFC 9110, clause 12.5.1): whether a client takes JSON.
 */


#ifndef SEAL_KM_ACCEPT_H
#define SEAL_KM_ACCEPT_H


#include "seal_km_str.h"


/*
 * 1 if one of the ranges in the value of an Accept is application/json, all of
 * "application", or all types, in any case and with any parameters, and its weight
 * is above 0.  A weight that is no qvalue (clause 12.4.2) is not above 0.
 */
int seal_km_accept_has_json(seal_km_str_t value);


#endif /* SEAL_KM_ACCEPT_H */
