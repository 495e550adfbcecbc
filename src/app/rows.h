/*
 * rows: the output formats of `sluice dissect` behind one struct: batches in, bytes to a descriptor out, in bounded memory.
 *
 * Thread  one owner
 */
#ifndef APP_ROWS_H
#define APP_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "data/projection.h"
#include "format/parquet/parquet.h"

struct rows;

struct rows_params {
	const struct projection *projection;
	int fd;                       /* borrowed */
	struct parquet_options parquet;
	const char *dissector;        /* "nfcapd/1", for the footer */
};

/* Is there such a format? RC_BAD names those there are: csv, json, avro, parquet. */
enum rc rows_known(const char *format, struct err *e) MUST_USE;

/* Writes what comes before the first row. */
enum rc rows_open(const char *format, const struct rows_params *params, struct rows **out, struct err *e) MUST_USE;

enum rc rows_append(struct rows *r, const struct batch *b, struct err *e) MUST_USE;

/* An input ended: its rows came from these bytes. Only formats with a footer keep it. */
void rows_source(struct rows *r, const char *sha256_text, uint64_t rows);

/* What comes after the last row, and the rest of the buffer. */
enum rc rows_finish(struct rows *r, struct err *e) MUST_USE;

/* Values that became null because their column's type cannot hold them. */
uint64_t rows_outside(const struct rows *r);

/* Does this format want rows_source with a hash? */
bool rows_wants_source(const struct rows *r);

void rows_free(struct rows **r);

#endif
