/* worker: events in, committed files out, exactly once, whatever comes twice, in pieces or damaged. */
#include "pipe/worker.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pipe/gap.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { HOUR = 3600, T0 = 1768381200 }; /* 2026-01-14 09:00 */

static void work(const struct world *w)
{
	struct err e;
	if (world_work(w, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static void file_events_are_committed(void **state)
{
	struct world w;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 200), *b = world_lines("bb", T0, 1, 1000);
	world_file(&w, "a", a);
	world_file(&w, "b", b);
	work(&w);
	struct world_sum s = world_sum(&w, w.pipeline.topic_files);
	assert_int_equal(s.rows, 1200);
	assert_int_equal(s.originals, 2);
	assert_int_equal(s.files, 4); /* 200 minutes from a full hour on */
	assert_int_equal(s.commits, 1);
	assert_true(s.chained);
	assert_int_equal(s.stray, 0);
	assert_int_equal(world_count(&w, "_sluice/staging"), 0);
	assert_int_equal(world_count(&w, "line/hive/y=2026/m=1/d=14/h=12"), 1);
	assert_int_equal(world_holding(&w, "aa-00199"), 1);

	/* Again: nothing new. */
	work(&w);
	s = world_sum(&w, w.pipeline.topic_files);
	assert_int_equal(s.commits, 1);
	mem_free(&a);
	mem_free(&b);
	world_close(&w);
}

static void rows_events_are_committed(void **state)
{
	struct world w;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 150), *b = world_lines("bb", T0, 1, 10);
	world_rows(&w, "a", a, UINT32_MAX);
	world_rows(&w, "b", b, UINT32_MAX);
	world_rows(&w, "empty", "", UINT32_MAX);
	work(&w);
	struct world_sum s = world_sum(&w, w.pipeline.topic_rows);
	assert_int_equal(s.rows, 160);
	assert_int_equal(s.originals, 3);
	assert_int_equal(s.files, 3);
	assert_int_equal(s.stray, 0);
	for (unsigned i = 0; i < 150; i++) {
		char text[16];
		snprintf(text, sizeof text, "aa-%05u", i);
		assert_int_equal(world_holding(&w, text), 1);
	}
	mem_free(&a);
	mem_free(&b);
	world_close(&w);
}

static void duplicates_are_dropped(void **state)
{
	struct world w;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 150), *b = world_lines("bb", T0, 60, 30);
	for (int round = 0; round < 2; round++) {
		world_file(&w, "b", b);
		world_file(&w, "b", b);
		world_rows(&w, "a", a, UINT32_MAX);
		world_rows(&w, "a", a, UINT32_MAX);
		work(&w);
		world_file(&w, "b again", b);
		world_rows(&w, "a again", a, UINT32_MAX);
		work(&w);
		/* The second time without its index: the lake knows. */
		char *command = mem_format("rm -rf %s/seen", w.settings.state);
		assert_int_equal(system(command), 0);
		mem_free(&command);
	}
	struct world_sum s = world_sum(&w, w.pipeline.topic_rows);
	assert_int_equal(s.rows, 150);
	assert_int_equal(s.originals, 1);
	assert_true(s.chained);
	s = world_sum(&w, w.pipeline.topic_files);
	assert_int_equal(s.rows, 30);
	assert_int_equal(s.originals, 1);
	assert_int_equal(s.stray, 0);
	mem_free(&a);
	mem_free(&b);
	world_close(&w);
}

/* A collector died after some parts and published again, in every way that can happen. */
static void sets_of_parts_are_taken_once(void **state)
{
	static const uint32_t first[] = {1, 2, 3, 4, 5, 6, 7};
	for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
		struct world w;
		world_open(&w);
		char *a = world_lines("aa", T0, 60, 170), *b = world_lines("bb", T0, 60, 70);
		world_rows(&w, "a", a, first[i]);
		world_rows(&w, "b", b, UINT32_MAX);
		world_rows(&w, "a", a, UINT32_MAX);
		world_rows(&w, "a", a, first[i]);
		work(&w);
		struct world_sum s = world_sum(&w, w.pipeline.topic_rows);
		assert_int_equal(s.rows, 240);
		assert_int_equal(s.originals, 2);
		assert_int_equal(s.stray, 0);
		mem_free(&a);
		mem_free(&b);
		world_close(&w);
	}
}

