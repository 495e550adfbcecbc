/*
 * places: the partition of the bus that a file's name speaks of.
 *
 * Thread  the caller's store
 */
#ifndef AUDIT_PLACES_H
#define AUDIT_PLACES_H

#include "audit/chains.h"
#include "base/rc.h"
#include "store/store.h"

struct file_place {
	char topic[256];
	uint32_t partition;
	uint64_t start, end;
};

/* Whose commit a table or rejects file is of, by its name. RC_END: of none. */
enum rc places_of_file(struct store *s, const char *path, struct file_place *out, struct err *e) MUST_USE;

#endif
