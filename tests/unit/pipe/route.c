/* route: every row is in the group of its hour, once, in the batch's order; and no original touches more hours than it
 * may. */
#include "pipe/route.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { ROWS = 1000 };

static const enum type types[] = {TYPE_U32, TYPE_TIME};

static int64_t slow_hour(int64_t ns)
{
	int64_t s = ns / 1000000000 - (ns % 1000000000 < 0);
	return s / 3600 - (s % 3600 < 0);
}

static int64_t time_at(const struct batch *b, uint32_t row)
{
	return batch_is_null(b, 1, row) ? 0 : ((const int64_t *)batch_read(b, 1))[row];
}

/* Returns how many rows are in groups; asserts that each is where it belongs. */
static size_t check(const struct batch *b, const struct route_group *group, size_t groups)
{
	static unsigned char seen[BATCH_ROWS];
	size_t total = 0;
	memset(seen, 0, sizeof seen);
	for (size_t g = 0; g < groups; g++) {
		assert_true(group[g].count > 0);
		for (size_t h = 0; h < g; h++)
			assert_true(group[h].hour != group[g].hour);
		for (size_t i = 0; i < group[g].count; i++) {
			uint32_t row = group[g].rows != NULL ? group[g].rows[i] : (uint32_t)i;
			assert_true(row < b->rows && !seen[row]);
			assert_true(i == 0 || group[g].rows == NULL || row > group[g].rows[i - 1]);
			assert_int_equal(slow_hour(time_at(b, row)), group[g].hour);
			seen[row] = 1;
		}
		total += group[g].count;
	}
	return total;
}

static struct batch *batch_of(void)
{
	struct batch *b = batch_new(types, 2, ROWS, 0);
	b->rows = ROWS;
	return b;
}

static void one_hour_needs_no_selection(void **state)
{
	struct route *r = route_new(4);
	struct batch *b = batch_of();
	const struct route_group *group;
	size_t groups, left;
	for (int i = 0; i < ROWS; i++)
		((int64_t *)batch_values(b, 1))[i] = INT64_C(1768381200000000000) + i * INT64_C(3599999999999) / ROWS;
	route_begin(r);
	route_split(r, b, 1, &group, &groups, &left);
	assert_true(groups == 1 && left == 0 && group[0].rows == NULL);
	assert_int_equal(check(b, group, groups), ROWS);
	/* The last nanosecond of the hour, and the first of the next. */
	((int64_t *)batch_values(b, 1))[ROWS - 1] = INT64_C(1768384799999999999);
	route_split(r, b, 1, &group, &groups, &left);
	assert_int_equal(groups, 1);
	((int64_t *)batch_values(b, 1))[ROWS - 1]++;
	route_split(r, b, 1, &group, &groups, &left);
	assert_int_equal(groups, 2);
	assert_int_equal(check(b, group, groups), ROWS);
	b->rows = 0;
	route_split(r, b, 1, &group, &groups, &left);
	assert_true(groups == 0 && left == 0);
	batch_free(&b);
	route_free(&r);
}

static void any_times_are_split(void **state)
{
	static const int64_t span[] = {1, 3600, 24 * 3600, INT64_C(9223372036)};
	struct route *r = route_new(256);
	struct batch *b = batch_of();
	const struct route_group *group;
	size_t groups, left;
	srand(7);
	for (int round = 0; round < 200; round++) {
		batch_reset(b);
		b->rows = ROWS;
		int64_t *time = batch_values(b, 1);
		for (int i = 0; i < ROWS; i++) {
			int64_t s = (((int64_t)rand() << 20) + rand()) % span[round % 4];
			time[i] = (round % 3 == 0 ? -s : s) * 1000000000 + rand() % 1000;
			if (round % 5 == 0 && rand() % 4 == 0)
				batch_set_null(b, 1, (uint32_t)i);
		}
		if (round % 7 == 0) {
			time[0] = INT64_MIN;
			time[1] = INT64_MAX;
		}
		route_begin(r);
		route_split(r, b, 1, &group, &groups, &left);
		assert_true(groups <= 256);
		assert_int_equal(check(b, group, groups) + left, ROWS);
		assert_true(left == 0 || groups == 256);
	}
	batch_free(&b);
	route_free(&r);
}

static void an_original_has_its_fill_of_hours(void **state)
{
	struct route *r = route_new(3);
	struct batch *b = batch_of();
	const struct route_group *group;
	size_t groups, left;
	for (int i = 0; i < ROWS; i++)
		((int64_t *)batch_values(b, 1))[i] = (int64_t)(i % 5) * 3600 * 1000000000;
	route_begin(r);
	route_split(r, b, 1, &group, &groups, &left);
	assert_int_equal(groups, 3);
	assert_int_equal(left, ROWS / 5 * 2);
	/* The same hours in the next batch are still its own, others are not; a new original starts afresh. */
	route_split(r, b, 1, &group, &groups, &left);
	assert_int_equal(left, ROWS / 5 * 2);
	for (int i = 0; i < ROWS; i++)
		((int64_t *)batch_values(b, 1))[i] = INT64_C(9) * 3600 * 1000000000;
	route_split(r, b, 1, &group, &groups, &left);
	assert_true(groups == 0 && left == ROWS);
	route_begin(r);
	route_split(r, b, 1, &group, &groups, &left);
	assert_true(groups == 1 && left == 0);
	batch_free(&b);
	route_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_hour_needs_no_selection),
	    cmocka_unit_test(any_times_are_split),
	    cmocka_unit_test(an_original_has_its_fill_of_hours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
