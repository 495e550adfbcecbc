/*
 * settled: an original came to its end, committed or refused: its claim is closed, it is counted and told, and `after:`
 * is done to its source.
 *
 * Only what the ledger has durably comes here: a source goes by it. What a crash takes away of it, the next start makes
 * good, but for the counts and the words.
 *
 * Thread  the publisher's
 */
#ifndef PIPE_SETTLED_H
#define PIPE_SETTLED_H

#include "pipe/board.h"
#include "pipe/follow.h"
#include "pipe/item.h"
#include "pipe/settings.h"
#include "store/store.h"

struct settled {
	const struct settings *settings;
	struct board *board;
	struct store *store;
	bool named_at_end;     /* as publish_params */
	struct item_list gone; /* out: sources that `after:` moved or deleted, for the ledger to forget; the caller's */
};

/* News of a follow; context is a struct settled. */
void settled_hear(void *context, const struct follow_news *n);

/* `after:` on a source whose content is committed. was: how it looked when it was read; what changed since is left
 * alone. */
void settled_source(struct settled *s, const struct pipeline *pipeline, const char *source, const struct looks *was);

#endif
