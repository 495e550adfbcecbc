/*
 * parquet: one table file, written front to back in bounded memory. Profile and choices: doc/formats/parquet.md.
 *
 * Format version 1, data page v1, dictionary (PLAIN_DICTIONARY) and PLAIN, every column OPTIONAL, statistics, page
 * index, page CRC, the Avro schema under parquet.avro.schema. Pages are encoded and compressed as they fill; they stay
 * in memory until their row group closes, because its dictionaries come first. The same rows, options and build give
 * the same bytes; with a habit, also what was learned before counts.
 *
 * Thread  one owner
 * Units   bytes
 */
#ifndef FORMAT_PARQUET_PARQUET_H
#define FORMAT_PARQUET_PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "data/projection.h"
#include "pack/pack.h"

/*
 * What the files of one table have taught: columns for which a dictionary does not pay. They begin PLAIN in the next
 * files, and are tried again after some. One per table and thread; borrowed by the writers that are opened with it.
 */
struct parquet_habit;

struct parquet_habit *parquet_habit_new(const struct projection *p);
void parquet_habit_free(struct parquet_habit **h);

struct parquet_options {
	enum codec codec;        /* snappy (default), zstd, gzip, none */
	int level;               /* zstd, gzip: 1..9; 0 is 1 for zstd, 6 for gzip */
	uint32_t row_group_rows; /* 0: 1 Mi */
	uint32_t
	    page_rows; /* 0: 20,480. Pages end at multiples of it; those of a narrow column are several times as long */
	bool no_page_index;
	struct parquet_habit *habit; /* NULL: every file finds out by itself */
};

struct parquet_sink {
	void *context;
	enum rc (*write)(void *context, const void *bytes, size_t size, struct err *e);
};

struct parquet_key { /* footer key and value, e.g. sluice.sources */
	const char *key;
	const char *value;
	size_t len;
};

struct parquet;

/* pack is borrowed (one per thread, shared by its writers). Writes the leading magic. */
enum rc parquet_open(const struct projection *p, const struct parquet_options *options, struct pack *pack,
    struct parquet_sink sink, struct parquet **out, struct err *e) MUST_USE;

/*
 * Append the selected rows (sel NULL: rows 0..n-1), at most 64 Ki. Closes pages, and the row group at row_group_rows or
 * when a column has too many different texts for a dictionary, by itself. RC_* of the sink; the file is lost then,
 * whatever it was: every later call returns the same again.
 */
enum rc parquet_append(struct parquet *q, const struct batch *b, const uint16_t *sel, size_t n, struct err *e) MUST_USE;

/* Close the open row group now: its memory is given back, not kept. Nothing open: RC_OK. */
enum rc parquet_flush(struct parquet *q, struct err *e) MUST_USE;

/* Bytes of memory this writer holds now (pages, dictionaries, buffers); what closing the row group would free; bytes
 * given to the sink; rows so far. */
size_t parquet_memory(const struct parquet *q);
size_t parquet_group_memory(const struct parquet *q);
uint64_t parquet_written(const struct parquet *q);
uint64_t parquet_rows(const struct parquet *q);
/* Values that became null because their SQL type cannot hold them. */
uint64_t parquet_outside(const struct parquet *q);

/* page_rows from the next such border on: smaller when many writers share a budget. */
void parquet_page_rows(struct parquet *q, uint32_t rows);

/* Footer. A file with no rows is legal. The writer stays until parquet_free. */
enum rc parquet_close(struct parquet *q, const struct parquet_key *key, size_t keys, struct err *e) MUST_USE;
void parquet_free(struct parquet **q);

#endif
