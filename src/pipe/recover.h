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
enum rc recover_lost_ledger(const struct settings *s, struct store *store, struct ledger *ledger, struct err *e) MUST_USE;

/* Every dataset's schema into the lake, before an event names it. */
enum rc recover_schemas(const struct settings *s, struct store *store, struct err *e) MUST_USE;

/*
 * Originals that earlier runs left open: archived ones of dead runs are appended to `again` as REPUBLISH items, published ones are awaited. only: of one pipeline,
 * and nothing that a living run will see to.
 */
enum rc recover_open(const struct settings *s, const struct pipeline *only, const struct run *run, struct ledger *ledger,
    struct publish *publish, struct board *board, struct item_list *again, struct err *e) MUST_USE;

#endif
