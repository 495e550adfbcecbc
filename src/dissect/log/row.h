/*
 * row: a record as a row of a batch.
 *
 * The line is copied into the arena once and values are spans of it, except those that must be changed: quotes inside
 * of quotes, bytes that are no UTF-8 and control characters other than tabs (both become \xNN), joined values. The
 * caller sees to it that BATCH_ROW_BYTES of the arena are free; what would pass them is cut and counted.
 *
 * Thread  one owner
 */
#ifndef DISSECT_LOG_ROW_H
#define DISSECT_LOG_ROW_H

#include "data/batch.h"
#include "dissect/log/lines.h"
#include "dissect/log/options.h"
#include "dissect/log/record.h"

struct row {
	struct batch *batch;
	const unsigned *wanted; /* enum log_field by batch column */
	size_t wants;
	const struct log_options *options;
	struct line line;
	/* of the row that is being filled */
	uint32_t begin; /* arena in use before it */
	uint32_t copy;  /* offset of the line in the slab */
	bool plain;     /* the line is printable ASCII */
};

/* Append the record of row->line; borrows both. */
void row_put(struct row *row, const struct record *r);

#endif
