/*
 * dirs: the directories that one call works in: each opened once, and synced once after all its names have changed.
 *
 * Thread  one owner, for one call
 */
#ifndef STORE_LOCAL_DIRS_H
#define STORE_LOCAL_DIRS_H

#include "store/local/local.h"

enum { DIRS = 64 };

struct dir {
	char *path;
	size_t len;
	int fd;
	bool changed;
};

struct dirs {
	struct local *local;
	unsigned count, last;
	struct dir dir[DIRS];
};

void dirs_init(struct dirs *d, struct local *l);

/* Have room for two more, so that both ends of a move can be looked up; syncs and forgets all when there is none. */
enum rc dirs_room(struct dirs *d, struct err *e) MUST_USE;

/* The directory that holds path; NULL with errno. *leaf points into path. Valid until dirs_room. */
struct dir *dirs_of(struct dirs *d, const char *path, bool make, const char **leaf);

/* Make the changed ones durable. */
enum rc dirs_sync(struct dirs *d, struct err *e) MUST_USE;

void dirs_fini(struct dirs *d);

#endif
