/*
 * table: open addressing from a 32-bit tag to a number. The key itself is the tag where it fits 32 bits; otherwise the
 * tag is half of its hash and the owner compares the key.
 *
 * Linear probing at a load of at most a half. Who chooses the keys may be hostile: the multiplier is drawn at random,
 * and an entry that would lie more than TABLE_PROBES from its home makes the owner rebuild the table with another one.
 * Numbers never depend on the multiplier, so output doesn't either.
 *
 * Thread  one owner
 * Owner   zeroed is empty; table_fini frees
 */
#ifndef FORMAT_PARQUET_TABLE_H
#define FORMAT_PARQUET_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/parquet/buffer.h"

enum { TABLE_PROBES = 64 };

struct table {
	struct buffer slots; /* uint64_t each: low half the tag, high half number + 1; 0 is free */
	unsigned shift;      /* 64 - log2(slots) */
	uint32_t mask;
	uint32_t used;
	uint64_t multiplier; /* odd */
};

void table_fini(struct table *t);

static inline const uint64_t *table_slots(const struct table *t)
{
	return (const uint64_t *)(const void *)t->slots.bytes;
}

/* Where the search for a hash starts: its top bits. */
static inline uint32_t table_home(const struct table *t, uint64_t hash)
{
	return (uint32_t)(hash >> t->shift);
}

/* Is one more entry past the load? Then the owner rebuilds it at twice the size before it adds. */
static inline bool table_full(const struct table *t)
{
	return t->slots.len == 0 || 2 * (t->used + 1) > t->mask + 1;
}

/* Empty it, with count slots (a power of two, 16 at least) and the next multiplier of the sequence that seed is in;
 * moves seed on. */
void table_clear(struct table *t, size_t count, uint64_t *seed);

/* Add an entry that is not there. false: it lies too far from home, the table wants another multiplier; nothing was
 * added. */
bool table_add(struct table *t, uint64_t hash, uint32_t tag, uint32_t number);

/* Next number of a well mixed sequence (splitmix64). */
uint64_t table_draw(uint64_t *seed);

#endif
