/*
 * option: what dissectors share in reading their options: refusals that name the nearest, words out of a list.
 *
 * Thread  no state
 */
#ifndef DISSECT_OPTION_H
#define DISSECT_OPTION_H

#include <stddef.h>

#include "base/rc.h"

/* RC_BAD: no option key; the nearest of known (ends with NULL), or all of them. */
enum rc option_unknown(const char *key, const char *const known[], struct err *e);

/* Which of choices (ends with NULL) the value of key is; RC_BAD names the nearest, or all of them. */
enum rc option_choice(const char *key, const char *value, const char *const choices[], int *out, struct err *e) MUST_USE;

#endif
