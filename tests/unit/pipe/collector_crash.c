/*
 * kill -9 at random moments, then again: every file has its events on the bus, all sets of one original in one
 * partition and cut alike, and no row is stored twice or lost. Many rounds only with SLUICE_CRASH_ROUNDS set.
 */
#include "pipe/collector.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/event.h"
#include "pipe/ledger.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { START = 1768381200, FILES = 90, LINES = 30, STEP_S = 400, PARTS = 4, ROUNDS = 15, PARTITIONS = 3 };

static bool never(void *context)
{
	return false;
}

static struct collector_job job_of(const struct world *w)
{
	return (struct collector_job){.settings = &w->settings, .once = true, .stop = never, .wake_fd = -1};
}

static void drop_files(const struct world *w, unsigned from, unsigned to)
{
	struct timespec old[2] = {{.tv_sec = START}, {.tv_sec = START}};
	for (unsigned i = from; i < to; i++) {
		char mark[32];
		snprintf(mark, sizeof mark, "f%u", i);
		char *text = world_lines(mark, START, STEP_S, LINES),
		     *path = mem_format("%s/f%03u", w->pipeline.watch, i);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(text, f);
		fclose(f);
		assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
		mem_free(&path);
		mem_free(&text);
	}
}

static void collect_and_die(const struct world *w, unsigned after_us)
{
	pid_t child = fork();
	int status = 0;
	if (child == 0) {
		struct collector_job job = job_of(w);
		struct collector_result r;
		struct err e;
		_exit(collector_run(&job, &r, &e) == RC_OK ? 0 : 1);
	}
	assert_true(child > 0);
	usleep(after_us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

/* What the bus holds of one original. */
struct sets {
	char id[SHA256_TEXT + 12];
	unsigned partition, parts, seen; /* seen: bit per part */
};

static unsigned read_partition(struct bus *b, const char *topic, unsigned partition, struct sets *sets, unsigned count)
{
	struct bus_event at;
	struct event ev;
	char *buffer = NULL, id[SHA256_TEXT + 12];
	size_t size = 0;
	uint64_t offset = 0;
	struct err e;
	while (bus_fetch(b, topic, partition, offset, 0, &at, &e) == RC_OK) {
		offset = at.next;
		assert_int_equal(event_read(&at, &ev, &buffer, &size, &e), RC_OK);
		event_original(&ev, id);
		unsigned i = 0;
		while (i < count && strcmp(sets[i].id, id) != 0)
			i++;
		assert_true(i < FILES);
		if (i == count) {
			sets[count] = (struct sets){.partition = partition, .parts = ev.parts};
			strcpy(sets[count++].id, id);
		}
		assert_int_equal(sets[i].partition, partition);
		assert_int_equal(sets[i].parts, ev.parts);
		sets[i].seen |= 1u << ev.part;
	}
	mem_free(&buffer);
	return count;
}

static void check_bus(const struct world *w)
{
	struct sets *sets = mem_zero(FILES + 1, sizeof *sets);
	struct bus *b = world_bus(w);
	unsigned count = 0;
	for (unsigned p = 0; p < PARTITIONS; p++)
		count = read_partition(b, w->pipeline.topic_rows, p, sets, count);
	assert_int_equal(count, FILES);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(sets[i].parts, PARTS);
		assert_int_equal(sets[i].seen, (1u << PARTS) - 1);
	}
	bus_close(&b);
	mem_free(&sets);
}

struct tally {
	uint64_t originals, rows;
	struct store *store;
};

static bool see(void *context, const struct ledger_original *o)
{
	struct tally *t = context;
	char *bytes = NULL;
	size_t size = 0;
	uint8_t digest[SHA256_BYTES];
	struct err e;
	assert_int_equal(o->state, LEDGER_COMMITTED);
	assert_int_equal(store_get(t->store, o->path, 1 << 20, &bytes, &size, &e), RC_OK);
	sha256_of(bytes, size, digest);
	assert_memory_equal(digest, o->sha256, SHA256_BYTES);
	mem_free(&bytes);
	t->originals++;
	t->rows += o->rows;
	return true;
}

static void check_ledger(const struct world *w)
{
	struct tally t = {.store = world_store(w)};
	struct ledger *l = NULL;
	struct err e;
	char *dir = mem_format("%s/ledger", w->settings.state);
	assert_int_equal(ledger_open(dir, 64 << 20, &l, &e), RC_OK);
	assert_int_equal(ledger_each(l, see, &t, &e), RC_OK);
	assert_int_equal(t.originals, FILES);
	assert_int_equal(t.rows, FILES * LINES);
	ledger_close(&l);
	store_close(&t.store);
	mem_free(&dir);
}

static bool count_open(void *context, const struct ledger_original *o)
{
	++*(unsigned *)context;
	return true;
}

static unsigned open_originals(const struct world *w)
{
	struct ledger *l = NULL;
	struct err e;
	unsigned n = 0;
	char *dir = mem_format("%s/ledger", w->settings.state);
	assert_int_equal(ledger_open(dir, 64 << 20, &l, &e), RC_OK);
	assert_int_equal(ledger_each_open(l, count_open, &n, &e), RC_OK);
	ledger_close(&l);
	mem_free(&dir);
	return n;
}

static void killed_at_random(void **state)
{
	struct world w;
	struct collector_result r;
	struct err e;
	const char *more = getenv("SLUICE_CRASH_ROUNDS");
	unsigned rounds = more != NULL ? (unsigned)atoi(more) : ROUNDS;
	world_open(&w);
	w.settings.workers = PARTITIONS;
	w.settings.inline_max = 64 << 10;
	w.settings.rows_max = 1 << 20;
	w.settings.rescan_ms = 200;
	w.settings.collect_group = 7;
	w.settings.collect_memory = 16 << 20;
	w.settings.collect_pending = 1000;
	w.settings.collect_spool = 64 << 20;
	w.settings.ledger_max_bytes = 64 << 20;
	w.pipeline.watch = mem_format("%s/in", w.dir);
	w.pipeline.pattern = (char *)"f*";
	w.pipeline.settle_ms = 20;
	assert_int_equal(file_mkdirs(w.pipeline.watch, &e), RC_OK);
	srand(20260114);
	for (unsigned i = 0; i < rounds; i++) {
		drop_files(&w, i * FILES / rounds, (i + 1) * FILES / rounds);
		collect_and_die(&w, (unsigned)rand() % 40000);
	}
	struct collector_job job = job_of(&w);
	assert_int_equal(collector_run(&job, &r, &e), RC_OK);
	check_bus(&w);
	if (world_work(&w, &e) != RC_OK)
		fail_msg("%s", e.text);
	job.until_committed = true;
	assert_int_equal(collector_run(&job, &r, &e), RC_OK);
	assert_int_equal(open_originals(&w), 0);
	check_ledger(&w);
	assert_int_equal(world_count(&w, "line/binary"), FILES);
	assert_int_equal(world_count(&w, "_sluice/staging"), 0);
	mem_free(&w.pipeline.watch);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_random)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
