/*
 * The collector on a real lake, bus and ledger: what lies there, what arrives, what is odd, what a crash or a lost
 * ledger leaves. The dissector is world.h's, of text lines.
 */
#include "pipe/collector.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pipe/ledger.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { START = 1768381200, WAIT_MS = 15000, NOBODY = 65534 };

struct town {
	struct world world;
	struct collector_job job;
	struct collector_result result;
	struct err e;
	enum rc rc;
	_Atomic bool stop;
	pthread_t thread;
};

static bool asked(void *context)
{
	struct town *t = context;
	return atomic_load(&t->stop);
}

static int set_up(void **state)
{
	struct town *t = mem_zero(1, sizeof *t);
	struct world *w = &t->world;
	world_open(w);
	w->settings.inline_max = 64 << 10;
	w->settings.rows_max = 1 << 20;
	w->settings.rescan_ms = 200;
	w->settings.collect_group = 16;
	w->settings.collect_memory = 16 << 20;
	w->settings.collect_pending = 1000;
	w->settings.collect_spool = 64 << 20;
	w->settings.ledger_max_bytes = 64 << 20;
	w->pipeline.watch = mem_format("%s/in", w->dir);
	w->pipeline.pattern = (char *)"*.log*";
	w->pipeline.recursive = true;
	w->pipeline.settle_ms = 100;
	assert_int_equal(file_mkdirs(w->pipeline.watch, &t->e), RC_OK);
	t->job =
	    (struct collector_job){.settings = &w->settings, .once = true, .stop = asked, .wake_fd = -1, .context = t};
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct town *t = *state;
	mem_free(&t->world.pipeline.watch);
	mem_free(&t->world.pipeline.after_dir);
	world_close(&t->world);
	mem_free(&t);
	return 0;
}

static char *in(const struct town *t, const char *name)
{
	return mem_format("%s/%s", t->world.pipeline.watch, name);
}

/* A file whose last change is long ago. */
static void old_file(const struct town *t, const char *name, const char *text)
{
	char *path = in(t, name);
	struct timespec times[2] = {{.tv_sec = START}, {.tv_sec = START}};
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	mem_free(&path);
}

static void lines_file(const struct town *t, const char *name, const char *mark, unsigned count)
{
	char *text = world_lines(mark, START, 1, count);
	old_file(t, name, text);
	mem_free(&text);
}

static void collect(struct town *t)
{
	if (collector_run(&t->job, &t->result, &t->e) != RC_OK)
		fail_msg("%s", t->e.text);
}

/* Collect, let the worker work, see its commits. */
static void collect_all(struct town *t)
{
	collect(t);
	if (world_work(&t->world, &t->e) != RC_OK)
		fail_msg("%s", t->e.text);
	struct collector_result first = t->result;
	t->job.until_committed = true;
	collect(t);
	t->job.until_committed = false;
	t->result.doubled = first.doubled;
	t->result.aside = first.aside;
}

static struct ledger *ledger_of(const struct town *t)
{
	struct ledger *l = NULL;
	struct err e;
	char *dir = mem_format("%s/ledger", t->world.settings.state);
	assert_int_equal(ledger_open(dir, 64 << 20, &l, &e), RC_OK);
	mem_free(&dir);
	return l;
}

static struct ledger_counts counts(const struct town *t)
{
	struct ledger_counts c;
	struct err e;
	struct ledger *l = ledger_of(t);
	assert_int_equal(ledger_count(l, "p", &c, &e), RC_OK);
	ledger_close(&l);
	return c;
}

static bool aside_as(const struct town *t, const char *name, const char *note)
{
	struct ledger_path p;
	struct err e;
	struct ledger *l = ledger_of(t);
	char *path = in(t, name);
	bool as =
	    ledger_path(l, "p", path, &p, &e) == RC_OK && p.state == LEDGER_PATH_ASIDE && strstr(p.note, note) != NULL;
	mem_free(&path);
	ledger_close(&l);
	return as;
}

