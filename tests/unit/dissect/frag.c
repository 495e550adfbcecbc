/* Fragments in any order, doubled, overlapping, cut and missing; and floods of them, which must cost no more than their
 * bytes. */
#include "dissect/pcap/frag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <malloc.h>

#include "base/clock.h"

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint8_t content[FRAG_DATAGRAM_MAX + 1];

static int setup(void **state)
{
	uint64_t seed = 7;
	for (size_t i = 0; i < sizeof content; i++)
		content[i] = (uint8_t)next_random(&seed);
	*state = frags_new();
	return 0;
}

static int teardown(void **state)
{
	struct frags *f = *state;
	frags_free(&f);
	assert_null(f);
	return 0;
}

static struct frag_key key_of(uint32_t id)
{
	return (struct frag_key){.src = {.family = 4, .octet = {192, 0, 2, 1}},
	    .dst = {.family = 4, .octet = {192, 0, 2, 2}},
	    .id = id,
	    .proto = 17};
}

/* The size of the datagram if this makes it whole, 0 if not. Its content is checked. */
static size_t add(struct frags *f, uint32_t id, uint32_t from, uint32_t to, bool more, int64_t second)
{
	struct frag_key key = key_of(id);
	const uint8_t *whole;
	size_t size;
	if (!frags_add(f, &key, from, more, content + from, to - from, false, second * NS_PER_S, &whole, &size))
		return 0;
	assert_memory_equal(whole, content, size);
	return size;
}

static void test_orders(void **state)
{
	static const uint32_t bound[] = {0, 8, 2048, 4104, 4109};
	uint8_t order[4] = {0, 1, 2, 3};
	for (unsigned n = 0; n < 24; n++) {
		unsigned rest = n;
		for (unsigned i = 4; i > 1; i--) {
			unsigned j = rest % i;
			rest /= i;
			uint8_t swap = order[i - 1];
			order[i - 1] = order[j];
			order[j] = swap;
		}
		for (unsigned i = 0; i < 4; i++) {
			unsigned k = order[i];
			assert_int_equal(add(*state, n, bound[k], bound[k + 1], k < 3, 1), i < 3 ? 0 : 4109);
		}
	}
	assert_int_equal(frags_counts(*state)->whole, 24);
}

static void test_first_bytes_stay(void **state)
{
	struct frag_key key = key_of(1);
	uint8_t other[64];
	const uint8_t *whole;
	size_t size;
	memset(other, 0xee, sizeof other);
	assert_int_equal(add(*state, 1, 16, 40, true, 1), 0);
	assert_int_equal(add(*state, 1, 16, 40, true, 1), 0);
	assert_false(frags_add(*state, &key, 0, true, other, 32, false, NS_PER_S, &whole, &size));
	assert_true(frags_add(*state, &key, 32, false, other, 20, false, NS_PER_S, &whole, &size));
	assert_int_equal(size, 52);
	assert_memory_equal(whole, other, 16);
	assert_memory_equal(whole + 16, content + 16, 24);
	assert_memory_equal(whole + 40, other, 12);
}

static void test_ends(void **state)
{
	/* The first end stays; what lies beyond it does not count. */
	assert_int_equal(add(*state, 1, 80, 160, true, 1), 0);
	assert_int_equal(add(*state, 1, 40, 77, false, 1), 0);
	assert_int_equal(add(*state, 1, 40, 99, false, 1), 0);
	assert_int_equal(add(*state, 1, 0, 40, true, 1), 77);
	/* Bytes that are no whole unit cannot be placed before the end. */
	assert_int_equal(add(*state, 2, 0, 15, true, 1), 0);
	assert_int_equal(add(*state, 2, 16, 24, false, 1), 0);
	assert_int_equal(add(*state, 2, 8, 16, true, 1), 24);
	/* An empty last one. */
	assert_int_equal(add(*state, 3, 0, 16, true, 1), 0);
	assert_int_equal(add(*state, 3, 16, 16, false, 1), 16);
	assert_int_equal(add(*state, 4, 0, 0, true, 1), 0);
}

