/*
 * archive: reads a sealed file once: hash, copy into the lake's staging, and for a small one its rows. A group of files
 * then shares its syncs.
 *
 * Thread  one archive per thread
 */
#ifndef PIPE_ARCHIVE_H
#define PIPE_ARCHIVE_H

#include "pipe/board.h"
#include "pipe/inflight.h"
#include "pipe/item.h"
#include "pipe/ledger.h"
#include "pipe/rows.h"
#include "pipe/settings.h"

struct archive_params {
	const struct settings *settings;
	struct board *board; /* says when to stop in the middle of a large file */
	struct inflight *inflight;
	struct hold *hold;          /* counts the rows of items */
	const unsigned *partitions; /* of each pipeline's files and rows topic: claims name theirs */
	const char *staging;        /* folder in the lake */
	unsigned thread;            /* makes names in it of its own */
	uint64_t run;               /* of this collector */
	struct rows_limits limits;
	struct confine *confine; /* where small files are dissected; NULL: in this process */
	uint64_t rows_max; /* encoded rows of one original on the bus */
};

struct archive;

/* Takes store and ledger whatever the outcome of anything. */
struct archive *archive_new(const struct archive_params *p, struct store *store, struct ledger *ledger);
void archive_free(struct archive **a);

/* An event holds so much from now on. */
void archive_limit(struct archive *a, size_t event_bytes);

/*
 * Deal with one item; its outcome says what came of it. RC_OK also when it was set aside. RC_AGAIN: lake or ledger is
 * away or full, the outcome is LATER. RC_FAIL: the lake is unusable, the outcome is LATER.
 */
enum rc archive_item(struct archive *a, struct item *it, struct err *e) MUST_USE;

/* Make the TAKEN ones of a list durable under their names in the lake. After RC_AGAIN or RC_FAIL all of them are LATER.
 */
enum rc archive_group(struct archive *a, struct item_list *items, struct err *e) MUST_USE;

/* name~<first 12 hex of the digest> in the folder of that path, cut so that the lake takes it: some write odd bytes as
 * three. Caller frees. */
char *archive_beside(
    struct store *store, const char *path, const char *name, const uint8_t sha256[SHA256_BYTES]);

#endif