static bool there(const struct town *t, const char *name)
{
	char *path = in(t, name);
	bool is = access(path, F_OK) == 0;
	mem_free(&path);
	return is;
}

static uint64_t rows_stored(const struct town *t)
{
	const struct world *w = &t->world;
	struct world_sum rows = world_sum(w, w->pipeline.topic_rows), files = world_sum(w, w->pipeline.topic_files);
	assert_true(rows.chained && files.chained);
	return rows.rows + files.rows;
}

static void what_lies_there(void **state)
{
	struct town *t = *state;
	char *sub = in(t, "a/b");
	assert_int_equal(file_mkdirs(sub, &t->e), RC_OK);
	mem_free(&sub);
	lines_file(t, "one.log", "one", 100);
	lines_file(t, "a/same.log", "two", 10);
	lines_file(t, "a/b/same.log", "three", 20);
	lines_file(t, "a/b/large.log", "four", 5000);
	lines_file(t, "other.txt", "five", 1000);
	old_file(t, "hours.log", "1768381200 1 x\n1768384800 2 y\nnot a line\n1768388400 3 z\n");
	collect_all(t);
	assert_int_equal(t->result.files, 5);
	assert_int_equal(t->result.committed, 5);
	assert_int_equal(t->result.rows, 5133);
	assert_int_equal(t->result.rejects, 1);
	assert_int_equal(counts(t).original[LEDGER_COMMITTED], 5);
	assert_int_equal(rows_stored(t), 5133);
	assert_int_equal(world_count(&t->world, "line/binary"), 5);
	collect(t); /* nothing is new */
	assert_int_equal(t->result.files, 0);
	assert_int_equal(world_count(&t->world, "_sluice/staging"), 0);
}

static void doubles(void **state)
{
	struct town *t = *state;
	for (unsigned i = 0; i < 40; i++) {
		char name[32];
		snprintf(name, sizeof name, "twin%02u.log", i);
		lines_file(t, name, i % 2 ? "a" : "b", 10);
	}
	collect_all(t);
	assert_int_equal(t->result.doubled, 38);
	assert_int_equal(counts(t).doubles, 38);
	assert_int_equal(t->result.committed, 2);
	assert_int_equal(rows_stored(t), 20);
	assert_int_equal(world_count(&t->world, "line/binary"), 2);
	/* Touched, but the same: no double of itself. */
	char *path = in(t, "twin00.log");
	assert_int_equal(chmod(path, 0600), 0);
	collect(t);
	assert_int_equal(counts(t).doubles, 38);

	/* load: known already, then again. */
	t->job.only = &t->world.pipeline;
	t->job.path = (const char *const *)&path;
	t->job.paths = 1;
	collect(t);
	assert_int_equal(t->result.doubled, 1);
	t->job.again = true;
	collect(t);
	assert_int_equal(t->result.doubled, 0);
	assert_int_equal(counts(t).original[LEDGER_PUBLISHED], 1);
	t->job.only = NULL;
	t->job.again = false;
	collect_all(t);
	assert_int_equal(rows_stored(t), 30);
	assert_int_equal(world_count(&t->world, "line/binary"), 2);
	mem_free(&path);
}

static void new_content_under_an_old_name(void **state)
{
	struct town *t = *state;
	lines_file(t, "x.log", "before", 10);
	collect_all(t);
	lines_file(t, "x.log", "after", 30);
	collect_all(t);
	assert_int_equal(rows_stored(t), 40);
	assert_int_equal(world_count(&t->world, "line/binary"), 2);
	assert_int_equal(counts(t).original[LEDGER_COMMITTED], 2);
}

