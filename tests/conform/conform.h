/*
 * conform: what the conformance tests share: a folder that goes away, child processes that are waited for, pipes for
 * what they report.
 */
#ifndef CONFORM_CONFORM_H
#define CONFORM_CONFORM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rc.h"

/* The call must come to that, or the reason is shown. */
#define EXPECT(want, call)                                                                                             \
	do {                                                                                                           \
		enum rc got_ = (call);                                                                                 \
		if (got_ != (want))                                                                                    \
			fail_msg("%s: %s, not %s: %s", #call, rc_name(got_), rc_name(want),                            \
			    got_ == RC_OK || got_ == RC_END ? "" : e.text);                                            \
	} while (0)

/* In a child, where cmocka can't speak: leave with the line number, small enough for an exit status. */
#define MUST(what)                                                                                                     \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			fprintf(stderr, "child: %s:%d: %s\n", __FILE__, __LINE__, #what);                              \
			_exit(99);                                                                                     \
		}                                                                                                      \
	} while (0)

static inline char *folder_make(const char *under)
{
	const char *tmp = getenv("TMPDIR");
	char *path = mem_format("%s/sluice-conform-XXXXXX", under != NULL ? under : tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
	return path;
}

static inline void folder_remove(char **path)
{
	struct err e;
	assert_int_equal(file_remove_tree(*path, &e), RC_OK);
	mem_free(path);
}

/* 0 in the child. Nothing buffered is printed twice. */
static inline pid_t child_start(void)
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	return pid;
}

static inline void child_succeeds(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A small generator, so that a run can be repeated. */
static inline uint64_t random_next(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = *state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

#endif
