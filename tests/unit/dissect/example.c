/* The worked example of doc/dissector.md is a dissector like any other: its rows, and any damage. */
#include "wtmp.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/dissect/abuse.h"

enum { RECORD = 384, RECORDS = 40 };

static uint8_t file[RECORDS * RECORD];

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

static int setup(void **state)
{
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint8_t *r = file + (size_t)i * RECORD;
		r[0] = (uint8_t)(i % 2 == 0 ? 7 : 8);
		put32(r + 4, 1000 + i);
		snprintf((char *)r + 8, 32, "pts/%u", i);
		memset(r + 44, 'u', 32); /* a name that fills its member has no NUL */
		snprintf((char *)r + 76, 256, "host%u.example", i);
		put32(r + 340, 1768381200 + i);
		put32(r + 344, i);
		r[348] = i % 3 != 0 ? 192 : 0;
		r[351] = i % 3 != 0 ? (uint8_t)i : 0;
		r[363] = i % 5 == 0 ? 1 : 0;
	}
	return 0;
}

static const struct abuse abuse = {.ops = &dissect_wtmp, .rows_max = RECORDS};

static struct dissector *open_all(const void *bytes, size_t size, const unsigned *wanted, size_t wants)
{
	const struct dissect_hints hints = {.name = "wtmp", .size = size};
	const struct dissect_params params = {.field = dissect_wtmp.field, .wanted = wanted, .wants = wants};
	struct dissector *d = NULL;
	struct err e;
	assert_int_equal(dissect_open(&dissect_wtmp, source_memory(bytes, size), &hints, &params, &d, &e), RC_OK);
	return d;
}

static void rows_are_what_the_records_say(void **state)
{
	static const unsigned wanted[] = {0, 4, 6, 2};
	const struct batch *b = NULL;
	struct err e;
	bool clean = false;
	struct dissector *d = open_all(file, sizeof file, wanted, 4);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_OK);
	assert_int_equal(b->rows, RECORDS);
	assert_int_equal(b->rejects, 0);
	assert_int_equal(((const int64_t *)batch_read(b, 0))[3], 1768381203 * INT64_C(1000000000) + 3000);
	struct span user = ((const struct span *)batch_read(b, 1))[3];
	assert_int_equal(user.length, 32);
	assert_memory_equal(batch_span(b, user), "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu", 32);
	assert_false(batch_is_null(b, 2, 1));
	assert_int_equal(((const struct ip *)batch_read(b, 2))[1].family, 4);
	assert_int_equal(((const struct ip *)batch_read(b, 2))[5].family, 6);
	assert_true(batch_is_null(b, 2, 3));
	assert_int_equal(((const int64_t *)batch_read(b, 3))[3], 1003);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_END);
	assert_true(clean);
	dissect_close(&d);
}

static void damage_costs_its_record(void **state)
{
	static const unsigned wanted[] = {0};
	uint8_t *copy = test_malloc(sizeof file);
	const struct batch *b = NULL;
	struct err e;
	bool clean = true;
	memcpy(copy, file, sizeof file);
	copy[5 * RECORD] = 99;
	struct dissector *d = open_all(copy, sizeof file - 1, wanted, 1);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_OK);
	assert_int_equal(b->rows, RECORDS - 2);
	assert_int_equal(b->rejects, 2);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_END);
	assert_false(clean);
	dissect_close(&d);
	d = open_all("{\"json\": true}", 14, wanted, 1);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_BAD);
	dissect_close(&d);
	d = open_all("", 0, wanted, 1);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_END);
	assert_true(clean);
	dissect_close(&d);
	test_free(copy);
}

static void any_damage_is_survived(void **state)
{
	abuse_cuts(&abuse, file, sizeof file, 300);
	abuse_flips(&abuse, file, sizeof file, 500);
	abuse_lengths(&abuse, file, sizeof file, 500);
	abuse_noise(&abuse, file, sizeof file, 100);
}

static void options_are_refused(void **state)
{
	static const struct dissect_option option = {"zone", "UTC"};
	const struct dissect_hints hints = {.name = "wtmp"};
	const struct dissect_params params = {.option = &option, .options = 1};
	struct dissector *d = NULL;
	struct err e;
	assert_int_equal(dissect_open(&dissect_wtmp, source_memory("", 0), &hints, &params, &d, &e), RC_BAD);
	assert_non_null(strstr(e.text, "zone"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_what_the_records_say),
	    cmocka_unit_test(damage_costs_its_record),
	    cmocka_unit_test(any_damage_is_survived),
	    cmocka_unit_test(options_are_refused),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
