/*
 * Rows go to the hour they happened in. Most batches hold one hour, so that case is one pass of compares without a
 * selection; else rows are numbered by group in one pass and laid out group by group in a second, so that the
 * selections of any number of hours take one array of a batch's rows.
 */
#include "pipe/route.h"

#include <string.h>

#include "base/mem.h"

enum { LEFT_OUT = UINT16_MAX };

#define HOUR_NS UINT64_C(3600000000000)

struct slot {
	int64_t hour;
	uint32_t original; /* the slot is in use when this is route.original */
	uint32_t batch;    /* group is valid when this is route.batch */
	uint16_t group;
};

struct route {
	unsigned hours_max;
	unsigned hours;    /* of this original */
	uint32_t original; /* number of the original, so that forgetting costs nothing */
	uint32_t batch;
	size_t mask;
	struct slot *slot; /* open addressing by hour, at most half full */
	struct route_group *group;
	size_t groups;
	uint16_t row_group[BATCH_ROWS];
	uint16_t row[BATCH_ROWS];
};

struct route *route_new(unsigned hours_max)
{
	struct route *r = mem_zero(1, sizeof *r);
	size_t slots = 16;

	while (slots < 2 * (size_t)hours_max)
		slots *= 2;
	r->hours_max = hours_max;
	r->mask = slots - 1;
	r->slot = mem_zero(slots, sizeof *r->slot);
	r->group = mem_zero(hours_max + 1, sizeof *r->group);
	r->original = 1;
	return r;
}

void route_free(struct route **r)
{
	if (*r == NULL)
		return;
	mem_free(&(*r)->slot);
	mem_free(&(*r)->group);
	mem_free(r);
}

unsigned route_hours(const struct route *r)
{
	return r->hours;
}

void route_begin(struct route *r)
{
	r->hours = 0;
	if (++r->original == 0) {
		/* Numbers came round: what old slots say would look new. */
		memset(r->slot, 0, (r->mask + 1) * sizeof *r->slot);
		r->original = 1;
	}
}

static int64_t hour_of_ns(int64_t ns)
{
	int64_t hour = ns / (int64_t)HOUR_NS;

	return ns % (int64_t)HOUR_NS < 0 ? hour - 1 : hour;
}

/* The slot of an hour, taken if it is new; NULL when the original has its fill of hours. */
static struct slot *find(struct route *r, int64_t hour)
{
	size_t at = ((uint64_t)hour * UINT64_C(0x9E3779B97F4A7C15) >> 32) & r->mask;

	while (r->slot[at].original == r->original) {
		if (r->slot[at].hour == hour)
			return &r->slot[at];
		at = (at + 1) & r->mask;
	}
	if (r->hours == r->hours_max)
		return NULL;
	r->hours++;
	r->slot[at] = (struct slot){.hour = hour, .original = r->original, .batch = r->batch - 1};
	return &r->slot[at];
}

/* The group of an hour in this batch, made if it is new. */
static uint16_t group_of(struct route *r, int64_t hour)
{
	struct slot *s = find(r, hour);

	if (s == NULL)
		return LEFT_OUT;
	if (s->batch != r->batch) {
		s->batch = r->batch;
		s->group = (uint16_t)r->groups;
		r->group[r->groups++] = (struct route_group){.hour = hour};
	}
	return s->group;
}

/* The first and the last hour of the type are cut: a distance from their start would wrap into the other. */
static bool is_whole(int64_t hour)
{
	return hour > INT64_MIN / (int64_t)HOUR_NS && hour < INT64_MAX / (int64_t)HOUR_NS;
}

static bool same_hour(const int64_t *time, size_t rows, int64_t first)
{
	uint64_t low = (uint64_t)hour_of_ns(first) * HOUR_NS;
	uint64_t outside = 0;

	/* Unsigned distance from the hour's start: one compare for both ends, and the loop vectorises. */
	for (size_t i = 0; i < rows; i++)
		outside |= (uint64_t)time[i] - low >= HOUR_NS;
	return outside == 0 && is_whole(hour_of_ns(first));
}

/* Number every row's group and count the groups' rows. */
static size_t number(struct route *r, const struct batch *b, unsigned column)
{
	const int64_t *time = batch_read(b, column);
	bool nulls = b->column[column].null_count != 0;
	uint64_t low = 0;
	uint16_t group = LEFT_OUT;
	bool any = false;
	size_t left = 0;

	for (uint32_t i = 0; i < b->rows; i++) {
		int64_t t = nulls && batch_is_null(b, column, i) ? 0 : time[i];
		if (!any || (uint64_t)t - low >= HOUR_NS) {
			int64_t hour = hour_of_ns(t);
			low = (uint64_t)hour * HOUR_NS;
			group = group_of(r, hour);
			any = is_whole(hour);
		}
		r->row_group[i] = group;
		if (group == LEFT_OUT)
			left++;
		else
			r->group[group].count++;
	}
	return left;
}

/* Row numbers group by group, in the batch's order within a group. */
static void lay_out(struct route *r, uint32_t rows)
{
	uint16_t *at = r->row;

	for (size_t g = 0; g < r->groups; g++) {
		r->group[g].rows = at;
		at += r->group[g].count;
		r->group[g].count = 0;
	}
	for (uint32_t i = 0; i < rows; i++) {
		if (r->row_group[i] == LEFT_OUT)
			continue;
		struct route_group *g = &r->group[r->row_group[i]];
		r->row[(size_t)(g->rows - r->row) + g->count++] = (uint16_t)i;
	}
}

void route_split(struct route *r, const struct batch *b, unsigned time_column, const struct route_group **groups,
    size_t *count, size_t *left_out)
{
	const int64_t *time = batch_read(b, time_column);

	r->batch++;
	r->groups = 0;
	*left_out = 0;
	if (b->rows > 0 && b->column[time_column].null_count == 0 && same_hour(time, b->rows, time[0])) {
		if (group_of(r, hour_of_ns(time[0])) == LEFT_OUT)
			*left_out = b->rows;
		else
			r->group[0].count = b->rows;
	} else {
		*left_out = number(r, b, time_column);
		if (r->groups == 1 && *left_out == 0)
			r->group[0].rows = NULL;
		else
			lay_out(r, b->rows);
	}
	*groups = r->group;
	*count = r->groups;
}
