/*
 * footer: what a file says about itself: page headers, column indexes, offset indexes, and the file metadata at its
 * end.
 *
 * Row groups are described in their final thrift form as they close, so that a file of many row groups stays small in
 * memory.
 *
 * Thread  one owner
 * Owner   footer_init / footer_fini
 */
#ifndef FORMAT_PARQUET_FOOTER_H
#define FORMAT_PARQUET_FOOTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "data/schema.h"
#include "format/parquet/buffer.h"
#include "format/parquet/chunk.h"
#include "format/parquet/output.h"
#include "format/parquet/parquet.h"

/* A chunk that lies in the file. */
struct footer_chunk {
	enum physical physical;
	enum codec codec;
	uint64_t rows, nulls;
	uint64_t raw, stored;   /* bytes with page headers, uncompressed and as stored */
	uint64_t data_at;       /* first data page */
	uint64_t dictionary_at; /* 0: no dictionary page */
	uint32_t dictionary_pages, plain_pages;
	const struct bounds *bounds;
};

struct footer {
	size_t columns;
	bool page_index;
	uint64_t rows;
	uint32_t groups;
	struct buffer group;      /* struct per row group */
	struct buffer extent;     /* struct per chunk: lengths of its parts in the three below */
	struct writer chunk_meta; /* ColumnMetaData of all chunks */
	struct writer column_index;
	struct writer offset_index;
};

void footer_init(struct footer *f, size_t columns, bool page_index);
void footer_fini(struct footer *f);
size_t footer_memory(const struct footer *f);

/* A row group begins at that position; its chunks follow in the order of the columns; then it ends. */
void footer_group(struct footer *f, uint64_t position, uint64_t rows);
void footer_add(struct footer *f, const char *column, const struct footer_chunk *m, const struct chunk *c);

/* The page header in front of a body. dictionary: of the dictionary page, else a data page. */
struct footer_page {
	bool dictionary_page, dictionary;
	uint32_t raw, stored, crc, values;
};
void footer_page_header(const struct footer_page *p, struct writer *out);

/* Indexes and metadata, after the last row group. RC_BAD: the metadata would pass its ceiling. */
enum rc footer_write(struct footer *f, const struct schema *s, const struct parquet_key *key, size_t keys,
    struct output *o, struct err *e) MUST_USE;

#endif
