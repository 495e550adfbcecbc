/* confine: what a dissector gives comes through, and whatever it does, it ends with its input and nothing else does. */
#include "confine/confine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "confine/filter.h"
#include "confine/orders.h"
#include "confine/server.h"
#include "planted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { FILES = 5, TIME_MS = 100 };

static const struct confine_params usual = {.memory = 64 << 20, .time_ms = 10000, .files = FILES},
                                   copying = {.memory = 64 << 20, .time_ms = 10000, .files = FILES, .copies = true},
                                   hasty_params = {.memory = 64 << 20, .time_ms = TIME_MS, .files = FILES};
static const unsigned wanted[] = {0, 1};

struct outcome {
	enum rc rc;
	bool clean;
	uint64_t rows, rejects, sum, hash; /* of the bytes, in their order */
	struct batch_reject last;
	char reason[ERR_TEXT];
};

static uint64_t hash_next(uint64_t hash, uint8_t byte)
{
	return hash * UINT64_C(6364136223846793005) + byte + 1;
}

static void see(struct outcome *o, const struct batch *b)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	const uint32_t *value = batch_read(b, 0);
	const struct span *span = batch_read(b, 1);
	for (uint32_t i = 0; i < b->rows; i++) {
		o->sum += value[i];
		o->hash = hash_next(o->hash, (uint8_t)value[i]);
		if (!batch_is_null(b, 1, i) && span[i].length == 1)
			assert_int_equal(*batch_span(b, span[i]), value[i]);
	}
	o->rows += b->rows;
	o->rejects += b->rejects;
	if (b->rejects > 0) {
		o->last = r[b->rejects - 1];
		snprintf(o->reason, sizeof o->reason, "%.*s", (int)o->last.reason.length,
		    (const char *)batch_span(b, o->last.reason));
	}
}

static struct outcome dissect_with(
    struct cell *cell, struct source *src, uint64_t size, const struct dissect_option *option, size_t options)
{
	const struct dissect_params params = {
	    .field = dissect_planted.field, .wanted = wanted, .wants = 2, .option = option, .options = options};
	const struct dissect_hints hints = {.name = "input", .size = size};
	struct outcome o = {.rc = RC_OK};
	struct dissector *d = NULL;
	struct err e = {.text = ""};
	o.rc = cell_open(cell, &dissect_planted, src, &hints, &params, &d, &e);
	while (o.rc == RC_OK) {
		const struct batch *b = NULL;
		o.rc = dissect_next(d, &b, &o.clean, &e);
		if (o.rc == RC_OK)
			see(&o, b);
	}
	if (d != NULL) {
		/* what it said it says again */
		const struct batch *b = NULL;
		bool clean;
		assert_int_equal(dissect_next(d, &b, &clean, &e), o.rc);
	}
	if (o.rc != RC_END)
		snprintf(o.reason, sizeof o.reason, "%s", e.text);
	dissect_close(&d);
	return o;
}

static struct outcome dissect_source(
    struct cell *cell, struct source *src, uint64_t size, const char *act, const char *after)
{
	const struct dissect_option option[] = {{"act", act}, {"after", after}};
	return dissect_with(cell, src, size, option, act != NULL ? 2 : 0);
}

static struct outcome dissect(struct cell *cell, const char *text, const char *act, const char *after)
{
	return dissect_source(cell, source_memory(text, strlen(text)), strlen(text), act, after);
}

static char *long_text(size_t size)
{
	char *text = mem_alloc(size + 1);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 26);
	text[size] = '\0';
	return text;
}

static void rows_come_through_by(const struct confine_params *p)
{
	struct confine *c = confine_new(p);
	struct cell *cell = cell_new(c);
	struct outcome o = dissect(cell, "hello", NULL, NULL);
	assert_int_equal(o.rc, RC_END);
	assert_true(o.clean);
	assert_int_equal(o.rows, 5);
	assert_int_equal(o.sum, 'h' + 'e' + 'l' + 'l' + 'o');
	o = dissect(cell, "", NULL, NULL);
	assert_int_equal(o.rc, RC_END);
	assert_true(o.clean && o.rows == 0);
	assert_int_equal(confine_counts(c).started, 1);
	cell_free(&cell);
	assert_int_equal(confine_counts(c).running, 0);
	confine_free(&c);
}

