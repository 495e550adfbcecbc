/* The LZO decoder of ours against liblzo2: the same answer for good, cut and damaged streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <lzo/lzo1x.h>

#include "base/mem.h"
#include "pack/lzo.h"

enum { MOST = 200 << 10, PACKED = MOST + MOST / 16 + 67, FLIPS = 2000, ROUNDS = 40 };

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Bytes with a taste: pure noise, few letters, or copies from near and far, so that every kind of match appears. */
static void make_bytes(uint64_t *seed, uint8_t *to, size_t size)
{
	unsigned kind = next_random(seed) % 4;
	size_t at = 0;
	while (at < size) {
		uint64_t r = next_random(seed);
		size_t run = r % 97 + 1, back = 1 + (r >> 8) % (kind == 3 ? 49000 : 5000);
		if (kind == 2 && (r >> 40) % 8 == 0)
			run += 3000;
		if (run > size - at)
			run = size - at;
		for (size_t i = 0; i < run; i++, at++) {
			bool copy = kind >= 2 && (r >> 60) % 4 != 0 && at >= back;
			to[at] =
			    copy ? to[at - back] : (uint8_t)(kind == 1 ? next_random(seed) % 3 : next_random(seed));
		}
	}
}

/* Exactly sized copies, so that a byte read or written too far shows under the address sanitizer. */
static void compare(const uint8_t *packed, size_t size, size_t capacity)
{
	uint8_t *in = mem_copy(packed, size), *ours = mem_alloc(capacity), *theirs = mem_alloc(capacity);
	lzo_uint their_size = capacity;
	size_t our_size = 0;
	struct err e;
	int their = lzo1x_decompress_safe(in, size, theirs, &their_size, NULL);
	enum rc our = lzo_decode(in, size, ours, capacity, &our_size, &e);
	assert_int_equal(our == RC_OK, their == LZO_E_OK);
	if (our == RC_OK) {
		assert_int_equal(our_size, their_size);
		assert_memory_equal(ours, theirs, our_size);
	}
	mem_free(&in);
	mem_free(&ours);
	mem_free(&theirs);
}

struct sample {
	uint8_t bytes[MOST], packed[PACKED];
	size_t size, packed_size;
};

static void make_sample(uint64_t *seed, struct sample *s, size_t size, bool strong)
{
	static uint8_t work[LZO1X_999_MEM_COMPRESS];
	lzo_uint n = PACKED;
	s->size = size;
	make_bytes(seed, s->bytes, size);
	int rc = strong ? lzo1x_999_compress(s->bytes, size, s->packed, &n, work)
	                : lzo1x_1_compress(s->bytes, size, s->packed, &n, work);
	assert_int_equal(rc, LZO_E_OK);
	s->packed_size = n;
}

static void test_round_trip(void **state)
{
	struct sample *s = mem_alloc(sizeof *s);
	uint64_t seed = 3;
	for (int i = 0; i < ROUNDS; i++) {
		make_sample(&seed, s, i < 20 ? (size_t)i : next_random(&seed) % MOST, i % 2);
		uint8_t *out = mem_alloc(s->size);
		size_t got;
		struct err e;
		assert_int_equal(lzo_decode(s->packed, s->packed_size, out, s->size, &got, &e), RC_OK);
		assert_int_equal(got, s->size);
		assert_memory_equal(out, s->bytes, s->size);
		mem_free(&out);
		compare(s->packed, s->packed_size, s->size);
		compare(s->packed, s->packed_size, s->size + 100);
		if (s->size > 0)
			compare(s->packed, s->packed_size, s->size - 1);
		s->packed[s->packed_size] = 0;
		compare(s->packed, s->packed_size + 1, s->size);
	}
	mem_free(&s);
}

static void test_every_cut(void **state)
{
	struct sample *s = mem_alloc(sizeof *s);
	uint64_t seed = 5;
	for (int i = 0; i < 8; i++) {
		make_sample(&seed, s, 3000, i % 2);
		for (size_t cut = 0; cut < s->packed_size; cut++)
			compare(s->packed, cut, s->size);
	}
	mem_free(&s);
}

static void test_flips(void **state)
{
	struct sample *s = mem_alloc(sizeof *s);
	uint64_t seed = 7;
	for (int i = 0; i < FLIPS; i++) {
		if (i % 100 == 0)
			make_sample(&seed, s, 2000 + next_random(&seed) % 2000, i % 200 == 0);
		uint64_t r = next_random(&seed);
		uint8_t *byte = &s->packed[r % s->packed_size], bit = (uint8_t)(1u << (r >> 32) % 8);
		*byte ^= bit;
		compare(s->packed, s->packed_size, s->size + 64);
		*byte ^= bit;
	}
	mem_free(&s);
}

static void test_noise(void **state)
{
	uint8_t noise[48];
	uint64_t seed = 11;
	for (int i = 0; i < 20000; i++) {
		size_t size = next_random(&seed) % sizeof noise;
		for (size_t k = 0; k < size; k++)
			noise[k] = (uint8_t)(next_random(&seed) % (i % 2 ? 256 : 40));
		if (size >= 3)
			memcpy(noise + size - 3, "\x11\0\0", 3);
		compare(noise, size, 600);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_flips),
	    cmocka_unit_test(test_noise),
	};
	return lzo_init() != LZO_E_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
