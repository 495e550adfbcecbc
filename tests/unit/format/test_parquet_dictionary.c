/* dictionary, table: ids in order of first appearance for every kind of key, through every shape of table, whatever the
 * seed. */
#include "format/parquet/dictionary.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { MOST = 16 << 10 /* keys in one call */ };

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

struct subject {
	struct schema_column column;
	struct projection_column from;
	struct dictionary d;
};

static void subject_init(struct subject *s, enum type type, const char *as, enum sql_type sql, uint64_t seed)
{
	*s = (struct subject){.column = {.name = "x", .type = sql}};
	s->from.column = &s->column;
	s->from.render = render_find(type, as, sql);
	assert_non_null(s->from.render);
	dictionary_init(&s->d, s->from.render->key, physical_of(sql), seed);
}

/* Feeds n keys that `make` gives, and checks ids against the values that they lead to. */
static void feed(struct subject *s, size_t n, uint64_t (*make)(size_t i, uint64_t *seed))
{
	uint64_t *keys = mem_alloc(n * sizeof *keys), seed = 5;
	uint32_t *ids = mem_alloc(n * sizeof *ids), *fresh = mem_alloc(n * sizeof *fresh), top = 0;
	for (size_t i = 0; i < n; i++)
		keys[i] = make(i, &seed);
	for (size_t at = 0; at < n; at += MOST) {
		struct keys k = {.from = &s->from, .at = keys + at, .n = n - at < MOST ? n - at : MOST};
		size_t freshes;
		uint32_t before = s->d.count;
		assert_int_equal(dictionary_find(&s->d, &k, ids + at, fresh, &freshes), k.n);
		assert_int_equal(freshes, s->d.count - before);
		for (size_t i = 0; i < freshes; i++)
			assert_int_equal(ids[at + fresh[i]], before + i);
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t len;
		uint64_t v = 0;
		assert_true(ids[i] <= top);
		top += ids[i] == top;
		memcpy(&v, dictionary_value(&s->d, ids[i], &len), s->d.physical == PHYSICAL_INT64 ? 8 : 4);
		assert_true(v == keys[i] || (s->d.physical == PHYSICAL_INT32 && (uint32_t)v == (uint32_t)keys[i]));
	}
	assert_int_equal(top, s->d.count);
	mem_free(&keys);
	mem_free(&ids);
	mem_free(&fresh);
}

static uint64_t flags(size_t i, uint64_t *seed)
{
	return next(seed) % 32;
}

static uint64_t ports(size_t i, uint64_t *seed)
{
	return next(seed) % 4 == 0 ? 443 : next(seed) % 65536;
}

static uint64_t all_ports(size_t i, uint64_t *seed)
{
	return i % 65536;
}

static uint64_t ports_then_more(size_t i, uint64_t *seed)
{
	return next(seed) % (i < 60000 ? 65536 : 200000);
}

static uint64_t counters(size_t i, uint64_t *seed)
{
	return next(seed) % 60000 << (next(seed) % 40);
}

static uint64_t runs(size_t i, uint64_t *seed)
{
	return 1768381200 + i / 300;
}

static uint64_t strides(size_t i, uint64_t *seed)
{
	return (i % 50000) << 12;
}

static uint64_t negative(size_t i, uint64_t *seed)
{
	return (uint64_t)((int64_t)(next(seed) % 5000) - 2500);
}

static uint64_t wide_first(size_t i, uint64_t *seed)
{
	return i == 0 ? UINT64_C(1) << 40 : next(seed) % 300;
}

static void test_numbers(void **state)
{
	uint64_t (*const makers[])(size_t, uint64_t *) = {
	    flags, ports, all_ports, ports_then_more, counters, runs, strides, negative, wide_first};
	(void)state;
	for (size_t m = 0; m < sizeof makers / sizeof makers[0]; m++) {
		struct buffer values = {0};
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct subject s;
			subject_init(&s, TYPE_I64, "number", SQL_BIGINT, seed * 977);
			feed(&s, 150000, makers[m]);
			assert_true(dictionary_memory(&s.d) > 0);
			if (seed == 1)
				buffer_put(&values, s.d.values.bytes, s.d.values.len);
			assert_int_equal(values.len, s.d.values.len);
			assert_memory_equal(values.bytes, s.d.values.bytes, values.len);
			dictionary_fini(&s.d);
			assert_int_equal(dictionary_memory(&s.d), 0);
		}
		buffer_fini(&values);
	}
}