static void grown(void **state)
{
	struct town *t = *state;
	const unsigned lines[] = {10, 30, 60, 4000};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		lines_file(t, "x.log", "m", lines[i]);
		collect_all(t);
		assert_int_equal(t->result.aside, i > 0);
		assert_int_equal(counts(t).original[LEDGER_COMMITTED], 1);
		assert_true(i == 0 || aside_as(t, "x.log", "grown"));
	}
	assert_int_equal(rows_stored(t), 10);
	collect(t); /* said once */
	assert_int_equal(t->result.files, 0);
	char *path = in(t, "x.log");
	t->job.only = &t->world.pipeline;
	t->job.path = (const char *const *)&path;
	t->job.paths = 1;
	t->job.again = true;
	collect(t);
	t->job.only = NULL;
	t->job.again = false;
	collect_all(t);
	assert_int_equal(rows_stored(t), 4010);
	mem_free(&path);
}

static void odd_names(void **state)
{
	struct town *t = *state;
	static const char *const name[] = {"with space.log", "quote\"'`$(x).log", "new\nline.log",
	    "not-utf8-\xff\xfe.log", "back\\slash.log", "-dash.log", "%s%n.log", "~tilde.log", "\xc3\xa4.log"};
	char longest[256];
	unsigned n = sizeof name / sizeof name[0];
	for (unsigned i = 0; i < n; i++)
		lines_file(t, name[i], name[i], 1 + i);
	memset(longest, 'n', sizeof longest);
	strcpy(longest + 251, ".log");
	lines_file(t, longest, "long", 1);
	char *sub = mem_format("%s/sub", t->world.pipeline.watch);
	assert_int_equal(file_mkdirs(sub, &t->e), RC_OK);
	mem_free(&sub);
	char *twin =
	    mem_format("sub/%s", longest); /* its name in the lake is taken: it has to get another that still fits */
	lines_file(t, twin, "long2", 2);
	mem_free(&twin);
	lines_file(t, ".hidden.log", "hidden", 1);
	collect_all(t);
	assert_int_equal(t->result.committed, n + 2);
	assert_int_equal(rows_stored(t), n * (n + 1) / 2 + 3);
	char *kept = mem_format("%s/line/binary/20260114/09/%s", t->world.settings.store_place, name[3]);
	assert_int_equal(access(kept, F_OK), 0);
	mem_free(&kept);
}

