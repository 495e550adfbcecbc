/* The index of identities is full: a worker waits after the commit that did not get into it, and takes nothing twice.
 */
#include <endian.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pipe/limits.h"
#include "pipe/seen.h"
#include "pipe/worker.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { KEYS = 50, ROUNDS_MOST = 5000, PATIENCE_MS = 700 };

/* Identities in order, as many at once, until no more go in. */
static void fill_place(struct seen *seen, struct seen_place place, size_t keys)
{
	struct seen_position position = {.end = 1, .epoch = "x"};
	int64_t now_ms = clock_wall().ns / 1000000;
	struct err e;
	enum rc rc = RC_OK;
	for (unsigned round = 0; rc == RC_OK; round++) {
		struct seen_key key[KEYS] = {0};
		for (unsigned i = 0; i < keys; i++) {
			uint64_t number = htobe64((uint64_t)round * keys + i);
			memcpy(key[i].original, &number, sizeof number);
		}
		rc = seen_add(seen, &place, key, keys, now_ms, now_ms, &position, &e);
		assert_true(round < ROUNDS_MOST);
	}
	assert_int_equal(rc, RC_AGAIN);
	assert_int_equal(e.sys, SEEN_FULL);
	assert_non_null(strstr(e.text, "full"));
}

/* Until nothing goes in, also where the pipeline's own identities would lie: pages there have room until the neighbours
 * on both sides have taken it. */
static void fill(const struct settings *s)
{
	struct seen *seen = NULL;
	struct err e;
	struct seen_place before = seen_place_of("t.p.files", 0), behind = before;
	assert_int_equal(seen_open(s->state, s->dedupe_horizon_ms, s->dedupe_max_bytes, &seen, &e), RC_OK);
	before.at[15]--;
	behind.at[15]++;
	fill_place(seen, seen_place_of("t.q.rows", 0), KEYS);
	fill_place(seen, before, 1);
	fill_place(seen, behind, 1);
	assert_true(seen_used(seen) > s->dedupe_max_bytes / 2);
	seen_close(&seen);
}

static bool impatient(void *context)
{
	return mono_since(*(struct mono *)context) > PATIENCE_MS;
}

/* A worker that would wait for ever is told to stop after a while. */
static void work_a_while(const struct world *w, struct metric_slot *figures)
{
	struct mono began = clock_mono();
	struct err e;
	const struct worker_job job = {
	    .settings = &w->settings, .figures = figures, .stop = impatient, .wake_fd = -1, .context = &began};
	if (worker_run(&job, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static void full_index(void **state)
{
	struct world w;
	struct metric_slot figures = {.name = "worker"};
	struct err e;
	char *text = world_lines("once", 1767225600, 1, 100);
	world_open(&w);
	w.settings.commit_age_ms = 10;
	w.settings.dedupe_max_bytes = 256 << 10;
	fill(&w.settings);

	world_file(&w, "a", text);
	work_a_while(&w, &figures);
	assert_int_equal(world_sum(&w, "t.p.files").rows, 100);
	assert_int_not_equal(limit_get(&figures, LIMIT_DEDUPE, LIMIT_SINCE_MS), 0);
	assert_int_equal(limit_get(&figures, LIMIT_DEDUPE, LIMIT_REACHED), 1);

	/* The same original comes again, as after a crash of the collector: what the index does not know is not taken.
	 */
	world_file(&w, "a", text);
	work_a_while(&w, &figures);
	assert_int_equal(world_sum(&w, "t.p.files").rows, 100);

	w.settings.dedupe_max_bytes = 4 << 20;
	world_file(&w, "b", "1767225600 1 other\n");
	work_a_while(&w, &figures);
	assert_int_equal(limit_get(&figures, LIMIT_DEDUPE, LIMIT_SINCE_MS), 0);
	assert_int_equal(world_work(&w, &e), RC_OK);
	struct world_sum sum = world_sum(&w, "t.p.files");
	assert_int_equal(sum.rows, 101);
	assert_int_equal(sum.originals, 2);
	assert_true(sum.chained);
	mem_free(&text);
	world_close(&w);
}

static void since_and_how_often(void **state)
{
	struct metric_slot s = {.name = "p"};
	int64_t before_ms = clock_wall().ns / 1000000;
	limit_full(&s, LIMIT_BUS, true);
	int64_t since_ms = (int64_t)limit_get(&s, LIMIT_BUS, LIMIT_SINCE_MS);
	assert_true(since_ms >= before_ms);
	limit_full(&s, LIMIT_BUS, true);
	assert_int_equal(limit_get(&s, LIMIT_BUS, LIMIT_SINCE_MS), since_ms);
	assert_int_equal(limit_get(&s, LIMIT_BUS, LIMIT_REACHED), 1);
	limit_full(&s, LIMIT_BUS, false);
	assert_int_equal(limit_get(&s, LIMIT_BUS, LIMIT_SINCE_MS), 0);
	limit_full(&s, LIMIT_BUS, true);
	limit_most(&s, LIMIT_ROWS, 7);
	limit_most(&s, LIMIT_ROWS, 5);
	assert_int_equal(limit_get(&s, LIMIT_ROWS, LIMIT_USED), 7);
	limits_begin(&s);
	assert_int_equal(limit_get(&s, LIMIT_ROWS, LIMIT_USED), 0);
	assert_int_equal(limit_get(&s, LIMIT_BUS, LIMIT_SINCE_MS), 0);
	assert_int_equal(limit_get(&s, LIMIT_BUS, LIMIT_REACHED), 2);
	/* A process without figures counts nothing. */
	limits_begin(NULL);
	limit_full(NULL, LIMIT_BUS, true);
	limit_most(NULL, LIMIT_ROWS, 1);
	limit_add(NULL, LIMIT_ROWS, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(full_index),
	    cmocka_unit_test(since_and_how_often),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
