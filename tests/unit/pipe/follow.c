/* A commit is told once all of its files are where SQL looks: by the next name of the chain, and by a listing where old
 * manifests were folded; and what came before it does not wait. */
#include "pipe/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "dissect/nfcapd/nfcapd.h"
#include "pipe/history.h"
#include "pipe/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { FEW = 3, MANY = HISTORY_LEAST + HISTORY_KEEP + 10, LOOKS = 200, LOOK_MS = 10 };

struct place {
	char dir[64];
	struct store *store;
	struct ledger *ledger;
	struct follow *follow;
	struct pipeline pipeline;
	struct settings settings;
	unsigned told;
};

static int set_up(void **state)
{
	struct place *p = mem_zero(1, sizeof *p);
	struct err e;
	strcpy(p->dir, "/tmp/sluice-follow-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	char *lake = file_join(p->dir, "lake"), *ledger = file_join(p->dir, "ledger");
	assert_int_equal(store_open(&store_local, lake, NULL, 0, &p->store, &e), RC_OK);
	assert_int_equal(ledger_open(ledger, 64 << 20, &p->ledger, &e), RC_OK);
	mem_free(&lake);
	mem_free(&ledger);
	p->pipeline = (struct pipeline){.name = "flow",
	    .topic_files = "edge.flow.files",
	    .topic_rows = "edge.flow.rows",
	    .dissector = &dissect_nfcapd};
	p->settings.pipeline = &p->pipeline;
	p->settings.pipelines = 1;
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err e;
	follow_close(&p->follow);
	store_close(&p->store);
	ledger_close(&p->ledger);
	assert_int_equal(file_remove_tree(p->dir, &e), RC_OK);
	mem_free(&p);
	return 0;
}

static void identity(unsigned n, uint8_t out[SHA256_BYTES])
{
	memset(out, 0, SHA256_BYTES);
	memcpy(out + 8, &n, sizeof n);
}

static void put(const struct place *p, const char *path, const void *bytes, size_t len)
{
	struct err e;
	assert_int_equal(store_put_if_absent(p->store, path, bytes, len, &e), RC_OK);
}

static void put_file(const struct place *p, unsigned n, bool rejects, bool staged)
{
	char path[80];
	snprintf(path, sizeof path, "%s/%c%u", staged ? "_sluice/staging/x" : "flow/hive", rejects ? 'r' : 't', n);
	put(p, path, "rows", 4);
}

/* The commit [n, n + 1) of a table file and a rejects file. */
static void commit(const struct place *p, unsigned n, int64_t time_ms)
{
	struct manifest_head h = {
	    .topic = "edge.flow.rows", .start = n, .end = n + 1, .epoch = "e0", .time_ms = time_ms};
	struct manifest_original o = {
	    .name = "a", .path = "a", .pipeline = "flow", .dissector = "nfcapd/1", .parts = 1};
	struct writer w;
	char path[128];
	identity(n, o.original);
	writer_init(&w, 1 << 20);
	manifest_begin(&w, &h);
	for (unsigned rejects = 0; rejects < 2; rejects++) {
		char final[40], staged[40];
		snprintf(final, sizeof final, "flow/hive/%c%u", rejects ? 'r' : 't', n);
		snprintf(staged, sizeof staged, "_sluice/staging/x/%c%u", rejects ? 'r' : 't', n);
		const struct manifest_file f = {
		    .path = final, .staged = staged, .rejects = rejects, .dataset = "flow", .size = 4};
		manifest_add_file(&w, &f);
	}
	manifest_add_original(&w, &o);
	lines_end(&w);
	lake_commit(path, sizeof path, h.topic, h.partition, h.start);
	put(p, path, w.bytes, w.len);
	writer_fini(&w);
}

/* All awaited by a follow that begins now. */
static void await(struct place *p, unsigned count)
{
	const unsigned partitions[2] = {1, 1};
	struct err e;
	assert_int_equal(ledger_begin(p->ledger, &e), RC_OK);
	for (unsigned n = 0; n < count; n++) {
		struct ledger_original o = {.state = LEDGER_PUBLISHED,
		    .pipeline = "flow",
		    .name = "a",
		    .source = "",
		    .path = "a",
		    .topic = "edge.flow.rows",
		    .parts = 1,
		    .rows_event = true,
		    .dissector = "nfcapd/1",
		    .note = ""};
		identity(n, o.sha256);
		ledger_put_original(p->ledger, &o);
	}
	assert_int_equal(ledger_commit(p->ledger, &e), RC_OK);
	assert_int_equal(follow_open(&p->settings, partitions, p->store, p->ledger, &p->follow, &e), RC_OK);
	for (unsigned n = 0; n < count; n++) {
		uint8_t id[SHA256_BYTES];
		identity(n, id);
		assert_true(follow_add(p->follow, &p->pipeline, "edge.flow.rows", 0, id, 0, 0));
	}
}

static void hear(void *context, const struct follow_news *n)
{
	struct place *p = context;
	assert_true(n->awaited);
	assert_int_equal(n->original->state, LEDGER_COMMITTED);
	p->told++;
}

static void look(struct place *p)
{
	struct err e;
	assert_int_equal(follow_poll(p->follow, hear, p, &e), RC_OK);
	clock_sleep_ms(LOOK_MS);
}

static void check(struct place *p, unsigned told, unsigned waits)
{
	uint64_t next;
	struct err e;
	for (unsigned i = 0; i < LOOKS && p->told < told; i++)
		look(p);
	for (unsigned i = 0; i < 5; i++)
		look(p);
	assert_int_equal(p->told, told);
	assert_int_equal(follow_waits(p->follow), waits);
	assert_int_equal(ledger_commit_position(p->ledger, "edge.flow.rows", 0, &next, &e), RC_OK);
	assert_int_equal(next, told);
}

/* Until the newest commit's files have got their names, one after the other. */
static void name_the_last(struct place *p, unsigned last)
{
	check(p, last, 1);
	put_file(p, last, false, false);
	check(p, last, 1);
	put_file(p, last, true, false);
	check(p, last + 1, 0);
}

static void commits(struct place *p, unsigned count, int64_t time_ms)
{
	for (unsigned n = 0; n < count; n++) {
		bool last = n + 1 == count;
		for (unsigned rejects = 0; rejects < 2; rejects++) {
			put_file(p, n, rejects, true);
			if (!last)
				put_file(p, n, rejects, false);
		}
		commit(p, n, time_ms);
	}
}

static void the_next_name(void **state)
{
	struct place *p = *state;
	await(p, FEW);
	commits(p, FEW, 1);
	name_the_last(p, FEW - 1);
}

static void a_listing(void **state)
{
	struct place *p = *state;
	struct err e;
	uint64_t end = 0;
	await(p, MANY);
	commits(p, MANY, 1);
	assert_int_equal(history_fold(p->store, "edge.flow.rows", 0, 1, 1000, &e), RC_OK);
	assert_int_equal(history_end(p->store, "edge.flow.rows", 0, &end, &e), RC_OK);
	assert_in_range(end, HISTORY_LEAST, MANY - 1);
	name_the_last(p, MANY - 1);
}

/* What a compaction or an expiry took is neither there nor staged. */
static void files_that_went_on(void **state)
{
	struct place *p = *state;
	await(p, 1);
	commit(p, 0, 1);
	check(p, 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_next_name, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_listing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(files_that_went_on, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
