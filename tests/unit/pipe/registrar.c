/* registrar: what a catalog is told, when it is away, slow or contradicts; over a catalog of our own and a real folder.
 */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/datasets.h"
#include "pipe/figures.h"
#include "pipe/registrar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { TOLD = 20000, PATIENCE_MS = 60000, HOUR_0 = 491217 /* 2026-01-14 09:00 */ };

/* A catalog that keeps what it is told, and can be away, silent or contradict. */
static struct {
	pthread_mutex_t lock;
	char told[TOLD][40];
	size_t count;
	size_t tables, calls;
	bool away, mute, table_refused;
	char elsewhere[40]; /* this one it has somewhere else */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t number(const size_t *what)
{
	pthread_mutex_lock(&fake.lock);
	size_t n = *what;
	pthread_mutex_unlock(&fake.lock);
	return n;
}

struct fake_catalog {
	struct catalog catalog;
	const atomic_bool *halt;
};

static enum rc fake_open(const struct catalog_params *p, struct catalog **out, struct err *e)
{
	extern const struct catalog_ops fake_ops;
	struct fake_catalog *c = mem_zero(1, sizeof *c);
	c->catalog.ops = &fake_ops;
	c->halt = p->halt;
	*out = &c->catalog;
	return RC_OK;
}

static void fake_close(struct catalog *c)
{
	mem_free(&c);
}

static enum rc fake_call(struct catalog *c, struct err *e)
{
	const struct fake_catalog *f = (struct fake_catalog *)c;
	for (;;) {
		pthread_mutex_lock(&fake.lock);
		bool mute = fake.mute, away = fake.away;
		fake.calls++;
		pthread_mutex_unlock(&fake.lock);
		if (away)
			return err_set(RC_AGAIN, e, "nobody is there");
		if (!mute)
			return RC_OK;
		if (f->halt != NULL && atomic_load(f->halt))
			return err_set(RC_AGAIN, e, "told to stop");
		clock_sleep_ms(5);
	}
}

static enum rc fake_reach(struct catalog *c, bool *there, struct err *e)
{
	*there = true;
	return fake_call(c, e);
}

static enum rc fake_database(struct catalog *c, struct err *e)
{
	return fake_call(c, e);
}

static enum rc fake_describe(struct catalog *c, const struct catalog_table *t, struct catalog_view *out, struct err *e)
{
	enum rc rc = fake_call(c, e);
	*out = (struct catalog_view){.match = number(&fake.tables) > 0 ? CATALOG_SAME : CATALOG_ABSENT};
	return rc;
}

static enum rc fake_table(struct catalog *c, const struct catalog_table *t, struct err *e)
{
	enum rc rc = fake_call(c, e);
	pthread_mutex_lock(&fake.lock);
	if (rc == RC_OK && fake.table_refused)
		rc = err_set(RC_BAD, e, "int here, string there");
	else if (rc == RC_OK)
		fake.tables++;
	pthread_mutex_unlock(&fake.lock);
	return rc;
}

static enum rc fake_partitions(struct catalog *c, const struct catalog_table *t,
    void (*see)(void *context, const char *path), void *context, struct err *e)
{
	enum rc rc = fake_call(c, e);
	pthread_mutex_lock(&fake.lock);
	for (size_t i = 0; i < fake.count && rc == RC_OK; i++)
		see(context, fake.told[i]);
	pthread_mutex_unlock(&fake.lock);
	return rc;
}

static bool is_told(const char *path)
{
	bool told = false;
	pthread_mutex_lock(&fake.lock);
	for (size_t i = 0; i < fake.count; i++)
		told |= strcmp(fake.told[i], path) == 0;
	pthread_mutex_unlock(&fake.lock);
	return told;
}

static enum rc fake_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, const char *const *value, struct err *e)
{
	enum rc rc = fake_call(c, e);
	if (rc != RC_OK)
		return rc;
	if (strcmp(path, fake.elsewhere) == 0)
		return err_set(RC_BAD, e, "%s lies elsewhere", path);
	if (is_told(path))
		return RC_OK;
	pthread_mutex_lock(&fake.lock);
	assert(fake.count < TOLD);
	(void)!str_copy(fake.told[fake.count++], sizeof fake.told[0], path);
	pthread_mutex_unlock(&fake.lock);
	return RC_OK;
}

