/*
 * annex: a file of this machine that is archived beside an original which it completes. Staged first, so that it can be
 * dissected and nothing is left of it where it does not fit; named then.
 *
 * Thread  one owner
 * Owner   zeroed is empty; annex_drop deletes what is staged and frees
 * Errors  RC_BAD: the file can't be read, is no regular file, or changed since it was opened. Others: store.h
 */
#ifndef PIPE_ANNEX_H
#define PIPE_ANNEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "ext/hash.h"
#include "store/store.h"

struct annex {
	const char *source; /* borrowed */
	const char *name;   /* its last part: what the original is called */
	uint8_t sha256[SHA256_BYTES];
	uint64_t size;
	struct store_file *file; /* while it is copied */
	char *path;              /* in the lake: staged, or its name; NULL: not there */
	bool named;
};

/* Reads it once, for its size and digest. */
enum rc annex_open(const char *source, struct annex *out, struct err *e) MUST_USE;

/* A durable copy under that path of the lake's staging, which must be free. */
enum rc annex_stage(struct annex *a, struct store *store, const char *path, struct err *e) MUST_USE;

/* Under a name of its own in the folder of that path. The same bytes may lie there: they are taken for it. */
enum rc annex_name(struct annex *a, struct store *store, const char *beside, struct err *e) MUST_USE;

/* What is staged goes, what has its name stays. It can be staged again. */
void annex_drop(struct annex *a, struct store *store);

#endif
