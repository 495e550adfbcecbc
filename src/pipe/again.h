/*
 * again: what has to be published a second time, because the bus has lost it before it was committed (gap.h). What was
 * archived and not published is spool.h.
 *
 * All of it comes from the originals in the lake, to the topic and partition that the ledger names, under the same
 * identity: whatever is there twice, the workers take once.
 *
 * Thread  the publisher's
 */
#ifndef PIPE_AGAIN_H
#define PIPE_AGAIN_H

#include <stdbool.h>

#include "base/rc.h"
#include "bus/bus.h"
#include "pipe/archive.h"
#include "pipe/board.h"
#include "pipe/ledger.h"
#include "pipe/publish.h"
#include "pipe/run.h"
#include "pipe/settings.h"
#include "store/store.h"

struct again_params { /* all borrowed */
	const struct settings *settings;
	const struct pipeline *only; /* load: the one that it is for */
	const unsigned *partitions;  /* of each pipeline's files and rows topic */
	const struct run *run;
	struct board *board;
	unsigned waiter; /* number on the board */
	struct ledger *ledger;
	struct store *store;
	struct bus *bus;
	struct publish *publish;
	struct archive *archive; /* reads and cuts them; set before again_restore */
};

struct again;

struct again *again_new(const struct again_params *p);
void again_free(struct again **a);
void again_archive(struct again *a, struct archive *archive);

/*
 * Make good what the bus has lost. all: look at every partition; else at those that are suspected, among them where
 * something is awaited and nothing was committed for a while.
 */
void again_restore(struct again *a, bool all);

/* The bus takes smaller events than were cut: from now on originals are cut by that, also those of the spool, which
 * borrows the archive. */
void again_cut(struct again *a, size_t event_bytes);

#endif
