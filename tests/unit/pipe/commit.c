/* commit: a crash at every boundary and a second writer at every boundary leave every row in the lake once. */
#include "pipe/commit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/history.h"
#include "pipe/lane.h"
#include "pipe/recall.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { T0 = 1768381200 };

struct fuse { /* burns down to a crash */
	enum commit_step step;
	int after; /* that many times it goes well */
};

static void burn(void *context, enum commit_step step)
{
	struct fuse *f = context;
	if (step == f->step && f->after-- == 0)
		_exit(9);
}

/* Work to the end of a topic in a process of its own; true if it lived. */
static bool work(const struct world *w, const char *topic, enum commit_step step, int after)
{
	pid_t child = fork();
	int status = 0;
	assert_true(child >= 0);
	if (child == 0) {
		struct world_bench b;
		struct fuse fuse = {step, after};
		const struct intake_halt halt = {NULL, NULL};
		struct err e;
		bool failed = false;
		world_bench_open(w, &b);
		b.bench.step = burn;
		b.bench.step_context = &fuse;
		struct intake *in = intake_new(&b.bench, &w->pipeline);
		struct lane *l = lane_new(&b.bench, in, &w->pipeline, topic, 0);
		if (lane_once(l, &e) != RC_OK)
			_exit(1);
		while (!lane_done(l, &failed, &e))
			lane_step(l, &halt);
		lane_free(&l);
		intake_free(&in);
		world_bench_close(&b);
		_exit(failed);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
	return WEXITSTATUS(status) == 0;
}

static void fill(const struct world *w)
{
	char *a = world_lines("aa", T0, 60, 150), *b = world_lines("bb", T0 + 40, 60, 100);
	world_file(w, "a", a);
	world_file(w, "r", "refuse\n");
	world_file(w, "b", b);
	world_rows(w, "a", a, UINT32_MAX);
	world_rows(w, "b", b, UINT32_MAX);
	mem_free(&a);
	mem_free(&b);
}

static void check(const struct world *w, const char *topic, uint64_t originals)
{
	struct world_sum s = world_sum(w, topic);
	assert_int_equal(s.rows, 250);
	assert_int_equal(s.originals, originals);
	assert_true(s.chained);
	assert_int_equal(s.stray, 0);
}

static void a_crash_at_any_boundary_loses_and_doubles_nothing(void **state)
{
	for (int step = 0; step < STEPS; step++)
		for (int after = 0; after < 2; after++) {
			struct world w;
			world_open(&w);
			w.settings.commit_events = 1;
			fill(&w);
			/* Die at the same boundary again and again: each life must get at least one commit further or
			 * end. */
			int lives = 1;
			while (!work(&w, w.pipeline.topic_files, step, after) && lives < 10)
				lives++;
			work(&w, w.pipeline.topic_files, STEPS, 0);
			while (!work(&w, w.pipeline.topic_rows, step, after) && lives < 20)
				lives++;
			work(&w, w.pipeline.topic_rows, STEPS, 0);
			check(&w, w.pipeline.topic_files, 3);
			check(&w, w.pipeline.topic_rows, 2);
			/* What dead writers staged is swept with the commits that came after. */
			world_file(&w, "last", "1768381200 1 last\n");
			world_rows(&w, "last", "1768381200 1 last\n", UINT32_MAX);
			work(&w, w.pipeline.topic_files, STEPS, 0);
			work(&w, w.pipeline.topic_rows, STEPS, 0);
			assert_int_equal(world_count(&w, "_sluice/staging"), 0);
			world_close(&w);
		}
}

/* Half of a manifest's files are renamed when the power goes. */
static void a_half_rolled_manifest_is_rolled_on(void **state)
{
	struct world w;
	struct err e;
	world_open(&w);
	fill(&w);
	assert_false(work(&w, w.pipeline.topic_files, STEP_PUT, 0));
	struct store *s = world_store(&w);
	char **names = NULL, **folders = NULL;
	size_t count = 0, one = 0, done = 0;
	assert_int_equal(store_list(s, "_sluice/staging", NULL, 10, &folders, &one, &e), RC_OK);
	assert_int_equal(one, 1);
	char *folder = mem_format("_sluice/staging/%s", folders[0]);
	assert_int_equal(store_list(s, folder, NULL, 10, &names, &count, &e), RC_OK);
	assert_int_equal(count, 4);
	char *from = mem_format("%s/%s", folder, names[1]);
	const struct store_move move = {from, "line/hive/y=2026/m=1/d=14/h=10/part-t.p.files-0-0-3-00001.parquet"};
	assert_int_equal(store_publish(s, &move, 1, &done, &e), RC_OK);
	mem_free(&from);
	mem_free(&folder);
	store_list_free(&names, count);
	store_list_free(&folders, one);
	store_close(&s);
	assert_true(work(&w, w.pipeline.topic_files, STEPS, 0));
	check(&w, w.pipeline.topic_files, 3);
	world_close(&w);
}

static void a_lost_file_is_not_passed_over(void **state)
{
	struct world w;
	struct err e;
	world_open(&w);
	fill(&w);
	assert_false(work(&w, w.pipeline.topic_files, STEP_PUT, 0));
	char *command = mem_format("rm %s/_sluice/staging/*/*00001.parquet", w.settings.store_place);
	assert_int_equal(system(command), 0);
	mem_free(&command);
	assert_int_equal(world_work(&w, &e), RC_FAIL);
	assert_non_null(strstr(e.text, "gone"));
	world_close(&w);
}

/* Two writers: B does its part while A is stopped at a boundary. */

struct duel {
	const struct world *world;
	struct world_bench a, b;
	struct place pa, pb;
	enum commit_step step; /* of A */
	int turns;             /* commits of B then */
	bool fold;
};

/* Ten rows that all say at which offset their event lies. */
static void put_event(struct world_bench *b, struct draft *d, uint64_t offset)
{
	const enum type types[] = {TYPE_TIME, TYPE_I64, TYPE_BYTES};
	struct batch *batch = batch_new(types, 3, 16, 4096);
	struct report report;
	struct manifest_original o = {
	    .name = "x", .path = "y", .pipeline = "p", .dissector = "lines/1", .parts = 1, .rows = 10};
	uint64_t outside = 0;
	struct err e;
	char text[32];
	snprintf(text, sizeof text, "start-%08llu", (unsigned long long)offset);
	for (unsigned i = 0; i < 10; i++) {
		((int64_t *)batch_values(batch, 0))[i] = INT64_C(1768381200000000000);
		((int64_t *)batch_values(batch, 1))[i] = i;
		assert_true(batch_put(batch, text, strlen(text), &((struct span *)batch_values(batch, 2))[i]));
		batch->rows++;
	}
	sha256_of(text, strlen(text), o.original);
	const struct table_source source = {o.original, "lines/1"};
	assert_int_equal(draft_rows(d, hour_of(1768381200), &source, batch, NULL, 10, &outside, &e), RC_OK);
	report_init(&report, b->bench.settings->pipeline->dissector);
	assert_int_equal(draft_original(d, &o, &report, &e), RC_OK);
	report_fini(&report);
	batch_free(&batch);
}

static enum rc copy_head(void *context, const struct manifest_head *h, struct err *e)
{
	*(struct manifest_head *)context = *h;
	return RC_OK;
}

static uint64_t recover(struct world_bench *b, struct place *p)
{
	uint64_t next = 0;
	struct err e = {.text = ""};
	place_renew(p);
	enum rc rc = commit_recover(&b->bench, p, &next, &e);
	if (rc != RC_OK && rc != RC_END)
		fail_msg("%s", e.text);
	return next;
}

/* Offsets start, start + 10, … below end. */
static enum rc commit_range(struct world_bench *b, struct place *p, uint64_t start, uint64_t end)
{
	struct err e = {.text = ""};
	struct draft *d = draft_new(&b->bench, p, start);
	for (uint64_t at = start; at < end; at += 10)
		put_event(b, d, at);
	enum rc rc = commit_run(&b->bench, p, d, end, &e);
	if (rc != RC_OK && rc != RC_END)
		fail_msg("%s", e.text);
	draft_free(&d);
	return rc;
}

static enum rc commit_one(struct world_bench *b, struct place *p, uint64_t start)
{
	return commit_range(b, p, start, start + 10);
}

static void cut_in(void *context, enum commit_step step)
{
	struct duel *d = context;
	struct err e;
	enum rc rc = RC_OK;
	if (step != d->step)
		return;
	d->a.bench.step = NULL;
	uint64_t next = recover(&d->b, &d->pb);
	for (int i = 0; i < d->turns; i++, next += 10)
		assert_int_equal(commit_one(&d->b, &d->pb, next), RC_OK);
	while (d->fold && rc == RC_OK)
		rc = history_fold(d->b.bench.store, "t.p.files", 0, 0, clock_wall().ns / 1000000 + 1000, &e);
}

static void duel(enum commit_step step, int turns, bool fold)
{
	struct world w;
	struct duel d = {.world = &w, .step = step, .turns = turns, .fold = fold};
	world_open(&w);
	world_bench_open(&w, &d.a);
	/* One process, one index: B's is A's. */
	d.b = d.a;
	struct err e;
	assert_int_equal(bus_topic_ensure(d.a.bench.bus, "t.p.files", 1, NULL, &e), RC_OK);
	place_init(&d.pa, "t.p.files", 0, &w.pipeline, w.projection);
	place_init(&d.pb, "t.p.files", 0, &w.pipeline, w.projection);
	d.a.bench.step = cut_in;
	d.a.bench.step_context = &d;
	/* A's first commit is where B cuts in, with borders of its own; then both go on by turns. */
	(void)!commit_range(&d.a, &d.pa, 0, 20);
	uint64_t end = 0;
	for (int i = 0; i < 3; i++) {
		end = recover(&d.a, &d.pa);
		assert_int_equal(commit_one(&d.a, &d.pa, end), RC_OK);
		assert_int_equal(recover(&d.b, &d.pb), end + 10);
	}
	end += 10;
	struct world_sum s = world_sum(&w, "t.p.files");
	assert_int_equal(s.rows, end);
	assert_true(s.chained);
	assert_int_equal(s.stray, 0);
	for (uint64_t start = 0; start < end; start += 10) {
		char text[32];
		snprintf(text, sizeof text, "start-%08llu", (unsigned long long)start);
		assert_int_equal(world_holding(&w, text), 1);
	}
	/* A leftover in a slot that was cleaned up is taken back by who put it. */
	struct manifest_visitor nothing = {NULL};
	if (fold)
		assert_int_equal(manifest_load(d.a.bench.store, "t.p.files", 0, 0, &nothing, &e), RC_END);
	assert_int_equal(commit_sweep(&d.a.bench, &d.pa, end, &e), RC_OK);
	assert_int_equal(world_count(&w, "_sluice/staging"), 0);
	world_bench_close(&d.a);
	world_close(&w);
}

static void two_writers_store_every_row_once(void **state)
{
	for (int step = 0; step < STEPS; step++)
		for (int turns = 0; turns < 3; turns++)
			duel(step, turns, false);
}

static void a_writer_that_slept_through_cleaning_is_found_out(void **state)
{
	duel(STEP_SYNCED, HISTORY_LEAST + HISTORY_KEEP, true);
	duel(STEP_PUT, HISTORY_LEAST + HISTORY_KEEP, true);
}

static void the_index_comes_back_from_the_lake(void **state)
{
	struct world w;
	struct world_bench b;
	struct place p;
	struct err e;
	bool has = false;
	world_open(&w);
	world_bench_open(&w, &b);
	assert_int_equal(bus_topic_ensure(b.bench.bus, "t.p.files", 1, NULL, &e), RC_OK);
	place_init(&p, "t.p.files", 0, &w.pipeline, w.projection);
	for (uint64_t start = 0; start < 10 * (HISTORY_LEAST + HISTORY_KEEP + 5); start += 10)
		assert_int_equal(commit_one(&b, &p, start), RC_OK);
	assert_int_equal(history_fold(b.bench.store, "t.p.files", 0, 0, clock_wall().ns / 1000000 + 1000, &e), RC_OK);
	assert_int_equal(seen_forget(b.bench.seen, &p.seen, &e), RC_OK);
	recover(&b, &p);
	for (uint64_t start = 0; start < 10 * (HISTORY_LEAST + HISTORY_KEEP + 5); start += 10) {
		struct seen_key key = {.again = 0};
		char text[32];
		snprintf(text, sizeof text, "start-%08llu", (unsigned long long)start);
		sha256_of(text, strlen(text), key.original);
		assert_int_equal(seen_has(b.bench.seen, &p.seen, &key, clock_wall().ns / 1000000, &has, &e), RC_OK);
		assert_true(has);
	}
	world_bench_close(&b);
	world_close(&w);
}

/* A dies after its put; B listed the manifests before that one was there, and reads what the index lacks after it. */
static void the_index_knows_nothing_that_is_not_rolled_forward(void **state)
{
	struct world w;
	struct world_bench b;
	struct manifest_head newest = {.partition = 0};
	struct seen_position known;
	struct err e;
	world_open(&w);
	w.settings.commit_events = 1;
	fill(&w);
	assert_false(work(&w, w.pipeline.topic_files, STEP_PUT, 1));
	world_bench_open(&w, &b);
	const struct manifest_visitor v = {.context = &newest, .head = copy_head};
	assert_int_equal(manifest_load(b.bench.store, "t.p.files", 0, 0, &v, &e), RC_OK);
	struct seen_place place = seen_place_of("t.p.files", 0);
	assert_int_equal(seen_forget(b.bench.seen, &place, &e), RC_OK);
	assert_int_equal(recall(b.bench.store, b.bench.seen, "t.p.files", 0, &newest, newest.end, 1000000, &e), RC_OK);
	assert_int_equal(seen_position(b.bench.seen, &place, &known, &e), RC_OK);
	assert_int_equal(known.end, newest.end);
	world_bench_close(&b);
	work(&w, w.pipeline.topic_files, STEPS, 0);
	check(&w, w.pipeline.topic_files, 3);
	world_close(&w);
}

/* An index that is ahead of the newest manifest that we saw is another process's at work, not another lake's. */
static void an_index_that_is_ahead_is_not_forgotten(void **state)
{
	struct world w;
	struct world_bench b;
	struct place p;
	struct manifest_head first = {.partition = 0};
	struct seen_position known;
	struct err e;
	world_open(&w);
	world_bench_open(&w, &b);
	assert_int_equal(bus_topic_ensure(b.bench.bus, "t.p.files", 1, NULL, &e), RC_OK);
	place_init(&p, "t.p.files", 0, &w.pipeline, w.projection);
	for (uint64_t start = 0; start < 30; start += 10)
		assert_int_equal(commit_one(&b, &p, start), RC_OK);
	const struct manifest_visitor v = {.context = &first, .head = copy_head};
	assert_int_equal(manifest_load(b.bench.store, "t.p.files", 0, 0, &v, &e), RC_OK);
	assert_int_equal(recall(b.bench.store, b.bench.seen, "t.p.files", 0, &first, first.end, 1000000, &e), RC_AGAIN);
	assert_int_equal(seen_position(b.bench.seen, &p.seen, &known, &e), RC_OK);
	assert_int_equal(known.end, 30);
	world_bench_close(&b);
	world_close(&w);
}

struct walked {
	struct store *store;
	uint64_t heads, next;
	uint64_t fold_at; /* another process folds when that head is seen */
	bool chained;
};

static enum rc walk_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct walked *k = context;
	k->heads++;
	k->chained &= h->start == k->next;
	k->next = h->end;
	if (k->heads == k->fold_at)
		(void)!history_fold(k->store, "t.p.files", 0, 0, clock_wall().ns / 1000000 + 1000, e);
	return RC_OK;
}

