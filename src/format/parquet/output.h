/*
 * output: the sink, with small pieces gathered, positions counted, and the first failure kept: a file with a gap is of
 * no use.
 *
 * Thread  one owner
 */
#ifndef FORMAT_PARQUET_OUTPUT_H
#define FORMAT_PARQUET_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "format/parquet/buffer.h"
#include "format/parquet/parquet.h"

struct output {
	struct parquet_sink sink;
	uint64_t position; /* of the next byte in the file */
	struct buffer gathered;
	enum rc rc;
	struct err reason;
};

void output_init(struct output *o, struct parquet_sink sink);
void output_fini(struct output *o);

void output_put(struct output *o, const void *bytes, size_t size);

/* Hand over what was gathered, free the memory, and say how it went so far. */
enum rc output_flush(struct output *o, struct err *e) MUST_USE;

#endif
