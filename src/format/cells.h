/*
 * cells: the engine of the row encoders: columns of a batch become small pieces of output, column by column, and are
 * then joined row by row.
 *
 * A piece holds a value with whatever stands before and after it, so that joining is copying. Equal neighbours in a
 * column share their piece, and columns side by side that all rows at work have in common are one piece. Work is done in
 * chunks of at most 64 rows and 256 KiB of variable bytes (or one row, whose bytes batch_check bounds), which bounds the
 * memory of an encoder.
 *
 * Thread  one owner
 */
#ifndef FORMAT_CELLS_H
#define FORMAT_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"
#include "data/batch.h"
#include "data/projection.h"

enum { CELL_VALUE = 64 }; /* most bytes of a null, a number or a float, and most that text adds to its bytes */

/* How a format writes a value at `to`, where there is room; returns the end. */
struct cell_format {
	uint8_t *(*null)(uint8_t *to);
	uint8_t *(*number)(uint8_t *to, int64_t v);
	/* The same for a whole column, one behind the other; len[i] becomes the bytes of the i-th. NULL where values have frames. */
	uint8_t *(*numbers)(uint8_t *to, const uint64_t *v, size_t n, uint8_t *len);
	uint8_t *(*real)(uint8_t *to, float v);
	uint8_t *(*text)(uint8_t *to, const uint8_t *bytes, size_t len); /* valid UTF-8 */
	/* The same of what render prints, in its buffer of RENDER_TEXT bytes. NULL: as any text. */
	uint8_t *(*word)(uint8_t *to, const char *text, size_t len);
	size_t text_most;                                                /* most bytes that text makes of one */
};

struct cells;

struct cells *cells_new(const struct projection *p, const struct cell_format *format);
void cells_free(struct cells **c);

/* What stands before and after the values of a column. */
void cells_frame(struct cells *c, size_t column, const char *before, const char *after);

/* Append the selected rows (sel NULL: 0..n-1). *outside counts values that became null for their type. A full writer is
 * left failed. */
void cells_encode(
    struct cells *c, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside);

#endif