static void commits_that_are_folded_between_segments_and_listing_are_not_passed_over(void **state)
{
	enum { COMMITS = 2 * HISTORY_LEAST + HISTORY_KEEP };
	struct world w;
	struct world_bench b;
	struct place p;
	struct err e;
	uint64_t next = 0;
	world_open(&w);
	world_bench_open(&w, &b);
	assert_int_equal(bus_topic_ensure(b.bench.bus, "t.p.files", 1, NULL, &e), RC_OK);
	place_init(&p, "t.p.files", 0, &w.pipeline, w.projection);
	for (uint64_t i = 0; i < COMMITS; i++) {
		assert_int_equal(commit_one(&b, &p, 10 * i), RC_OK);
		if (i + 1 == HISTORY_LEAST + HISTORY_KEEP)
			assert_int_equal(
			    history_fold(b.bench.store, "t.p.files", 0, 0, clock_wall().ns / 1000000 + 1000, &e),
			    RC_OK);
	}
	struct walked k = {.store = b.bench.store, .fold_at = HISTORY_LEAST, .chained = true};
	const struct manifest_visitor v = {.context = &k, .head = walk_head};
	assert_int_equal(history_each(b.bench.store, "t.p.files", 0, 0, 0, &v, &next, &e), RC_OK);
	assert_int_equal(k.heads, COMMITS);
	assert_int_equal(next, 10 * COMMITS);
	assert_true(k.chained);
	/* A hole that somebody made by hand is stepped over. */
	char path[512];
	lake_commit(path, sizeof path, "t.p.files", 0, 10 * (COMMITS - 2));
	assert_int_equal(store_remove(b.bench.store, &(const char *){path}, 1, &e), RC_OK);
	k = (struct walked){.chained = true};
	assert_int_equal(history_each(b.bench.store, "t.p.files", 0, 0, 0, &v, &next, &e), RC_OK);
	assert_int_equal(k.heads, COMMITS - 1);
	assert_false(k.chained);
	world_bench_close(&b);
	world_close(&w);
}

