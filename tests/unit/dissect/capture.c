/* Capture files: every byte order, resolution and kind of block gives its frames; damage gives those before it and says
 * where it is. */
#include "pk_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "dissect/pcap/capture.h"

enum { CEILING = 4 << 20, FLIPS = 3000 };

/* A source that gives few bytes at a time. */
struct drip {
	struct source base;
	const uint8_t *bytes;
	size_t left, piece;
};

static enum rc drip_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct drip *d = (struct drip *)s;
	*got = size < d->piece ? size : d->piece;
	if (*got > d->left)
		*got = d->left;
	if (*got == 0)
		return RC_END;
	memcpy(to, d->bytes, *got);
	d->bytes += *got;
	d->left -= *got;
	return RC_OK;
}

static void drip_close(struct source *s)
{
	mem_free(&s);
}

static const struct source_ops drip_ops = {.name = "drip", .read = drip_read, .close = drip_close};

static struct source *drip(const void *bytes, size_t size, size_t piece)
{
	struct drip *d = mem_zero(1, sizeof *d);
	*d = (struct drip){.base.ops = &drip_ops, .bytes = bytes, .left = size, .piece = piece};
	return &d->base;
}

/* All that is in a capture as text: "time captured/length link first-byte" a frame, the damage, the end. */
static char *show(struct source *source)
{
	struct writer w;
	writer_init(&w, CEILING);
	struct capture *c = capture_new(source);
	struct frame f = {0};
	struct err e;
	enum rc rc;
	while ((rc = capture_next(c, &f, &e)) == RC_OK) {
		if (f.timed)
			writer_format(&w, "%lld.%09lld", (long long)(f.time_ns / 1000000000),
			    (long long)(f.time_ns % 1000000000));
		else
			writer_text(&w, "-");
		writer_format(&w, " %u/%u %u", f.captured, f.length, f.link);
		if (f.fcs != 0)
			writer_format(&w, " fcs %u", f.fcs);
		writer_format(&w, " %02x\n", f.captured > 0 ? f.bytes[0] : 0);
	}
	if (rc == RC_BAD)
		writer_format(&w, "bad: %s\n", e.text);
	else
		assert_int_equal(rc, RC_END);
	struct capture_damage *d = capture_damage(c);
	if (d->set)
		writer_format(&w, "damage %llu+%llu: %s\n", (unsigned long long)d->offset,
		    (unsigned long long)d->length, d->reason);
	const struct capture_counts *n = capture_counts(c);
	if (n->drops + n->times_carried + n->untimed + n->blocks_skipped + n->cut_by_snaplen > 0)
		writer_format(&w, "drops %llu carried %llu untimed %llu skipped %llu cut %llu\n",
		    (unsigned long long)n->drops, (unsigned long long)n->times_carried, (unsigned long long)n->untimed,
		    (unsigned long long)n->blocks_skipped, (unsigned long long)n->cut_by_snaplen);
	writer_text(&w, capture_clean(c) ? "clean" : "unclean");
	assert_int_equal(capture_clean(c), rc == RC_END && !d->set);
	writer_u8(&w, 0);
	capture_free(&c);
	assert_null(c);
	return (char *)writer_take(&w, &(size_t){0});
}

/* The same whether it comes at once or in pieces. */
static void expect(struct writer *w, const char *text)
{
	assert_false(w->failed);
	static const size_t piece[] = {1, 13, 4096};
	char *got = show(source_memory(w->bytes, w->len));
	assert_string_equal(got, text);
	mem_free(&got);
	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
		got = show(drip(w->bytes, w->len, piece[i]));
		assert_string_equal(got, text);
		mem_free(&got);
	}
	writer_reset(w);
}

static int set_up(void **state)
{
	struct writer *w = mem_alloc(sizeof *w);
	writer_init(w, CEILING);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct writer *w = *state;
	writer_fini(w);
	mem_free(&w);
	return 0;
}

