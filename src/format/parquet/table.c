/*
 * The slots of an open-addressing table; keys wider than a tag are the owner's.
 */
#include "format/parquet/table.h"

#include <assert.h>

void table_fini(struct table *t)
{
	buffer_fini(&t->slots);
	*t = (struct table){0};
}

uint64_t table_draw(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

void table_clear(struct table *t, size_t count, uint64_t *seed)
{
	assert(count >= 16 && (count & (count - 1)) == 0);
	size_t size = count * sizeof(uint64_t);
	buffer_fini(&t->slots);
	buffer_zero(&t->slots, size);
	t->mask = (uint32_t)(count - 1);
	t->shift = 64 - (unsigned)__builtin_ctzll(count);
	t->used = 0;
	t->multiplier = table_draw(seed) | 1;
}

bool table_add(struct table *t, uint64_t hash, uint32_t tag, uint32_t number)
{
	uint64_t *slot = (uint64_t *)(void *)t->slots.bytes;
	uint32_t at = table_home(t, hash);
	for (unsigned probe = 0; slot[at] != 0; probe++) {
		if (probe == TABLE_PROBES)
			return false;
		at = (at + 1) & t->mask;
	}
	slot[at] = (uint64_t)(number + 1) << 32 | tag;
	t->used++;
	return true;
}
