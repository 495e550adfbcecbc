/*
 * meta: what a file's footer says, as far as reading its rows back needs it: flat columns, their chunks, footer keys.
 *
 * Thread  immutable once read
 * Owner   zeroed is empty; meta_fini frees
 * Source  parquet-format, parquet.thrift
 */
#ifndef FORMAT_PARQUET_META_H
#define FORMAT_PARQUET_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "format/parquet/physical.h"
#include "pack/pack.h"

struct meta_column {
	char *name;
	enum physical physical;
	bool optional;
};

struct meta_chunk {
	uint64_t at, stored; /* in the file: dictionary page, if any, and data pages */
	uint64_t values;     /* nulls included */
	enum codec codec;
};

struct meta_key {
	char *key, *value;
	size_t len;
};

struct meta {
	uint64_t rows;
	struct meta_column *column;
	size_t columns;
	uint64_t *group; /* rows of each row group */
	size_t groups;
	struct meta_chunk *chunk; /* columns of each row group */
	struct meta_key *key;
	size_t keys;
};

/* Read FileMetaData; file_size bounds the chunks. RC_BAD: damaged, nested, or of a kind that is not ours to read. */
enum rc meta_read(struct meta *m, const void *bytes, size_t size, uint64_t file_size, struct err *e) MUST_USE;
void meta_fini(struct meta *m);

#endif
