/*
 * plain: keys of selected rows as PLAIN values: little-endian numbers, or a 4-byte length and UTF-8.
 *
 * Thread  any; no state
 */
#ifndef FORMAT_PARQUET_PLAIN_H
#define FORMAT_PARQUET_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "data/batch.h"
#include "data/projection.h"
#include "format/parquet/buffer.h"
#include "format/parquet/physical.h"

/* A span of this length stands for the column's absent text. */
#define KEYS_ABSENT UINT32_MAX

/* Normalised keys of one column; nulls are left out. */
struct keys {
	const struct projection_column *from;
	const struct batch *batch; /* of KEY_BYTES spans */
	const void *at;            /* uint64_t, struct ip or struct span, as from->render->key says */
	size_t n;
};

/* Bytes of key i, of a KEY_BYTES column, before they are made text. */
static inline const uint8_t *keys_bytes(const struct keys *k, size_t i, size_t *len)
{
	struct span s = ((const struct span *)k->at)[i];
	if (s.length == KEYS_ABSENT) {
		*len = strlen(k->from->column->absent);
		return (const uint8_t *)k->from->column->absent;
	}
	*len = s.length;
	return batch_span(k->batch, s);
}

/* Text of key i, of a STRING column: in place, in text, or in *scratch (grown with mem_resize). */
const uint8_t *keys_text(
    const struct keys *k, size_t i, char text[RENDER_TEXT], uint8_t **scratch, size_t *scratch_size, size_t *len);

/* Append keys first .. first + n - 1. Returns how many were put: fewer once out holds ceiling bytes or more (one at
 * least). */
size_t plain_put(const struct keys *k, size_t first, size_t n, struct buffer *out, size_t ceiling);

#endif
