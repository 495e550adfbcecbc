/*
 * locate: the line a member of a JSON document stands on. jansson forgets the lines of values, and an error without its
 * line is half an error.
 *
 * Only for text that parsed; depth three is all that a schema needs.
 *
 * Thread  no state
 */
#ifndef FORMAT_LOCATE_H
#define FORMAT_LOCATE_H

#include <stddef.h>

/* What to look for: root[key], root[array][index], or root[array][index][key]. */
struct locate {
	const char *array; /* NULL: the key of the root */
	size_t index;
	const char *key; /* NULL: the element itself */
};

/* The line from 1; of the closest thing around it when the member is not there. */
unsigned locate_line(const char *text, size_t len, struct locate what);

/* The same of root[path[0]][path[1]]…: the line of the last key, or of the closest one before it that is there. */
unsigned locate_member(const char *text, size_t len, const char *const *path, size_t depth);

#endif
