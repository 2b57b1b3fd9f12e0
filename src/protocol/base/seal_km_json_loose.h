/*
 * JSON that I-JSON (RFC 7493) forbids and jansson refuses, made such that it is
 * read: for telling whether a text is JSON at all, and what it is made of.
 */


#ifndef SEAL_KM_JSON_LOOSE_H
#define SEAL_KM_JSON_LOOSE_H


#include "seal_km_str.h"


/*
 * Copies text to dst, which has room for text.len bytes, and returns the length
 * of the copy.  What is JSON (RFC 8259) stays so, with its values and names where
 * they are, and what is none stays none, but: U+0000 and surrogates that are
 * written as escapes become question marks, digits are left out that make a number
 * too great for a double, and so is what is in arrays and objects more than 1000
 * levels deep.  A name of ASCII without U+0000 stays what it is.
 */
size_t seal_km_json_loosen(seal_km_str_t text, char *dst);


#endif /* SEAL_KM_JSON_LOOSE_H */
