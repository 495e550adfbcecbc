/* Reports: exact counts, bounded lines, and the way through an event header and back. */
#include "pipe/report.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char *const counter[] = {"unknown_elements", "sequence_failures"};
static const struct dissect_ops ops = {.name = "x", .version = "1", .counter = counter, .counters = 2};

static void fill(struct report *r)
{
	struct batch *b = batch_new(NULL, 0, 16, 4096);
	b->rows = 3;
	b->counter[1] = 7;
	assert_true(batch_reject(b, 100, 50, 4, "bad \"block\"", "\x00\xff\x10", 3));
	assert_true(batch_reject(b, 200, 1, REJECT_ROWS_UNKNOWN, "worse", "", 0));
	report_batch(r, b);
	report_batch(r, b);
	batch_free(&b);
}

static void round_trip(void **state)
{
	struct report r, back;
	struct writer w;
	struct err e;
	report_init(&r, &ops);
	report_init(&back, &ops);
	writer_init(&w, 1 << 20);
	fill(&r);
	r.outside = 5;
	report_write(&r, &w);
	assert_false(w.failed);
	assert_int_equal(report_read(&back, (char *)w.bytes, w.len, &e), RC_OK);
	assert_true(back.rows == 6 && back.rejects == 4 && back.lost == 8 && back.outside == 5 && back.clean);
	assert_int_equal(back.counter[1], 14);
	assert_int_equal(back.counter[0], 0);
	assert_int_equal(back.entries.len, r.entries.len);
	assert_memory_equal(back.entries.bytes, r.entries.bytes, r.entries.len);
	const char first[] =
	    "{\"offset\":100,\"length\":50,\"rows\":4,\"reason\":\"bad \\\"block\\\"\",\"raw\":\"AP8Q\"}\n"
	    "{\"offset\":200,\"length\":1,\"rows\":null,\"reason\":\"worse\",\"raw\":\"\"}\n";
	assert_memory_equal(r.entries.bytes, first, sizeof first - 1);
	writer_fini(&w);
	report_fini(&r);
	report_fini(&back);
}

static size_t say(const struct dissector *d, const char **text)
{
	*text = "odd \xff\x00 \xc3\xa9 \xe2\x82\n\n";
	return 14;
}

static size_t say_much(const struct dissector *d, const char **text)
{
	static char much[DISSECT_NOTE];
	memset(much, 'm', sizeof much);
	memcpy(much + sizeof much - 2, "\xc3\xa9", 2);
	*text = much;
	return sizeof much;
}

/* What a tool said is text in the report, whatever bytes it said. */
static void note(void **state)
{
	static const struct dissect_ops quiet = {.name = "x", .version = "1"},
	                                odd = {.name = "x", .version = "1", .note = say},
	                                much = {.name = "x", .version = "1", .note = say_much};
	static const struct {
		const struct dissect_ops *ops;
		const char *start;
		size_t len;
	} row[] = {{&quiet, "", 0}, {&odd, "odd ?? \xc3\xa9 ??", 12}, {&much, "mmm", DISSECT_NOTE}};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct dissector d = {.ops = row[i].ops};
		struct report r, back;
		struct writer w;
		struct err e;
		report_init(&r, row[i].ops);
		report_init(&back, row[i].ops);
		writer_init(&w, 1 << 20);
		report_note(&r, &d);
		assert_int_equal(strlen(r.note), row[i].len);
		assert_memory_equal(r.note, row[i].start, strlen(row[i].start));
		report_write(&r, &w);
		assert_int_equal(report_read(&back, (char *)w.bytes, w.len, &e), RC_OK);
		assert_string_equal(back.note, r.note);
		report_reset(&back, row[i].ops);
		assert_string_equal(back.note, "");
		writer_fini(&w);
		report_fini(&r);
		report_fini(&back);
	}
}

