/* compaction: what is written is read, no cut or contradictory one is taken for whole, and a commit finds what it took.
 */
#include "pipe/compaction.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "pipe/compact.h"
#include "pipe/swap.h"
#include "unit/pipe/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void build(struct writer *w, uint64_t generation, uint64_t rows_out)
{
	const struct compaction_head h = {
	    .dataset = "line", .hour = 400000, .generation = generation, .epoch = "e0", .time_ms = 5};
	struct compaction_file f = {.path = "line/hive/y=1/a", .from = "_sluice/compacted/a", .size = 10, .rows = 4};
	writer_init(w, 1 << 20);
	compaction_begin(w, &h);
	f.crc32 = 0xffffffff;
	compaction_add(w, &f);
	f.path = "line/hive/y=1/b";
	f.rows = 5;
	f.crc32 = 7;
	compaction_add(w, &f);
	f = (struct compaction_file){.output = true,
	    .path = "line/hive/y=1/c",
	    .from = "_sluice/staging/c",
	    .aside = "line/aside/c",
	    .size = 15,
	    .rows = rows_out,
	    .crc32 = 1};
	compaction_add(w, &f);
	compaction_end(w);
	assert_false(w->failed);
}

struct seen {
	unsigned heads, inputs, outputs;
};

static enum rc see_head(void *context, const struct compaction_head *h, struct err *e)
{
	((struct seen *)context)->heads++;
	assert_string_equal(h->dataset, "line");
	assert_true(h->hour == 400000 && h->time_ms == 5);
	assert_string_equal(h->epoch, "e0");
	return RC_OK;
}

static enum rc see_file(void *context, const struct compaction_file *f, struct err *e)
{
	struct seen *s = context;
	if (f->output) {
		s->outputs++;
		assert_string_equal(f->from, "_sluice/staging/c");
		assert_string_equal(f->aside, "line/aside/c");
		assert_true(f->rows == 9 && f->size == 15 && f->crc32 == 1);
	} else {
		s->inputs++;
		assert_string_equal(f->from, "_sluice/compacted/a");
		assert_null(f->aside);
		assert_true(f->size == 10);
	}
	return RC_OK;
}

static void what_is_written_is_read(void **state)
{
	struct writer w;
	struct seen seen = {0};
	const struct compaction_visitor v = {&seen, see_head, see_file};
	struct err e;
	build(&w, 1, 9);
	assert_int_equal(compaction_walk((const char *)w.bytes, w.len, &v, &e), RC_OK);
	assert_true(seen.heads == 1 && seen.inputs == 2 && seen.outputs == 1);
	writer_fini(&w);
}

static void a_cut_one_is_never_whole(void **state)
{
	struct writer w;
	struct err e;
	struct seen seen = {0};
	const struct compaction_visitor v = {&seen, see_head, see_file};
	build(&w, 1, 9);
	for (size_t len = 0; len < w.len; len++) {
		char *cut = mem_text_n((const char *)w.bytes, len);
		assert_int_equal(compaction_walk(cut, len, &v, &e), RC_BAD);
		mem_free(&cut);
	}
	assert_int_equal(seen.heads, 0);
	writer_fini(&w);
}

static void rows_that_do_not_add_up_are_refused(void **state)
{
	struct writer w;
	struct err e;
	const struct compaction_visitor v = {0};
	build(&w, 1, 8);
	assert_int_equal(compaction_walk((const char *)w.bytes, w.len, &v, &e), RC_BAD);
	assert_non_null(strstr(e.text, "9 rows went in, 8 came out"));
	writer_fini(&w);
}

