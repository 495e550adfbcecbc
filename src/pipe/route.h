/*
 * route: which hour each row of a batch belongs to: a selection per hour.
 *
 * One compare per row while the hour stays the same. An original may touch hours_max hours; rows of further ones are
 * left out and counted.
 *
 * Thread  one owner
 */
#ifndef PIPE_ROUTE_H
#define PIPE_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "data/batch.h"

struct route;

struct route_group {
	int64_t hour;         /* since 1970 */
	const uint16_t *rows; /* indices; NULL: all of the batch */
	size_t count;
};

struct route *route_new(unsigned hours_max);
void route_free(struct route **r);

/* Hours that the original touches so far. */
unsigned route_hours(const struct route *r);

/* A new original begins: forget its hours. */
void route_begin(struct route *r);

/* Split b by its time column. *groups borrowed until the next call; *left_out rows belong to hours past the limit. A
 * null time belongs to hour 0 of 1970. */
void route_split(struct route *r, const struct batch *b, unsigned time_column, const struct route_group **groups,
    size_t *count, size_t *left_out);

#endif