static void test_small_numbers_stay_small(void **state)
{
	struct subject s;
	(void)state;
	subject_init(&s, TYPE_U32, "number", SQL_INT, 1);
	feed(&s, 10000, flags);
	assert_true(dictionary_memory(&s.d) <= 1024);
	dictionary_fini(&s.d);
}

static void test_full(void **state)
{
	struct subject s;
	uint64_t key[MOST];
	uint32_t id[MOST];
	size_t all = 0;
	(void)state;
	subject_init(&s, TYPE_U32, "number", SQL_INT, 1);
	for (;;) {
		struct keys k = {.from = &s.from, .at = key, .n = MOST};
		for (size_t i = 0; i < MOST; i++)
			key[i] = (all + i) * 3;
		size_t found = dictionary_find(&s.d, &k, id, NULL, NULL);
		all += found;
		if (found < MOST)
			break;
	}
	assert_int_equal(all, DICTIONARY_ENTRIES);
	/* Known keys are still found. */
	struct keys k = {.from = &s.from, .at = key, .n = 1};
	key[0] = 3;
	assert_int_equal(dictionary_find(&s.d, &k, id, NULL, NULL), 1);
	assert_int_equal(id[0], 1);
	dictionary_seal(&s.d);
	assert_int_equal(s.d.count, DICTIONARY_ENTRIES);
	dictionary_fini(&s.d);
}

static struct ip make_ip(uint64_t v)
{
	struct ip ip = {.family = v % 3 == 0 ? 6 : 4};
	v *= UINT64_C(0x9E3779B97F4A7C15);
	memcpy(ip.octet, &v, ip.family == 4 ? 4 : 8);
	return ip;
}

static void test_addresses(void **state)
{
	enum { DISTINCT = 30000 };
	struct subject s;
	static struct ip ip[MOST];
	static uint32_t id[MOST];
	uint64_t seed = 3;
	(void)state;
	subject_init(&s, TYPE_IP, "ip", SQL_STRING, 99);
	for (unsigned round = 0; round < 12; round++) {
		struct keys k = {.from = &s.from, .at = ip, .n = MOST};
		for (size_t i = 0; i < MOST; i++)
			ip[i] = make_ip(next(&seed) % DISTINCT);
		assert_int_equal(dictionary_find(&s.d, &k, id, NULL, NULL), MOST);
		for (size_t i = 0; i < MOST; i++) {
			char text[RENDER_TEXT];
			size_t expected = render_ip(&ip[i], text);
			uint32_t len;
			const uint8_t *got = dictionary_value(&s.d, id[i], &len);
			assert_int_equal(len, expected);
			assert_memory_equal(got, text, len);
		}
	}
	assert_in_range(s.d.count, DISTINCT - 2000, DISTINCT);
	for (uint32_t i = 0; i < s.d.count; i++) {
		assert_true(dictionary_compare(&s.d, s.d.least, i) <= 0);
		assert_true(dictionary_compare(&s.d, s.d.most, i) >= 0);
	}
	dictionary_fini(&s.d);
}

/* A batch of one column whose spans the caller sets. */
static struct batch *batch_of_texts(const char *const *text, const size_t *len, size_t n)
{
	enum type type = TYPE_BYTES;
	struct batch *b = batch_new(&type, 1, (uint32_t)n, 64 << 10);
	for (size_t i = 0; i < n; i++)
		assert_true(batch_put(b, text[i], len[i], &((struct span *)batch_values(b, 0))[i]));
	b->rows = (uint32_t)n;
	return b;
}

static void expect_text(const struct dictionary *d, uint32_t id, const char *text)
{
	uint32_t len;
	const uint8_t *got = dictionary_value(d, id, &len);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(got, text, len);
}