static void refused(void **state)
{
	struct report r, back;
	struct writer w;
	struct err e;
	char reason[600];
	memset(reason, 'r', sizeof reason);
	reason[sizeof reason - 1] = '\0';
	report_init(&r, &ops);
	report_init(&back, &ops);
	writer_init(&w, 1 << 20);
	report_refuse(&r, 99, reason, "0123", 4);
	report_write(&r, &w);
	assert_int_equal(report_read(&back, (char *)w.bytes, w.len, &e), RC_OK);
	assert_int_equal(strlen(back.reason), REPORT_REASON - 1);
	assert_false(back.clean);
	assert_int_equal(back.rejects, 1);
	const char raw[] = "\"raw\":\"MDEyMw==\"";
	assert_non_null(memmem(back.entries.bytes, back.entries.len, raw, sizeof raw - 1));
	report_reset(&back, &ops);
	assert_true(back.reason[0] == '\0' && back.entries.len == 0 && back.clean);
	writer_fini(&w);
	report_fini(&r);
	report_fini(&back);
}

/* Whole hours count, and an original that does not say when it was archived has no implausible ones. */
static void implausible(void **state)
{
	enum { HOUR_MS = 3600 * 1000, NOW = 1000 * 3600 + 1800 };
	static const struct {
		int64_t archived_s, hour;
		uint64_t ahead, behind;
	} row[] = {{NOW, 1000, 0, 0}, {NOW, 1002, 0, 0}, {NOW, 1003, 7, 0}, {NOW, 997, 0, 0}, {NOW, 996, 0, 7},
	    {NOW, -400000, 0, 7}, {NOW, INT64_MAX / 3600, 7, 0}, {0, 1, 0, 0}, {0, INT64_MIN, 0, 0}};
	struct report r, back;
	struct err e;

	report_init(&r, &ops);
	report_init(&back, &ops);
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct writer w;
		writer_init(&w, 1 << 20);
		report_reset(&r, &ops);
		report_expect(&r, row[i].archived_s, 3 * HOUR_MS, 2 * HOUR_MS);
		report_hour(&r, row[i].hour, 7);
		report_write(&r, &w);
		assert_int_equal(report_read(&back, (char *)w.bytes, w.len, &e), RC_OK);
		assert_true(back.ahead == row[i].ahead && back.behind == row[i].behind);
		writer_fini(&w);
	}
	report_reset(&r, &ops);
	report_hour(&r, INT64_MIN, 7);
	assert_true(r.ahead == 0 && r.behind == 0);
	report_fini(&r);
	report_fini(&back);
}

static void lines_are_bounded(void **state)
{
	struct report r;
	report_init(&r, &ops);
	for (unsigned i = 0; i < 100000; i++)
		report_reject(&r, i, 1, 1, "again and again");
	assert_int_equal(r.rejects, 100000);
	assert_int_equal(r.lost, 100000);
	assert_true(r.silent > 0 && r.silent < 100000 && r.entries.len <= REPORT_ENTRIES_MAX);
	assert_int_equal(r.entries.bytes[r.entries.len - 1], '\n');
	report_fini(&r);
}

static void not_ours(void **state)
{
	static const char *const text[] = {"", "[]", "{}", "{\"rows\":-1}", "null", "{\"rows\":1",
	    "{\"rows\":1,\"rejects\":0,\"lost\":0,\"outside\":0,\"silent\":0,\"clean\":1,\"reason\":\"\",\"entries\":"
	    "\"\"}",
	    "{\"rows\":1,\"rejects\":0,\"lost\":0,\"outside\":0,\"silent\":0,\"clean\":true,\"reason\":\"\","
	    "\"entries\":[]}",
	    "{\"rows\":0,\"rejects\":0,\"lost\":0,\"outside\":0,\"silent\":0,\"clean\":true,\"reason\":\"\","
	    "\"entries\":\"\",\"behind\":-1}"};
	struct report r;
	struct err e;
	report_init(&r, &ops);
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
		assert_int_equal(report_read(&r, text[i], strlen(text[i]), &e), RC_BAD);
		assert_true(r.rows == 0 && r.entries.len == 0);
	}
	report_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(note),
	    cmocka_unit_test(refused), cmocka_unit_test(implausible), cmocka_unit_test(lines_are_bounded),
	    cmocka_unit_test(not_ours)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