static void an_incomplete_set_waits(void **state)
{
	struct world w;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 170), *b = world_lines("bb", T0, 60, 70),
	     *c = world_lines("cc", T0, 60, 20);
	world_rows(&w, "c", c, UINT32_MAX);
	world_rows(&w, "a", a, 3);
	world_rows(&w, "b", b, UINT32_MAX);
	work(&w);
	/* What came before it is committed; what came after can't be without ending a commit between its parts. */
	struct world_sum s = world_sum(&w, w.pipeline.topic_rows);
	assert_int_equal(s.rows, 20);
	world_rows(&w, "a", a, 4);
	work(&w);
	s = world_sum(&w, w.pipeline.topic_rows);
	assert_int_equal(s.rows, 260);
	assert_int_equal(s.originals, 3);
	assert_true(s.chained);
	mem_free(&a);
	mem_free(&b);
	mem_free(&c);
	world_close(&w);
}

static void rejects_are_kept(void **state)
{
	struct world w;
	world_open(&w);
	world_file(&w, "a", "1768381200 1 good\nbad line\n1768381201 2 good\n");
	world_file(&w, "r", "refuse me\n");
	world_rows(&w, "b", "1768381200 3 good\nworse line\n", UINT32_MAX);
	work(&w);
	struct world_sum s = world_sum(&w, w.pipeline.topic_files);
	assert_int_equal(s.rows, 2);
	assert_int_equal(s.originals, 2);
	assert_int_equal(s.rejects, 2);
	assert_int_equal(s.reject_files, 1);
	s = world_sum(&w, w.pipeline.topic_rows);
	assert_int_equal(s.rows, 1);
	assert_int_equal(s.rejects, 1);
	assert_int_equal(s.reject_files, 1);
	assert_int_equal(s.stray, 0);
	world_close(&w);
}

static void a_damaged_original_stops_its_partition_only(void **state)
{
	struct world w;
	struct err e;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 20), *b = world_lines("bb", T0, 60, 20);
	world_file(&w, "a", a);
	world_file(&w, "b", b);
	world_rows(&w, "c", a, UINT32_MAX);
	char *command =
	    mem_format("for f in %s/line/binary/20260101/00/b-*; do printf x >> $f; done", w.settings.store_place);
	assert_int_equal(system(command), 0);
	mem_free(&command);
	assert_int_equal(world_work(&w, &e), RC_FAIL);
	assert_non_null(strstr(e.text, "not what was archived"));
	/* What came before it is committed. */
	struct world_sum s = world_sum(&w, w.pipeline.topic_files);
	assert_int_equal(s.rows, 20);
	assert_int_equal(s.originals, 1);
	assert_int_equal(s.stray, 0);
	assert_int_equal(world_sum(&w, w.pipeline.topic_rows).rows, 20);
	mem_free(&a);
	mem_free(&b);
	world_close(&w);
}

static void limits_make_more_files_and_commits(void **state)
{
	struct world w;
	world_open(&w);
	w.settings.commit_events = 3;
	w.settings.open_hours = 2;
	w.settings.partitions_max = 5;
	for (int i = 0; i < 7; i++) {
		char mark[3] = {(char)('a' + i), 'x', 0};
		char *a = world_lines(mark, T0, 900, 40);
		world_file(&w, "a", a);
		mem_free(&a);
	}
	work(&w);
	struct world_sum s = world_sum(&w, w.pipeline.topic_files);
	assert_int_equal(s.commits, 3);
	assert_int_equal(s.originals, 7);
	assert_int_equal(s.rows, 7 * 20); /* five hours of four rows each */
	assert_int_equal(s.rejects, 7);
	assert_int_equal(s.stray, 0);
	world_close(&w);
}

