/*
 * column: one column of a writer: rows come in, pages and chunks come out.
 *
 * Columns of one batch column may follow another: the calendar parts of a time are functions of its second. The leader
 * finds ids of seconds; a follower keeps a map from the leader's ids to its own and looks only at seconds that are new.
 *
 * Thread  one owner
 * Owner   column_init / column_fini
 */
#ifndef FORMAT_PARQUET_COLUMN_H
#define FORMAT_PARQUET_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "data/projection.h"
#include "format/parquet/chunk.h"
#include "format/parquet/dictionary.h"
#include "format/parquet/footer.h"
#include "format/parquet/output.h"
#include "format/parquet/page.h"
#include "format/parquet/plain.h"
#include "format/parquet/recode.h"
#include "format/parquet/scratch.h"

struct column {
	const struct projection_column *from;
	const struct column *leader; /* NULL: follows nobody */
	bool leads;

	struct page page;
	uint32_t page_left; /* rows until the next border, where a page may close */

	struct chunk chunk;
	struct dictionary dictionary;
	bool plain;        /* values go PLAIN, at least from now on */
	bool wants_plain;  /* it was seen that they should: from the next append on */
	bool lost;         /* the dictionary cost more than PLAIN */
	struct buffer map; /* of a follower: uint32_t own id per id of the leader */
	struct recode_sample sample;
	uint32_t counted; /* dictionary's values and the chunk's values when PLAIN was last weighed */
	uint64_t weighed;
	bool settled; /* the dictionary wins by far */

	enum {
		TEXT_OPEN,
		TEXT_DICTIONARY,
		TEXT_PLAIN
	} text;                /* of a BYTE_ARRAY column: how all row groups of the file have it */
	uint32_t groups_plain; /* row groups to begin PLAIN, because the last one should have */
	uint8_t *habit;        /* files to begin PLAIN, or NULL */
	uint64_t outside;
};

/* Selected rows of a batch. */
struct rows {
	const struct batch *batch;
	const uint16_t *sel; /* NULL: rows 0 .. n-1 */
	size_t n;
	bool dense; /* they lie side by side, from first on */
	size_t first;
};

void column_init(struct column *c, const struct projection_column *from, uint64_t seed);
void column_fini(struct column *c);
size_t column_memory(const struct column *c);

/* May a column follow one that leads? */
bool column_can_lead(const struct projection_column *c);
bool column_can_follow(const struct projection_column *c, const struct projection_column *leader);

/* Append rows of a batch, in the order of the columns: leaders first. */
enum rc column_append(struct column *c, const struct rows *r, struct scratch *s, struct err *e) MUST_USE;

/* Close the chunk and write it; the column is ready for the next row group and holds no memory of this one. */
enum rc column_flush(struct column *c, struct scratch *s, struct output *o, struct footer *f, struct err *e) MUST_USE;

#endif