static void no_files_of_ours(void **state)
{
	struct town *t = *state;
	char *path = in(t, "pipe.log"), *link = in(t, "link.log"), *folder = in(t, "folder.log"),
	     *out = in(t, "out.log");
	t->world.pipeline.recursive = false;
	lines_file(t, "target.log", "target", 3);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(symlink("target.log", link), 0);
	assert_int_equal(symlink("/etc/passwd", out), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	old_file(t, "empty.log", "");
	old_file(t, "refuse.log", "refuse me");
	collect_all(t);
	assert_int_equal(t->result.aside, 4);
	assert_true(aside_as(t, "pipe.log", "not a regular file"));
	assert_true(aside_as(t, "link.log", "symbolic link"));
	assert_true(aside_as(t, "out.log", "symbolic link"));
	assert_true(aside_as(t, "folder.log", "a folder"));
	assert_int_equal(
	    counts(t).original[LEDGER_COMMITTED], 2); /* the target, and the empty one: no rows, a normal end */
	assert_int_equal(counts(t).original[LEDGER_REFUSED], 1);
	assert_int_equal(t->result.refused, 1);
	assert_int_equal(rows_stored(t), 3);
	/* What becomes a file is taken. */
	assert_int_equal(unlink(out), 0);
	lines_file(t, "out.log", "now", 4);
	collect_all(t);
	assert_int_equal(rows_stored(t), 7);
	assert_int_equal(counts(t).aside, 3);
	mem_free(&path);
	mem_free(&link);
	mem_free(&folder);
	mem_free(&out);
}

static void no_permission(void **state)
{
	struct town *t = *state;
	char *path = in(t, "shut.log"), *folder = in(t, "shut");
	bool root = geteuid() == 0;
	lines_file(t, "shut.log", "shut", 5);
	assert_int_equal(mkdir(folder, 0700), 0);
	lines_file(t, "shut/inside.log", "inside", 6);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(chmod(folder, 0), 0);
	if (root) {
		assert_int_equal(
		    chown(t->world.dir, NOBODY, NOBODY) | chown(t->world.settings.state, NOBODY, NOBODY), 0);
		assert_int_equal(seteuid(NOBODY), 0);
	}
	collect(t);
	assert_int_equal(t->result.aside, 2);
	assert_true(aside_as(t, "shut.log", "no permission"));
	assert_true(aside_as(t, "shut", "can't be read"));
	collect(t); /* said once, counted again in each run, tried again each time */
	assert_int_equal(t->result.aside, 2);
	assert_int_equal(counts(t).aside, 2);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	collect_all(t);
	assert_int_equal(rows_stored(t), 11);
	mem_free(&path);
	mem_free(&folder);
}

static void named_paths(void **state)
{
	struct town *t = *state;
	char *link = in(t, "link.log"), *none = in(t, "none.log"), *folder = in(t, "more");
	const char *const path[] = {link, none, folder};
	lines_file(t, "target.any", "target", 3);
	assert_int_equal(symlink("target.any", link), 0);
	assert_int_equal(mkdir(folder, 0755), 0);
	lines_file(t, "more/x.log", "x", 4);
	lines_file(t, "more/x.txt", "y", 5);
	lines_file(t, "not-named.log", "z", 6);
	t->job.only = &t->world.pipeline;
	t->job.path = path;
	t->job.paths = 3;
	collect(t);
	assert_int_equal(t->result.aside, 1);
	t->job.only = NULL;
	char *rest = in(t, "not-named.log");
	assert_int_equal(unlink(rest), 0);
	collect_all(t);
	assert_int_equal(rows_stored(t), 7);
	mem_free(&rest);
	mem_free(&link);
	mem_free(&none);
	mem_free(&folder);
}

static void large_rows_go_as_files(void **state)
{
	struct town *t = *state;
	t->world.settings.rows_max = 2000;
	lines_file(t, "few.log", "few", 10);
	lines_file(t, "many.log", "many", 900);
	collect_all(t);
	struct world_sum files = world_sum(&t->world, t->world.pipeline.topic_files);
	assert_int_equal(files.originals, 1);
	assert_int_equal(files.rows, 900);
	assert_int_equal(rows_stored(t), 910);
}

static void after_delete(void **state)
{
	struct town *t = *state;
	t->world.pipeline.after = AFTER_DELETE;
	lines_file(t, "a.log", "a", 5);
	lines_file(t, "b.log", "b", 5);
	lines_file(t, "twin.log", "a", 5);
	old_file(t, "refuse.log", "refuse me");
	collect(t);
	assert_true(there(t, "a.log") && there(t, "twin.log"));
	lines_file(t, "b.log", "new", 7); /* not what was read */
	t->world.pipeline.pattern = (char *)"[atr]*.log";
	collect_all(t);
	assert_false(there(t, "a.log"));
	assert_true(there(t, "b.log"));
	assert_true(there(t, "refuse.log")); /* its rows are not in the tables */
	t->world.pipeline.pattern = (char *)"*.log";
	collect_all(t);
	collect(t); /* the rescan finds what is committed and still lies there */
	assert_false(there(t, "b.log"));
	assert_false(there(t, "twin.log"));
	assert_int_equal(rows_stored(t), 17);
}

static void after_move(void **state)
{
	struct town *t = *state;
	t->world.pipeline.after = AFTER_MOVE;
	t->world.pipeline.after_dir = in(t, "done"); /* inside what is watched: must not be taken again */
	lines_file(t, "a.log", "a", 5);
	collect_all(t);
	lines_file(t, "a.log", "b", 5);
	collect_all(t);
	collect_all(t);
	assert_false(there(t, "a.log"));
	assert_true(there(t, "done/a.log") && there(t, "done/a.log.1") && !there(t, "done/a.log.2"));
	assert_int_equal(rows_stored(t), 10);
	assert_int_equal(counts(t).doubles, 0);
}

static void *collect_for_ever(void *context)
{
	struct town *t = context;
	t->rc = collector_run(&t->job, &t->result, &t->e);
	return NULL;
}

static void begin(struct town *t)
{
	t->job.once = false;
	atomic_store(&t->stop, false);
	assert_int_equal(pthread_create(&t->thread, NULL, collect_for_ever, t), 0);
}

static void end(struct town *t)
{
	struct mono asked_at = clock_mono();
	atomic_store(&t->stop, true);
	assert_int_equal(pthread_join(t->thread, NULL), 0);
	assert_in_range(mono_since(asked_at), 0, 1500);
	assert_int_equal(t->rc, RC_OK);
	t->job.once = true;
	atomic_store(&t->stop, false);
}

/* Until that many originals are on the bus; a barrier, not a sleep. */
static void await_published(const struct town *t, uint64_t n)
{
	struct bus *b = world_bus(&t->world);
	struct mono begun = clock_mono();
	uint64_t first = 0, next = 0;
	struct err e;
	while (next < n && mono_since(begun) < WAIT_MS) {
		if (bus_range(b, t->world.pipeline.topic_rows, 0, &first, &next, &e) != RC_OK)
			next = 0;
		clock_sleep_ms(10);
	}
	bus_close(&b);
	assert_int_equal(next, n);
}

static void what_arrives(void **state)
{
	struct town *t = *state;
	t->world.settings.rescan_ms = 60000; /* so that only inotify can see it */
	t->world.pipeline.settle_ms = 60000;
	begin(t);
	/* The first scan must be over: until then a file would have to settle. */
	char *early = in(t, "early.log"), *late = in(t, "late.log");
	clock_sleep_ms(500);
	FILE *f = fopen(early, "w");
	assert_non_null(f);
	fputs("1768381200 1 x\n", f);
	fclose(f); /* closed */
	await_published(t, 1);
	lines_file(t, "part.tmp", "part", 5);
	char *tmp = in(t, "part.tmp"), *part = in(t, "part.log");
	assert_int_equal(rename(tmp, part), 0); /* renamed in */
	await_published(t, 2);
	f = fopen(late, "w");
	fputs("1768381200 1 y\n", f);
	fflush(f);
	clock_sleep_ms(200);
	await_published(t, 2); /* still open: still growing */
	fputs("1768381200 2 y\n", f);
	fclose(f);
	await_published(t, 3);
	char *sub = in(t, "new/deeper");
	assert_int_equal(file_mkdirs(sub, &t->e), RC_OK);
	clock_sleep_ms(300);
	lines_file(t, "new/deeper/z.log", "z", 9);
	await_published(t, 4);
	char *from = in(t, "new"), *to = in(t, "renamed");
	assert_int_equal(rename(from, to), 0);
	clock_sleep_ms(300);
	lines_file(t, "renamed/deeper/zz.log", "zz", 9);
	await_published(t, 5);
	end(t);
	collect_all(t);
	assert_int_equal(rows_stored(t), 1 + 5 + 2 + 9 + 9);
	mem_free(&early);
	mem_free(&late);
	mem_free(&tmp);
	mem_free(&part);
	mem_free(&sub);
	mem_free(&from);
	mem_free(&to);
}

static void what_only_a_rescan_sees(void **state)
{
	struct town *t = *state;
	char *elsewhere = mem_format("%s/elsewhere.log", t->world.dir), *linked = in(t, "linked.log");
	begin(t);
	clock_sleep_ms(300);
	lines_file(t, "../elsewhere.log", "e", 3);
	assert_int_equal(link(elsewhere, linked), 0); /* inotify says only that it was created */
	await_published(t, 1);
	end(t);
	mem_free(&elsewhere);
	mem_free(&linked);
}

static void a_young_file_waits(void **state)
{
	struct town *t = *state;
	t->world.pipeline.settle_ms = 400;
	lines_file(t, "young.log", "young", 3);
	char *path = in(t, "young.log");
	assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
	struct mono begun = clock_mono();
	collect(t);
	assert_in_range(mono_since(begun), 390, WAIT_MS);
	assert_int_equal(counts(t).original[LEDGER_PUBLISHED], 1);
	mem_free(&path);
}

static void lost_ledger(void **state)
{
	struct town *t = *state;
	for (unsigned i = 0; i < 20; i++) {
		char name[32];
		snprintf(name, sizeof name, "f%02u.log", i);
		lines_file(t, name, name, 10);
	}
	old_file(t, "refuse.log", "refuse me");
	collect_all(t);
	char *dir = mem_format("%s/ledger", t->world.settings.state);
	assert_int_equal(file_remove_tree(dir, &t->e), RC_OK);
	mem_free(&dir);
	lines_file(t, "new.log", "new", 5);
	collect_all(t);
	assert_int_equal(rows_stored(t), 205);
	assert_int_equal(counts(t).original[LEDGER_COMMITTED], 21);
	assert_int_equal(counts(t).original[LEDGER_REFUSED], 1);
	assert_int_equal(counts(t).doubles, 0); /* each is found again as what it is */
	assert_int_equal(world_count(&t->world, "line/binary"), 22);
}

static void what_a_crash_left_in_the_lake(void **state)
{
	struct town *t = *state;
	struct store *s = world_store(&t->world);
	char *text = world_lines("m", START, 1, 10);
	assert_int_equal(store_put_if_absent(s, "line/binary/20260114/09/same.log", text, strlen(text), &t->e), RC_OK);
	assert_int_equal(store_put_if_absent(s, "line/binary/20260114/09/other.log", "other", 5, &t->e), RC_OK);
	store_close(&s);
	lines_file(t, "same.log", "m", 10);
	lines_file(t, "other.log", "n", 10);
	collect_all(t);
	assert_int_equal(rows_stored(t), 20);
	assert_int_equal(world_count(&t->world, "line/binary"), 3);
	mem_free(&text);
}

static void a_full_bus(void **state)
{
	struct town *t = *state;
	const struct bus_option option[] = {{"max_bytes", "1MiB"}};
	t->world.settings.bus_option = (struct bus_option *)option;
	t->world.settings.bus_options = 1;
	for (unsigned i = 0; i < 80; i++) {
		char name[32];
		snprintf(name, sizeof name, "f%02u.log", i);
		lines_file(t, name, name, 2000);
	}
	begin(t);
	struct mono begun = clock_mono();
	while (counts(t).original[LEDGER_PUBLISHED] < 5 && mono_since(begun) < WAIT_MS)
		clock_sleep_ms(20);
	clock_sleep_ms(500);
	end(t);
	struct ledger_counts c = counts(t);
	assert_in_range(c.original[LEDGER_PUBLISHED], 5, 40);
	assert_true(c.original[LEDGER_ARCHIVED] > 0);
	/* With a worker that makes room, nothing is missing and nothing is there twice. */
	begun = clock_mono();
	while (counts(t).original[LEDGER_COMMITTED] < 80 && mono_since(begun) < 4 * WAIT_MS) {
		begin(t);
		/* However slow the machine: until there is something to work off. */
		struct mono asked = clock_mono();
		while (counts(t).original[LEDGER_PUBLISHED] == 0 && mono_since(asked) < WAIT_MS)
			clock_sleep_ms(20);
		assert_int_equal(world_work(&t->world, &t->e), RC_OK);
		clock_sleep_ms(200);
		end(t);
	}
	assert_int_equal(counts(t).original[LEDGER_COMMITTED], 80);
	assert_int_equal(rows_stored(t), 80 * 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_lies_there, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(doubles, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(new_content_under_an_old_name, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(grown, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(odd_names, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_files_of_ours, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_permission, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(named_paths, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(large_rows_go_as_files, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(after_delete, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(after_move, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_arrives, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_only_a_rescan_sees, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_young_file_waits, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lost_ledger, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_a_crash_left_in_the_lake, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_full_bus, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
