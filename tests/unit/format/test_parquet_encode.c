/* thrift, bits, hybrid, statistics, crc, stored: every encoding against a decoder of its own, at the widths and lengths
 * where they change. */
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/parquet/bits.h"
#include "format/parquet/crc.h"
#include "format/parquet/footer.h"
#include "format/parquet/hybrid.h"
#include "format/parquet/statistics.h"
#include "format/parquet/stored.h"
#include "format/thrift.h"
#include "pack/pack.h"
#include "unit/format/parquet_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

static void expect_bytes(const struct writer *w, const uint8_t *bytes, size_t len)
{
	assert_int_equal(w->len, len);
	assert_memory_equal(w->bytes, bytes, len);
}

static void test_thrift_examples(void **state)
{
	struct writer w;
	struct thrift t;
	(void)state;
	writer_init(&w, 1000);
	/* LogicalType STRING inside a SchemaElement, field 10 after field 6. */
	thrift_begin(&t, &w);
	thrift_i32(&t, 6, 0);
	thrift_struct(&t, 10);
	thrift_struct(&t, 1);
	thrift_end(&t);
	thrift_end(&t);
	expect_bytes(&w, (const uint8_t *)"\x65\x00\x4C\x1C\x00\x00", 6);
	/* A ColumnOrder element. */
	writer_reset(&w);
	thrift_item(&t);
	thrift_struct(&t, 1);
	thrift_end(&t);
	thrift_end(&t);
	expect_bytes(&w, (const uint8_t *)"\x1C\x00\x00", 3);
	/* A data page header. */
	writer_reset(&w);
	footer_page_header(&(struct footer_page){.dictionary = true, .raw = 1, .stored = 2, .crc = 3, .values = 4}, &w);
	expect_bytes(
	    &w, (const uint8_t *)"\x15\x00\x15\x02\x15\x04\x15\x06\x1C\x15\x08\x15\x04\x15\x06\x15\x06\x00\x00", 19);
	/* A far field id, negative numbers, long lists. */
	writer_reset(&w);
	thrift_begin(&t, &w);
	thrift_i64(&t, 1, INT64_MIN);
	thrift_i32(&t, 100, -1);
	thrift_list(&t, 101, THRIFT_I32, 15);
	expect_bytes(
	    &w, (const uint8_t *)"\x16\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x05\xC8\x01\x01\x19\xF5\x0F", 18);
	writer_fini(&w);
}

static void test_bits_every_width(void **state)
{
	enum { GROUPS = 5, N = GROUPS * 8 };
	uint64_t seed = 1;
	(void)state;
	for (unsigned item = 1; item <= 4; item *= 2) {
		for (unsigned width = 1; width <= 8 * item; width++) {
			uint32_t value[N], back[N];
			uint8_t in[N * 4], packed[N * 4 + 8];
			for (unsigned i = 0; i < N; i++) {
				uint32_t mask = width == 32 ? UINT32_MAX : (1u << width) - 1;
				value[i] = i == 3 ? mask : (uint32_t)next(&seed) & mask;
				memcpy(in + i * item, &value[i], item);
			}
			memset(packed, 0xA5, sizeof packed);
			bits_pack(in, item, GROUPS, width, packed);
			assert_int_equal(packed[GROUPS * width], 0xA5);
			bits_unpack(packed, GROUPS, width, back);
			assert_memory_equal(back, value, sizeof value);
			for (unsigned i = 0; i < N; i++)
				for (unsigned bit = 0; bit < width; bit++)
					assert_int_equal(packed[(i * width + bit) / 8] >> ((i * width + bit) % 8) & 1,
					    value[i] >> bit & 1);
		}
	}
	assert_int_equal(bits_width(0), 0);
	assert_int_equal(bits_width(255), 8);
	assert_int_equal(bits_width(256), 9);
	assert_int_equal(bits_width(UINT32_MAX), 32);
}

/* n values with runs of about `run`, through the encoder and both decoders. */
static void hybrid_trip(size_t n, unsigned item, unsigned width, uint64_t run, bool compressed, uint64_t *seed)
{
	uint32_t *value = mem_alloc((n + 8) * sizeof *value), *back = mem_alloc((n + 8) * sizeof *back);
	uint8_t *in = mem_alloc((n + 8) * item), *out = mem_alloc(hybrid_bound(n, width) + 1);
	uint32_t v = 0;
	for (size_t i = 0; i < n; i++) {
		if (next(seed) % run == 0)
			v = (uint32_t)next(seed) & (width == 32 ? UINT32_MAX : (1u << width) - 1);
		value[i] = v;
		memcpy(in + i * item, &v, item);
	}
	size_t bound = hybrid_bound(n, width);
	out[bound] = 0x5A;
	size_t size = hybrid_encode(in, item, n, width, compressed, out);
	assert_true(size <= bound);
	assert_int_equal(out[bound], 0x5A);
	assert_int_equal(read_hybrid(out, size, width, n, back), size);
	assert_memory_equal(back, value, n * sizeof *value);
	assert_true(hybrid_decode(out, size, width, n, back));
	assert_memory_equal(back, value, n * sizeof *value);
	for (size_t cut = 0; cut < size && size < 40; cut++)
		assert_false(hybrid_decode(out, cut, width, n, back));
	mem_free(&value);
	mem_free(&back);
	mem_free(&in);
	mem_free(&out);
}

