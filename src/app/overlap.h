/*
 * overlap: two pipelines that take the same files: each would store them, or one would refuse what the other reads.
 *
 * Thread  plain functions
 */
#ifndef APP_OVERLAP_H
#define APP_OVERLAP_H

#include "pipe/settings.h"

enum { OVERLAP_NAME = 256 };

/*
 * Does b watch where a does, and is there a name that both patterns take? Then that name, in out: it is made from the
 * patterns, there need be no such file. NULL: none was found.
 */
const char *overlap_name(const struct pipeline *a, const struct pipeline *b, char out[OVERLAP_NAME]);

#endif