/* What A put into a slot that was folded lies there for a moment, or for good if A dies: nobody takes it for a link. */
static void look_at_leftover(void *context, enum commit_step step)
{
	struct duel *d = context;
	struct walked k = {.chained = true};
	const struct manifest_visitor v = {.context = &k, .head = walk_head};
	uint64_t next = 0;
	struct err e;
	cut_in(d, step == STEP_SYNCED ? d->step : STEPS);
	if (step != STEP_SYNCED)
		return;
	struct draft *late = draft_new(&d->b.bench, &d->pb, 0);
	struct manifest_head head;
	struct writer text;
	char path[512];
	for (uint64_t at = 0; at < 30; at += 10)
		put_event(&d->b, late, at);
	assert_int_equal(draft_finish(late, 30, &e), RC_OK);
	writer_init(&text, MANIFEST_MAX);
	assert_int_equal(draft_manifest(late, &head, &text, &e), RC_OK);
	lake_commit(path, sizeof path, "t.p.files", 0, 0);
	assert_int_equal(store_put_if_absent(d->b.bench.store, path, text.bytes, text.len, &e), RC_OK);
	writer_fini(&text);
	draft_free(&late);
	assert_int_equal(manifest_load(d->b.bench.store, "t.p.files", 0, 0, &v, &e), RC_OK);
	k = (struct walked){.chained = true};
	assert_int_equal(history_next(d->b.bench.store, "t.p.files", 0, 0, &v, &e), RC_END);
	assert_int_equal(history_each(d->b.bench.store, "t.p.files", 0, 0, 0, &v, &next, &e), RC_OK);
	assert_int_equal(k.heads, d->turns);
	assert_true(k.chained);
}