const struct catalog_ops fake_ops = {
    .scheme = "fake",
    .open = fake_open,
    .reach = fake_reach,
    .ensure_database = fake_database,
    .describe = fake_describe,
    .ensure_table = fake_table,
    .partitions = fake_partitions,
    .ensure_partition = fake_partition,
    .close = fake_close,
};

static struct schema_column column = {.name = "one", .type = SQL_STRING};
static struct schema flow = {.name = "flow",
    .column = &column,
    .columns = 1,
    .partition = {{"y", SQL_SMALLINT, "year"}, {"m", SQL_TINYINT, "month"}, {"d", SQL_TINYINT, "day"},
        {"h", SQL_TINYINT, "hour"}},
    .partitions = 4};

struct bench {
	char *folder, *lake;
	struct pipeline pipeline;
	struct settings settings;
	struct metric_slot figures;
};

static int setup(void **state)
{
	struct err e;
	const char *tmp = getenv("TMPDIR");
	struct bench *t = mem_zero(1, sizeof *t);
	t->folder = mem_format("%s/sluice-registrar-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->folder));
	t->lake = file_join(t->folder, "lake");
	assert_int_equal(file_mkdirs(t->lake, &e), RC_OK);
	t->pipeline.schema = &flow;
	t->settings = (struct settings){.store = &store_local,
	    .store_place = t->lake,
	    .catalog = &fake_ops,
	    .catalog_place = "",
	    .catalog_location = "file:///lake",
	    .state = t->folder,
	    .pipeline = &t->pipeline,
	    .pipelines = 1};
	(void)!str_copy(t->figures.name, sizeof t->figures.name, "worker");
	pthread_mutex_lock(&fake.lock);
	fake.count = fake.tables = fake.calls = 0;
	fake.away = fake.mute = fake.table_refused = false;
	fake.elsewhere[0] = '\0';
	pthread_mutex_unlock(&fake.lock);
	log_open("test", LOG_ERROR);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct err e;
	struct bench *t = *state;
	assert_int_equal(file_remove_tree(t->folder, &e), RC_OK);
	mem_free(&t->folder);
	mem_free(&t->lake);
	mem_free(&t);
	return 0;
}

static void set(bool *what, bool to)
{
	pthread_mutex_lock(&fake.lock);
	*what = to;
	pthread_mutex_unlock(&fake.lock);
}

static uint64_t figure(const struct bench *t, enum figure f)
{
	return __atomic_load_n(&t->figures.value[f], __ATOMIC_RELAXED);
}

static void path_of(int64_t hour, char out[40])
{
	schema_partition_path(&flow, hour, out, 40);
}

static bool told(int64_t hour)
{
	char path[40];
	path_of(hour, path);
	return is_told(path);
}

static void lay(const struct bench *t, const char *path)
{
	struct err e;
	char *folder = mem_format("%s/flow/hive/%s", t->lake, path);
	assert_int_equal(file_mkdirs(folder, &e), RC_OK);
	mem_free(&folder);
}

#define UNTIL(condition)                                                                                               \
	do {                                                                                                           \
		struct mono began_ = clock_mono();                                                                     \
		while (!(condition)) {                                                                                 \
			assert_true(mono_since(began_) < PATIENCE_MS);                                                 \
			clock_sleep_ms(5);                                                                             \
		}                                                                                                      \
	} while (0)

static char *note_of(const struct bench *t)
{
	struct err e;
	char *path = registrar_note_path(t->settings.state, "worker"), *text = NULL;
	size_t size;
	enum rc rc = file_load(path, 4096, &text, &size, &e);
	mem_free(&path);
	return rc == RC_OK ? text : NULL;
}

static void nothing_runs_without_a_catalog(void **state)
{
	struct bench *t = *state;
	struct err e;
	t->settings.catalog = &catalog_none;
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	assert_null(r);
	registrar_note(r, &flow, HOUR_0);
	registrar_look(r, &flow);
	assert_int_equal(registrar_stop(&r, 1000, NULL, NULL, &e), RC_OK);
}

static void hours_are_told_once(void **state)
{
	struct bench *t = *state;
	struct err e;
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++)
			registrar_note(r, &flow, HOUR_0 + i);
		UNTIL(told(HOUR_0 + 4));
	}
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	assert_null(r);
	assert_int_equal(fake.count, 5);
	assert_int_equal(fake.tables, 1);
	assert_int_equal(figure(t, FIGURE_PARTITIONS_REGISTERED), 5);
	assert_int_equal(figure(t, FIGURE_PARTITIONS_WAITING), 0);
	assert_string_equal(fake.told[0], "y=2026/m=1/d=14/h=9");
}

