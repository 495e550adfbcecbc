/*
 * run: one life of a collector or load: a random number, and a locked file in the state folder that says that it is
 * alive.
 *
 * Originals that are archived and not yet published belong to the run that archived them; what a dead run left
 * (originals, staged files) is the next one's.
 *
 * Thread  one owner
 */
#ifndef PIPE_RUN_H
#define PIPE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "store/store.h"

struct run {
	uint64_t id;      /* never 0 */
	int fd;           /* holds the lock */
	char *folder;     /* state/runs */
	char staging[64]; /* in the lake */
};

enum rc run_open(const char *state, struct run *out, struct err *e) MUST_USE;
/* Gives the lock back and removes the file and the staging folder with all in it; what can't go now is left to the next
 * run. */
void run_close(struct run *r, struct store *s);

/* Does a process hold that run? */
bool run_alive(const struct run *r, uint64_t id);

/*
 * Remove what dead runs left in the lake's staging. A server may have taken in a request of a process that then died,
 * and finish it after the sweep: a data node that stood still was seen to store an upload a minute later. So a dead run
 * is remembered for ten minutes. again: sweep those too that were swept before; they are forgotten when that was so
 * long ago.
 */
enum rc run_clean(const struct run *r, struct store *s, bool again, struct err *e) MUST_USE;

#endif
