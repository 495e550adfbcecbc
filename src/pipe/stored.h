/*
 * stored: which rows of one original the tables hold already, so that only the others are stored when it is dissected
 * again.
 *
 * Rows are the same when all their columns are, as the table stores them: they are compared by a digest of their Avro
 * encoding, and counted, because a log may well hold the same line twice. Memory is bounded by looking at a share of
 * the digests at a time.
 *
 * Thread  one owner
 */
#ifndef PIPE_STORED_H
#define PIPE_STORED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "pipe/crc32.h"
#include "pipe/input.h"
#include "pipe/settings.h"
#include "store/store.h"

enum { STORED_ROWS = 1 << 20 /* of one share, about: 48 MiB */ };

struct stored;

/* All borrowed. */
struct stored *stored_new(const struct pipeline *p, struct store *store, const struct crc32_tables *crc);
void stored_free(struct stored **s);

/* Forget all, and see only that share of the digests from now on: 0 <= part < parts. */
void stored_begin(struct stored *s, uint32_t part, uint32_t parts);

/* Add the original's rows that lie in a table file; *rows grows by how many these are in all shares. Errors: input.h */
enum rc stored_add(struct stored *s, const struct input_file *f, const uint8_t original[SHA256_BYTES], uint64_t *rows,
    struct err *e) MUST_USE;

enum stored_row {
	STORED_OTHER, /* of another share */
	STORED_HELD,  /* it is in the tables; one less from now on */
	STORED_NEW,
};

/* A row of the pipeline's dissector. */
enum stored_row stored_match(struct stored *s, const struct batch *b, uint16_t row);

/* Rows of this share that no row was matched with. */
uint64_t stored_left(const struct stored *s);

#endif
