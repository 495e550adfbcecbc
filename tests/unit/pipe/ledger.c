/* The ledger: states, counts, groups that are taken back, paths of any length, several handles and processes. */
#include "pipe/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct place {
	char dir[64];
	struct ledger *ledger;
};

static int set_up(void **state)
{
	struct place *p = mem_zero(1, sizeof *p);
	struct err e;
	strcpy(p->dir, "/tmp/sluice-ledger-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(ledger_open(p->dir, 64 << 20, &p->ledger, &e), RC_OK);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err e;
	ledger_close(&p->ledger);
	assert_int_equal(file_remove_tree(p->dir, &e), RC_OK);
	mem_free(&p);
	return 0;
}

static struct ledger_original sample(unsigned n, enum ledger_state s)
{
	struct ledger_original o = {.state = s,
	    .pipeline = "flow",
	    .name = "a \"name\"\n\xff",
	    .source = "/in/a",
	    .path = "flow/binary/20260114/09/a",
	    .topic = "edge.flow.rows",
	    .partition = 3,
	    .parts = 2,
	    .rows_event = true,
	    .dissector = "nfcapd/1",
	    .size = 4711,
	    .slot_s = -5,
	    .archived_s = 7,
	    .rows = n,
	    .note = "",
	    .after_ino = UINT64_MAX,
	    .run = 9};
	snprintf((char *)o.sha256, sizeof o.sha256, "digest-%020u", n);
	return o;
}

static void put(struct ledger *l, const struct ledger_original *o)
{
	struct err e;
	assert_int_equal(ledger_begin(l, &e), RC_OK);
	ledger_put_original(l, o);
	assert_int_equal(ledger_commit(l, &e), RC_OK);
}

static struct ledger_counts counts(struct ledger *l)
{
	struct ledger_counts c;
	struct err e;
	assert_int_equal(ledger_count(l, "flow", &c, &e), RC_OK);
	return c;
}

static void states(void **state)
{
	struct ledger *l = ((struct place *)*state)->ledger;
	struct ledger_original o = sample(1, LEDGER_ARCHIVED), out;
	struct err e;
	assert_true(ledger_is_new(l));
	assert_int_equal(ledger_original(l, "flow", o.sha256, 0, &out, &e), RC_END);
	put(l, &o);
	assert_false(ledger_is_new(l));
	assert_int_equal(ledger_original(l, "flow", o.sha256, 0, &out, &e), RC_OK);
	assert_string_equal(out.name, o.name);
	assert_string_equal(out.path, o.path);
	assert_string_equal(out.topic, o.topic);
	assert_string_equal(out.dissector, o.dissector);
	assert_int_equal(out.partition, 3);
	assert_int_equal(out.slot_s, -5);
	assert_true(out.after_ino == UINT64_MAX && out.run == 9 && out.size == 4711 && out.rows_event);
	assert_int_equal(ledger_original(l, "dns", o.sha256, 0, &out, &e), RC_END);
	assert_int_equal(ledger_original(l, "flow", o.sha256, 1, &out, &e), RC_END);
	assert_int_equal(counts(l).original[LEDGER_ARCHIVED], 1);
	o.state = LEDGER_COMMITTED;
	put(l, &o);
	assert_int_equal(counts(l).original[LEDGER_ARCHIVED], 0);
	assert_int_equal(counts(l).original[LEDGER_COMMITTED], 1);
}

static void newest_again(void **state)
{
	struct ledger *l = ((struct place *)*state)->ledger;
	struct ledger_original o = sample(1, LEDGER_COMMITTED), other = sample(2, LEDGER_COMMITTED), out;
	struct err e;
	put(l, &other);
	assert_int_equal(ledger_newest(l, "flow", o.sha256, &out, &e), RC_END);
	put(l, &o);
	o.again = 300;
	put(l, &o);
	o.again = 2;
	put(l, &o);
	assert_int_equal(ledger_newest(l, "flow", o.sha256, &out, &e), RC_OK);
	assert_int_equal(out.again, 300);
	assert_int_equal(ledger_newest(l, "flo", o.sha256, &out, &e), RC_END);
}

static bool count_visits(void *context, const struct ledger_original *o)
{
	unsigned *n = context;
	assert_int_equal(o->rows, *n * 2);
	(*n)++;
	return *n < 40;
}

static void open_ones_in_order(void **state)
{
	struct ledger *l = ((struct place *)*state)->ledger;
	struct err e;
	unsigned n = 0;
	assert_int_equal(ledger_begin(l, &e), RC_OK);
	for (unsigned i = 0; i < 100; i++) {
		struct ledger_original o = sample(i, i % 2   ? LEDGER_REFUSED
		                                     : i % 4 ? LEDGER_ARCHIVED
		                                             : LEDGER_PUBLISHED);
		ledger_put_original(l, &o);
	}
	assert_int_equal(ledger_commit(l, &e), RC_OK);
	assert_int_equal(ledger_each_open(l, count_visits, &n, &e), RC_OK);
	assert_int_equal(n, 40);
}

static void a_group_taken_back(void **state)
{
	struct ledger *l = ((struct place *)*state)->ledger;
	struct ledger_original o = sample(1, LEDGER_ARCHIVED), out;
	struct ledger_path p = {.state = LEDGER_PATH_DOUBLE, .note = ""}, back;
	struct err e;
	assert_int_equal(ledger_begin(l, &e), RC_OK);
	ledger_put_original(l, &o);
	ledger_put_path(l, "flow", "/in/a", &p);
	ledger_put_commit_position(l, "t", 1, 77);
	assert_int_equal(ledger_original(l, "flow", o.sha256, 0, &out, &e), RC_OK); /* seen inside */
	ledger_abort(l);
	assert_int_equal(ledger_original(l, "flow", o.sha256, 0, &out, &e), RC_END);
	assert_int_equal(ledger_path(l, "flow", "/in/a", &back, &e), RC_END);
	assert_int_equal(counts(l).original[LEDGER_ARCHIVED] + counts(l).doubles, 0);
	uint64_t next = 1;
	assert_int_equal(ledger_commit_position(l, "t", 1, &next, &e), RC_OK);
	assert_int_equal(next, 0);
	assert_true(ledger_is_new(l));
}

static bool see_aside(void *context, const char *pipeline, const char *path, const struct ledger_path *p)
{
	assert_string_equal(pipeline, "flow");
	assert_string_equal(path, context);
	assert_string_equal(p->note, "why");
	return true;
}

static void paths_of_any_length(void **state)
{
	struct ledger *l = ((struct place *)*state)->ledger;
	char path[4000], twin[4000];
	struct ledger_path aside = {.dev = 1,
	    .ino = 2,
	    .size = 3,
	    .mtime_ns = -4,
	    .ctime_ns = 5,
	    .state = LEDGER_PATH_ASIDE,
	    .note = "why",
	    .retry = true};
	struct ledger_path taken = {.state = LEDGER_PATH_TAKEN, .note = "", .taken = true, .taken_size = 12}, out;
	struct err e;
	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	strcpy(twin, path);
	twin[sizeof twin - 2] = '\xfe';
	assert_int_equal(ledger_begin(l, &e), RC_OK);
	ledger_put_path(l, "flow", path, &aside);
	ledger_put_path(l, "flow", twin, &taken);
	assert_int_equal(ledger_commit(l, &e), RC_OK);
	assert_int_equal(ledger_path(l, "flow", path, &out, &e), RC_OK);
	assert_true(
	    out.dev == 1 && out.ino == 2 && out.size == 3 && out.mtime_ns == -4 && out.ctime_ns == 5 && out.retry);
	assert_int_equal(ledger_path(l, "flow", twin, &out, &e), RC_OK);
	assert_true(out.taken && out.taken_size == 12 && out.state == LEDGER_PATH_TAKEN);
	assert_int_equal(counts(l).aside, 1);
	assert_int_equal(ledger_each_aside(l, see_aside, path, &e), RC_OK);
	assert_int_equal(ledger_begin(l, &e), RC_OK);
	ledger_put_path(l, "flow", path, &taken);
	ledger_delete_path(l, "flow", twin);
	ledger_delete_path(l, "flow", "/never");
	assert_int_equal(ledger_commit(l, &e), RC_OK);
	assert_int_equal(counts(l).aside, 0);
	assert_int_equal(ledger_path(l, "flow", twin, &out, &e), RC_END);
}

static void another_process(void **state)
{
	struct place *p = *state;
	struct ledger_original o = sample(1, LEDGER_ARCHIVED), out;
	struct err e;
	int status = -1;
	ledger_close(&p->ledger); /* an environment is not carried over a fork */
	pid_t child = fork();
	if (child == 0) {
		struct ledger *l = NULL;
		if (ledger_open(p->dir, 64 << 20, &l, &e) != RC_OK || ledger_begin(l, &e) != RC_OK)
			_exit(1);
		ledger_put_original(l, &o);
		_exit(ledger_commit(l, &e) == RC_OK ? 0 : 2); /* no close: as if killed */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ledger_open(p->dir, 64 << 20, &p->ledger, &e), RC_OK);
	assert_int_equal(ledger_original(p->ledger, "flow", o.sha256, 0, &out, &e), RC_OK);
	struct ledger *other = ledger_share(p->ledger);
	assert_int_equal(ledger_original(other, "flow", o.sha256, 0, &out, &e), RC_OK);
	ledger_close(&other);
}

static void a_filling_that_stopped(void **state)
{
	struct ledger *l = ((struct place *)*state)->ledger;
	struct ledger_original o = sample(1, LEDGER_COMMITTED);
	struct err e;
	assert_int_equal(ledger_begin(l, &e), RC_OK);
	ledger_put_filling(l, true);
	ledger_put_original(l, &o);
	assert_int_equal(ledger_commit(l, &e), RC_OK);
	assert_true(ledger_is_new(l));
	assert_int_equal(ledger_begin(l, &e), RC_OK);
	ledger_put_filling(l, false);
	assert_int_equal(ledger_commit(l, &e), RC_OK);
	assert_false(ledger_is_new(l));
}

static void full(void **state)
{
	struct place *p = *state;
	struct err e;
	enum rc rc = RC_OK;
	char dir[80];
	struct ledger *l = NULL;
	snprintf(dir, sizeof dir, "%s/small", p->dir);
	assert_int_equal(ledger_open(dir, 1 << 20, &l, &e), RC_OK);
	unsigned n = 0;
	for (; n < 20000 && rc == RC_OK; n++) {
		struct ledger_original o = sample(n, LEDGER_ARCHIVED);
		assert_int_equal(ledger_begin(l, &e), RC_OK);
		ledger_put_original(l, &o);
		rc = ledger_commit(l, &e);
	}
	assert_int_equal(rc, RC_AGAIN);
	assert_int_equal(counts(l).original[LEDGER_ARCHIVED], n - 1); /* what failed left nothing behind */
	ledger_close(&l);
}

struct back {
	uint64_t number[8];
	uint64_t rows[8];
	unsigned seen, most;
};

static bool see_back(void *context, uint64_t number, const struct ledger_original *o)
{
	struct back *b = context;
	b->number[b->seen] = number;
	b->rows[b->seen++] = o->rows;
	return b->seen < b->most;
}

static void newest_first_by_windows(void **state)
{
	struct place *p = *state;
	struct err e;
	struct back b = {.most = 8};
	assert_int_equal(ledger_each_back(p->ledger, 0, see_back, &b, &e), RC_OK);
	assert_int_equal(b.seen, 0);
	assert_int_equal(ledger_begin(p->ledger, &e), RC_OK);
	for (unsigned n = 1; n <= 5; n++) {
		struct ledger_original o = sample(n, LEDGER_COMMITTED);
		memset(o.sha256, (int)n, sizeof o.sha256);
		ledger_put_original(p->ledger, &o);
	}
	assert_int_equal(ledger_commit(p->ledger, &e), RC_OK);
	b = (struct back){.most = 3};
	assert_int_equal(ledger_each_back(p->ledger, 0, see_back, &b, &e), RC_OK);
	assert_int_equal(b.seen, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(b.rows[i], 5 - i);
		assert_int_equal(b.number[i], b.number[0] - i);
	}
	struct back rest = {.most = 8};
	assert_int_equal(ledger_each_back(p->ledger, b.number[2], see_back, &rest, &e), RC_OK);
	assert_int_equal(rest.seen, 2);
	assert_int_equal(rest.rows[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(states, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(newest_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(open_ones_in_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_group_taken_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(paths_of_any_length, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(another_process, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_filling_that_stopped, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(full, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(newest_first_by_windows, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
