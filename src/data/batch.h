/*
 * batch: up to 16 Ki rows in columns, in one relocatable slab of at most 8 MiB.
 *
 * Everything inside is addressed by offsets from the slab's start, never by pointers, so that a dissector can fill it from a confined
 * child through shared memory and the parent can check every offset before use (batch_check). Layout of the slab: struct batch,
 * then per column its values (type_size each, 8-aligned) and its null bitmap (bit set = null), then rejects, then the arena with the
 * bytes of TYPE_BYTES values. A span may be shared by many rows.
 *
 * The variable part of one row is at most BATCH_ROW_BYTES; the filler cuts and counts beyond.
 *
 * Thread  one owner at a time; it moves whole
 * Units   offsets and sizes in bytes
 */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/type.h"

enum {
	BATCH_ROWS = 16 << 10,
	BATCH_SLAB = 8 << 20,
	BATCH_COLUMNS = 256,
	BATCH_REJECTS = 64,
	BATCH_COUNTERS = 32,
	BATCH_ROW_BYTES = 256 << 10,
	BATCH_RAW = 4 << 10, /* most raw bytes kept with a reject */
	BATCH_COUNT_BITS = 48, /* of a number in a reject or a counter, where another process says it */
};

#define REJECT_ROWS_UNKNOWN UINT64_MAX
/* Beside a number of rows: so many at least, because the input ends there, or where the damage ends is a guess. */
#define REJECT_ROWS_LEAST (UINT64_C(1) << BATCH_COUNT_BITS)

struct batch_column {
	uint32_t type;   /* enum type */
	uint32_t values; /* offset */
	uint32_t nulls;  /* offset of the bitmap, (row_capacity + 7) / 8 bytes rounded up to 8 */
	uint32_t null_count;
};

/* A line, record or byte range that could not be dissected. */
struct batch_reject {
	uint64_t offset; /* in the original, bytes */
	uint64_t length; /* bytes; 0 unknown */
	uint64_t rows;   /* rows lost, perhaps with REJECT_ROWS_LEAST; or REJECT_ROWS_UNKNOWN */
	struct span reason; /* one line of text */
	struct span raw;    /* the bytes themselves, at most BATCH_RAW; may be empty */
};

struct batch {
	uint32_t size;         /* of the slab */
	uint32_t mapped;       /* bytes behind it: more than size when the slab was larger in an earlier life */
	uint32_t row_capacity;
	uint32_t rows;
	uint32_t columns;
	uint32_t rejects;      /* used */
	uint32_t rejects_at;   /* offset of BATCH_REJECTS struct batch_reject */
	uint32_t arena_at;     /* offset */
	uint32_t arena_used;   /* bytes of the arena in use */
	uint64_t counter[BATCH_COUNTERS]; /* what happened while this batch was filled, in the order of the dissector's counter names */
	struct batch_column column[];
};

/*
 * A batch for count columns of these types. rows at most BATCH_ROWS; arena is the room for bytes; fewer rows are given when the slab would
 * pass BATCH_SLAB. The slab is whole pages (mem_map), so its size is its cost.
 */
struct batch *batch_new(const enum type *types, size_t count, uint32_t rows, size_t arena);
void batch_free(struct batch **b);

/*
 * The same in the slab of an earlier batch, if *spare is one and large enough: its pages are there already. Takes *spare, or frees it. batch_keep
 * ends a batch and leaves its slab in *spare, in place of what is there; spare NULL: as batch_new and batch_free.
 */
struct batch *batch_again(struct batch **spare, const enum type *types, size_t count, uint32_t rows, size_t arena);
void batch_keep(struct batch **b, struct batch **spare);

/* Empty it: rows, rejects, arena, counters, nulls. */
void batch_reset(struct batch *b);

/* Is there anything in it: a row, a reject, a counter? */
bool batch_holds(const struct batch *b);

/* Start of a column's values; cast to what the type says. */
static inline void *batch_values(struct batch *b, unsigned column)
{
	return (uint8_t *)b + b->column[column].values;
}

static inline const void *batch_read(const struct batch *b, unsigned column)
{
	return (const uint8_t *)b + b->column[column].values;
}

static inline void batch_set_null(struct batch *b, unsigned column, uint32_t row)
{
	struct batch_column *c = &b->column[column];
	uint8_t *byte = (uint8_t *)b + c->nulls + row / 8;
	uint8_t bit = (uint8_t)(1u << (row % 8));
	c->null_count += !(*byte & bit);
	*byte |= bit;
}

static inline bool batch_is_null(const struct batch *b, unsigned column, uint32_t row)
{
	const struct batch_column *c = &b->column[column];
	return c->null_count != 0 && (((const uint8_t *)b)[c->nulls + row / 8] >> (row % 8) & 1);
}

static inline const uint8_t *batch_span(const struct batch *b, struct span s)
{
	return (const uint8_t *)b + s.offset;
}

/* Does a selection name rows that lie side by side, in their order? */
static inline bool batch_side_by_side(const uint16_t *sel, size_t n)
{
	bool all = true;
	for (size_t i = 1; i < n; i++)
		all &= sel[i] == (uint16_t)(sel[i - 1] + 1);
	return all;
}

/* Room for len bytes in the arena; false when it is full (the batch is done, the row comes again in the next one). */
bool batch_room(struct batch *b, size_t len, struct span *out);
/* The same with a copy. */
bool batch_put(struct batch *b, const void *bytes, size_t len, struct span *out);

/* Undo everything of the row being built (null bits, arena from arena_used) after a failed batch_room. */
void batch_unwind(struct batch *b, uint32_t row, uint32_t arena_used);

/* Add a reject; raw is cut to BATCH_RAW. false when there is no room: hand the batch over and add it to the next. */
bool batch_reject(struct batch *b, uint64_t offset, uint64_t length, uint64_t rows, const char *reason, const void *raw, size_t raw_len);

/*
 * Is every offset, length and count inside the slab, as batch_new laid it out for these types? For a batch that a confined child filled:
 * call it on the parent's own copy of the header. RC_BAD with the first lie.
 */
enum rc batch_check(const struct batch *b, const enum type *types, size_t count, size_t size, struct err *e) MUST_USE;

/*
 * Copy the batch that another process left in the first size bytes of shared memory, for these types, and check the copy. Nothing in the shared memory is
 * believed, nor read twice: it may change all the while. Beyond what batch_check looks at, no number of a reject or a counter is larger than an input could give,
 * floats are numbers, and the reasons of rejects are made printable.
 *
 * own  BATCH_SLAB bytes (mem_map); its batch is as the filler's after RC_OK, and worthless after RC_BAD
 */
enum rc batch_take(struct batch *own, const void *shared, size_t size, const enum type *types, size_t count, struct err *e) MUST_USE;

/* The same where it lies, without a copy: for a batch that nobody else can change as long as it is used. It becomes printable there. */
enum rc batch_accept(struct batch *b, size_t size, const enum type *types, size_t count, struct err *e) MUST_USE;

#endif
