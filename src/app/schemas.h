/*
 * schemas: the tables by dataset name: those shipped inside the program, and a user's folder of .avsc files that goes
 * before them.
 *
 * Thread  any; the result is immutable
 */
#ifndef APP_SCHEMAS_H
#define APP_SCHEMAS_H

#include <stddef.h>

#include "base/rc.h"
#include "data/schema.h"

struct shipped_schema { /* made from schema/<name>.avsc at build time */
	const char *name;
	const char *text;
	size_t size;
};
extern const struct shipped_schema shipped_schema[];
extern const size_t shipped_schemas;

/* <folder>/<dataset>.avsc if folder is not NULL and has it, else the shipped one. RC_BAD: neither (names the nearest),
 * or the file is wrong (file:line). */
enum rc schemas_find(const char *folder, const char *dataset, struct schema **out, struct err *e) MUST_USE;

/* One file. */
enum rc schemas_read(const char *file, struct schema **out, struct err *e) MUST_USE;

#endif