static void rows_come_through(void **state)
{
	rows_come_through_by(&usual);
	rows_come_through_by(&copying);
}

/* Whatever a dissector wants to see at once, of whatever size the pieces are in which the input comes. */
static void it_sees_the_input_in_one_piece(void **state)
{
	static const struct {
		const char *peek;
		size_t size;
	} seen[] = {{"1", 5}, {"70000", 262144}, {"100000", 262145}, {"300000", 1300000}, {"1048577", 1600000},
	    {"3000000", 3300000}, {"8388608", (8 << 20) + 7}};
	enum { LONGEST = (8 << 20) + 7 };
	struct confine *c = confine_new(&usual);
	struct cell *cell = cell_new(c);
	char *text = mem_alloc(LONGEST);
	for (size_t i = 0; i < LONGEST; i++)
		text[i] = (char)('a' + (i * 31 + (i >> 8)) % 26);
	for (size_t k = 0; k < sizeof seen / sizeof seen[0]; k++) {
		const struct dissect_option option = {"peek", seen[k].peek};
		uint64_t hash = 0;
		for (size_t i = 0; i < seen[k].size; i++)
			hash = hash_next(hash, (uint8_t)text[i]);
		for (int known = 0; known < 2; known++) {
			uint64_t size = known ? seen[k].size : DISSECT_SIZE_UNKNOWN;
			struct outcome o = dissect_with(cell, source_memory(text, seen[k].size), size, &option, 1);
			assert_true(o.rc == RC_END && o.clean && o.rows == seen[k].size && o.hash == hash);
		}
	}
	mem_free(&text);
	cell_free(&cell);
	confine_free(&c);
}

/* Where a child says that it stands is looked at. */
static void input_that_cannot_be_wanted_is_refused(void **state)
{
	static const char *const act[] = {"want_ahead", "want_back", "want_much", "want_little"};
	struct confine *c = confine_new(&usual);
	struct cell *cell = cell_new(c);
	char *text = long_text(4 << 20);
	for (size_t i = 0; i < sizeof act / sizeof act[0]; i++) {
		struct outcome o = dissect(cell, text, act[i], "0");
		assert_int_equal(o.rc, RC_BAD);
		assert_string_equal(o.reason, "dissector stopped: it wants input that it cannot want");
		assert_true(dissect(cell, "hello", NULL, NULL).clean);
	}
	assert_int_equal(confine_counts(c).stopped, sizeof act / sizeof act[0]);
	mem_free(&text);
	cell_free(&cell);
	confine_free(&c);
}

/* More than the input memory holds, and the same whether its size is known or not. */
static void a_long_input_comes_through_by(const struct confine_params *p)
{
	enum { SIZE = (3 << 20) + 12345 };
	struct confine *c = confine_new(p);
	struct cell *cell = cell_new(c);
	char *text = long_text(SIZE);
	uint64_t sum = 0;
	for (size_t i = 0; i < SIZE; i++)
		sum += (uint8_t)text[i];
	struct outcome o = dissect(cell, text, NULL, NULL);
	assert_true(o.rc == RC_END && o.clean && o.rows == SIZE && o.sum == sum);
	o = dissect_source(cell, source_memory(text, SIZE), DISSECT_SIZE_UNKNOWN, NULL, NULL);
	assert_true(o.rc == RC_END && o.clean && o.rows == SIZE && o.sum == sum);
	mem_free(&text);
	cell_free(&cell);
	confine_free(&c);
}

static void a_long_input_comes_through(void **state)
{
	a_long_input_comes_through_by(&usual);
	a_long_input_comes_through_by(&copying);
}