static void test_cut(void **state)
{
	struct frag_key key = key_of(1);
	const uint8_t *whole;
	size_t size;
	assert_int_equal(add(*state, 1, 64, 128, true, 1), 0);
	assert_int_equal(add(*state, 1, 128, 140, false, 1), 0);
	assert_true(frags_add(*state, &key, 0, true, content, 51, true, NS_PER_S, &whole, &size));
	assert_int_equal(size, 51);
	assert_memory_equal(whole, content, 51);
}

static void test_sizes(void **state)
{
	struct frag_key key = key_of(1);
	const uint8_t *whole;
	size_t size;
	assert_int_equal(add(*state, 2, 0, 65528, true, 1), 0);
	assert_int_equal(add(*state, 2, 65528, 65535, false, 1), 65535);
	assert_false(frags_add(*state, &key, 65528, false, content, 8, false, NS_PER_S, &whole, &size));
	assert_int_equal(frags_counts(*state)->oversized, 1);
}

static void test_keys(void **state)
{
	struct frag_key a = key_of(1), b = a;
	const uint8_t *whole;
	size_t size;
	b.src.family = 6;
	assert_false(frags_add(*state, &a, 0, true, content, 8, false, 0, &whole, &size));
	assert_false(frags_add(*state, &b, 8, false, content, 8, false, 0, &whole, &size));
	b = a, b.proto = 6;
	assert_false(frags_add(*state, &b, 8, false, content, 8, false, 0, &whole, &size));
	b = a, b.dst.octet[15] = 1;
	assert_false(frags_add(*state, &b, 8, false, content, 8, false, 0, &whole, &size));
	assert_true(frags_add(*state, &a, 8, false, content, 8, false, 0, &whole, &size));
}

static void test_age(void **state)
{
	assert_int_equal(add(*state, 1, 0, 8, true, 100), 0);
	assert_int_equal(add(*state, 1, 8, 16, false, 160), 16);
	assert_int_equal(add(*state, 1, 0, 8, true, 100), 0);
	assert_int_equal(add(*state, 1, 8, 16, false, 161), 0);
	assert_int_equal(frags_counts(*state)->expired, 1);
	/* a clock that goes backwards makes nothing old */
	assert_int_equal(add(*state, 1, 0, 8, true, 5), 16);
}

static void test_count(void **state)
{
	for (uint32_t id = 0; id <= FRAG_DATAGRAMS; id++)
		assert_int_equal(add(*state, id, 0, 8, true, 1), 0);
	assert_int_equal(frags_counts(*state)->evicted, 1);
	assert_int_equal(add(*state, 1, 8, 9, false, 1), 9);
	assert_int_equal(add(*state, 0, 8, 9, false, 1), 0);
}

/* Two million fragments of one unit, each where it costs most: no more memory than the header says, and seconds would
 * be too long. */
static void test_flood(void **state)
{
	uint64_t seed = 99;
	struct mallinfo2 before = mallinfo2();
	clock_t start = clock(); /* processor time: others may keep the machine busy */
	size_t most = 0;
	for (uint32_t i = 0; i < 2000000; i++) {
		uint32_t at = (uint32_t)(next_random(&seed) % 8191) * 8;
		uint32_t id = i % 2 ? 5 : (uint32_t)(next_random(&seed) % 3000);
		(void)add(*state, id, at, at + 8, next_random(&seed) % 64 != 0, 1);
		if (i % 4096 == 0) {
			size_t used = mallinfo2().uordblks - before.uordblks;
			most = used > most ? used : most;
		}
	}
	assert_true(most < FRAG_BYTES + (256 << 10));
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
	assert_true(frags_counts(*state)->evicted > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(orders),
	    T(first_bytes_stay),
	    T(ends),
	    T(cut),
	    T(sizes),
	    T(keys),
	    T(age),
	    T(count),
	    T(flood),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
