/* Every codec there and back, and what each says about cut, padded and too large blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzo/lzo1x.h>

#include "base/mem.h"
#include "pack/pack.h"

enum { SIZE = 50000, ROOM = 2 * SIZE };

static void fill(uint8_t *to)
{
	for (size_t i = 0; i < SIZE; i++)
		to[i] = (uint8_t)(i % 251 * (i / 4096 + 1) + (i * i) % 7);
}

/* The three that the project only reads are packed by their libraries. */
static size_t pack_any(struct pack *p, enum codec c, const uint8_t *from, size_t size, uint8_t *to)
{
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	struct err e;
	size_t n = ROOM;
	unsigned bz = ROOM;
	lzo_uint lzo = ROOM;
	switch (c) {
	case CODEC_LZ4:
		return (size_t)LZ4_compress_default((const char *)from, (char *)to, (int)size, ROOM);
	case CODEC_BZ2:
		assert_int_equal(
		    BZ2_bzBuffToBuffCompress((char *)to, &bz, (char *)(uintptr_t)from, (unsigned)size, 9, 0, 0), BZ_OK);
		return bz;
	case CODEC_LZO:
		assert_int_equal(lzo1x_1_compress(from, size, to, &lzo, work), LZO_E_OK);
		return lzo;
	default:
		assert_true(pack_bound(c, size) <= ROOM);
		assert_int_equal(pack_block(p, c, 3, from, size, to, pack_bound(c, size), &n, &e), RC_OK);
		return n;
	}
}

static void test_round_trip(void **state)
{
	uint8_t *from = mem_alloc(SIZE), *packed = mem_alloc(ROOM), *back = mem_alloc(SIZE);
	fill(from);
	struct pack *p = pack_new();
	for (int round = 0; round < 3; round++)
		for (int c = 0; c < CODECS; c++) {
			struct err e;
			size_t out = 0, size = (size_t)SIZE - (size_t)round,
			       n = pack_any(p, (enum codec)c, from, size, packed);
			memset(back, 0, SIZE);
			assert_int_equal(unpack_block(p, (enum codec)c, packed, n, back, size, &out, &e), RC_OK);
			assert_int_equal(out, size);
			assert_memory_equal(back, from, size);
		}
	pack_free(&p);
	assert_null(p);
	mem_free(&from);
	mem_free(&packed);
	mem_free(&back);
}

static void test_bounds(void **state)
{
	uint8_t *from = mem_alloc(SIZE), *packed = mem_alloc(ROOM), *back = mem_alloc(ROOM);
	fill(from);
	struct pack *p = pack_new();
	for (int c = 0; c < CODECS; c++) {
		struct err e;
		size_t out = 12345, n = pack_any(p, (enum codec)c, from, SIZE, packed);
		assert_int_equal(unpack_block(p, (enum codec)c, packed, n, back, SIZE - 1, &out, &e), RC_BAD);
		assert_non_null(strstr(e.text, codec_name((enum codec)c)));
		if (c == CODEC_NONE)
			continue;
		assert_int_equal(unpack_block(p, (enum codec)c, packed, 0, back, ROOM, &out, &e), RC_BAD);
		for (size_t cut = 1; cut < n; cut += cut / 8 + 1) {
			enum rc rc = unpack_block(p, (enum codec)c, packed, n - cut, back, ROOM, &out, &e);
			/* A raw LZ4 block has no end mark: cut between two sequences it is a shorter block. */
			assert_true(rc == RC_BAD || (c == CODEC_LZ4 && rc == RC_OK && out < SIZE));
		}
		out = 12345;
		packed[n] = 0x55;
		assert_int_equal(unpack_block(p, (enum codec)c, packed, n + 1, back, ROOM, &out, &e), RC_BAD);
		assert_int_equal(out, 12345);
		/* The context is as good as new after a failure. */
		assert_int_equal(unpack_block(p, (enum codec)c, packed, n, back, ROOM, &out, &e), RC_OK);
		assert_int_equal(out, SIZE);
	}
	pack_free(&p);
	mem_free(&from);
	mem_free(&packed);
	mem_free(&back);
}

static void test_pack_needs_room(void **state)
{
	uint8_t from[64], to[8];
	memset(from, 7, sizeof from);
	struct pack *p = pack_new();
	static const enum codec written[] = {CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD, CODEC_GZIP};
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		struct err e;
		size_t out;
		assert_int_equal(pack_block(p, written[i], 1, from, sizeof from, to, sizeof to, &out, &e), RC_BAD);
	}
	pack_free(&p);
}

static void test_levels_repeat(void **state)
{
	uint8_t *from = mem_alloc(SIZE), *one = mem_alloc(ROOM), *two = mem_alloc(ROOM);
	fill(from);
	struct pack *p = pack_new();
	static const enum codec with_level[] = {CODEC_ZSTD, CODEC_GZIP};
	for (size_t i = 0; i < 2; i++)
		for (int level = 1; level <= 9; level++) {
			struct err e;
			size_t a, b;
			assert_int_equal(pack_block(p, with_level[i], level, from, SIZE, one, ROOM, &a, &e), RC_OK);
			assert_int_equal(pack_block(p, with_level[i], level, from, SIZE, two, ROOM, &b, &e), RC_OK);
			assert_int_equal(a, b);
			assert_memory_equal(one, two, a);
		}
	pack_free(&p);
	mem_free(&from);
	mem_free(&one);
	mem_free(&two);
}

static void test_names(void **state)
{
	for (int c = 0; c < CODECS; c++)
		assert_int_equal(codec_find(codec_name((enum codec)c)), c);
	assert_int_equal(codec_find("brotli"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_pack_needs_room),
	    cmocka_unit_test(test_levels_repeat),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