static void without_a_cell_it_is_the_dissector(void **state)
{
	assert_null(cell_new(NULL));
	struct outcome o = dissect(NULL, "hello", NULL, NULL);
	assert_true(o.rc == RC_END && o.clean && o.rows == 5);
}

static void a_child_is_replaced(void **state)
{
	struct confine *c = confine_new(&usual);
	struct cell *cell = cell_new(c);
	for (int i = 0; i < FILES; i++)
		assert_true(dissect(cell, "good", NULL, NULL).clean);
	assert_int_equal(confine_counts(c).started, 1);
	assert_int_equal(confine_counts(c).running, 0); /* after so many inputs */
	struct outcome o = dissect(cell, "good?", NULL, NULL);
	assert_true(o.rc == RC_END && o.clean && o.rejects == 1);
	assert_string_equal(o.reason, "a question");
	assert_int_equal(o.last.offset, 4);
	assert_int_equal(confine_counts(c).started, 2);
	assert_int_equal(confine_counts(c).running, 0); /* after a reject */
	o = dissect(cell, "!", NULL, NULL);
	assert_int_equal(o.rc, RC_BAD);
	assert_string_equal(o.reason, "no rows in \"!\"");
	assert_int_equal(confine_counts(c).started, 3);
	assert_int_equal(confine_counts(c).stopped, 0); /* it did nothing wrong */
	cell_free(&cell);
	confine_free(&c);
}

/* One that stops in the middle leaves no child behind that is in the middle of something. */
static void closing_early_ends_the_child(void **state)
{
	struct confine *c = confine_new(&usual);
	struct cell *cell = cell_new(c);
	const struct dissect_params params = {.field = dissect_planted.field, .wanted = wanted, .wants = 2};
	const struct dissect_hints hints = {.name = "input", .size = 2 << 20};
	char *text = long_text(2 << 20);
	struct dissector *d = NULL;
	const struct batch *b = NULL;
	struct err e;
	bool clean;
	assert_int_equal(
	    cell_open(cell, &dissect_planted, source_memory(text, 2 << 20), &hints, &params, &d, &e), RC_OK);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_OK);
	dissect_close(&d);
	assert_int_equal(confine_counts(c).running, 0);
	assert_true(dissect(cell, "hello", NULL, NULL).clean);
	cell_free(&cell);
	confine_free(&c);
	mem_free(&text);
}

/* What each act comes to: a part of the reason. */
static const struct {
	const char *act, *reason, *other; /* either of the two */
} named[] = {
    {"socket", "called socket", NULL},
    {"open", "called openat", "called open"},
    {"write", "called openat", "called open"},
    {"fork", "called clone", "called fork"},
    {"thread", "called clone", "called rt_sigaction"},
    {"exec", "called execve", NULL},
    {"kill_parent", "called getppid", "called kill"},
    {"kill", "called kill", NULL},
    {"ptrace", "called ptrace", NULL},
    {"make_code", "called mmap", NULL},
    {"turn_to_code", "called mprotect", NULL},
    {"read", "called read", NULL},
    {"sendmsg", "called sendmsg", NULL},
    {"signal", "called rt_sigaction", NULL},
    {"spin", "past its time", NULL},
    {"stand_still", "past its time", NULL},
    {"eat", "out of memory", NULL},
    {"fall", "signal 11", NULL},
    {"abort", "signal 6", NULL},
    {"fault", "signal 11", NULL},
    {"talk", "signal 25", "words words"},
    {"leave", "exit 0", NULL},
    {"hang_up", "closed its socket", NULL},
    {"garbage", "no message", NULL},
    {"much", "no message", NULL},
    {"unknown", "no message", NULL},
    {"flood", "past its time", NULL},
    {"lie_about_reading", "the disk is gone", NULL},
    {"ask_for_more", "reads past the end", NULL},
    {"want_ahead", "reads past the end", NULL},
    {"want_back", "reads past the end", NULL},
    {"want_much", "reads past the end", NULL},
    {"want_little", "reads past the end", NULL},
    {"write_past", "signal", "past its time"},
    {"write_input", "exit 9", NULL},
    {"many_rows", "batch: ", NULL},
    {"large_slab", "batch: ", NULL},
    {"many_rejects", "batch: ", NULL},
    {"wild_span", "batch: column 1 row 1", NULL},
    {"wild_reject", "batch: reject 0", NULL},
    {"empty_batch", "nothing in it", NULL},
    {"tamper", "batch: ", "past its time"},
    {"stand_rows", "batch: ", "called getpgid"},
    {"stand_size", "batch: ", "called getpgid"},
    {"stand_span", "batch: column 1 row 1", "called getpgid"},
    {"stand_empty", "nothing in it", "called getpgid"},
};

