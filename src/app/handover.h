/*
 * handover: how a supervisor becomes the program that stands at its path now, without letting its children go.
 *
 * The process stays the same, so it stays the parent, keeps the lock on the state folder, and is what a service manager
 * watches. What the next program has to know goes through a sealed memory file.
 *
 * Thread  main only
 */
#ifndef APP_HANDOVER_H
#define APP_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"

enum { HANDOVER_CHILDREN = 8, HANDOVER_NAME = 32, PROGRAM_PATH = 4096 };

struct handover_child {
	char name[HANDOVER_NAME];
	pid_t pid;
	int64_t started_ms; /* mono */
};

struct handover {
	int lock_fd;
	struct handover_child child[HANDOVER_CHILDREN];
	unsigned children;
};

/* Path by which this process was started, absolute, links in it not followed: where the next version will stand. */
void program_path(char out[PROGRAM_PATH]);

/* What a child is to be run from: path while it still is the file that runs here, else that very file, also when it is
 * deleted. So children are always of their supervisor's version. */
const char *program_running(const char *path);

/* Text in memory that nobody can change any more, as a descriptor that exec closes. */
enum rc handover_seal(const char *name, const char *text, size_t size, int *fd, struct err *e) MUST_USE;

/*
 * Become the program argv[0] is the path of. keep: descriptors that it shall have, ended by -1. Returns only when that
 * did not happen; RC_END: asked to stop meanwhile. Signals stay blocked until the next program takes them up: none is
 * lost.
 */
enum rc handover_exec(const char *const argv[], const int keep[], struct err *e) MUST_USE;

/* The descriptor that carries *h. */
enum rc handover_write(const struct handover *h, int *fd, struct err *e) MUST_USE;

/* What the program before left behind fd, which is closed. RC_BAD: it is no such thing. */
enum rc handover_read(int fd, struct handover *out, struct err *e) MUST_USE;

#endif
