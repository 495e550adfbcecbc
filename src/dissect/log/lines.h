/*
 * lines: the lines of a source, in place, with their offsets and numbers.
 *
 * A line ends at LF or CRLF or at the end of the input. NULs before and after a line are padding (IIS writes its files
 * in blocks) and are skipped. A line over the bound is shown by its first bytes only, with its whole length.
 *
 * Thread  one owner
 * Memory  one window of LINES_WINDOW bytes
 */
#ifndef DISSECT_LOG_LINES_H
#define DISSECT_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/source.h"
#include "data/batch.h"

enum { LINES_WINDOW = 512 << 10 };

struct line {
	const uint8_t *at; /* valid until the next line */
	size_t size;       /* without line end and padding */
	uint64_t offset;   /* of its first byte in the input */
	uint64_t length;   /* in the input, without line end */
	uint64_t number;   /* from 1 */
	size_t padding;    /* NULs that were skipped */
	bool too_long;     /* at and size are its beginning */
	bool cut;          /* reading failed within it */
};

struct lines {
	struct source *src; /* owned */
	size_t bound;       /* most bytes of a line */
	const uint8_t *window;
	size_t have, at;
	bool last; /* nothing comes behind the window */
	uint64_t number;
	uint8_t beginning[BATCH_RAW]; /* of a line that is longer than the window */
};

/* Takes src. bound at most half of LINES_WINDOW. */
void lines_init(struct lines *l, struct source *src, size_t bound);
void lines_fini(struct lines *l);

/* Show what the input begins with, up to LINES_WINDOW bytes, before the first line. Returns as source_peek. */
enum rc lines_begin(struct lines *l, const uint8_t **bytes, size_t *have, struct err *e) MUST_USE;

/* The next line. RC_END at the clean end; RC_AGAIN, RC_BAD, RC_FAIL of the source, after every byte that came before.
 */
enum rc lines_next(struct lines *l, struct line *out, struct err *e) MUST_USE;

#endif
