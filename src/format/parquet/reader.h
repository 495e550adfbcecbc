/*
 * reader: the rows of a table file back as batches, one row group in memory at a time.
 *
 * Reads what we and the Spark worker write: flat columns of INT32, INT64, FLOAT and BYTE_ARRAY, optional or required,
 * data pages v1, PLAIN and dictionary, RLE levels; codecs none, snappy, gzip, zstd, lz4_raw. Page CRCs are checked
 * where there are any. Batches are those of projection_rendered(schema): columns that the file lacks are null.
 *
 * Thread  one owner
 * Units   bytes
 * Errors  RC_BAD: damaged, of another kind, or a column that the schema lacks or types differently; what the source
 *         returns comes back as it is
 */
#ifndef FORMAT_PARQUET_READER_H
#define FORMAT_PARQUET_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "data/schema.h"
#include "pack/pack.h"

struct parquet_bytes { /* where the file lies */
	void *context;
	/* Exactly size bytes at offset. */
	enum rc (*read)(void *context, uint64_t offset, void *to, size_t size, struct err *e);
	uint64_t size;
};

struct parquet_reader;

/* Reads the footer. schema and pack are borrowed. */
enum rc parquet_reader_open(const struct schema *schema, const struct parquet_bytes *bytes, struct pack *pack,
    struct parquet_reader **out, struct err *e) MUST_USE;
void parquet_reader_free(struct parquet_reader **r);

uint64_t parquet_reader_rows(const struct parquet_reader *r);
/* A footer key's value, NUL after it, or NULL. */
const char *parquet_reader_key(const struct parquet_reader *r, const char *key);

/* The next rows into b, which is reset first; at most `most` of them. RC_END after the last. */
enum rc parquet_reader_next(struct parquet_reader *r, struct batch *b, uint64_t most, struct err *e) MUST_USE;

#endif
