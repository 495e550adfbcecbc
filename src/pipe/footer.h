/*
 * footer: what the footer of a table file says: its rows, and which originals they are of.
 *
 * Thread  the caller's store
 * Errors  RC_END: the file is not there; RC_BAD: it is not what it should be, the reason fit for a person
 */
#ifndef PIPE_FOOTER_H
#define PIPE_FOOTER_H

#include <stdint.h>

#include "base/rc.h"
#include "ext/hash.h"
#include "format/parquet/inspect.h"
#include "store/store.h"

struct footer {
	struct inspect inspect;
	char *bytes; /* that inspect borrows from; caller frees */
};

enum rc footer_read(struct store *s, const char *path, uint64_t size, struct footer *out, struct err *e) MUST_USE;

/* Every entry of sluice.sources, in order; each must begin where the one before ended, and the last must end with the
 * rows. see's other rc ends it and comes back. */
enum rc footer_sources(const struct inspect *in,
    enum rc (*see)(void *context, const uint8_t sha256[SHA256_BYTES], uint64_t first, uint64_t rows, struct err *e),
    void *context, struct err *e) MUST_USE;

#endif
