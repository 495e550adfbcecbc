/*
 * varint: Avro's zig-zag variable-length integers.
 *
 * Thread  no state
 */
#ifndef FORMAT_VARINT_H
#define FORMAT_VARINT_H

#include <stdint.h>

#include "base/reader.h"

enum { VARINT_MAX = 10 };

static inline uint64_t varint_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline uint8_t *varint_put(uint8_t *to, int64_t v)
{
	uint64_t z = varint_zigzag(v);
	while (z >= 0x80) {
		*to++ = (uint8_t)(z | 0x80);
		z >>= 7;
	}
	*to++ = (uint8_t)z;
	return to;
}

/* Longer than ten bytes, or with bits past the 64th: the reader fails. */
static inline int64_t varint_get(struct reader *r)
{
	uint64_t z = 0;
	for (unsigned shift = 0; shift < 7 * VARINT_MAX; shift += 7) {
		if (r->at >= r->end)
			break;
		uint8_t byte = *r->at++;
		if (shift == 63 && byte > 1)
			break;
		z |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return (int64_t)(z >> 1 ^ (0 - (z & 1)));
	}
	r->failed = true;
	r->at = r->end;
	return 0;
}

#endif
