/*
 * child: runs one external program to its end: an argument vector, never a shell.
 *
 * The program gets descriptors 0 to 2, the input as 3 where it reads it by path, and no other; a small environment
 * (PATH, HOME, TMPDIR as they are, TZ=UTC, LC_ALL=C.UTF-8); a process group of its own; no new privileges; limits on
 * memory, processor time and file sizes. What it writes goes to a file, so nobody waits for anybody: only standard
 * error is a pipe, read as it comes, its first CHILD_NOTE bytes kept.
 *
 * The group is killed when the program has ended, at the time limit, and when this process is asked to stop; the
 * program itself also when the calling thread dies.
 *
 * Thread  any; blocks until the program ends, at most timeout_ms
 */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "dissect/dissect.h"

enum { CHILD_NOTE = DISSECT_NOTE, CHILD_INPUT_FD = 3 };

#define CHILD_INPUT_PATH "/proc/self/fd/3"

struct child_limits {
	int64_t timeout_ms;
	uint64_t memory_bytes; /* of its address space */
	uint64_t output_bytes; /* that it may write to any file */
};

struct child {
	const char *path;        /* of the program */
	const char *const *argv; /* NULL behind the last */
	int input;               /* descriptor at its beginning, or -1: nothing */
	bool by_path;            /* as CHILD_INPUT_PATH; otherwise standard input */
	int output;              /* descriptor of a file */
	struct child_limits limits;
};

struct child_end {
	int status; /* of wait */
	bool timed_out;
	char note[CHILD_NOTE];
	size_t note_len;
};

/* Where the program is; caller frees *path. RC_BAD: there is none that may be run. */
enum rc child_find(const char *name, char **path, struct err *e) MUST_USE;

/* RC_OK: it has ended, *end says how. RC_AGAIN: it could not be started now, or we were asked to stop. RC_BAD: it can
 * never be started. */
enum rc child_run(const struct child *c, struct child_end *end, struct err *e) MUST_USE;

#endif
