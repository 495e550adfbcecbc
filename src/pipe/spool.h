/*
 * spool: originals that are archived and not on the bus: what earlier runs left, and what is archived while the bus
 * takes nothing. They lie in the lake and in the ledger; memory holds a page of them at a time.
 *
 * Its limit is collect.spool. At it nothing more is taken in, so groups wait, then archive threads, then files where
 * they lie.
 *
 * Thread  the publisher's
 */
#ifndef PIPE_SPOOL_H
#define PIPE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "pipe/archive.h"
#include "pipe/publish.h"
#include "pipe/recover.h"

struct spool_params {
	struct recover_params recover;
	struct ledger *ledger;
	struct archive *archive; /* reads originals again; borrowed */
	unsigned waiter;         /* number on the board */
};

struct spool;

/* found: what lies in it already. */
struct spool *spool_new(const struct spool_params *p, const struct recover_found *found);
void spool_free(struct spool **s);

/* Not at its limit. */
bool spool_room(const struct spool *s);
/* Take in a group whose originals are durable; they come out of the ledger again. false: a stop came first. */
bool spool_add(struct spool *s, struct item_list *group);

/* Publish a page, in the order of archiving; waits for what is away until the board says stop. false: it is empty. */
bool spool_publish(struct spool *s);
/* Begin at the first again: what the bus took for too large is in it too. */
void spool_rewind(struct spool *s);
/* Publish what runs that died meanwhile have left. */
void spool_adopt(struct spool *s);

#endif