static void threads_share_the_partitions(void **state)
{
	struct world w;
	world_open(&w);
	w.settings.workers = 3;
	for (int i = 0; i < 30; i++) {
		char mark[3] = {(char)('a' + i / 26), (char)('a' + i % 26), 0};
		char *a = world_lines(mark, T0, 60, 90);
		w.partition = (unsigned)i % 3;
		world_file(&w, "f", a);
		world_rows(&w, "r", a, UINT32_MAX);
		mem_free(&a);
	}
	work(&w);
	for (w.partition = 0; w.partition < 3; w.partition++) {
		struct world_sum s = world_sum(&w, w.pipeline.topic_files);
		assert_true(s.rows == 900 && s.originals == 10 && s.stray == 0);
		s = world_sum(&w, w.pipeline.topic_rows);
		assert_true(s.rows == 900 && s.originals == 10 && s.stray == 0);
	}
	world_close(&w);
}

struct stopping {
	const struct world *world;
	struct mono began;
	int64_t after_ms;
	bool now;
};

static bool stop(void *context)
{
	const struct stopping *s = context;
	return mono_since(s->began) > s->after_ms;
}

static bool stop_now(void *context)
{
	return ((const struct stopping *)context)->now && stop(context);
}

static void run_for(const struct world *w, int64_t ms, bool now)
{
	struct stopping stopping = {.world = w, .began = clock_mono(), .after_ms = ms, .now = now};
	const struct worker_job job = {
	    .settings = &w->settings, .stop = stop, .stop_now = stop_now, .wake_fd = -1, .context = &stopping};
	struct err e;
	assert_int_equal(worker_run(&job, &e), RC_OK);
}

static void a_stop_commits_what_is_quick_and_loses_nothing(void **state)
{
	struct world w;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 90);
	world_file(&w, "a", a);
	/* At once: the open commit is dropped. */
	run_for(&w, 300, true);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).commits, 0);
	assert_int_equal(world_count(&w, "_sluice/staging"), 0);
	/* In good order: it is committed, long before its age. */
	run_for(&w, 300, false);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).rows, 90);
	mem_free(&a);
	world_close(&w);
}

static void age_and_flush_make_commits(void **state)
{
	struct world w;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 90), *b = world_lines("bb", T0, 60, 90);
	w.settings.commit_age_ms = 100;
	world_file(&w, "a", a);
	struct mono began = clock_mono();
	run_for(&w, 1500, true);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).rows, 90);
	assert_true(mono_since(began) < 10000);
	w.settings.commit_age_ms = 3600 * 1000;
	world_file(&w, "b", b);
	run_for(&w, 500, true);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).rows, 90);
	world_flush(&w, w.pipeline.topic_files);
	run_for(&w, 1500, true);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).rows, 180);
	mem_free(&a);
	mem_free(&b);
	world_close(&w);
}

static void files_among_rows_are_committed(void **state)
{
	struct world w;
	struct err e;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 90), *b = world_lines("bb", T0, 1, 5000),
	     *c = world_lines("cc", T0, 600, 40);
	world_rows(&w, "a", a, ~0U);
	world_file_among_rows(&w, "b", b);
	world_file_among_rows(&w, "c", c);
	assert_int_equal(world_work(&w, &e), RC_OK);
	assert_int_equal(world_sum(&w, w.pipeline.topic_rows).rows, 90 + 5000 + 40);
	assert_int_equal(world_sum(&w, w.pipeline.topic_rows).stray, 0);
	assert_int_equal(world_holding(&w, "aa-00089"), 1);
	assert_int_equal(world_holding(&w, "bb-04999"), 1);
	assert_int_equal(world_holding(&w, "cc-00039"), 1);
	mem_free(&a);
	mem_free(&b);
	mem_free(&c);
	world_close(&w);
}

