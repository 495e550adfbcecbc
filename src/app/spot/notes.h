/*
 * spot/notes: what could not be carried over from a configuration of Spot: where it stands, why, and whether there is
 * something to do.
 *
 * Thread  plain data
 */
#ifndef APP_SPOT_NOTES_H
#define APP_SPOT_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"

enum spot_note_kind {
	SPOT_MUST, /* to do before it can run: the configuration holds a stand-in, or lacks a pipeline */
	SPOT_SHOULD, /* to do, or to know */
	SPOT_LEFT, /* not carried over, and nobody misses it */
};

struct spot_note {
	enum spot_note_kind kind;
	char *text;       /* "FILE:LINE: KEY: why", one line */
	const char *file; /* borrowed */
	unsigned line;
	size_t number;
};

struct spot_notes {
	struct spot_note *note;
	size_t count;
};

/* line 0: of no line. */
void spot_note(struct spot_notes *n, enum spot_note_kind kind, const char *file, unsigned line, const char *key,
    const char *format, ...) PRINTF_LIKE(6, 7);

/* Make what YAML takes for the end of a line, and other readers do not, into question marks. */
void spot_flatten(uint8_t *text, size_t len);

/* In the order of the files' lines; those of `first` come first. */
void spot_notes_sort(struct spot_notes *n, const char *first);

size_t spot_notes_of(const struct spot_notes *n, enum spot_note_kind kind);

/* As comments of a YAML file, one kind after the other. */
void spot_notes_write(const struct spot_notes *n, struct writer *out);

void spot_notes_fini(struct spot_notes *n);

#endif