/* What somebody else published before us, and what is no partition at all. */
static void a_look_finds_what_the_lake_has(void **state)
{
	struct bench *t = *state;
	struct err e;
	lay(t, "y=2026/m=1/d=14/h=9");
	lay(t, "y=2026/m=1/d=14/h=10");
	lay(t, "y=2025/m=12/d=31/h=23");
	lay(t, "y=2026/m=1/d=14/h=x");
	lay(t, "y=2026/m=1/d=15");
	lay(t, "_temporary/m=1/d=14/h=1");
	lay(t, "y=2026/m=1/d=14/h=11/deeper");
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_look(r, &flow);
	UNTIL(number(&fake.count) == 4);
	assert_true(is_told("y=2026/m=1/d=14/h=9") && is_told("y=2026/m=1/d=14/h=10"));
	assert_true(is_told("y=2026/m=1/d=14/h=11") && is_told("y=2025/m=12/d=31/h=23"));
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	/* The next one has nothing to say. */
	r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_look(r, &flow);
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	assert_int_equal(figure(t, FIGURE_PARTITIONS_REGISTERED), 4);
}

static void an_empty_lake_makes_no_table(void **state)
{
	struct bench *t = *state;
	struct err e;
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_look(r, &flow);
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	assert_int_equal(fake.tables, 0);
	assert_true(fake.calls > 0);
}

static void what_was_noted_while_it_was_away_is_told_after(void **state)
{
	struct bench *t = *state;
	struct err e;
	set(&fake.away, true);
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	for (int i = 0; i < 100; i++)
		registrar_note(r, &flow, HOUR_0 + i);
	UNTIL(figure(t, FIGURE_CATALOG_AWAY) == 1);
	assert_int_equal(figure(t, FIGURE_PARTITIONS_WAITING), 100);
	char *text = note_of(t);
	assert_non_null(text);
	assert_non_null(strstr(text, "\nnobody is there\n"));
	mem_free(&text);
	set(&fake.away, false);
	UNTIL(number(&fake.count) == 100);
	UNTIL(figure(t, FIGURE_CATALOG_AWAY) == 0);
	assert_null(note_of(t));
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
}

static void what_a_killed_one_waited_for_is_past(void **state)
{
	struct bench *t = *state;
	struct err e;
	static const char left[] = "1000\n18\nit was away\n";
	char *path = registrar_note_path(t->settings.state, "worker");
	assert_int_equal(file_store(path, left, sizeof left - 1, 0640, &e), RC_OK);
	mem_free(&path);
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_note(r, &flow, HOUR_0);
	for (char *text; (text = note_of(t)) != NULL; mem_free(&text))
		clock_sleep_ms(5); /* the time-out of the test is its end */
	assert_int_equal(registrar_stop(&r, 1000, NULL, NULL, &e), RC_OK);
}

/* More hours than it keeps: the lake is the list. */
static void a_full_list_becomes_a_look(void **state)
{
	struct bench *t = *state;
	struct err e;
	enum { HOURS = 5000 };
	char path[40];
	set(&fake.away, true);
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	for (int i = 0; i < HOURS; i++) {
		path_of(HOUR_0 + i, path);
		lay(t, path);
		registrar_note(r, &flow, HOUR_0 + i);
	}
	UNTIL(figure(t, FIGURE_PARTITIONS_WAITING) == 4096);
	set(&fake.away, false);
	UNTIL(number(&fake.count) == HOURS);
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
}