static bool can_run(const char *act)
{
	/* A sanitizer has its own ideas about memory and signals. */
	static const char *const not_sanitized[] = {"eat", "fall", "fault", "signal", "talk", "thread", "write_past"};
	for (size_t i = 0; filter_sanitized() && i < sizeof not_sanitized / sizeof not_sanitized[0]; i++)
		if (strcmp(act, not_sanitized[i]) == 0)
			return false;
	return true;
}

static void check_reason(size_t i, const char *reason)
{
	if (strstr(reason, named[i].reason) == NULL &&
	    (named[i].other == NULL || strstr(reason, named[i].other) == NULL))
		fail_msg("%s: \"%s\" says nothing of \"%s\"", named[i].act, reason, named[i].reason);
}

/* Those that end only because their time is over: with all others a busy machine is not mistaken for one. */
static bool takes_its_time(size_t i)
{
	return strcmp(named[i].reason, "past its time") == 0 ||
	       (named[i].other != NULL && strcmp(named[i].other, "past its time") == 0);
}

/* Before its first batch: the input is refused, the child is gone, the next input is fine. */
static void every_act_is_stopped_and_named(void **state)
{
	struct confine *patient = confine_new(&usual), *hasty = confine_new(&hasty_params);
	struct cell *cells[] = {cell_new(patient), cell_new(hasty)};
	uint64_t acts = 0;
	for (size_t i = 0; planted_act(i) != NULL; i++) {
		assert_string_equal(planted_act(i), named[i].act);
		if (!can_run(named[i].act))
			continue;
		struct cell *cell = cells[takes_its_time(i)];
		struct outcome o = dissect(cell, "hello", named[i].act, "0");
		bool late = o.rc == RC_END && o.rejects == 1; /* what comes through before the lie is seen */
		if (o.rc != RC_BAD && !(late && !o.clean))
			fail_msg("%s: %s, %s", named[i].act, rc_name(o.rc), o.reason);
		check_reason(i, o.reason);
		assert_int_equal(confine_counts(patient).stopped + confine_counts(hasty).stopped, ++acts);
		o = dissect(cells[0], "hello", NULL, NULL);
		assert_true(o.rc == RC_END && o.clean && o.rows == 5);
	}
	cell_free(&cells[0]);
	cell_free(&cells[1]);
	assert_int_equal(confine_counts(patient).running + confine_counts(hasty).running, 0);
	confine_free(&patient);
	confine_free(&hasty);
}

/* After rows came: they stay, the rest is one reject, the end is not clean. */
static void what_came_before_stays_by(const struct confine_params *p)
{
	static const char *const act[] = {"socket", "fault", "abort", "many_rows", "garbage", "stand_rows"};
	struct confine *c = confine_new(p);
	struct cell *cell = cell_new(c);
	char *text = long_text(10 * PLANTED_ROWS);
	for (size_t i = 0; i < sizeof act / sizeof act[0]; i++) {
		if (!can_run(act[i]))
			continue;
		struct outcome o = dissect(cell, text, act[i], "3");
		assert_int_equal(o.rc, RC_END);
		assert_false(o.clean);
		assert_int_equal(o.rows, 3 * PLANTED_ROWS);
		assert_int_equal(o.rejects, 1);
		assert_int_equal(o.last.offset, 3 * PLANTED_ROWS);
		assert_int_equal(o.last.length, 7 * PLANTED_ROWS);
		assert_true(o.last.rows == REJECT_ROWS_UNKNOWN);
		assert_non_null(strstr(o.reason, "dissector "));
	}
	mem_free(&text);
	cell_free(&cell);
	confine_free(&c);
}

