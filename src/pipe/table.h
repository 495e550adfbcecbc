/*
 * table: the table files of one commit, one open writer per hour, and the budget that all writers of a thread share.
 *
 * Limits and what happens at them (doc/memory.md): over the memory budget the largest row group of the thread closes;
 * at the limit of open files the one that was idle longest is finished; a file rolls at its largest size or number of
 * sources.
 *
 * Thread  a budget and its tables belong to one thread
 * Units   bytes; hours since 1970
 */
#ifndef PIPE_TABLE_H
#define PIPE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/metric.h"
#include "base/rc.h"
#include "data/batch.h"
#include "data/projection.h"
#include "ext/hash.h"
#include "format/parquet/parquet.h"
#include "pipe/crc32.h"
#include "pipe/staged.h"
#include "store/store.h"

struct budget; /* the budget */
struct table;  /* one commit's files */

struct budget_limits {
	uint64_t memory;     /* over all open writers */
	unsigned open_files; /* at once */
	uint64_t file_bytes; /* a file rolls */
	struct parquet_options parquet;
};

enum { TABLE_SOURCES = 4096 }; /* in one footer */

/* store, crc and figures are borrowed; so are the projections of its tables, until it is freed. */
struct budget *budget_new(const struct budget_limits *limits, struct store *store, const struct crc32_tables *crc,
    struct metric_slot *figures);
void budget_free(struct budget **all);

/* Bytes that open writers hold, and how many there are. */
uint64_t budget_memory(const struct budget *all);
unsigned budget_open(const struct budget *all);

/* prefix: staged files are called <prefix><number>.parquet; projection and prefix are borrowed. */
struct table *table_new(struct budget *all, const struct projection *p, const char *prefix);

/* Give up everything that was staged. */
void table_drop(struct table **t);

struct table_source {
	const uint8_t *original; /* SHA256_BYTES of them */
	const char *dissector;   /* name and version */
};

/*
 * Append the selected rows (sel NULL: rows 0..n-1) to the hour's file. *outside grows by the values that became null
 * for their type. After anything but RC_OK the table is only good for table_drop. A failure that another table's append
 * met while it made room comes out here.
 */
enum rc table_append(struct table *t, int64_t hour, const struct table_source *source, const struct batch *b,
    const uint16_t *sel, size_t n, uint64_t *outside, struct err *e) MUST_USE;

/* Finish every open file. */
enum rc table_finish(struct table *t, struct err *e) MUST_USE;

struct table_file {
	struct staged *staged; /* closed, not synced */
	int64_t hour;
	uint64_t rows;
};

/* The finished files, in the order they were finished; borrowed until the table's next call. */
struct table_file *table_files(struct table *t, size_t *count);

/* Bytes given to staging so far. */
uint64_t table_bytes(const struct table *t);

#endif
