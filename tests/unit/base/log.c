/* log: what stands on standard error, read back through a pipe. */
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct capture {
	int kept, fds[2];
};

static void begin(struct capture *c)
{
	c->kept = dup(STDERR_FILENO);
	assert_int_equal(pipe(c->fds), 0);
	dup2(c->fds[1], STDERR_FILENO);
}

/* All that was written since begin; size must hold it. */
static void finish(struct capture *c, char *out, size_t size)
{
	dup2(c->kept, STDERR_FILENO);
	close(c->kept);
	close(c->fds[1]);
	size_t used = 0;
	ssize_t n;
	while (used < size - 1 && (n = read(c->fds[0], out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	out[used] = '\0';
	close(c->fds[0]);
}

static void a_line_has_time_level_and_process(void **state)
{
	struct capture c;
	char out[8000];
	begin(&c);
	log_open("worker", LOG_INFO);
	log_warn("path=%s", "/x");
	finish(&c, out, sizeof out);
	assert_int_equal(strlen(out), strlen("2026-01-14T09:00:00.000Z warn worker: path=/x\n"));
	assert_int_equal(out[10], 'T');
	assert_string_equal(out + 24, " warn worker: path=/x\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
	struct capture c;
	char out[8000];
	begin(&c);
	log_open("p", LOG_WARN);
	log_debug("no");
	log_info("no");
	log_warn("one");
	log_error("two");
	log_open("p", LOG_DEBUG);
	log_debug("three");
	finish(&c, out, sizeof out);
	assert_null(strstr(out, "no"));
	assert_non_null(strstr(out, " warn p: one\n"));
	assert_non_null(strstr(out, " error p: two\n"));
	assert_non_null(strstr(out, " debug p: three\n"));
}

static void a_line_stays_one_line_whatever_it_holds(void **state)
{
	struct capture c;
	char out[8000], longer[6000];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	begin(&c);
	log_open("p", LOG_INFO);
	log_info("a\nb\033[2J");
	log_info("%s", longer);
	finish(&c, out, sizeof out);
	char *newline = strchr(out, '\n');
	assert_non_null(newline);
	*newline = '\0';
	assert_string_equal(out + 24, " info p: a b [2J");
	/* the long one is cut, and its newline is the last byte */
	const char *second = newline + 1;
	assert_non_null(strchr(second, '\n'));
	assert_string_equal(strchr(second, '\n'), "\n");
	assert_in_range(strlen(second), 3000, 4096);
}

static void a_journal_gets_priorities(void **state)
{
	struct capture c;
	struct stat st;
	char out[8000], stream[64];
	begin(&c);
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("p", LOG_INFO);
	log_error("one");
	log_info("two");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open("p", LOG_INFO);
	log_info("three");
	finish(&c, out, sizeof out);
	unsetenv("JOURNAL_STREAM");
	assert_int_equal(strncmp(out, "<3>p: one\n<6>p: two\n2", 21), 0);
}

static void levels_have_names(void **state)
{
	enum log_level level = LOG_DEBUG;
	assert_true(log_level_parse("error", &level));
	assert_int_equal(level, LOG_ERROR);
	assert_true(log_level_parse("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_false(log_level_parse("loud", &level));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_time_level_and_process),
	    cmocka_unit_test(what_is_below_the_level_is_not_written),
	    cmocka_unit_test(a_line_stays_one_line_whatever_it_holds),
	    cmocka_unit_test(a_journal_gets_priorities),
	    cmocka_unit_test(levels_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
