/*
 * option: what dissectors share in reading their options: refusals that name the nearest, words out of a list.
 *
 * Thread  no state
 */
#ifndef DISSECT_OPTION_H
#define DISSECT_OPTION_H

#include <stddef.h>

#include "base/rc.h"

enum { OPTION_HINT = 128 };

/* " (did you mean \"x\"?)" for the nearest of what next gives until NULL, or "". Returns out. */
const char *option_hint(
    const char *word, const char *(*next)(const void *context, size_t i), const void *context, char out[OPTION_HINT]);

/* RC_BAD: no option key; the nearest of known (ends with NULL), or all of them. */
enum rc option_unknown(const char *key, const char *const known[], struct err *e);

/* Which of choices (ends with NULL) the value of key is; RC_BAD names the nearest, or all of them. */
enum rc option_choice(
    const char *key, const char *value, const char *const choices[], int *out, struct err *e) MUST_USE;

#endif
