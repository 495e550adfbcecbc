/*
 * waits: what makes this process wait, since when and why, where another process can read it: status.
 *
 * A file of the state folder, <state>/waits.<process>.<pid>, made when first something waits. Its owner keeps it
 * locked as long as it lives, so that what a dead process left is known as such. Lines: "since what why", since in ms,
 * wall; the last line is "end". A file that cannot be written is no reason to wait: then only the log says it.
 *
 * Thread  any; a lock, and a write of a few hundred bytes where something changes
 */
#ifndef PIPE_WAITS_H
#define PIPE_WAITS_H

#include <stdint.h>

enum { WAITS_WHAT = 280 }; /* a topic and a partition, or a part of the collector; no blanks */

struct waits;

/* name: of the process, as in figures. Takes away what dead processes of that name left. */
struct waits *waits_new(const char *state, const char *name);
void waits_free(struct waits **w);

/* what waits because of why. The first time counts as the beginning; another why later is what is told then. NULL for w
 * is fine in all calls. */
void waits_begin(struct waits *w, const char *what, const char *why);
void waits_end(struct waits *w, const char *what);

/* What every living process of a state folder waits for; texts borrowed for the call. */
void waits_each(const char *state,
    void (*visit)(void *context, const char *process, const char *what, int64_t since_ms, const char *why),
    void *context);

#endif