static void test_none(void **state)
{
	struct writer *w = *state;
	expect(w, "clean");
	writer_text(w, "abc");
	expect(w, "bad: no capture file: it begins with the magic number of neither pcap nor pcapng\nunclean");
	writer_text(w, "not a capture at all, but long enough for one");
	expect(w, "bad: no capture file: it begins with the magic number of neither pcap nor pcapng\nunclean");
	writer_put(w, "\xD4\xC3\xB2\xA1\2\0\4\0", 8);
	expect(w, "bad: pcap: the file ends inside its header (8 of 24 bytes)\nunclean");
	pk_file(w, false, false, 1);
	w->bytes[4] = 9;
	expect(w, "bad: pcap: unknown version 9.4\nunclean");
	writer_put(w, "\x0A\x0D\x0D\x0A\x1C\0\0\0abcdefghijklmnopqrst", 28);
	expect(w, "bad: no capture file: a pcapng section header without a byte order\nunclean");
	writer_put(w, "\x0A\x0D\x0D\x0A\x1C\0\0", 7);
	expect(w, "bad: pcapng: the file ends inside its section header\nunclean");
}

static void test_file(void **state)
{
	struct writer *w = *state;
	for (int big = 0; big < 2; big++) {
		pk_file(w, big, false, 1);
		expect(w, "clean");
		pk_file(w, big, false, 1);
		pk_record(w, big, 1700000000, 123456, "abc", 3, 3);
		pk_record(w, big, 1, 0, "x", 1, 60);
		pk_record(w, big, 2, 0, "yz", 2, 1); /* length below captured */
		pk_record(w, big, 3, 0, "", 0, 0);
		expect(w,
		    "1700000000.123456000 3/3 1 61\n1.000000000 1/60 1 78\n2.000000000 2/1 1 79\n3.000000000 0/0 1 00\n"
		    "drops 0 carried 0 untimed 0 skipped 0 cut 1\nclean");
		pk_file(w, big, true, 101);
		pk_record(w, big, UINT32_MAX, 999999999, "a", 1, 1);
		expect(w, "4294967295.999999999 1/1 101 61\nclean");
		/* Two words of frame check sequence. */
		pk_file(w, big, true, 2u << 28 | 1u << 26 | 1);
		pk_record(w, big, 0, 0, "a", 1, 1);
		expect(w, "0.000000000 1/1 1 fcs 4 61\nclean");
	}
}

static void test_file_times(void **state)
{
	struct writer *w = *state;
	pk_file(w, false, false, 1);
	pk_record(w, false, 7, 1000000, "a", 1, 1);
	pk_record(w, false, 7, UINT32_MAX, "a", 1, 1);
	pk_record(w, false, UINT32_MAX, 999999, "a", 1, 1);
	pk_record(w, false, UINT32_MAX, 1000000, "a", 1, 1);
	expect(w, "8.000000000 1/1 1 61\n4301.967295000 1/1 1 61\n4294967295.999999000 1/1 1 61\n- 1/1 1 61\n"
	          "drops 0 carried 3 untimed 1 skipped 0 cut 0\nclean");
}

static void test_file_damage(void **state)
{
	struct writer *w = *state;
	pk_file(w, false, false, 1);
	pk_record(w, false, 1, 0, "abcd", 4, 4);
	pk_record(w, false, 2, 0, "efgh", 4, 4);
	w->len -= 1;
	expect(w, "1.000000000 4/4 1 61\ndamage 44+19: the capture ends inside a record\nunclean");
	pk_file(w, false, false, 1);
	pk_record(w, false, 1, 0, "abcd", 4, 4);
	writer_text(w, "1234567");
	expect(w, "1.000000000 4/4 1 61\ndamage 44+7: the capture ends inside a record header\nunclean");
	pk_file(w, false, false, 1);
	pk_record(w, false, 1, 0, "abcd", 4, 4);
	size_t at = w->len;
	pk_record(w, false, 1, 0, "abcd", 4, 4);
	memcpy(w->bytes + at + 8, "\1\0\4\0", 4); /* 262145 */
	expect(w, "1.000000000 4/4 1 61\ndamage 44+0: pcap: a record claims 262145 captured bytes, more than "
	          "262144\nunclean");
}

