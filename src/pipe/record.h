/*
 * record: what came of a group of items, into the ledger, in one transaction.
 *
 * Thread  one owner
 */
#ifndef PIPE_RECORD_H
#define PIPE_RECORD_H

#include "pipe/board.h"
#include "pipe/item.h"
#include "pipe/ledger.h"

struct record_params {
	const struct settings *settings;
	const unsigned *partitions; /* [2 * pipeline + (rows ? 1 : 0)] */
	struct board *board;
	uint64_t run;
	bool named_at_end; /* as publish_params */
};

/* Published, and the ledger does not say so yet. */
struct record_mark {
	const struct pipeline *pipeline;
	uint8_t sha256[SHA256_BYTES];
	uint32_t again;
	int64_t published_ms;
};

struct record_marks {
	struct record_mark *at;
	size_t count, capacity;
};

void record_mark_add(struct record_marks *m, const struct item *it, int64_t now_ms);

/*
 * One durable transaction: the marks, then the items. It may change an item's outcome from TAKEN to DOUBLE (another
 * process was faster). Sets partition. RC_AGAIN, RC_FAIL: nothing happened, nothing was counted.
 */
enum rc record_items(const struct record_params *p, struct ledger *l, struct record_marks *marks,
    struct item_list *items, struct err *e) MUST_USE;

#endif
