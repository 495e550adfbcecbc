/*
 * archive_work: what reading files and naming originals share. Private to archive.c and archive_group.c.
 *
 * Thread  one owner
 */
#ifndef PIPE_ARCHIVE_WORK_H
#define PIPE_ARCHIVE_WORK_H

#include "base/relay.h"
#include "ext/hash.h"
#include "pipe/archive.h"
#include "pipe/claim.h"
#include "store/store.h"

enum { ARCHIVE_BLOCK = 256 << 10, ARCHIVE_NAME = 255 }; /* bytes read at a time, and of the longest name */

struct archive {
	struct archive_params params;
	struct store *store;
	struct ledger *ledger;
	struct sha256 *hash;
	struct gmac *gmac;
	struct cell *cell;
	struct rows_maker **maker; /* one per pipeline, made when first needed */
	struct relay *relay;       /* of large files, made when first needed */
	uint8_t *bytes;
	size_t capacity;
	uint64_t staged; /* files so far, for their names */
};

/* Room for so many bytes of a file; what was there is lost. */
void archive_room(struct archive *a, size_t size);

/* The item comes again. */
enum rc archive_later(struct item *it, enum rc rc);
/* Others may take that content now. */
void archive_release(struct archive *a, struct item *it);
/* Another instance has it: the file is left alone. */
void archive_leave(struct item *it, const struct claim *c);

/* Rows of the newest ingest of that content; what the ledger can't say is none. */
uint64_t archive_rows_of(struct archive *a, const struct item *it, const uint8_t sha256[SHA256_BYTES]);

/* The item's name in the lake becomes that of archive_beside. */
void archive_rename(struct archive *a, struct item *it);

#endif
