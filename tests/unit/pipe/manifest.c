/* manifest: what is written is read, and no cut or flipped manifest is ever taken for a whole one. */
#include "pipe/lines.h"
#include "pipe/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pipe/crc32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char odd_name[] = "a \"b\"\\\n\xff\xc3\xa4 x";

static void build(struct writer *w)
{
	struct manifest_head h = {
	    .topic = "t.p.files", .partition = 3, .start = 10, .end = 20, .epoch = "e0", .time_ms = 5};
	struct manifest_file f = {.path = "line/hive/y=1/a.parquet",
	    .staged = "_sluice/staging/x",
	    .dataset = "line",
	    .hour = -3,
	    .size = 1000,
	    .rows = 9,
	    .crc32 = 0xffffffff};
	struct manifest_original o = {.again = 1,
	    .name = odd_name,
	    .path = odd_name,
	    .pipeline = "p",
	    .dissector = "lines/1",
	    .size = 77,
	    .parts = 2,
	    .rows = 9,
	    .rejects = 1,
	    .lost = 2,
	    .outside = 3,
	    .ahead = 4,
	    .behind = 5,
	    .clean = true,
	    .counters = "{\"x\":1}"};
	memset(o.original, 0xab, sizeof o.original);
	writer_init(w, 1 << 20);
	manifest_begin(w, &h);
	manifest_add_file(w, &f);
	f.rejects = true;
	manifest_add_file(w, &f);
	manifest_add_original(w, &o);
	o.reason = "refused";
	o.note = "a tool said\n\"so\"";
	o.counters = NULL;
	o.settled = "whole now, as \"f9\"";
	manifest_add_original(w, &o);
	lines_end(w);
	assert_false(w->failed);
}

struct seen {
	unsigned heads, files, rejects, originals;
};

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	((struct seen *)context)->heads++;
	assert_string_equal(h->topic, "t.p.files");
	assert_true(h->partition == 3 && h->start == 10 && h->end == 20 && h->time_ms == 5);
	assert_string_equal(h->epoch, "e0");
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct seen *s = context;
	s->files++;
	s->rejects += f->rejects;
	assert_string_equal(f->path, "line/hive/y=1/a.parquet");
	assert_string_equal(f->staged, "_sluice/staging/x");
	assert_true(f->hour == -3 && f->size == 1000 && f->rows == 9 && f->crc32 == 0xffffffff);
	return RC_OK;
}

static enum rc see_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct seen *s = context;
	assert_string_equal(o->name, odd_name);
	assert_string_equal(o->path, odd_name);
	assert_true(o->again == 1 && o->size == 77 && o->parts == 2 && o->rows == 9 && o->rejects == 1 &&
	            o->lost == 2 && o->outside == 3 && o->ahead == 4 && o->behind == 5 && o->clean);
	if (s->originals++ == 0)
		assert_true(o->reason == NULL && o->note == NULL && o->settled == NULL &&
		            strcmp(o->counters, "{\"x\":1}") == 0);
	else
		assert_true(o->counters == NULL && strcmp(o->reason, "refused") == 0 &&
		            strcmp(o->note, "a tool said\n\"so\"") == 0 &&
		            strcmp(o->settled, "whole now, as \"f9\"") == 0);
	return RC_OK;
}

static void what_is_written_is_read(void **state)
{
	struct writer w;
	struct seen seen = {0};
	const struct manifest_visitor v = {&seen, see_head, see_file, see_original};
	struct err e;
	build(&w);
	assert_int_equal(manifest_walk((const char *)w.bytes, w.len, &v, &e), RC_OK);
	assert_true(seen.heads == 1 && seen.files == 2 && seen.rejects == 1 && seen.originals == 2);
	assert_int_equal(lines_span((const char *)w.bytes, w.len), w.len);
	writer_fini(&w);
}

