/* sorter: what was put in comes out in order, whether it fits memory, makes runs, or more runs than are merged at once.
 */
#include "audit/sorter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { MEMORY = 2 * SORTER_RECORD };

static const char *folder(void)
{
	const char *dir = getenv("TMPDIR");
	return dir != NULL ? dir : "/tmp";
}

/* Numbers in an order of their own, each once: an odd factor modulo a power of two. */
static uint32_t scattered(uint32_t i, uint32_t count)
{
	return i * 2654435761u & (count - 1);
}

static void put(struct sorter *s, uint32_t n, size_t value_len)
{
	struct err e;
	uint8_t key[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	uint8_t *value = mem_alloc(value_len + 1);
	memset(value, (int)(n & 0xff), value_len);
	const struct sorter_record r = {key, value, sizeof key, value_len};
	assert_int_equal(sorter_add(s, &r, &e), RC_OK);
	mem_free(&value);
}

static size_t length_of(uint32_t n)
{
	return n % 1000 == 0 ? 200000 : n % 61;
}

static void round_trip(uint32_t count, size_t extra, bool on_disk)
{
	struct err e;
	struct sorter_record r;
	struct sorter *s = sorter_new(folder(), MEMORY);
	for (uint32_t i = 0; i < count; i++)
		put(s, scattered(i, count), extra + length_of(scattered(i, count)));
	assert_int_equal(sorter_count(s), count);
	assert_int_equal(sorter_done(s, &e), RC_OK);
	assert_true((sorter_bytes(s) > 0) == on_disk);
	for (uint32_t n = 0; n < count; n++) {
		assert_int_equal(sorter_next(s, &r, &e), RC_OK);
		assert_int_equal(r.key_len, 4);
		assert_int_equal(
		    (uint32_t)r.key[0] << 24 | (uint32_t)r.key[1] << 16 | (uint32_t)r.key[2] << 8 | r.key[3], n);
		assert_int_equal(r.value_len, extra + length_of(n));
		for (size_t i = 0; i < r.value_len; i += 1 + r.value_len / 7)
			assert_int_equal(r.value[i], n & 0xff);
	}
	assert_int_equal(sorter_next(s, &r, &e), RC_END);
	assert_int_equal(sorter_next(s, &r, &e), RC_END);
	sorter_free(&s);
	assert_null(s);
}

static void test_memory(void **state)
{
	round_trip(1, 0, false);
	round_trip(512, 0, false);
}

static void test_runs(void **state)
{
	round_trip(1 << 17, 0, true);
}

/* Over 64 runs of 2 MiB. */
static void test_many_runs(void **state)
{
	round_trip(1 << 14, 10000, true);
}

static void test_empty(void **state)
{
	struct err e;
	struct sorter_record r;
	struct sorter *s = sorter_new(folder(), MEMORY);
	assert_int_equal(sorter_done(s, &e), RC_OK);
	assert_int_equal(sorter_next(s, &r, &e), RC_END);
	sorter_free(&s);
	sorter_free(&s);
}

/* A key that begins another comes first; equal keys are in order of their values. */
static void test_order(void **state)
{
	static const char *const in[][2] = {{"b", "2"}, {"a", "9"}, {"ab", ""}, {"a", "10"}, {"", "x"}, {"b", "1"}};
	static const char *const out[][2] = {{"", "x"}, {"a", "10"}, {"a", "9"}, {"ab", ""}, {"b", "1"}, {"b", "2"}};
	struct err e;
	struct sorter_record r;
	struct sorter *s = sorter_new(folder(), MEMORY);
	for (size_t i = 0; i < 6; i++) {
		r = (struct sorter_record){
		    (const uint8_t *)in[i][0], (const uint8_t *)in[i][1], strlen(in[i][0]), strlen(in[i][1])};
		assert_int_equal(sorter_add(s, &r, &e), RC_OK);
	}
	assert_int_equal(sorter_done(s, &e), RC_OK);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(sorter_next(s, &r, &e), RC_OK);
		assert_int_equal(r.key_len, strlen(out[i][0]));
		assert_memory_equal(r.key, out[i][0], r.key_len);
		assert_int_equal(r.value_len, strlen(out[i][1]));
		assert_memory_equal(r.value, out[i][1], r.value_len);
	}
	assert_int_equal(sorter_next(s, &r, &e), RC_END);
	sorter_free(&s);
}

static void test_refused(void **state)
{
	struct err e;
	struct sorter *s = sorter_new("/nowhere/at/all", MEMORY);
	uint8_t *value = mem_zero(SORTER_RECORD + 1, 1);
	struct sorter_record r = {value, value, 1, SORTER_RECORD};
	assert_int_equal(sorter_add(s, &r, &e), RC_BAD);
	r.value_len = SORTER_RECORD - 1;
	assert_int_equal(sorter_add(s, &r, &e), RC_OK);
	assert_int_equal(sorter_add(s, &r, &e), RC_FAIL);
	assert_non_null(strstr(e.text, "/nowhere/at/all"));
	mem_free(&value);
	sorter_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_runs),
	    cmocka_unit_test(test_many_runs),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