static void a_leftover_is_no_link(void **state)
{
	struct world w;
	struct duel d = {.world = &w, .step = STEP_SYNCED, .turns = HISTORY_LEAST + HISTORY_KEEP, .fold = true};
	struct err e;
	world_open(&w);
	world_bench_open(&w, &d.a);
	d.b = d.a;
	assert_int_equal(bus_topic_ensure(d.a.bench.bus, "t.p.files", 1, NULL, &e), RC_OK);
	place_init(&d.pa, "t.p.files", 0, &w.pipeline, w.projection);
	place_init(&d.pb, "t.p.files", 0, &w.pipeline, w.projection);
	d.a.bench.step = look_at_leftover;
	d.a.bench.step_context = &d;
	assert_int_equal(commit_range(&d.a, &d.pa, 0, 20), RC_END);
	/* The next fold takes it away. */
	const struct manifest_visitor nothing = {NULL};
	(void)!history_fold(d.b.bench.store, "t.p.files", 0, 0, clock_wall().ns / 1000000 + 1000, &e);
	assert_int_equal(manifest_load(d.b.bench.store, "t.p.files", 0, 0, &nothing, &e), RC_END);
	uint64_t end = recover(&d.b, &d.pb);
	assert_int_equal(end, 10 * d.turns);
	struct world_sum s = world_sum(&w, "t.p.files");
	assert_int_equal(s.rows, end);
	assert_true(s.chained);
	assert_int_equal(s.stray, 0);
	world_bench_close(&d.a);
	world_close(&w);
}

