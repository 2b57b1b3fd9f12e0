/*
 * A counted string: what src/protocol takes and gives instead of
 * NUL-terminated text, for identities, claims and bodies may hold any byte.
 */


#ifndef SEAL_KM_STR_H
#define SEAL_KM_STR_H


#include <stddef.h>


/* data == NULL: absent; len == 0 with data != NULL: present and empty */
typedef struct {
    const char  *data;
    size_t       len;
} seal_km_str_t;


/* that of a text which ends with a NUL; absent where it is NULL */
seal_km_str_t seal_km_str_of(const char *text);

/* 1 if both hold the same bytes */
int seal_km_str_equal(seal_km_str_t a, seal_km_str_t b);

/* 1 if s is well-formed UTF-8 (RFC 3629: no surrogates, no overlong form) */
int seal_km_str_is_utf8(seal_km_str_t s);

/* bytes of the character of two to four bytes at p, 0 if it is ill-formed */
size_t seal_km_str_utf8_char(const char *p, size_t len);

/* 1 if s holds a control character, U+0000 to U+001F or U+007F */
int seal_km_str_has_control(seal_km_str_t s);

/*
 * How many bytes at the start of s stand in a JSON string as they are: neither
 * below U+0020 nor a quote or a backslash (RFC 8259, clause 7).
 */
size_t seal_km_str_plain(seal_km_str_t s);

/* 1 if s is ASCII, and all of it stands in a JSON string as it is */
int seal_km_str_is_simple(seal_km_str_t s);

/*
 * What stands in *rest before the first c, or all of it; *rest is what follows
 * that c, and has data == NULL where there is none.  So this takes a list to
 * its parts:
 *
 *     while (rest.data != NULL) {
 *         part = seal_km_str_cut(&rest, ';');
 *         ...
 *     }
 */
seal_km_str_t seal_km_str_cut(seal_km_str_t *rest, char c);

/* 1 if there is PEM somewhere in s (RFC 7468, clause 2) */
int seal_km_str_is_pem(seal_km_str_t s);


#endif /* SEAL_KM_STR_H */