static void what_came_before_stays(void **state)
{
	what_came_before_stays_by(&usual);
	what_came_before_stays_by(&copying);
}

/* A reader that fails is our failure, and the child can't make it into anything else. */
static enum rc read_fails(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	return err_set(RC_AGAIN, e, "the lake is away");
}

static void close_failing(struct source *s)
{
	mem_free(&s);
}

static void a_read_error_is_told_as_it_is(void **state)
{
	static const struct source_ops failing = {.name = "failing", .read = read_fails, .close = close_failing};
	struct confine *c = confine_new(&usual);
	struct cell *cell = cell_new(c);
	struct source *s = mem_zero(1, sizeof *s);
	s->ops = &failing;
	struct outcome o = dissect_source(cell, s, 5, NULL, NULL);
	assert_int_equal(o.rc, RC_AGAIN);
	assert_string_equal(o.reason, "the lake is away");
	cell_free(&cell);
	confine_free(&c);
}

/* A child or a grandchild of ours with that name; 0 none. */
static pid_t find_process(const char *name)
{
	char command[200], line[32] = "";
	snprintf(command, sizeof command,
	    "for p in $(pgrep -x %s); do case \" %d $(pgrep -d ' ' -P %d) \" in "
	    "*\" $(ps -o ppid= -p $p | tr -d ' ') \"*) echo $p; break;; esac; done",
	    name, (int)getpid(), (int)getpid());
	FILE *f = popen(command, "r");
	assert_non_null(f);
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	pclose(f);
	return (pid_t)strtol(line, NULL, 10);
}

