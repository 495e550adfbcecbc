/*
 * nearest: the known name that a mistyped one most likely meant.
 *
 * Thread  plain data, the caller's
 */
#ifndef APP_NEAREST_H
#define APP_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word; /* what was typed */
	const char *best; /* the closest name offered so far, NULL when none is close */
	size_t distance;
};

static inline struct nearest nearest_to(const char *word)
{
	return (struct nearest){.word = word};
}

/* Consider a name; borrowed. */
void nearest_offer(struct nearest *n, const char *name);

enum { NEAREST_HINT = 96 };

/* " (did you mean \"x\"?)", or "" when nothing is close. Returns out. */
const char *nearest_hint(const struct nearest *n, char out[NEAREST_HINT]);

#endif
