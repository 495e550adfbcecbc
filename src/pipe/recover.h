/*
 * recover: what a collector does before it looks at files.
 *
 * Thread  one owner, before others are started
 */
#ifndef PIPE_RECOVER_H
#define PIPE_RECOVER_H

#include "pipe/board.h"
#include "pipe/item.h"
#include "pipe/ledger.h"
#include "pipe/publish.h"
#include "pipe/run.h"
#include "pipe/settings.h"

/* A ledger that holds nothing, and a lake with commits: the ledger was lost. Fill it from the lake. */
enum rc recover_lost_ledger(
    const struct settings *s, struct store *store, struct ledger *ledger, struct err *e) MUST_USE;

/* Whole copies that replays have taken for broken originals (replay.h), so that they are known when they come by
 * themselves. Also for the replay that has taken one. */
enum rc recover_copies(const struct settings *s, struct store *store, struct ledger *ledger, struct err *e) MUST_USE;

/* Every dataset's schema into the lake, before an event names it. */
enum rc recover_schemas(const struct settings *s, struct store *store, struct err *e) MUST_USE;

struct recover_params {
	const struct settings *settings;
	const struct pipeline *only; /* of one pipeline, and only what no living run will see to; NULL: all */
	const struct run *run;
	struct publish *publish;
	struct board *board;
	bool later; /* not at the start: only what runs that died since have left, nothing of this run's */
};

struct recover_found { /* archived by runs that are dead, and not published */
	uint64_t files, bytes;
};

/* What earlier runs left open: published originals are awaited, archived ones of dead runs are counted. */
enum rc recover_open(
    const struct recover_params *p, struct ledger *ledger, struct recover_found *out, struct err *e) MUST_USE;

/*
 * The next of those that are archived and not published, as REPUBLISH items, in the order they were archived: of dead
 * runs, and of this one. At most `most`; none: there are no more. *at is 0 at first.
 */
enum rc recover_page(const struct recover_params *p, struct ledger *ledger, uint64_t *at, size_t most,
    struct item_list *out, struct err *e) MUST_USE;

/* Every original of a partition that is not at its end, whoever published it, is appended to `again`: events of it may
 * be gone from the bus. */
enum rc recover_partition(const struct recover_params *p, struct ledger *ledger, const char *topic, unsigned partition,
    struct item_list *again, struct err *e) MUST_USE;

#endif
