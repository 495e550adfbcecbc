/*
 * walk: a folder's entries, one by one, in bytewise order within each folder, so that the caller can do other things in
 * between.
 *
 * Symbolic links are never followed below the root. Names that begin with a dot are passed over, folders too.
 *
 * Thread  one owner
 */
#ifndef PIPE_WALK_H
#define PIPE_WALK_H

#include <stdbool.h>

#include "base/rc.h"

struct walk;

enum walk_kind {
	WALK_FOLDER,     /* about to be read: the next call reads it */
	WALK_SHUT,       /* a folder that is not entered, because the walk is not recursive */
	WALK_UNREADABLE, /* a folder that can't be read: errno in entry.sys */
	WALK_ENTRY,      /* anything else */
	WALK_READING,    /* a large folder was read a piece further: nothing to look at yet */
};

struct walk_entry {
	enum walk_kind kind;
	const char *path; /* borrowed until the next call */
	int sys;
};

struct walk *walk_new(const char *root, bool recursive);
void walk_free(struct walk **w);

/* false: no more. */
bool walk_next(struct walk *w, struct walk_entry *out);

#endif
