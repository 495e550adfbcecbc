/*
 * statistics: least and most of values, in the order that Parquet defines for their type, and how bounds are cut to be
 * stored.
 *
 * Order: INT32, INT64 signed; FLOAT without NaN; BYTE_ARRAY by unsigned bytes.
 *
 * Thread  any; no state
 */
#ifndef FORMAT_PARQUET_STATISTICS_H
#define FORMAT_PARQUET_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/parquet/dictionary.h"
#include "format/parquet/physical.h"

enum {
	BOUND_BYTES = 64,     /* longest text kept whole */
	BOUND_MOST = 4 << 10, /* a bound that can't be cut and is longer is left out */
	BOUND_ROOM = BOUND_BYTES + 4,
};

struct bound {
	const uint8_t *text; /* BYTE_ARRAY: borrowed */
	uint32_t len;        /* bytes, of numbers too */
	uint8_t number[8];   /* PLAIN */
};

struct bounds {
	bool any; /* false: no values, or nothing but NaN */
	struct bound least, most;
};

static inline const uint8_t *bound_bytes(enum physical p, const struct bound *b)
{
	return p == PHYSICAL_BYTES ? b->text : b->number;
}

/* Order of two PLAIN values without their length: negative, 0 or positive. */
int bound_compare(enum physical p, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* Take in the values of one more set. */
void bounds_fold(enum physical p, struct bounds *into, const struct bounds *from);

/* Of n PLAIN values; they end exactly at size. */
struct bounds bounds_plain(enum physical p, const uint8_t *values, size_t size, size_t n);

/* Of the dictionary's values whose byte in marks is not 0. marks holds d->count rounded up to 8, zeros at its end. */
struct bounds bounds_marked(const struct dictionary *d, const uint8_t *marks);

/* Of n ids. */
struct bounds bounds_ids(const struct dictionary *d, const uint32_t *ids, size_t n);

/* Of n normalised keys of a number column. */
struct bounds bounds_keys(enum physical p, const uint64_t *keys, size_t n);

/*
 * A text as a bound of at most BOUND_ROOM bytes: no more than text for the least, no less for the most, and valid
 * UTF-8. *exact says whether it is text itself. Returns its length, in out or text itself (*bytes); SIZE_MAX when there
 * is none.
 */
size_t bound_least(const uint8_t *text, size_t len, const uint8_t **bytes, bool *exact);
size_t bound_most(const uint8_t *text, size_t len, uint8_t out[BOUND_ROOM], const uint8_t **bytes, bool *exact);

#endif
