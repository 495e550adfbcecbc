/* metric: two processes, one file, and what is there after one of them is dead. */
#include "base/metric.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int setup(void **state)
{
	const char *base = getenv("TMPDIR");
	char *path = mem_format("%s/sluice-metric-XXXXXX", base != NULL ? base : "/tmp");
	int fd = mkstemp(path);
	close(fd);
	*state = path;
	return fd < 0;
}

static int teardown(void **state)
{
	char *path = *state;
	unlink(path);
	mem_free(&path);
	return 0;
}

static struct metrics *open_at(const char *path)
{
	struct metrics *m = NULL;
	struct err e;
	assert_int_equal(metrics_open(path, &m, &e), RC_OK);
	return m;
}

static void two_processes_share_and_the_dead_ones_figures_stay(void **state)
{
	enum { CHILDREN = 4, TIMES = 10000 };
	pid_t child[CHILDREN];
	for (int i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			struct metrics *m;
			struct err e;
			char name[METRIC_NAME];
			if (metrics_open(*state, &m, &e) != RC_OK)
				_exit(1);
			struct metric_slot *common = metrics_claim(m, "common");
			snprintf(name, sizeof name, "child%d", i);
			struct metric_slot *own = metrics_claim(m, name);
			for (int n = 0; n < TIMES; n++)
				metric_add(common, 5, 2);
			metric_set(own, METRIC_VALUES - 1, (uint64_t)i + 100);
			/* killed, not closed */
			_exit(own->pid == getpid() ? 0 : 2);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	struct metrics *m = open_at(*state);
	unsigned found = 0;
	const struct metric_slot *s;
	for (unsigned i = 0; (s = metrics_slot(m, i)) != NULL; i++) {
		found++;
		if (strcmp(s->name, "common") == 0)
			assert_int_equal(s->value[5], CHILDREN * TIMES * 2);
		else
			assert_int_equal(s->value[METRIC_VALUES - 1], (uint64_t)(s->name[5] - '0') + 100);
	}
	/* claims never made two slots of one name */
	assert_int_equal(found, CHILDREN + 1);
	/* the next owner goes on where the last one stopped */
	struct metric_slot *mine = metrics_claim(m, "common");
	metric_add(mine, 5, 1);
	assert_int_equal(mine->value[5], CHILDREN * TIMES * 2 + 1);
	assert_int_equal(mine->pid, getpid());
	assert_true(mine->started_ns > 0);
	metrics_close(&m);
	assert_null(m);
}

static void slots_run_out(void **state)
{
	struct metrics *m = open_at(*state);
	char name[METRIC_NAME];
	assert_null(metrics_slot(m, 0));
	for (int i = 0; i < METRIC_SLOTS; i++) {
		snprintf(name, sizeof name, "p%d", i);
		assert_non_null(metrics_claim(m, name));
	}
	assert_null(metrics_claim(m, "one more"));
	assert_non_null(metrics_claim(m, "p7"));
	assert_non_null(metrics_slot(m, METRIC_SLOTS - 1));
	assert_null(metrics_slot(m, METRIC_SLOTS));
	metric_add(NULL, 0, 1);
	metric_set(NULL, 0, 1);
	metrics_close(&m);
}

static void a_name_that_is_cut_is_still_one_slot(void **state)
{
	struct metrics *m = open_at(*state);
	const char *name = "a name that is longer than what a slot has room for";
	struct metric_slot *first = metrics_claim(m, name);
	assert_ptr_equal(metrics_claim(m, name), first);
	assert_null(metrics_slot(m, 1));
	assert_int_equal(first->name[METRIC_NAME - 1], '\0');
	metrics_close(&m);
}

static void another_layout_is_begun_anew_and_never_cut(void **state)
{
	struct stat st;
	FILE *f = fopen(*state, "w");
	for (int i = 0; i < 40000; i++)
		fputs("junk ", f);
	fclose(f);
	struct metrics *m = open_at(*state);
	assert_null(metrics_slot(m, 0));
	assert_int_equal(metrics_claim(m, "x")->value[0], 0);
	metrics_close(&m);
	assert_int_equal(stat(*state, &st), 0);
	assert_int_equal(st.st_size, 200000);
	/* and a second opening finds what the first began */
	m = open_at(*state);
	assert_non_null(metrics_slot(m, 0));
	metrics_close(&m);
}

static void an_absent_directory_fails(void **state)
{
	struct metrics *m = NULL;
	struct err e;
	assert_int_equal(metrics_open("/no/such/place/figures", &m, &e), RC_FAIL);
	assert_null(m);
	assert_non_null(strstr(e.text, "/no/such/place/figures"));
}

static void *add_many(void *argument)
{
	for (int i = 0; i < 100000; i++)
		metric_add(argument, 3, 1);
	return NULL;
}

static void threads_add_without_losing(void **state)
{
	struct metrics *m = open_at(*state);
	struct metric_slot *s = metrics_claim(m, "threads");
	pthread_t thread[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, add_many, s), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(s->value[3], 400000);
	metrics_close(&m);
}

static void a_life_accepts_once_and_another_begins_anew(void **state)
{
	struct metrics *m = open_at(*state);
	struct metric_slot *s = metrics_claim(m, "worker");
	assert_int_equal(metric_accepting_ms(s, getpid()), 0);
	metric_accepting(s, true);
	int64_t first = s->accepting_ns;
	assert_true(first > 0);
	metric_accepting(s, true);
	assert_int_equal(s->accepting_ns, first);
	assert_int_equal(metric_accepting_ms(s, getpid()), first / 1000000);
	assert_int_equal(metric_accepting_ms(s, getpid() + 1), 0);
	metric_accepting(s, false);
	assert_int_equal(metric_accepting_ms(s, getpid()), 0);
	metric_accepting(s, true);
	s = metrics_claim(m, "worker");
	assert_int_equal(metric_accepting_ms(s, getpid()), 0);
	metric_accepting(NULL, true);
	assert_int_equal(metric_accepting_ms(NULL, getpid()), 0);
	metrics_close(&m);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_FILE(two_processes_share_and_the_dead_ones_figures_stay),
	    WITH_FILE(slots_run_out),
	    WITH_FILE(a_name_that_is_cut_is_still_one_slot),
	    WITH_FILE(another_layout_is_begun_anew_and_never_cut),
	    cmocka_unit_test(an_absent_directory_fails),
	    WITH_FILE(threads_add_without_losing),
	    WITH_FILE(a_life_accepts_once_and_another_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
