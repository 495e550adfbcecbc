/*
 * distinct: how many different values were seen, by a 64-bit hash of each.
 *
 * Thread  one owner
 */
#ifndef BENCH_DISTINCT_H
#define BENCH_DISTINCT_H

#include <stddef.h>
#include <stdint.h>

struct distinct {
	uint64_t *slots; /* 0: free */
	size_t size;     /* a power of two */
	size_t count;
};

void distinct_add(struct distinct *d, const void *bytes, size_t size);
void distinct_fini(struct distinct *d);

#endif
