/*
 * stored: bytes in the form of a codec's output without compressing them.
 *
 * Thread  any; no state
 */
#ifndef FORMAT_PARQUET_STORED_H
#define FORMAT_PARQUET_STORED_H

#include <stddef.h>

#include "format/parquet/buffer.h"

/* A raw Snappy block of literals only; out is emptied first. */
void stored_snappy(const void *bytes, size_t size, struct buffer *out);

#endif
