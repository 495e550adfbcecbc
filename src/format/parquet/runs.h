/*
 * runs: takes values out of an RLE / bit-packing stream a few at a time (parquet-format, Encodings.md, "RLE = 3"). A
 * page of one value may stand for a million rows: it is never expanded whole.
 *
 * Thread  plain data, the caller's; borrows the bytes
 */
#ifndef FORMAT_PARQUET_RUNS_H
#define FORMAT_PARQUET_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct runs {
	const uint8_t *at, *end;
	unsigned width;
	uint64_t same; /* left of a run of one value */
	uint32_t value;
	uint64_t groups;  /* of eight, left of a packed run */
	uint32_t open[8]; /* a group that was begun */
	unsigned opened;  /* of them left */
};

/* width 0..32. */
void runs_begin(struct runs *r, const void *bytes, size_t size, unsigned width);

/* The next n; false: the stream is damaged or ends before. */
bool runs_take(struct runs *r, size_t n, uint32_t *out);

#endif
