/*
 * publish: the second half of the collector: groups into the ledger, their events onto the bus, commits back into the
 * ledger, then `after:`.
 *
 * Thread  one owner
 */
#ifndef PIPE_PUBLISH_H
#define PIPE_PUBLISH_H

#include <stdbool.h>

#include "bus/bus.h"
#include "pipe/board.h"
#include "pipe/inflight.h"
#include "pipe/item.h"
#include "pipe/ledger.h"
#include "pipe/settings.h"
#include "store/store.h"

struct publish_params {
	const struct settings *settings;
	const unsigned *partitions; /* [2 * pipeline + (rows ? 1 : 0)] */
	struct board *board;
	unsigned waiter; /* number on the board */
	struct inflight *inflight;
	uint64_t run;
	bool named_at_end; /* somebody names each that is not whole when the run ends */
	/* Called again and again while the bus takes nothing, with how long it does not. It may call publish_spool.
	 * NULL: nobody is. */
	void (*meanwhile)(void *context, int64_t blocked_ms);
	void *context;
};

struct publish;

/* Borrows the three. */
enum rc publish_open(const struct publish_params *p, struct bus *bus, struct store *store, struct ledger *ledger,
    struct publish **out, struct err *e) MUST_USE;
void publish_close(struct publish **p);

/* An original that an earlier run published: only its commit is awaited. */
void publish_await(struct publish *p, const struct pipeline *pipeline, const struct ledger_original *o);

/*
 * Deal with a group to its end, waiting for what is away or full until the board says stop. more: another group waits,
 * so that what can be written with it is. Items keep the outcome that became of them.
 */
void publish_items(struct publish *p, struct item_list *items, bool more);

/* What is acknowledged, into the ledger now. */
void publish_mark(struct publish *p);

/* The bus takes nothing: write the group down as archived, so that it need not stay in memory. Who asks for it again
 * finds it in the ledger (recover_page). false: a stop came first. */
bool publish_spool(struct publish *p, struct item_list *items);

/* What is due: marks, commits. Returns the milliseconds until it wants to be called again. */
int64_t publish_idle(struct publish *p);

/* Ask the workers to commit at once what is awaited. */
void publish_flush_events(struct publish *p);

/*
 * What the bus lost (pipe/gap.h). publish_suspect: does this partition want a look? Because an event was acknowledged
 * at an offset that was another's, because the topic was not there, or because nothing is committed of what is awaited.
 * *lost: events may be missing although bus and lake fit together. publish_intact: it was looked at, and made good; the
 * next event comes at next or later.
 */
bool publish_suspect(const struct publish *p, const char *topic, unsigned partition, int64_t quiet_ms, bool *lost);
/* Is something awaited, although all commits before end were seen? Where the bus has nothing after that, it is lost. */
bool publish_misses(const struct publish *p, const char *topic, unsigned partition, uint64_t end);
/* There is no such topic any more: it is made, and all partitions of it are to be looked at. */
enum rc publish_make_anew(struct publish *p, const char *topic, unsigned partitions, struct err *e) MUST_USE;
bool publish_lost(const struct publish *p); /* is there one that has lost events for certain? */
void publish_intact(struct publish *p, const char *topic, unsigned partition, uint64_t next);

/* The bus took an event for too large since it was asked last: limits have to be read again, what was archived cut
 * anew. */
bool publish_too_large(struct publish *p, struct err *why);

size_t publish_waits(const struct publish *p); /* originals published and not yet committed or refused */

#endif