/* The largest frame, over and over, through a window that must move. */
static void test_large(void **state)
{
	struct writer *w = *state;
	uint8_t *bytes = mem_zero(1, CAPTURE_FRAME_MAX);
	bytes[0] = 0x77;
	pk_file(w, false, false, 1);
	for (int i = 0; i < 5; i++) {
		pk_record(w, false, 1, 0, bytes, CAPTURE_FRAME_MAX, CAPTURE_FRAME_MAX);
		pk_record(w, false, 1, 0, bytes, 1 + i * 37, 1 + i * 37);
	}
	char *got = show(drip(w->bytes, w->len, 50000));
	assert_non_null(strstr(got, "1.000000000 149/149 1 77\nclean"));
	size_t lines = 0;
	for (const char *p = got; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 10);
	mem_free(&got);
	mem_free(&bytes);
	writer_reset(w);
}

static void test_ng(void **state)
{
	struct writer *w = *state;
	for (int big = 0; big < 2; big++) {
		pk_section(w, big);
		pk_interface(w, big, 1, 0, NULL, 0);
		pk_enhanced(w, big, 0, UINT64_C(1700000000123456), "abcde", 5, 60);
		pk_interface(w, big, 101, 0, big ? "\0\x09\0\1\x09\0\0\0" : "\x09\0\1\0\x09\0\0\0", 8);
		pk_enhanced(w, big, 1, UINT64_C(1700000000123456789), "b", 1, 1);
		pk_section(w, !big);
		pk_interface(w, !big, 228, 2, NULL, 0);
		pk_enhanced(w, !big, 0, 5, "c", 1, 1);
		size_t at = pk_block(w, !big, 3);
		pk_u32(w, !big, 9);
		writer_put(w, "de\0\0", 4);
		pk_block_end(w, !big, at);
		at = pk_block(w, !big, 2);
		pk_u16(w, !big, 0);
		pk_u16(w, !big, 7); /* drops */
		pk_u32(w, !big, 0);
		pk_u32(w, !big, 6);
		pk_u32(w, !big, 1);
		pk_u32(w, !big, 1);
		writer_put(w, "f", 1);
		pk_block_end(w, !big, at);
		at = pk_block(w, !big, 0x40000BAD);
		writer_text(w, "anything");
		pk_block_end(w, !big, at);
		expect(w, "1700000000.123456000 5/60 1 61\n1700000000.123456789 1/1 101 62\n0.000005000 1/1 228 63\n- "
		          "2/9 228 64\n0.000006000 1/1 228 66\n"
		          "drops 7 carried 0 untimed 1 skipped 1 cut 2\nclean");
	}
}

