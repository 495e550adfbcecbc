/*
 * page: the rows of one column since its last page was closed: dictionary ids or PLAIN values, and which rows are null.
 *
 * Ids take 1, 2 or 4 bytes each, as the dictionary needs; a page of one single id takes none. The bitmap exists once
 * there was a null.
 *
 * Thread  one owner
 * Owner   zeroed is empty; page_fini frees
 */
#ifndef FORMAT_PARQUET_PAGE_H
#define FORMAT_PARQUET_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/parquet/buffer.h"
#include "format/parquet/statistics.h"

struct page {
	uint32_t rows, values;
	bool single; /* all values are the id `only`, and nothing is in body */
	uint32_t only;
	unsigned item;        /* bytes of an id in body */
	struct buffer body;   /* ids, or PLAIN values */
	struct buffer levels; /* bitmap, LSB first, 1 = present; empty: no nulls */
	bool by_keys;         /* bounds are taken from keys as they come, not from the dictionary when it closes */
	struct bounds bounds;
};

void page_fini(struct page *p);

/* Empty it, keep the memory. */
void page_reset(struct page *p);

/* Bytes an id takes in a dictionary of count values. */
static inline unsigned page_item(uint32_t count)
{
	return count <= 1u << 8 ? 1 : count <= 1u << 16 ? 2 : 4;
}

/* Append values: ids of item bytes once stored, or n times the same. */
void page_ids(struct page *p, const uint32_t *ids, size_t n, unsigned item);
void page_run(struct page *p, uint32_t id, size_t n, unsigned item);

/* n ids from the first-th on as 32-bit numbers: in place, or in wide. */
const uint32_t *page_wide_ids(const struct page *p, size_t first, size_t n, struct buffer *wide);

/* Append rows: a byte each, 0 for null; NULL: all are there. */
void page_rows(struct page *p, const uint8_t *present, size_t rows);

#endif