static void generations_of_an_hour_are_found(void **state)
{
	struct world w;
	struct err e;
	struct seen seen = {0};
	const struct compaction_visitor v = {&seen, see_head, see_file};
	uint64_t newest = 9;
	bool took = false;
	int64_t *hours = NULL;
	size_t count = 0;
	world_open(&w);
	struct store *s = world_store(&w);
	assert_int_equal(compaction_each(s, "line", 400000, &v, &newest, &e), RC_OK);
	assert_int_equal(newest, 0);
	for (uint64_t g = 1; g <= 2; g++) {
		struct writer text;
		char path[256];
		build(&text, g, 9);
		lake_compaction(path, sizeof path, "line", 400000, g);
		assert_int_equal(store_put_if_absent(s, path, text.bytes, text.len, &e), RC_OK);
		writer_fini(&text);
	}
	assert_int_equal(compaction_each(s, "line", 400000, &v, &newest, &e), RC_OK);
	assert_true(newest == 2 && seen.heads == 2 && seen.inputs == 4);
	assert_int_equal(compaction_load(s, "line", 400000, 3, &v, &e), RC_END);
	assert_int_equal(compaction_hours(s, "line", &hours, &count, &e), RC_OK);
	assert_true(count == 1 && hours[0] == 400000);
	mem_free(&hours);
	assert_int_equal(compaction_took(s, "line", 400000, "line/hive/y=1/b", 10, 7, &took, &e), RC_OK);
	assert_true(took);
	assert_int_equal(compaction_took(s, "line", 400000, "line/hive/y=1/b", 10, 8, &took, &e), RC_OK);
	assert_false(took);
	assert_int_equal(compaction_took(s, "line", 400000, "line/hive/y=1/c", 15, 1, &took, &e), RC_OK);
	assert_false(took);
	assert_int_equal(compaction_took(s, "line", 400001, "line/hive/y=1/b", 10, 7, &took, &e), RC_OK);
	assert_false(took);
	store_close(&s);
	world_close(&w);
}

static void lay(struct store *s, const char *path)
{
	struct err e;
	assert_int_equal(store_put_if_absent(s, path, "half", 4, &e), RC_OK);
}

static bool there(struct store *s, const char *path)
{
	struct err e;
	struct store_stat st;
	enum rc rc = store_stat(s, path, &st, &e);
	assert_true(rc == RC_OK || rc == RC_END);
	return rc == RC_OK;
}

/* A data node finishes an upload of an attempt that was given up. */
static void what_a_dead_attempt_staged_goes_and_goes_again(void **state)
{
	static const char staged[] = "_sluice/staging/compact-e7/00000.parquet";
	struct world w;
	struct err e;
	struct compact_sum sum;
	struct compact_given_up given_up = {.count = 0};
	(void)state;
	world_open(&w);
	struct store *s = world_store(&w);
	const struct compact_params p = {
	    .settings = &w.settings, .store = s, .before_hour = INT64_MAX, .folders = SIZE_MAX, .given_up = &given_up};
	const struct swap_key k = {w.schema->name, 400000, 1};
	struct note n = {.epoch = "e7", .time_ms = 1};
	(void)!str_copy(n.instance, sizeof n.instance, w.settings.instance);
	assert_int_equal(note_put(s, &k, NOTE_WORK, &n, &e), RC_OK);
	lay(s, staged);
	assert_int_equal(compact_pass(&p, &sum, &e), RC_OK);
	assert_false(there(s, staged));
	assert_int_equal(note_load(s, &k, NOTE_WORK, &n, &e), RC_END);
	assert_int_equal(given_up.count, 1);
	for (int late = 0; late < 2; late++) {
		lay(s, staged);
		assert_int_equal(compact_pass(&p, &sum, &e), RC_OK);
		assert_false(there(s, "_sluice/staging/compact-e7"));
		assert_int_equal(given_up.count, 1);
	}
	given_up.attempt[0].since.ms -= 11 * 60 * 1000;
	assert_int_equal(compact_pass(&p, &sum, &e), RC_OK);
	assert_int_equal(given_up.count, 0);
	store_close(&s);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(a_cut_one_is_never_whole),
	    cmocka_unit_test(rows_that_do_not_add_up_are_refused),
	    cmocka_unit_test(generations_of_an_hour_are_found),
	    cmocka_unit_test(what_a_dead_attempt_staged_goes_and_goes_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
