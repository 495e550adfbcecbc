/* replay: rows that were rejects are stored once, those that were stored before are not, whatever comes in between. */
#include "pipe/replay.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pipe/commit.h"
#include "pipe/stored.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { HOUR = 3600, T0 = 1768381200 /* 2026-01-14 09:00 */, FEW = 2, MANY = 100 };

struct told {
	unsigned kind[REPLAY_LEFT + 1];
	char text[ERR_TEXT];
};

static void tell(void *context, const struct replay_news *n)
{
	struct told *t = context;
	t->kind[n->kind]++;
	if (n->text != NULL)
		snprintf(t->text, sizeof t->text, "%s", n->text);
}

static struct told replay(const struct world *w, struct replay_sum *sum)
{
	struct told t = {.text = ""};
	const struct replay_params p = {.settings = &w->settings, .tell = tell, .context = &t};
	struct err e;
	if (replay_run(&p, sum, &e) != RC_OK)
		fail_msg("%s", e.text);
	return t;
}

/* Inputs of ten hours, of which the first two are taken; then all may be. */
static void begin(struct world *w, bool rows)
{
	struct err e;
	world_open(w);
	w->settings.partitions_max = FEW;
	for (char name[] = "a"; name[0] < 'd'; name[0]++) {
		char *text = world_lines(name, T0, HOUR / 4, 40);
		if (rows)
			world_rows(w, name, text, UINT32_MAX);
		else
			world_file(w, name, text);
		mem_free(&text);
	}
	assert_int_equal(world_work(w, &e), RC_OK);
	w->settings.partitions_max = MANY;
}

static void check(const struct world *w, const char *topic)
{
	struct world_sum before = world_sum(w, topic), after = world_sum(w, w->pipeline.topic_replay);
	assert_int_equal(before.rows + after.rows, 3 * 40);
	assert_int_equal(after.originals, 3);
	assert_true(after.chained);
	for (char mark = 'a'; mark < 'd'; mark++)
		for (unsigned i = 0; i < 40; i++) {
			char text[16];
			snprintf(text, sizeof text, "%c-%05u", mark, i);
			assert_int_equal(world_holding(w, text), 1);
		}
	assert_int_equal(world_count(w, "_sluice/staging"), 0);
}

static void what_was_missing_is_stored(void **state)
{
	struct world w;
	struct replay_sum sum;
	begin(&w, false);
	struct told t = replay(&w, &sum);
	assert_int_equal(t.kind[REPLAY_DONE], 3);
	assert_int_equal(sum.rows, 3 * 32);
	assert_int_equal(sum.rejects, 0);
	check(&w, w.pipeline.topic_files);

	/* Again: nothing. */
	t = replay(&w, &sum);
	assert_int_equal(t.kind[REPLAY_DONE] + t.kind[REPLAY_SAME] + t.kind[REPLAY_LEFT], 0);
	check(&w, w.pipeline.topic_files);
	world_close(&w);
}

static void nothing_changes_without_a_fix(void **state)
{
	struct world w;
	struct replay_sum sum;
	begin(&w, false);
	w.settings.partitions_max = FEW;
	struct told t = replay(&w, &sum);
	assert_int_equal(t.kind[REPLAY_SAME], 3);
	assert_int_equal(world_sum(&w, w.pipeline.topic_replay).commits, 0);

	/* Half a fix: what is left is rejects still, and the next replay goes on from there. */
	w.settings.partitions_max = 5;
	t = replay(&w, &sum);
	assert_int_equal(t.kind[REPLAY_DONE], 3);
	assert_int_equal(sum.rows, 3 * 12);
	assert_int_equal(sum.rejects, 3);
	w.settings.partitions_max = MANY;
	t = replay(&w, &sum);
	assert_int_equal(sum.rows, 3 * 20);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).rows + world_sum(&w, w.pipeline.topic_replay).rows, 120);
	for (unsigned i = 0; i < 40; i++) {
		char text[16];
		snprintf(text, sizeof text, "b-%05u", i);
		assert_int_equal(world_holding(&w, text), 1);
	}
	world_close(&w);
}

/* Shares of the digests: whatever their number, each row is matched in one of them. */
static void shares_add_up(void **state)
{
	struct world w;
	struct world_bench b;
	begin(&w, false);
	world_bench_open(&w, &b);
	struct stored *s = stored_new(&w.pipeline, b.bench.store, &b.crc);
	struct batch *batch = batch_new(w.projection->types, w.projection->wants, 16, 1 << 16);
	unsigned other = 0, fresh = 0;
	for (uint32_t part = 0; part < 3; part++) {
		stored_begin(s, part, 3);
		batch_reset(batch);
		batch->rows = 1;
		for (unsigned c = 0; c < batch->columns; c++)
			batch_set_null(batch, c, 0);
		enum stored_row is = stored_match(s, batch, 0);
		other += is == STORED_OTHER;
		fresh += is == STORED_NEW;
		assert_int_equal(stored_left(s), 0);
	}
	assert_int_equal(other, 2);
	assert_int_equal(fresh, 1);
	batch_free(&batch);
	stored_free(&s);
	world_bench_close(&b);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_missing_is_stored),
	    cmocka_unit_test(nothing_changes_without_a_fix), cmocka_unit_test(shares_add_up)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
