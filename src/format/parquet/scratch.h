/*
 * scratch: working memory of one call into a writer, shared by its columns, and the choices that hold for all of them.
 *
 * It does not outlive the call, so that many open writers cost nothing for it.
 *
 * Thread  one owner
 */
#ifndef FORMAT_PARQUET_SCRATCH_H
#define FORMAT_PARQUET_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "data/batch.h"
#include "format/parquet/buffer.h"
#include "pack/pack.h"

struct scratch {
	/* of the writer */
	struct pack *pack;
	enum codec codec;
	int level;
	uint32_t page_rows;

	/* of one append: room for n rows each */
	void *keys;
	uint32_t *ids;
	uint32_t *leader_ids;
	uint32_t *fresh;
	uint16_t *fresh_rows;
	uint8_t *present;

	/* of one append: what the column that leads others found (column.h) */
	const void *leader;     /* it, or NULL: nothing to follow */
	size_t leader_keys;     /* in leader_ids; 1: all rows alike */
	uint32_t leader_before; /* its dictionary's values before this append */
	size_t freshes;         /* positions of those new since, in fresh */

	/* of closing a page */
	struct buffer raw, packed, marks, wide;
};

/* rows: of the selection that is appended; 0 for closing only. */
void scratch_init(struct scratch *s, struct pack *pack, enum codec codec, int level, uint32_t page_rows, size_t rows);
void scratch_fini(struct scratch *s);

#endif
