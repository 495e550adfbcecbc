/* unpack: what three libraries compress comes back, whole, joined, cut and damaged. */
#include "pack/unpack.h"

#include <lz4frame.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "pack/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { SIZE = 300 << 10 };

static uint8_t plain[SIZE];

static void fill_plain(void)
{
	uint32_t v = 1;
	for (size_t i = 0; i < SIZE; i++) {
		v = v * 1664525 + 1013904223;
		plain[i] = (uint8_t)(i % 7 == 0 ? v >> 24 : i / 100);
	}
}

static size_t compressed(enum codec c, uint8_t *to, size_t room)
{
	struct err e;
	size_t n = 0;
	if (c == CODEC_LZ4)
		return LZ4F_compressFrame(to, room, plain, SIZE, NULL);
	struct pack *p = pack_new();
	assert_int_equal(pack_block(p, c, 3, plain, SIZE, to, room, &n, &e), RC_OK);
	pack_free(&p);
	return n;
}

/* Everything that comes out, and how it ended. */
static enum rc read_all(const uint8_t *bytes, size_t size, uint8_t *to, size_t room, size_t *got, struct err *e)
{
	struct source *s = NULL;
	*got = 0;
	enum rc rc = unpack_open(source_memory(bytes, size), &s, e);
	while (rc == RC_OK && *got < room) {
		size_t n = 0;
		rc = source_read(s, to + *got, room - *got < 4000 ? room - *got : 4000, &n, e);
		*got += rc == RC_OK ? n : 0;
	}
	source_close(&s);
	return rc;
}

static void every_codec_comes_back(void **state)
{
	static const enum codec codec[] = {CODEC_GZIP, CODEC_ZSTD, CODEC_LZ4};
	uint8_t *packed = mem_alloc(2 * SIZE), *out = mem_alloc(3 * SIZE);
	struct err e;
	size_t got;
	for (size_t i = 0; i < 3; i++) {
		size_t n = compressed(codec[i], packed, 2 * SIZE);
		assert_int_equal(read_all(packed, n, out, 3 * SIZE, &got, &e), RC_END);
		assert_int_equal(got, SIZE);
		assert_memory_equal(out, plain, SIZE);
		/* Two after each other, and padding. */
		memmove(packed + n, packed, n);
		memset(packed + 2 * n, 0, 512);
		assert_int_equal(read_all(packed, 2 * n + 512, out, 3 * SIZE, &got, &e), RC_END);
		assert_int_equal(got, 2 * SIZE);
		assert_memory_equal(out + SIZE, plain, SIZE);
	}
	mem_free(&packed);
	mem_free(&out);
}

static void cut_and_damaged_streams_serve_what_they_have(void **state)
{
	static const enum codec codec[] = {CODEC_GZIP, CODEC_ZSTD, CODEC_LZ4};
	uint8_t *packed = mem_alloc(2 * SIZE), *out = mem_alloc(3 * SIZE);
	struct err e;
	size_t got;
	for (size_t i = 0; i < 3; i++) {
		size_t n = compressed(codec[i], packed, 2 * SIZE);
		for (size_t cut = 7; cut < n; cut += n / 37) {
			assert_int_equal(read_all(packed, cut, out, 3 * SIZE, &got, &e), RC_BAD);
			assert_memory_equal(out, plain, got);
			assert_true(e.text[0] != '\0');
		}
		memset(packed + n / 2, 0xff, 64);
		assert_int_not_equal(read_all(packed, n, out, 3 * SIZE, &got, &e), RC_OK);
		n = compressed(codec[i], packed, 2 * SIZE);
		memcpy(packed + n, "junk", 4);
		assert_int_equal(read_all(packed, n + 4, out, 3 * SIZE, &got, &e), RC_BAD);
		assert_int_equal(got, SIZE);
	}
	mem_free(&packed);
	mem_free(&out);
}

static void plain_bytes_pass_and_other_codecs_are_named(void **state)
{
	uint8_t out[64];
	struct err e;
	size_t got;
	assert_int_equal(read_all((const uint8_t *)"#Fields: date", 13, out, sizeof out, &got, &e), RC_END);
	assert_int_equal(got, 13);
	assert_int_equal(read_all((const uint8_t *)"", 0, out, sizeof out, &got, &e), RC_END);
	assert_int_equal(read_all((const uint8_t *)"\xfd"
	                                           "7zXZ\0....",
	                     10, out, sizeof out, &got, &e),
	    RC_BAD);
	assert_non_null(strstr(e.text, "xz"));
	assert_int_equal(read_all((const uint8_t *)"BZh91AY&SY", 10, out, sizeof out, &got, &e), RC_BAD);
	assert_non_null(strstr(e.text, "bzip2"));
}

int main(void)
{
	fill_plain();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_codec_comes_back),
	    cmocka_unit_test(cut_and_damaged_streams_serve_what_they_have),
	    cmocka_unit_test(plain_bytes_pass_and_other_codecs_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
