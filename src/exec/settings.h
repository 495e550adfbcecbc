/*
 * settings: options of exec: the command and its limits, and what is left for csv.
 *
 * Thread  plain data
 * Owner   texts are borrowed from the options given
 */
#ifndef EXEC_SETTINGS_H
#define EXEC_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "dissect/dissect.h"
#include "exec/child.h"
#include "exec/preset.h"

enum { EXEC_ARGUMENTS = 256 };

struct exec_settings {
	const char *argument[EXEC_ARGUMENTS + 1]; /* {} replaced by the path */
	size_t arguments;
	bool by_path;
	const struct preset *preset; /* NULL none */
	struct child_limits limits;
	struct dissect_option *option; /* for csv; owned */
	size_t options;
};

/* RC_BAD names the key and the nearest; nothing to free then. */
enum rc exec_settings_read(const struct dissect_params *params, struct exec_settings *out, struct err *e) MUST_USE;
void exec_settings_fini(struct exec_settings *s);

#endif
