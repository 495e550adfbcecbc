/*
 * names: the smallest names of a directory after a given one, in bytewise order, however many it has.
 *
 * Thread  any; no state
 */
#ifndef STORE_LOCAL_NAMES_H
#define STORE_LOCAL_NAMES_H

#include <stddef.h>

#include "base/rc.h"

/* dir is closed. At most max names; caller frees each and the array. Memory grows with max, not with the directory. */
enum rc names_read(int dir, const char *after, size_t max, char ***names, size_t *count, struct err *e) MUST_USE;

#endif