static void test_hybrid_trips(void **state)
{
	static const size_t lengths[] = {1, 7, 8, 9, 16, 63, 64, 65, 127, 128, 129, 1000, 20480};
	static const uint64_t runs[] = {1, 9, 40, 300, 5000};
	uint64_t seed = 7;
	(void)state;
	for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
		for (size_t r = 0; r < sizeof runs / sizeof runs[0]; r++)
			for (unsigned width = 1; width <= 32; width++)
				hybrid_trip(lengths[l],
				    width <= 8    ? 1
				    : width <= 16 ? 2
				                  : 4,
				    width, runs[r], l % 2 == 0, &seed);
}

static void test_hybrid_runs_are_short(void **state)
{
	uint8_t in[1008], out[2000];
	(void)state;
	memset(in, 5, sizeof in);
	/* One run, also where the last group is not whole. */
	assert_int_equal(hybrid_encode(in, 1, 999, 3, false, out), 3);
	memset(in, 5, sizeof in);
	assert_int_equal(hybrid_encode(in, 1, 1000, 3, true, out), 3);
	assert_int_equal(hybrid_run(1, 20480, 1, out), 4);
}

static void test_levels(void **state)
{
	uint64_t seed = 3;
	(void)state;
	for (size_t n = 1; n < 700; n += n < 70 ? 1 : 97) {
		for (unsigned kind = 0; kind < 4; kind++) {
			uint8_t bitmap[100] = {0}, out[300];
			uint32_t back[700];
			for (size_t i = 0; i < n; i++)
				if (kind == 1 || (kind == 2 && next(&seed) % 2 == 0) || (kind == 3 && i / 150 % 2 == 0))
					bitmap[i / 8] |= (uint8_t)(1u << (i % 8));
			size_t size = hybrid_levels(bitmap, n, out);
			assert_true(size <= hybrid_bound(n, 1));
			assert_int_equal(read_hybrid(out, size, 1, n, back), size);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(back[i], bitmap[i / 8] >> (i % 8) & 1);
		}
	}
}

static void test_crc(void **state)
{
	static uint8_t bytes[5000];
	uint64_t seed = 9;
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)next(&seed);
	for (size_t n = 0; n < 600; n++)
		assert_int_equal(crc_of(bytes + n % 17, n), crc32(0, bytes + n % 17, (unsigned)n));
	assert_int_equal(crc_of(bytes, sizeof bytes), crc32(0, bytes, sizeof bytes));
}

static void test_stored_snappy(void **state)
{
	static const size_t sizes[] = {0, 1, 60, 61, 256, 257, 65535, 65536, 65537, 200000};
	struct buffer out = {0};
	struct pack *pack = pack_new();
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint8_t *bytes = mem_alloc(sizes[i]), *back = mem_alloc(sizes[i]);
		size_t got;
		struct err e;
		for (size_t j = 0; j < sizes[i]; j++)
			bytes[j] = (uint8_t)(j * 7 + j / 256);
		stored_snappy(bytes, sizes[i], &out);
		assert_int_equal(unpack_block(pack, CODEC_SNAPPY, out.bytes, out.len, back, sizes[i], &got, &e), RC_OK);
		assert_int_equal(got, sizes[i]);
		assert_memory_equal(back, bytes, sizes[i]);
		mem_free(&bytes);
		mem_free(&back);
	}
	buffer_fini(&out);
	pack_free(&pack);
}

/* n times text. */
static char *repeated(const char *text, size_t n)
{
	size_t len = strlen(text);
	char *out = mem_alloc(n * len + 1);
	for (size_t i = 0; i < n; i++)
		memcpy(out + i * len, text, len);
	out[n * len] = '\0';
	return out;
}

struct cut {
	const char *unit;
	size_t times;
	const char *tail; /* behind the units */
	size_t least;     /* length of the lower bound */
	const char *most; /* end of the upper bound, behind `kept` bytes of the text; NULL: the text itself */
	size_t kept;
};