static void a_cut_one_is_never_whole(void **state)
{
	struct writer w;
	struct err e;
	struct seen seen = {0};
	const struct manifest_visitor v = {&seen, see_head, see_file, see_original};
	build(&w);
	for (size_t len = 0; len < w.len; len++) {
		char *cut = mem_text_n((const char *)w.bytes, len);
		assert_int_equal(manifest_walk(cut, len, &v, &e), RC_BAD);
		mem_free(&cut);
	}
	assert_int_equal(seen.heads, 0);
	writer_fini(&w);
}

static enum rc any_head(void *context, const struct manifest_head *h, struct err *e)
{
	return RC_OK;
}

static enum rc any_file(void *context, const struct manifest_file *f, struct err *e)
{
	return f->path != NULL && f->staged != NULL ? RC_OK : RC_FAIL;
}

static enum rc any_original(void *context, const struct manifest_original *o, struct err *e)
{
	return o->name != NULL && o->path != NULL ? RC_OK : RC_FAIL;
}

static void flips_and_lines_out_of_place_are_survived(void **state)
{
	struct writer w;
	struct err e;
	const struct manifest_visitor v = {NULL, any_head, any_file, any_original};
	unsigned whole = 0;
	build(&w);
	srand(3);
	for (int i = 0; i < 3000; i++) {
		char *text = mem_text_n((const char *)w.bytes, w.len);
		text[(unsigned)rand() % w.len] ^= (char)(1 << rand() % 8);
		enum rc rc = manifest_walk(text, w.len, &v, &e);
		assert_true(rc == RC_OK || rc == RC_BAD);
		whole += rc == RC_OK;
		mem_free(&text);
	}
	assert_true(whole < 3000);
	/* Two manifests on end, a line doubled, a line missing. */
	char *twice = mem_format("%.*s%.*s", (int)w.len, (const char *)w.bytes, (int)w.len, (const char *)w.bytes);
	assert_int_equal(manifest_walk(twice, 2 * w.len, &v, &e), RC_BAD);
	assert_int_equal(lines_span(twice, 2 * w.len), w.len);
	mem_free(&twice);
	const char *first = (const char *)w.bytes;
	const char *second = (const char *)memchr(first, '\n', w.len) + 1;
	const char *third = (const char *)memchr(second, '\n', w.len - (size_t)(second - first)) + 1;
	char *missing =
	    mem_format("%.*s%.*s", (int)(second - first), first, (int)(w.len - (size_t)(third - first)), third);
	assert_int_equal(manifest_walk(missing, strlen(missing), &v, &e), RC_BAD);
	mem_free(&missing);
	writer_fini(&w);
}

static void names_are_twenty_digits(void **state)
{
	uint64_t start;
	assert_true(manifest_name_read("00000000000000000123", &start) && start == 123);
	assert_true(manifest_name_read("18446744073709551615", &start) && start == UINT64_MAX);
	assert_false(manifest_name_read("18446744073709551616", &start));
	assert_false(manifest_name_read("0000000000000000012", &start));
	assert_false(manifest_name_read("000000000000000001234", &start));
	assert_false(manifest_name_read("0000000000000000012x", &start));
	assert_false(manifest_name_read("", &start));
}

static void crc32_is_that_of_zip(void **state)
{
	struct crc32_tables t;
	uint8_t bytes[1000];
	crc32_init(&t);
	assert_int_equal(crc32_add(&t, 0, "123456789", 9), 0xcbf43926);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	uint32_t whole = crc32_add(&t, 0, bytes, sizeof bytes);
	for (size_t cut = 0; cut < sizeof bytes; cut++)
		assert_int_equal(crc32_add(&t, crc32_add(&t, 0, bytes, cut), bytes + cut, sizeof bytes - cut), whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(a_cut_one_is_never_whole),
	    cmocka_unit_test(flips_and_lines_out_of_place_are_survived),
	    cmocka_unit_test(names_are_twenty_digits),
	    cmocka_unit_test(crc32_is_that_of_zip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
