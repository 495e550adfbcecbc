/*
 * aside: where readers who go through a catalog find an hour while its folder changes: copies of the outputs in a
 * folder of their own, and the partition's location pointing there.
 *
 * Thread  the caller's store and catalog
 */
#ifndef PIPE_ASIDE_H
#define PIPE_ASIDE_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "store/store.h"

struct aside_copy {
	char *from, *to; /* to: "<dataset>/aside/<partition>/<generation>/<name>" */
	uint64_t size;
	uint32_t crc32;
};

/* Copies what is not there yet; temp: a staged name for the copy being made. */
enum rc aside_make(
    struct store *s, const struct aside_copy *copy, size_t copies, const char *temp, struct err *e) MUST_USE;

/* Deletes the copies, and the folders that are empty then. */
enum rc aside_remove(struct store *s, const struct aside_copy *copy, size_t copies, struct err *e) MUST_USE;

#endif
