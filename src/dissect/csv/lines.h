/*
 * lines: a stream cut into records of cells, as RFC 4180 section 2 says: a record ends at LF or CRLF outside quotes, a
 * quoted cell may hold line ends, delimiters and doubled quotes. A quote inside a cell that does not begin with one is
 * a character like any other.
 *
 * What contradicts that (a quote that is never closed, text behind a closing one, a record longer than max_line) is
 * given as a record with a reason, one physical line long, and the next line is tried as a record of its own. Lines so
 * read a second time are paid from a budget that grows with the input, so that the work stays linear: when it is used
 * up, the reject is as long as what was looked at.
 *
 * Thread  one owner
 * Units   offsets in bytes of the stream, lines from 1
 */
#ifndef DISSECT_CSV_LINES_H
#define DISSECT_CSV_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"
#include "data/batch.h"

enum {
	CSV_COLUMNS = 4096,       /* most cells of a record that are kept */
	CSV_LINE_LEAST = 1 << 10, /* bounds of max_line */
	CSV_LINE_MOST = 4 << 20,
};

struct cell {
	uint32_t offset, length; /* in the record's bytes, without quotes */
	bool quoted;
	bool doubled; /* holds doubled quotes */
};

struct record {
	const uint8_t *bytes; /* until the next call; of a reject at most BATCH_RAW of them */
	size_t kept;          /* of those */
	uint64_t offset, length;
	uint64_t line;
	size_t cells;       /* also those beyond CSV_COLUMNS; 0 for a blank line */
	bool unterminated;  /* the last one, without a line end */
	const char *reason; /* it is none: why; NULL */
};

struct csv_lines {
	struct source *src;   /* owned */
	int delimiter, quote; /* quote -1: none */
	uint32_t max_line;
	struct cell *cell; /* CSV_COLUMNS of them, of the last record */
	bool special[256]; /* ends a plain cell */
	const uint8_t *window;
	size_t have, at;
	bool last;       /* nothing comes after the window */
	bool quoted;     /* the scanned record has quotes */
	uint64_t line;   /* of the byte at `at` */
	uint64_t budget; /* bytes that may be read again */
	enum rc broken;  /* reading failed, and why */
	struct err reason;
	uint8_t raw[BATCH_RAW];
	char text[ERR_TEXT];
};

/* Takes src, which may be NULL until csv_lines_begin. */
void csv_lines_init(struct csv_lines *l, struct source *src, int delimiter, int quote, uint32_t max_line);
void csv_lines_fini(struct csv_lines *l);

/* RC_END: no more. RC_BAD, RC_AGAIN, RC_FAIL: reading failed; what came before it was given. */
enum rc csv_lines_next(struct csv_lines *l, struct record *out, struct err *e) MUST_USE;

/* The bytes at the beginning of the next line, at least want if there are as many, without moving. RC_END: no more. */
enum rc csv_lines_peek(struct csv_lines *l, size_t want, const uint8_t **bytes, size_t *have, struct err *e) MUST_USE;

/* Past one physical line, however long; RC_END: there is none. */
enum rc csv_lines_skip(struct csv_lines *l, struct err *e) MUST_USE;

/* Past n bytes that csv_lines_peek showed and that are not part of any line. */
void csv_lines_pass(struct csv_lines *l, size_t n);

#endif