/* A resolution, an offset, ticks and what they come to. */
static void test_ng_times(void **state)
{
	struct writer *w = *state;
	static const struct {
		uint8_t resolution;
		int64_t offset;
		uint64_t ticks;
		const char *time;
	} row[] = {
	    {0, 0, 1700000000, "1700000000.000000000"},
	    {0x80, 0, 1700000000, "1700000000.000000000"},
	    {3, 1700000000, 5250, "1700000005.250000000"},
	    {6, -3600, UINT64_C(1700000000500000), "1699996400.500000000"},
	    {9, 0, UINT64_C(4294967295999999999), "4294967295.999999999"},
	    {9, 0, UINT64_C(4294967296000000000), "-"},
	    {6, -2, 1000000, "-"},
	    {12, 1700000000, UINT64_C(123456789012), "1700000000.123456789"},
	    {19, 0, UINT64_MAX, "1.844674407"},
	    {28, 0, UINT64_MAX, "0.000000001"},
	    {29, 0, UINT64_MAX, "0.000000000"},
	    {127, 0, UINT64_MAX, "0.000000000"},
	    {0x80 | 10, 0, UINT64_C(1700000000) * 1024 + 512, "1700000000.500000000"},
	    {0x80 | 30, 0, (UINT64_C(1700000000) << 30) + 1, "1700000000.000000000"},
	    {0x80 | 64, 0, UINT64_C(1) << 63, "0.500000000"},
	    {0x80 | 127, 0, UINT64_MAX, "0.000000000"},
	    {0, INT64_MAX, UINT64_MAX, "-"},
	    {0, INT64_MIN, UINT64_MAX, "-"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		uint8_t options[20] = {9, 0, 1, 0, row[i].resolution, 0, 0, 0, 14, 0, 8, 0};
		memcpy(options + 12, &row[i].offset, 8);
		pk_section(w, false);
		pk_interface(w, false, 1, 0, options, sizeof options);
		pk_enhanced(w, false, 0, row[i].ticks, "a", 1, 1);
		char text[160];
		bool timed = row[i].time[0] != '-';
		snprintf(text, sizeof text, "%s 1/1 1 61\n%sclean", row[i].time,
		    timed ? "" : "drops 0 carried 0 untimed 1 skipped 0 cut 0\n");
		expect(w, text);
	}
}

static void put_statistics(struct writer *w, uint32_t interface, uint64_t ifdrop, uint64_t osdrop)
{
	size_t at = pk_block(w, false, 5);
	pk_u32(w, false, interface);
	writer_le64(w, 0);
	writer_put(w, "\5\0\x08\0", 4);
	writer_le64(w, ifdrop);
	writer_put(w, "\7\0\x08\0", 4);
	writer_le64(w, osdrop);
	writer_put(w, "\0\0\0\0", 4);
	pk_block_end(w, false, at);
}

static void test_ng_drops(void **state)
{
	struct writer *w = *state;
	pk_section(w, false);
	pk_interface(w, false, 1, 0, NULL, 0);
	put_statistics(w, 0, 3, 4);
	put_statistics(w, 0, 3, 10);
	put_statistics(w, 9, 100, 100); /* of nobody */
	expect(w, "drops 13 carried 0 untimed 0 skipped 0 cut 0\nclean");
}

/* Blocks that are longer than the window pass; those that matter may not be. */
static void test_ng_long(void **state)
{
	struct writer *w = *state;
	uint8_t *bytes = mem_zero(1, 1 << 20);
	for (int cut = 0; cut < 3; cut++) {
		pk_section(w, false);
		pk_interface(w, false, 1, 0, NULL, 0);
		size_t at = pk_block(w, false, 0xBAD);
		writer_put(w, bytes, 1 << 20);
		pk_block_end(w, false, at);
		if (cut == 0) {
			pk_enhanced(w, false, 0, 0, "a", 1, 1);
			expect(w, "0.000000000 1/1 1 61\ndrops 0 carried 0 untimed 0 skipped 1 cut 0\nclean");
		} else if (cut == 1) {
			w->len -= 4;
			expect(w, "damage 48+0: the capture ends inside a block\nunclean");
		} else {
			w->bytes[w->len - 4]++;
			expect(w, "damage 48+0: pcapng: a block of 1048588 bytes ends with length 1048589\nunclean");
		}
	}
	pk_section(w, false);
	size_t at = pk_block(w, false, 6);
	writer_put(w, bytes, 1 << 20);
	pk_block_end(w, false, at);
	expect(w, "damage 28+0: pcapng: a block of 1048588 bytes\nunclean");
	mem_free(&bytes);
}

static void test_ng_damage(void **state)
{
	struct writer *w = *state;
	static const struct {
		uint32_t type, field[7];
		unsigned fields;
		int add; /* to the length at the end */
		const char *says;
	} row[] = {
	    {6, {5, 0, 0, 0, 0}, 5, 0, "damage 48+0: pcapng: a packet of interface 5 of 1"},
	    {6, {0, 0, 0, 99, 99}, 5, 0, "damage 48+0: pcapng: a packet of 99 bytes in a block of 32"},
	    {6, {0, 0, 0, UINT32_MAX, 99}, 5, 0, "damage 48+0: pcapng: a packet of 4294967295 bytes in a block of 32"},
	    {6, {0, 0, 0, 0}, 4, 0, "damage 48+0: pcapng: a packet block of 28 bytes"},
	    {6, {0, 0, 0, 0, 0}, 5, 1, "damage 48+0: pcapng: a block of 32 bytes ends with length 33"},
	    {2, {7, 0, 0, 0, 0}, 5, 0, "damage 48+0: pcapng: a packet of interface 7 of 1"},
	    {3, {50}, 1, 0, "damage 48+0: pcapng: a packet of 50 bytes in a block of 16"},
	    {3, {0}, 0, 0, "damage 48+0: pcapng: a simple packet block of 12 bytes"},
	    {1, {0}, 1, 0, "damage 48+0: pcapng: an interface description of 16 bytes"},
	    {0x0A0D0D0A, {0}, 1, 0, "damage 48+0: pcapng: a section header without a byte order"},
	    {0x0A0D0D0A, {0x1A2B3C4D, 2, 0, 0}, 4, 0, "damage 48+0: pcapng: a section of unknown version 2.0"},
	    {0x0A0D0D0A, {0x1A2B3C4D, 1}, 2, 0, "damage 48+0: pcapng: a section header of 20 bytes"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		pk_section(w, false);
		pk_interface(w, false, 1, 0, NULL, 0);
		size_t at = pk_block(w, false, row[i].type);
		for (unsigned f = 0; f < row[i].fields; f++)
			pk_u32(w, false, row[i].field[f]);
		pk_block_end(w, false, at);
		w->bytes[w->len - 4] += (uint8_t)row[i].add;
		char text[160];
		snprintf(text, sizeof text, "%s\nunclean", row[i].says);
		expect(w, text);
	}
	pk_section(w, false);
	size_t at = pk_block(w, false, 3);
	pk_u32(w, false, 0);
	pk_block_end(w, false, at);
	expect(w, "damage 28+0: pcapng: a simple packet before any interface\nunclean");
	pk_section(w, false);
	pk_u32(w, false, 99);
	pk_u32(w, false, 11);
	pk_u32(w, false, 11);
	expect(w, "damage 28+0: pcapng: a block of 11 bytes\nunclean");
	pk_section(w, false);
	pk_interface(w, false, 1, 0, NULL, 0);
	w->len -= 1;
	expect(w, "damage 28+19: the capture ends inside a block\nunclean");
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Any prefix and any flipped bit: frames lie in the input, and it ends. */
static void walk(const uint8_t *bytes, size_t size)
{
	struct capture *c = capture_new(source_memory(bytes, size));
	struct frame f;
	struct err e;
	size_t frames = 0, sum = 0;
	enum rc rc;
	while ((rc = capture_next(c, &f, &e)) == RC_OK) {
		assert_true(f.captured <= CAPTURE_FRAME_MAX && f.offset < size);
		for (uint32_t i = 0; i < f.captured; i++)
			sum += f.bytes[i];
		frames++;
	}
	assert_true(rc == RC_END || rc == RC_BAD);
	assert_true(frames <= size / 16 && sum <= size * 255);
	const struct capture_damage *d = capture_damage(c);
	assert_true(!d->set || (d->offset <= size && d->length <= size - d->offset));
	capture_free(&c);
}

static void test_hostile(void **state)
{
	struct writer *w = *state;
	uint64_t seed = 88172645463325252u;
	for (int ng = 0; ng < 2; ng++) {
		writer_reset(w);
		if (ng) {
			pk_section(w, true);
			pk_interface(w, true, 1, 0, "\0\x0E\0\x08\0\0\0\0\0\0\0\1\0\x09\0\1\x8A\0\0\0", 20);
		} else {
			pk_file(w, true, true, 1);
		}
		for (int i = 0; i < 20; i++) {
			if (ng)
				pk_enhanced(w, true, 0, (uint64_t)i << 20, "some bytes", 10, 10);
			else
				pk_record(w, true, i, i, "some bytes", 10, 10);
		}
		for (size_t n = 0; n <= w->len; n++)
			walk(w->bytes, n);
		for (int i = 0; i < FLIPS; i++) {
			uint8_t *copy = mem_copy(w->bytes, w->len);
			for (int k = 0; k <= i % 4; k++)
				copy[next_random(&seed) % w->len] ^= (uint8_t)(1u << next_random(&seed) % 8);
			walk(copy, w->len);
			mem_free(&copy);
		}
	}
	writer_reset(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_file_times),
	    cmocka_unit_test(test_file_damage),
	    cmocka_unit_test(test_large),
	    cmocka_unit_test(test_ng),
	    cmocka_unit_test(test_ng_times),
	    cmocka_unit_test(test_ng_drops),
	    cmocka_unit_test(test_ng_long),
	    cmocka_unit_test(test_ng_damage),
	    cmocka_unit_test(test_hostile),
	};
	struct CMUnitTest with[sizeof tests / sizeof *tests];
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		with[i] = tests[i];
		with[i].setup_func = set_up;
		with[i].teardown_func = tear_down;
	}
	return cmocka_run_group_tests_name("dissect_capture", with, NULL, NULL);
}
