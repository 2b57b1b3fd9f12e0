/*
 * What is left of a secret: on the stack of what has used it, and in memory that
 * it has given back.
 */


#ifndef LEFT_H
#define LEFT_H


#include "unit.h"


/*
 * To be called first in main(): begins the program anew where its libraries are
 * bound as they are called, which saves registers on the stack, with what passes
 * through them.  Of the module everything is bound when it is loaded.
 */
void left_init(char **argv);

/* forgets the secrets of the test before, and what was found of them */
void left_begin(void);

/*
 * Adds a secret of at least LEFT_PIECE bytes, which has to live until the next
 * left_begin(): its first or its last bytes are as good as all of it.
 */
#define LEFT_PIECE  8

void left_secret(const char *name, const void *bytes, size_t len);

/*
 * Calls fn(data) on a stack of its own, and looks at that when it has returned,
 * and at what it has freed or unmapped.  fn may fail no test.
 */
void left_run(void (*fn)(void *data), void *data);

/* to be called by fn, where what comes later would overwrite what is left */
void left_look_at_stack(void);

/* looks at other memory, too */
void left_look(const void *p, size_t size);

/* how many secrets were found since left_begin(), and the name of the last */
unsigned left_found(const char **name);

/* fails the test where one was found */
#define left_check_none()                                                     \
    do {                                                                      \
        const char  *left_name;                                               \
                                                                              \
        if (left_found(&left_name) != 0) {                                    \
            fail_msg("line %d: %s is left", __LINE__, left_name);             \
        }                                                                     \
    } while (0)


#endif /* LEFT_H */
