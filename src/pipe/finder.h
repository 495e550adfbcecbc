/*
 * finder: which files are there, which of them are new, and whether their writer is done. Keeps every item from the
 * moment it is found until it comes back.
 *
 * A file is sealed when it was closed or renamed in under our eyes, or else when it has not changed for the pipeline's
 * settle time. Not followed, not taken, but written down once: symbolic links, what is no regular file, folders whose
 * name fits where folders are not entered. Passed over in silence: names with a dot in front, names that say "not
 * finished" (nfcapd.current*), folders of `after: move`.
 *
 * Thread  one owner
 */
#ifndef PIPE_FINDER_H
#define PIPE_FINDER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipe/board.h"
#include "pipe/item.h"
#include "pipe/ledger.h"
#include "pipe/settings.h"

struct finder;

struct finder_params {
	const struct settings *settings;
	struct board *board;
	bool once;                   /* what is there now: files older than the settle time are taken at once */
	const struct pipeline *only; /* these paths of one pipeline instead of the watched folders */
	const char *const *path;
	size_t paths;
	bool again;
};

/* Takes ledger whatever the outcome. */
struct finder *finder_new(const struct finder_params *p, struct ledger *ledger);
void finder_free(struct finder **f); /* and every item that it has */

/* Look at what happened, walk on, let files settle: a bounded piece of work. false: nothing was to be done. */
bool finder_step(struct finder *f);

/* The next item that is ready, or NULL. It comes back through finder_return. */
struct item *finder_take(struct finder *f);
void finder_return(struct finder *f, struct item *it);

/* Every watched folder's own watch is there, as far as the system gives it: a file that is closed or renamed in now is
 * seen at once. For a run that ends: its paths are being looked at. */
bool finder_watching(const struct finder *f);

/* Watched folders that were not there when they were looked at. */
unsigned finder_missing(const struct finder *f);

bool finder_scanning(const struct finder *f);
size_t finder_pending(const struct finder *f); /* items it has or waits for, ready ones included */

/* Descriptors to poll; how many were put (at most max), and the milliseconds after which finder_step is wanted anyway.
 */
size_t finder_poll(const struct finder *f, struct pollfd *fds, size_t max, int64_t *due_ms);

#endif
