/* What dead runs left in staging goes, also what arrives there after it was swept; nobody touches what is a living
 * run's. */
#include "pipe/run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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
	char *lake, *state;
	struct store *store;
	struct run run; /* ours */
};

static int set_up(void **state)
{
	struct place *p = mem_zero(1, sizeof *p);
	struct err e;
	strcpy(p->dir, "/tmp/sluice-run-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->lake = file_join(p->dir, "lake");
	p->state = file_join(p->dir, "state");
	assert_int_equal(store_open(&store_local, p->lake, NULL, 0, &p->store, &e), RC_OK);
	assert_int_equal(run_open(p->state, &p->run, &e), RC_OK);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err e;
	run_close(&p->run, p->store);
	store_close(&p->store);
	assert_int_equal(file_remove_tree(p->dir, &e), RC_OK);
	mem_free(&p->lake);
	mem_free(&p->state);
	mem_free(&p);
	return 0;
}

/* As the kernel leaves it: the lock is gone, the file is there. Its path. */
static char *die(struct run *r)
{
	char *path = mem_format("%s/%016" PRIx64, r->folder, r->id);
	close(r->fd);
	mem_free(&r->folder);
	return path;
}

static void stage(const struct place *p, const char *staging)
{
	char *folder = file_join(p->lake, staging), *path = file_join(folder, "0-0");
	struct err e;
	assert_int_equal(file_mkdirs(folder, &e), RC_OK);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	mem_free(&folder);
	mem_free(&path);
}

static bool is_staged(const struct place *p, const char *staging)
{
	char *folder = file_join(p->lake, staging);
	bool there = access(folder, F_OK) == 0;
	mem_free(&folder);
	return there;
}

static void clean(const struct place *p, bool again)
{
	struct err e;
	assert_int_equal(run_clean(&p->run, p->store, again, &e), RC_OK);
}

static void was_swept(const char *path, int64_t ago_s)
{
	const struct timespec to[2] = {{.tv_sec = time(NULL) - ago_s}, {.tv_sec = time(NULL) - ago_s}};
	assert_int_equal(utimensat(AT_FDCWD, path, to, 0), 0);
}

static void what_comes_late_goes_too(void **state)
{
	struct place *p = *state;
	struct run dead;
	struct err e;
	assert_int_equal(run_open(p->state, &dead, &e), RC_OK);
	stage(p, dead.staging);
	stage(p, p->run.staging);
	clean(p, true);
	assert_true(is_staged(p, dead.staging)); /* it lives */
	char *path = die(&dead);
	clean(p, false);
	assert_false(is_staged(p, dead.staging));
	assert_false(run_alive(&p->run, dead.id));
	stage(p, dead.staging);
	clean(p, false); /* a start looks only for what was never swept */
	assert_true(is_staged(p, dead.staging));
	clean(p, true);
	assert_false(is_staged(p, dead.staging));
	stage(p, dead.staging);
	was_swept(path, 3600);
	clean(p, false);
	assert_int_equal(access(path, F_OK), 0);
	clean(p, true);
	assert_false(is_staged(p, dead.staging));
	assert_int_not_equal(access(path, F_OK), 0); /* forgotten */
	assert_true(is_staged(p, p->run.staging));
	mem_free(&path);
}

static void a_clock_set_back_forgets_it(void **state)
{
	struct place *p = *state;
	struct run dead;
	struct err e;
	assert_int_equal(run_open(p->state, &dead, &e), RC_OK);
	char *path = die(&dead);
	clean(p, false);
	was_swept(path, -86400);
	clean(p, true);
	assert_int_not_equal(access(path, F_OK), 0);
	mem_free(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_comes_late_goes_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_clock_set_back_forgets_it, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