static void test_texts(void **state)
{
	static const char *const text[] = {"a", "", "bad\xff", "a", "bad\xfe", "bad\xef\xbf\xbd", "",
	    "a longer text, over several words", "a longer text, over several wordS", "12345678"};
	static const size_t len[] = {1, 0, 4, 1, 4, 6, 0, 33, 33, 8};
	enum { N = sizeof len / sizeof len[0] };
	struct subject s;
	uint32_t id[N];
	struct batch *b = batch_of_texts(text, len, N);
	(void)state;
	subject_init(&s, TYPE_BYTES, "text", SQL_STRING, 4);
	struct keys k = {.from = &s.from, .batch = b, .at = batch_read(b, 0), .n = N};
	for (unsigned round = 0; round < 2; round++) {
		static const uint32_t expected[] = {0, 1, 2, 0, 2, 2, 1, 3, 4, 5};
		assert_int_equal(dictionary_find(&s.d, &k, id, NULL, NULL), N);
		assert_memory_equal(id, expected, sizeof id);
	}
	expect_text(&s.d, 2, "bad\xef\xbf\xbd");
	expect_text(&s.d, 1, "");
	dictionary_fini(&s.d);
	batch_free(&b);
}

static void test_hex_is_not_its_own_key(void **state)
{
	static const char *const text[] = {"ab", "6162", "ab"};
	static const size_t len[] = {2, 4, 2};
	struct subject s;
	uint32_t id[3];
	struct batch *b = batch_of_texts(text, len, 3);
	(void)state;
	subject_init(&s, TYPE_BYTES, "hex", SQL_STRING, 4);
	struct keys k = {.from = &s.from, .batch = b, .at = batch_read(b, 0), .n = 3};
	assert_int_equal(dictionary_find(&s.d, &k, id, NULL, NULL), 3);
	expect_text(&s.d, id[0], "6162");
	expect_text(&s.d, id[1], "36313632");
	assert_int_equal(id[2], id[0]);
	dictionary_fini(&s.d);
	batch_free(&b);
}

/* After a stretch of one text, texts that differ from it in one byte, of every length that is compared in its own way. */
static void test_runs_of_texts(void **state)
{
	enum { LONGEST = 70, RUN = 63, ROWS = RUN + 1 };
	char text[3][LONGEST];
	const char *const at[] = {text[0], text[1], text[2]};
	(void)state;
	for (size_t len = 1; len <= LONGEST; len++) {
		struct subject s;
		subject_init(&s, TYPE_BYTES, "text", SQL_STRING, 4);
		for (size_t odd = 0; odd < len; odd++) {
			struct span key[ROWS];
			uint32_t id[ROWS];
			memset(text, 'x', sizeof text);
			text[2][odd] = 'y';
			struct batch *b = batch_of_texts(at, (const size_t[]){len, len, len}, 3);
			const struct span *span = batch_read(b, 0);
			/* Two copies of the text, so that spans differ where bytes don't. */
			for (size_t i = 0; i < RUN; i++)
				key[i] = span[i % 2];
			key[RUN] = span[2];
			struct keys k = {.from = &s.from, .batch = b, .at = key, .n = ROWS};
			assert_int_equal(dictionary_find(&s.d, &k, id, NULL, NULL), ROWS);
			for (size_t i = 0; i < RUN; i++)
				assert_int_equal(id[i], 0);
			assert_int_equal(id[RUN], odd + 1);
			batch_free(&b);
		}
		dictionary_fini(&s.d);
	}
}

static void test_table_gives_up_far_from_home(void **state)
{
	struct table t = {0};
	uint64_t seed = 1;
	(void)state;
	table_clear(&t, 1024, &seed);
	/* All hashes alike: what a hostile sender would like to have. */
	for (uint32_t i = 0; i < TABLE_PROBES; i++)
		assert_true(table_add(&t, 42, i, i));
	assert_true(table_add(&t, 42, 77, TABLE_PROBES));
	assert_false(table_add(&t, 42, 78, TABLE_PROBES + 1));
	uint64_t before = t.multiplier;
	table_clear(&t, 1024, &seed);
	assert_true(t.multiplier != before && (t.multiplier & 1) == 1);
	table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_small_numbers_stay_small),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_hex_is_not_its_own_key),
	    cmocka_unit_test(test_runs_of_texts),
	    cmocka_unit_test(test_table_gives_up_far_from_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
