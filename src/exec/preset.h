/*
 * preset: tools whose output we know: the command, how it reads, and which fields of a dataset it fills.
 *
 * Thread  immutable tables
 */
#ifndef EXEC_PRESET_H
#define EXEC_PRESET_H

#include <stddef.h>

#include "dissect/dissect.h"

struct preset {
	const char *name;
	const char *const *command;          /* NULL behind the last */
	const char *header;                  /* first line of its output, exactly */
	const char *known;                   /* the versions that print it */
	const char *ask_version;             /* the argument that makes it tell its own */
	const struct dissect_option *option; /* of csv */
	size_t options;
};

/* NULL: no such one. */
const struct preset *preset_find(const char *name);
const struct preset *preset_at(size_t i);

#endif
