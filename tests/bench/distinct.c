/*
 * distinct: an open table of hashes. Two values with one hash count once: at a million values, about once in forty
 * million runs.
 */
#include "distinct.h"

#include <stdbool.h>

#include "base/mem.h"
#include "chance.h"

static bool put(uint64_t *slots, size_t size, uint64_t hash)
{
	size_t at = hash & (size - 1);
	while (slots[at] != 0 && slots[at] != hash)
		at = (at + 1) & (size - 1);
	if (slots[at] == hash)
		return false;
	slots[at] = hash;
	return true;
}

static void grow(struct distinct *d)
{
	size_t size = d->size == 0 ? 1 << 16 : d->size * 2;
	uint64_t *slots = mem_zero(size, sizeof *slots);
	for (size_t i = 0; i < d->size; i++)
		if (d->slots[i] != 0)
			put(slots, size, d->slots[i]);
	mem_free(&d->slots);
	d->slots = slots;
	d->size = size;
}

void distinct_add(struct distinct *d, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t hash = size;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3) + (hash >> 47);
	hash = chance_mix(hash + 1);
	if (d->count * 2 >= d->size)
		grow(d);
	d->count += put(d->slots, d->size, hash != 0 ? hash : 1);
}

void distinct_fini(struct distinct *d)
{
	mem_free(&d->slots);
	*d = (struct distinct){0};
}
