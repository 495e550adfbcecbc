/*
 * printer: the output formats of `sluice dissect` behind one struct: batches in, bytes to a descriptor out, in bounded
 * memory.
 *
 * Thread  one owner
 */
#ifndef APP_PRINTER_H
#define APP_PRINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "data/projection.h"
#include "format/parquet/parquet.h"

struct printer;

struct printer_params {
	const struct projection *projection;
	int fd; /* borrowed */
	struct parquet_options parquet;
	const char *dissector; /* "nfcapd/1", for the footer */
};

/* Writes what comes before the first row. format: csv, json, avro, parquet. */
enum rc printer_open(
    const char *format, const struct printer_params *params, struct printer **out, struct err *e) MUST_USE;

enum rc printer_append(struct printer *r, const struct batch *b, struct err *e) MUST_USE;

/* An input ended: its rows came from these bytes; NULL: not all of them were to be had. Only formats with a footer keep
 * it. */
void printer_source(struct printer *r, const char *sha256_text, uint64_t rows);

/* What comes after the last row, and the rest of the buffer. */
enum rc printer_finish(struct printer *r, struct err *e) MUST_USE;

/* Values that became null because their column's type cannot hold them. */
uint64_t printer_outside(const struct printer *r);

/* Does this format want printer_source with a hash? */
bool printer_wants_source(const struct printer *r);

void printer_free(struct printer **r);

#endif
