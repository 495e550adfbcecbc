/*
 * blocks: the file header, and one block after another, decompressed and checked. Damage is stepped over here: what
 * comes out can be trusted, what cannot is described once, as a byte range with a reason.
 *
 * A file is its header and blocks to its end; the counts in the header only say whether all of them are there. So a
 * file whose writer was killed is read like any other.
 *
 * Thread  one owner
 * Memory  input up to one block (BLOCK_MAX), output up to one decompressed block (BLOCK_MAX), each only as far as it is
 * used
 */
#ifndef DISSECT_NFCAPD_BLOCKS_H
#define DISSECT_NFCAPD_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"
#include "data/batch.h"
#include "pack/pack.h"

/* Of section 2.6: what a file says about itself. */
struct statistics {
	bool known;
	uint64_t flows, bytes, packets, sequence_failures;
};

/* A byte range that is lost. */
struct damage {
	bool set;
	uint64_t offset, length, rows; /* rows as in struct batch_reject */
	char reason[ERR_TEXT];
	size_t raw_length;
	uint8_t raw[BATCH_RAW]; /* its first bytes */
};

struct block {
	uint64_t offset;      /* of its header in the file */
	uint64_t length;      /* on disk, header included */
	bool in_place;        /* bytes are as on disk: offsets of records can be told */
	const uint8_t *bytes; /* whole records, checked; until the next call */
	size_t size;
};

struct blocks {
	struct source *source; /* owned */
	struct pack *pack;
	uint8_t *out; /* BLOCK_MAX, made for the first compressed block */

	/* from the header */
	enum codec codec;
	unsigned layout;
	uint32_t data_blocks, appendix_blocks;
	uint32_t writer; /* nfdump's version, 0x010701xx; layout 1: 0 */
	struct statistics statistics;

	uint64_t seen; /* blocks, good or damaged */
	uint64_t damages;
	unsigned searches; /* for a block header after damage */
	size_t used;       /* bytes of the source that the next call moves past */
	bool lost;         /* after them stands damage, which the next call describes and leaves */
	bool lost_known;   /* it is lost_bytes long; else a block may begin behind them at the earliest */
	size_t lost_bytes;
	struct damage damage; /* set: for the caller to take, who clears it */
};

/* Takes source. */
void blocks_init(struct blocks *b, struct source *source);
void blocks_fini(struct blocks *b);

/* Once, first. RC_BAD: no nfcapd file, or one that is not supported. */
enum rc blocks_header(struct blocks *b, struct err *e) MUST_USE;

/* The next block; size may be 0. damage is set when something was lost. RC_END at the end of the file. */
enum rc blocks_next(struct blocks *b, struct block *block, struct err *e) MUST_USE;

/* After the end: is everything there that the header promised? What is missing is damage too. */
void blocks_missing(struct blocks *b);

/* Blocks follow a header that counts none: its writer was killed. */
bool blocks_unfinished(const struct blocks *b);

#endif
