/*
 * watch: what happens in folders, from inotify: files whose writer closed them or that were renamed in, and new
 * folders.
 *
 * Thread  one owner
 */
#ifndef PIPE_WATCH_H
#define PIPE_WATCH_H

#include <stdbool.h>

#include "base/rc.h"

struct watch;

enum watch_kind {
	WATCH_SEALED,   /* a file: its writer closed it, or it was renamed in */
	WATCH_FOLDER,   /* a new folder: walk it */
	WATCH_OVERFLOW, /* events were lost: walk everything */
};

struct watch_event {
	enum watch_kind kind;
	const char *path; /* borrowed until the next call; NULL for WATCH_OVERFLOW */
};

/* RC_AGAIN: the system has no more instances to give. */
enum rc watch_open(struct watch **out, struct err *e) MUST_USE;
void watch_close(struct watch **w);

/* Readable when there is something to take. */
int watch_fd(const struct watch *w);

/* See what happens right in that folder from now on. Watching it already is fine. RC_AGAIN: no more watches to give.
 * RC_BAD: no folder. */
enum rc watch_add(struct watch *w, const char *folder, struct err *e) MUST_USE;

/* false: nothing more now. */
bool watch_next(struct watch *w, struct watch_event *out);

#endif
