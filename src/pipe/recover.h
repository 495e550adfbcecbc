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

/* Every dataset's schema into the lake, before an event names it. */
enum rc recover_schemas(const struct settings *s, struct store *store, struct err *e) MUST_USE;

struct recover_params {
	const struct settings *settings;
	const struct pipeline *only; /* of one pipeline, and only what no living run will see to; NULL: all */
	const struct run *run;
	struct publish *publish;
	struct board *board;
	bool later; /* not at the start: only what runs that died since have left */
};

/* Originals that earlier runs left open: archived ones of dead runs are appended to `again` as REPUBLISH items,
 * published ones are awaited. */
enum rc recover_open(
    const struct recover_params *p, struct ledger *ledger, struct item_list *again, struct err *e) MUST_USE;

/* Every original of a partition that is not at its end, whoever published it, is appended to `again`: events of it may
 * be gone from the bus. */
enum rc recover_partition(const struct recover_params *p, struct ledger *ledger, const char *topic, unsigned partition,
    struct item_list *again, struct err *e) MUST_USE;

/* What this run has archived and the bus did not take. */
enum rc recover_own(
    const struct recover_params *p, struct ledger *ledger, struct item_list *again, struct err *e) MUST_USE;

#endif
