/*
 * spot/pattern: Spot's list of supported files as one shell pattern.
 *
 * Spot reads the list in two ways. master_collector.py takes a name that begins or ends with one of the words;
 * collector.py takes a name in which one of the regular expressions is found. A word with a character that only an
 * expression would have is read as one.
 *
 * Thread  no state
 */
#ifndef APP_SPOT_PATTERN_H
#define APP_SPOT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

enum { SPOT_PATTERN = 4096 };

/*
 * RC_BAD: no shell pattern says that; the reason is in *e. *wider: the pattern takes every name that Spot takes, and
 * others too. The caller frees *out.
 */
enum rc spot_pattern(const char *const *word, size_t words, char **out, bool *wider, struct err *e) MUST_USE;

#endif
