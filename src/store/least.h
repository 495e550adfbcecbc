/*
 * least: the smallest names of a listing that comes in any order, in memory for so many and no more.
 *
 * Thread  one owner
 */
#ifndef STORE_LEAST_H
#define STORE_LEAST_H

#include <stdbool.h>
#include <stddef.h>

struct least {
	char **name;
	size_t count, capacity, max;
	bool ordered; /* name[0] is the largest: from the moment it is full */
};

/* Zeroed but for max. */
void least_add(struct least *l, const char *name);

/* In bytewise order; caller frees each and the array. */
void least_take(struct least *l, char ***names, size_t *count);

void least_fini(struct least *l);

#endif