/* A commit does not wait for a catalog that never answers, and neither does a stop. */
static void nobody_waits_for_a_silent_one(void **state)
{
	struct bench *t = *state;
	struct err e;
	set(&fake.mute, true);
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_note(r, &flow, HOUR_0);
	UNTIL(number(&fake.calls) > 0);
	struct mono began = clock_mono();
	for (int i = 0; i < 1000; i++)
		registrar_note(r, &flow, HOUR_0 + i);
	assert_true(mono_since(began) < 1000);
	began = clock_mono();
	assert_int_equal(registrar_stop(&r, 300, NULL, NULL, &e), RC_AGAIN);
	assert_true(mono_since(began) < 3000);
	assert_non_null(strstr(e.text, "not registered yet"));
}

static bool at_once(void *context)
{
	return true;
}

static void a_second_signal_ends_it_at_once(void **state)
{
	struct bench *t = *state;
	struct err e;
	set(&fake.mute, true);
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_note(r, &flow, HOUR_0);
	UNTIL(number(&fake.calls) > 0);
	struct mono began = clock_mono();
	assert_int_equal(registrar_stop(&r, 60000, at_once, NULL, &e), RC_AGAIN);
	assert_true(mono_since(began) < 3000);
}

/* A stop tells what is left although its back-off is not over. */
static void a_stop_tells_what_is_left(void **state)
{
	struct bench *t = *state;
	struct err e;
	set(&fake.away, true);
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_note(r, &flow, HOUR_0);
	UNTIL(figure(t, FIGURE_CATALOG_AWAY) == 1);
	set(&fake.away, false);
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	assert_true(told(HOUR_0));
	assert_null(note_of(t));
}

static void a_refused_table_is_said_and_kept(void **state)
{
	struct bench *t = *state;
	struct err e;
	set(&fake.table_refused, true);
	log_open("test", LOG_ERROR);
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_note(r, &flow, HOUR_0);
	UNTIL(figure(t, FIGURE_CATALOG_AWAY) == 1);
	char *text = note_of(t);
	assert_non_null(text);
	assert_non_null(strstr(text, "int here, string there"));
	mem_free(&text);
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_AGAIN);
	assert_non_null(strstr(e.text, "int here, string there"));
	/* Its reason stays for status. */
	text = note_of(t);
	assert_non_null(text);
	mem_free(&text);
}

static void one_partition_elsewhere_keeps_no_other_back(void **state)
{
	struct bench *t = *state;
	struct err e;
	path_of(HOUR_0, fake.elsewhere);
	lay(t, fake.elsewhere);
	lay(t, "y=2026/m=1/d=1/h=1");
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_note(r, &flow, HOUR_0);
	registrar_note(r, &flow, HOUR_0 + 1);
	registrar_look(r, &flow);
	UNTIL(told(HOUR_0 + 1) && is_told("y=2026/m=1/d=1/h=1"));
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	assert_false(told(HOUR_0));
}

static void a_table_without_partitions_is_made(void **state)
{
	struct bench *t = *state;
	struct err e;
	struct schema plain = flow;
	plain.partitions = 0;
	t->pipeline.schema = &plain;
	struct registrar *r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_look(r, &plain);
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	assert_int_equal(fake.tables, 0);
	lay(t, "part-1");
	r = registrar_start(&t->settings, "worker", &t->figures);
	registrar_look(r, &plain);
	registrar_note(r, &plain, HOUR_0);
	assert_int_equal(registrar_stop(&r, 5000, NULL, NULL, &e), RC_OK);
	assert_true(fake.tables > 0);
	assert_int_equal(fake.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nothing_runs_without_a_catalog, setup, teardown),
	    cmocka_unit_test_setup_teardown(hours_are_told_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_look_finds_what_the_lake_has, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_empty_lake_makes_no_table, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_noted_while_it_was_away_is_told_after, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_a_killed_one_waited_for_is_past, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_full_list_becomes_a_look, setup, teardown),
	    cmocka_unit_test_setup_teardown(nobody_waits_for_a_silent_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_second_signal_ends_it_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stop_tells_what_is_left, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_refused_table_is_said_and_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_table_without_partitions_is_made, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_partition_elsewhere_keeps_no_other_back, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