static const struct cut cuts[] = {
    {"a", 64, "", 64, NULL, 64},                      /* fits */
    {"a", 65, "", 64, "b", 63},                       /* the last kept character grows */
    {"\x7f", 65, "", 64, "\xc2\x80", 63},             /* … and becomes longer */
    {"\xc3\xa4", 40, "", 64, "\xc3\xa5", 62},         /* two bytes each */
    {"\xe2\x82\xac", 30, "", 63, "\xe2\x82\xad", 60}, /* cut at a character's border */
    {"\xed\x9f\xbf", 30, "", 63, "\xee\x80\x80", 60}, /* the next one would be a surrogate */
    {"\xf4\x8f\xbf\xbf", 16, "x", 64, NULL, 65},      /* nothing is larger: whole */
    {"b\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf", 5, "", 61, "c",
        52}, /* step left over the last character there is */
};

static void test_bounds_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		const struct cut *c = &cuts[i];
		char *units = repeated(c->unit, c->times), *text = mem_format("%s%s", units, c->tail);
		size_t len = strlen(text), got;
		const uint8_t *bytes;
		uint8_t room[BOUND_ROOM];
		bool exact;
		got = bound_least((const uint8_t *)text, len, &bytes, &exact);
		assert_int_equal(got, c->least);
		assert_memory_equal(bytes, text, got);
		assert_int_equal(exact, got == len);
		got = bound_most((const uint8_t *)text, len, room, &bytes, &exact);
		if (c->most == NULL) {
			assert_true(exact);
			assert_int_equal(got, len);
			assert_memory_equal(bytes, text, got);
		} else {
			assert_false(exact);
			assert_int_equal(got, c->kept + strlen(c->most));
			assert_memory_equal(bytes, text, c->kept);
			assert_memory_equal(bytes + c->kept, c->most, strlen(c->most));
			assert_true(read_compare(6, bytes, got, (const uint8_t *)text, len) > 0);
		}
		for (size_t at = 0, n; at < got; at += n) {
			n = str_utf8(bytes + at, got - at);
			assert_true(n > 0);
		}
		mem_free(&units);
		mem_free(&text);
	}
	/* No bound at all: too long, and nothing is larger. */
	char *text = repeated("\xf4\x8f\xbf\xbf", 2000);
	const uint8_t *bytes;
	uint8_t room[BOUND_ROOM];
	bool exact;
	assert_true(bound_most((const uint8_t *)text, 8000, room, &bytes, &exact) == SIZE_MAX);
	mem_free(&text);
}

static void test_bounds_of_floats(void **state)
{
	float v[] = {NAN, 0.0f, -0.0f, NAN};
	uint64_t key[4];
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		key[i] = 0;
		memcpy(&key[i], &v[i], sizeof v[i]);
	}
	struct bounds both[] = {
	    bounds_plain(PHYSICAL_FLOAT, (const uint8_t *)v, sizeof v, 4), bounds_keys(PHYSICAL_FLOAT, key, 4)};
	for (unsigned i = 0; i < 2; i++) {
		assert_true(both[i].any);
		assert_memory_equal(both[i].least.number, "\x00\x00\x00\x80", 4);
		assert_memory_equal(both[i].most.number, "\x00\x00\x00\x00", 4);
	}
	assert_false(bounds_plain(PHYSICAL_FLOAT, (const uint8_t *)v, 4, 1).any);
	assert_false(bounds_keys(PHYSICAL_FLOAT, key + 3, 1).any);
}

static void test_bounds_of_keys(void **state)
{
	uint64_t seed = 11, key[37];
	(void)state;
	for (size_t n = 1; n <= 37; n++) {
		int64_t values[37];
		for (size_t i = 0; i < n; i++) {
			values[i] = (int64_t)next(&seed) >> (next(&seed) % 60);
			key[i] = (uint64_t)values[i];
		}
		struct bounds a = bounds_keys(PHYSICAL_INT64, key, n),
		              b = bounds_plain(PHYSICAL_INT64, (const uint8_t *)values, n * 8, n);
		assert_memory_equal(a.least.number, b.least.number, 8);
		assert_memory_equal(a.most.number, b.most.number, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_thrift_examples),
	    cmocka_unit_test(test_bits_every_width),
	    cmocka_unit_test(test_hybrid_trips),
	    cmocka_unit_test(test_hybrid_runs_are_short),
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_crc),
	    cmocka_unit_test(test_stored_snappy),
	    cmocka_unit_test(test_bounds_are_cut),
	    cmocka_unit_test(test_bounds_of_floats),
	    cmocka_unit_test(test_bounds_of_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