/* Events that the bus lost before they were committed: nothing is stepped over; a commit of nothing lets it go on. */
static void lost_events_are_waited_for(void **state)
{
	struct world w;
	struct err e;
	struct gap g;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 90), *b = world_lines("bb", T0, 60, 50);
	world_file(&w, "a", a);
	world_file(&w, "b", b);
	struct bus *bus = world_bus(&w);
	struct store *store = world_store(&w);
	assert_int_equal(bus_trim(bus, w.pipeline.topic_files, w.partition, 1, &e), RC_OK);
	run_for(&w, 500, true);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).rows, 0);
	assert_int_equal(gap_look(bus, store, w.pipeline.topic_files, w.partition, &g, &e), RC_OK);
	assert_true(gap_trimmed(&g) && !gap_short(&g) && g.end == 0 && g.first == 1 && g.next == 2);
	world_file(&w, "a", a);
	assert_int_equal(gap_close(store, w.pipeline.topic_files, w.partition, &g, &e), RC_OK);
	assert_int_equal(gap_close(store, w.pipeline.topic_files, w.partition, &g, &e), RC_OK); /* taken: by itself */
	assert_int_equal(world_work(&w, &e), RC_OK);
	struct world_sum sum = world_sum(&w, w.pipeline.topic_files);
	assert_int_equal(sum.rows, 140);
	assert_true(sum.chained);
	assert_int_equal(gap_look(bus, store, w.pipeline.topic_files, w.partition, &g, &e), RC_OK);
	assert_true(!gap_trimmed(&g) && !gap_short(&g) && g.end == 3);
	store_close(&store);
	bus_close(&bus);
	mem_free(&a);
	mem_free(&b);
	world_close(&w);
}

static bool never(void *context)
{
	return false;
}

/* A bus that was lost with all that was in it: filled up to the end of the commits it goes on. */
static void a_lost_bus_is_filled_up(void **state)
{
	struct world w;
	struct err e;
	struct gap g;
	world_open(&w);
	char *a = world_lines("aa", T0, 60, 90), *b = world_lines("bb", T0, 60, 50);
	world_file(&w, "a", a);
	assert_int_equal(world_work(&w, &e), RC_OK);
	assert_int_equal(file_remove_tree(w.settings.bus_place, &e), RC_OK);
	struct bus *bus = world_bus(&w);
	struct store *store = world_store(&w);
	unsigned have = 0;
	assert_int_equal(gap_look(bus, store, w.pipeline.topic_files, w.partition, &g, &e), RC_END);
	assert_int_equal(bus_topic_ensure(bus, w.pipeline.topic_files, w.partition + 1, &have, &e), RC_OK);
	assert_int_equal(gap_look(bus, store, w.pipeline.topic_files, w.partition, &g, &e), RC_OK);
	assert_true(!gap_trimmed(&g) && gap_short(&g) && g.end == 1 && g.next == 0);
	assert_int_equal(gap_fill(bus, w.pipeline.topic_files, w.partition, &g, never, NULL, &e), RC_OK);
	world_file(&w, "b", b);
	assert_int_equal(world_work(&w, &e), RC_OK);
	assert_int_equal(world_sum(&w, w.pipeline.topic_files).rows, 140);
	assert_true(world_sum(&w, w.pipeline.topic_files).chained);
	store_close(&store);
	bus_close(&bus);
	mem_free(&a);
	mem_free(&b);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(file_events_are_committed),
	    cmocka_unit_test(rows_events_are_committed),
	    cmocka_unit_test(files_among_rows_are_committed),
	    cmocka_unit_test(lost_events_are_waited_for),
	    cmocka_unit_test(a_lost_bus_is_filled_up),
	    cmocka_unit_test(duplicates_are_dropped),
	    cmocka_unit_test(sets_of_parts_are_taken_once),
	    cmocka_unit_test(an_incomplete_set_waits),
	    cmocka_unit_test(rejects_are_kept),
	    cmocka_unit_test(a_damaged_original_stops_its_partition_only),
	    cmocka_unit_test(limits_make_more_files_and_commits),
	    cmocka_unit_test(threads_share_the_partitions),
	    cmocka_unit_test(a_stop_commits_what_is_quick_and_loses_nothing),
	    cmocka_unit_test(age_and_flush_make_commits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
