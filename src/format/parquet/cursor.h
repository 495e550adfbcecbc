/*
 * cursor: reads one column of a row group, page by page: its dictionary, and some rows ahead.
 *
 * Held: the chunk as it is stored, the dictionary, one page uncompressed, CURSOR_ROWS decoded rows.
 *
 * Thread  one owner
 * Owner   zeroed is empty; cursor_fini frees
 */
#ifndef FORMAT_PARQUET_CURSOR_H
#define FORMAT_PARQUET_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "format/parquet/meta.h"
#include "format/parquet/runs.h"

enum { CURSOR_ROWS = 2048 };

struct cursor_value {
	const uint8_t *bytes; /* BYTE_ARRAY; NULL with a null of any type */
	union {
		int64_t number;
		float real;
		size_t len;
	};
};

struct cursor {
	const struct meta_column *column;
	enum codec codec;
	uint8_t *stored; /* the chunk */
	size_t size, at;
	uint64_t left; /* rows that no page was opened for yet */
	uint8_t *dictionary_body;
	struct cursor_value *dictionary;
	size_t dictionary_count;
	/* The open page. */
	uint8_t *body;
	size_t body_capacity;
	uint64_t page_left; /* rows */
	bool coded;         /* ids, else PLAIN */
	struct runs levels, ids;
	const uint8_t *plain, *plain_end;
	/* Decoded. */
	struct cursor_value *value;
	size_t first, count;
};

/* A chunk, which the cursor has then. */
void cursor_begin(struct cursor *c, const struct meta_column *column, const struct meta_chunk *chunk, uint8_t *stored);

/* Have at least one row decoded; RC_END after the last. RC_BAD: damaged, or an encoding that is not read. */
enum rc cursor_ahead(struct cursor *c, struct pack *pack, struct err *e) MUST_USE;

static inline const struct cursor_value *cursor_rows(const struct cursor *c)
{
	return c->value + c->first;
}

/* n of the decoded rows are done with. */
static inline void cursor_pass(struct cursor *c, size_t n)
{
	c->first += n;
	c->count -= n;
}

/* Bytes held. */
size_t cursor_memory(const struct cursor *c);
void cursor_fini(struct cursor *c);

#endif