/* The other one recovered, and took away what this one had staged before it was durable. */
static void a_draft_that_was_swept_is_begun_again(void **state)
{
	struct world w;
	struct world_bench b;
	struct place p;
	struct err e;
	char command[600];
	world_open(&w);
	world_bench_open(&w, &b);
	assert_int_equal(bus_topic_ensure(b.bench.bus, "t.p.files", 1, NULL, &e), RC_OK);
	place_init(&p, "t.p.files", 0, &w.pipeline, w.projection);
	struct draft *d = draft_new(&b.bench, &p, 0);
	put_event(&b, d, 0);
	char *staging = store_local_path(b.bench.store, p.staging);
	snprintf(command, sizeof command, "rm -r '%s'", staging);
	assert_int_equal(system(command), 0);
	assert_int_equal(draft_finish(d, 10, &e), RC_AGAIN);
	draft_free(&d);
	mem_free(&staging);
	world_bench_close(&b);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_crash_at_any_boundary_loses_and_doubles_nothing),
	    cmocka_unit_test(a_half_rolled_manifest_is_rolled_on),
	    cmocka_unit_test(a_lost_file_is_not_passed_over),
	    cmocka_unit_test(two_writers_store_every_row_once),
	    cmocka_unit_test(a_writer_that_slept_through_cleaning_is_found_out),
	    cmocka_unit_test(the_index_comes_back_from_the_lake),
	    cmocka_unit_test(the_index_knows_nothing_that_is_not_rolled_forward),
	    cmocka_unit_test(an_index_that_is_ahead_is_not_forgotten),
	    cmocka_unit_test(commits_that_are_folded_between_segments_and_listing_are_not_passed_over),
	    cmocka_unit_test(a_leftover_is_no_link),
	    cmocka_unit_test(a_draft_that_was_swept_is_begun_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
