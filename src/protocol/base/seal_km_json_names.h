/*
 * The names of the objects that are open at one place of a JSON text, and
 * whether one of them is there twice in its object.
 */


#ifndef SEAL_KM_JSON_NAMES_H
#define SEAL_KM_JSON_NAMES_H


#include <stdint.h>

#include "seal_km_json.h"


/* as many as need no memory but this */
#define SEAL_KM_JSON_NAMES  32


/*
 * A stack of where each name begins, behind its quote: those of an object lie
 * above those of the objects around it.  Nothing of a name is kept.
 */
typedef struct {
    const char  *text;
    uint32_t    *names;
    size_t       n;
    size_t       size;
    uint32_t    *table;         /* of the object that is looked at */
    size_t       table_size;
    uint32_t     key;           /* secret; 0 until it is needed */
    uint32_t     room[SEAL_KM_JSON_NAMES];
    uint32_t     table_room[2 * SEAL_KM_JSON_NAMES];
} seal_km_json_names_t;


/* text has at most 2^32 - 1 bytes and lives as long as names */
void seal_km_json_names_init(seal_km_json_names_t *names, const char *text);

/*
 * Adds the name that begins at p, which is known to be a well-formed string
 * without U+0000.  Returns 0, or -1 without memory.
 */
int seal_km_json_names_add(seal_km_json_names_t *names, const char *p);

/*
 * Takes the names of the innermost object off: all but the first n.  Returns
 * SEAL_KM_JSON_INVALID where one of them is there twice after unescaping,
 * SEAL_KM_JSON_NO_MEMORY without memory or randomness, else SEAL_KM_JSON_OK.
 */
seal_km_json_e seal_km_json_names_end(seal_km_json_names_t *names, size_t n);

void seal_km_json_names_free(seal_km_json_names_t *names);

/*
 * The character of the escape at *text, of a string that is known to be well
 * formed; *text is behind it then.
 */
uint32_t seal_km_json_escape(const char **text);

/* the four hexadecimal digits at p, or -1 if they are none */
int seal_km_json_hex4(const char *p);


#endif /* SEAL_KM_JSON_NAMES_H */