/* An input whose reader sees the child die. */
static enum rc read_and_kill(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	pid_t child = find_process("sluice-dissect");
	assert_true(child > 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	memcpy(to, "hello", 5);
	*got = 5;
	return RC_OK;
}

static const struct source_ops killing = {.name = "killing", .read = read_and_kill, .close = close_failing};

static struct outcome dissect_killed(struct cell *cell)
{
	struct source *s = mem_zero(1, sizeof *s);
	s->ops = &killing;
	return dissect_source(cell, s, DISSECT_SIZE_UNKNOWN, NULL, NULL);
}

/* Killed by a stranger's hand is not the input's fault: again, and only the third time in a row is it. */
static void a_killed_child_is_no_verdict(void **state)
{
	struct confine *c = confine_new(&usual);
	struct cell *cell = cell_new(c);
	assert_int_equal(dissect_killed(cell).rc, RC_AGAIN);
	assert_int_equal(dissect_killed(cell).rc, RC_AGAIN);
	assert_true(dissect(cell, "hello", NULL, NULL).clean);
	assert_int_equal(dissect_killed(cell).rc, RC_AGAIN);
	assert_int_equal(dissect_killed(cell).rc, RC_AGAIN);
	assert_int_equal(confine_counts(c).stopped, 0);
	struct outcome o = dissect_killed(cell);
	assert_int_equal(o.rc, RC_BAD);
	assert_non_null(strstr(o.reason, "signal 9"));
	assert_int_equal(confine_counts(c).stopped, 1);
	assert_true(dissect(cell, "hello", NULL, NULL).clean);
	cell_free(&cell);
	confine_free(&c);
}

static void a_killed_server_is_started_again(void **state)
{
	struct confine *c = confine_new(&usual);
	struct cell *cell = cell_new(c);
	assert_true(dissect(cell, "hello", NULL, NULL).clean);
	pid_t server = find_process("sluice-confine");
	assert_true(server > 0);
	assert_int_equal(kill(server, SIGKILL), 0);
	/* Its child dies with it, a moment later: inputs until then come through, one may meet the end. */
	unsigned again = 0;
	for (int tries = 0; tries < 5000 && confine_counts(c).started < 2; tries++) {
		struct outcome o = dissect(cell, "hello", NULL, NULL);
		assert_true(o.rc == RC_AGAIN || (o.rc == RC_END && o.clean && o.rows == 5));
		again += o.rc == RC_AGAIN;
		clock_sleep_ms(1);
	}
	assert_int_equal(confine_counts(c).started, 2);
	assert_true(again <= 1);
	assert_int_equal(confine_counts(c).stopped, 0);
	assert_true(dissect(cell, "hello", NULL, NULL).clean);
	cell_free(&cell);
	confine_free(&c);
}

static void it_says_what_is_in_force(void **state)
{
	struct confine *c = confine_new(&usual);
	struct jail jail;
	struct err e;
	char text[JAIL_TEXT];
	assert_int_equal(confine_try(c, &jail, &e), RC_OK);
	assert_true(jail.limits);
	assert_true(jail.powerless);
	assert_int_equal(jail.seccomp, filter_known());
	jail_text(&jail, text);
	assert_non_null(strstr(text, jail.seccomp ? "seccomp" : "NO SECCOMP"));
	assert_int_equal(jail_whole(&jail), jail.seccomp && jail.landlock > 0);
	assert_int_equal(confine_counts(c).running, 0);
	confine_free(&c);
}

static void orders_come_back(void **state)
{
	static const struct dissect_ops made = {.name = "made", .catalogue = (void *)orders_write};
	const struct dissect_ops *const table[] = {&dissect_planted, &made, NULL};
	const struct field field[] = {
	    {.name = "a", .type = TYPE_IP}, {.name = "b", .type = TYPE_TIME, .as = "iso", .must = true}};
	const unsigned both[] = {1, 0};
	const struct dissect_option option[] = {{"key", "value"}, {"other", ""}};
	const struct dissect_params params = {
	    .field = field, .wanted = both, .wants = 2, .option = option, .options = 2};
	struct orders o;
	struct writer w;
	struct err e;
	writer_init(&w, 4096);
	orders_write(&made, &params, &w);
	assert_int_equal(orders_read(w.bytes, w.len, table, &o, &e), RC_OK);
	assert_ptr_equal(o.ops, &made);
	assert_int_equal(o.params.wants, 2);
	assert_int_equal(o.params.wanted[0], 1);
	assert_string_equal(o.params.field[1].name, "b");
	assert_string_equal(o.params.field[1].as, "iso");
	assert_null(o.params.field[0].as);
	assert_true(o.params.field[1].must && !o.params.field[0].must && o.params.field[0].type == TYPE_IP);
	assert_string_equal(o.params.option[1].key, "other");
	orders_fini(&o);
	for (size_t len = 0; len < w.len; len++)
		assert_int_equal(orders_read(w.bytes, len, table, &o, &e), RC_BAD);
	writer_fini(&w);
}

int main(int argc, char **argv)
{
	static const struct dissect_ops *const table[] = {&dissect_planted, NULL};
	if (argc == 3 && strcmp(argv[1], CONFINE_WORD) == 0)
		return confine_serve(atoi(argv[2]), table);
	signal(SIGPIPE, SIG_DFL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_come_through),
	    cmocka_unit_test(a_long_input_comes_through),
	    cmocka_unit_test(it_sees_the_input_in_one_piece),
	    cmocka_unit_test(input_that_cannot_be_wanted_is_refused),
	    cmocka_unit_test(without_a_cell_it_is_the_dissector),
	    cmocka_unit_test(a_child_is_replaced),
	    cmocka_unit_test(closing_early_ends_the_child),
	    cmocka_unit_test(every_act_is_stopped_and_named),
	    cmocka_unit_test(what_came_before_stays),
	    cmocka_unit_test(a_read_error_is_told_as_it_is),
	    cmocka_unit_test(a_killed_child_is_no_verdict),
	    cmocka_unit_test(a_killed_server_is_started_again),
	    cmocka_unit_test(it_says_what_is_in_force),
	    cmocka_unit_test(orders_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
