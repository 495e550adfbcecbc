/* What status reads of a process that waits: while it waits, by another handle, and not when it is dead. */
#include "pipe/waits.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct yard {
	char dir[64];
	struct writer seen;
	int64_t since_ms;
};

static int set_up(void **state)
{
	struct yard *y = mem_zero(1, sizeof *y);
	strcpy(y->dir, "/tmp/sluice-waits-XXXXXX");
	assert_non_null(mkdtemp(y->dir));
	writer_init(&y->seen, 1 << 16);
	*state = y;
	return 0;
}

static int tear_down(void **state)
{
	struct yard *y = *state;
	struct err e;
	assert_int_equal(file_remove_tree(y->dir, &e), RC_OK);
	writer_fini(&y->seen);
	mem_free(&y);
	return 0;
}

static void see(void *context, const char *process, const char *what, int64_t since_ms, const char *why)
{
	struct yard *y = context;
	y->since_ms = since_ms;
	writer_format(&y->seen, "%s|%s|%s\n", process, what, why);
}

static void expect(struct yard *y, const char *text)
{
	writer_reset(&y->seen);
	waits_each(y->dir, see, y);
	writer_put(&y->seen, "", 1);
	assert_string_equal((const char *)y->seen.bytes, text);
}

static unsigned files(const struct yard *y)
{
	unsigned n = 0;
	DIR *dir = opendir(y->dir);
	for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void test_told(void **state)
{
	struct yard *y = *state;
	struct waits *w = waits_new(y->dir, "worker");
	expect(y, "");
	assert_int_equal(files(y), 0);
	waits_begin(w, "a.rows/0", "Kafka is away: refused");
	int64_t since = clock_wall().ns / 1000000;
	waits_begin(w, "a.rows/1", "two\nlines");
	expect(y, "worker|a.rows/0|Kafka is away: refused\nworker|a.rows/1|two lines\n");
	assert_true(y->since_ms >= since && y->since_ms < since + 60000);
	waits_begin(w, "a.rows/0", "a longer reason than the one before");
	waits_begin(w, "a.rows/0", "short");
	waits_end(w, "a.rows/1");
	waits_end(w, "nobody");
	expect(y, "worker|a.rows/0|short\n");
	assert_true(y->since_ms <= since);
	waits_end(w, "a.rows/0");
	expect(y, "");
	waits_free(&w);
	assert_int_equal(files(y), 0);
}

static void test_several(void **state)
{
	struct yard *y = *state;
	struct waits *a = waits_new(y->dir, "collector"), *b = waits_new(y->dir, "worker");
	waits_begin(b, "x", "the lake");
	expect(y, "worker|x|the lake\n");
	waits_begin(a, "publishing", "the bus");
	waits_free(&b);
	expect(y, "collector|publishing|the bus\n");
	waits_free(&a);
	waits_begin(NULL, "nobody", "minds");
	waits_end(NULL, "nobody");
}

/* What a process that was killed left is not told, and goes when one of its name begins. */
static void test_dead(void **state)
{
	struct yard *y = *state;
	pid_t child = fork();
	if (child == 0) {
		waits_begin(waits_new(y->dir, "worker"), "x", "killed while it waits");
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(files(y), 1);
	expect(y, "");
	struct waits *other = waits_new(y->dir, "work"), *same = waits_new(y->dir, "worker");
	assert_int_equal(files(y), 0);
	waits_free(&other);
	waits_free(&same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_told, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_several, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_dead, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
