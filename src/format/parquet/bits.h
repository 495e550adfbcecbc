/*
 * bits: packs small numbers LSB first, eight at a time, one unrolled kernel per width.
 *
 * Thread  any; no state
 */
#ifndef FORMAT_PARQUET_BITS_H
#define FORMAT_PARQUET_BITS_H

#include <stddef.h>
#include <stdint.h>

/* Bits that v takes: 0 for 0. */
static inline unsigned bits_width(uint32_t v)
{
	return v == 0 ? 0 : 32 - (unsigned)__builtin_clz(v);
}

/*
 * Pack groups * 8 values of item bytes each (1, 2 or 4) into groups * width bytes. width is 1 .. 8 * item, and no value
 * is wider.
 */
void bits_pack(const void *values, unsigned item, size_t groups, unsigned width, uint8_t *to);

/* And back, into 32-bit values: groups * 8 of them from groups * width bytes. width is 1..32. */
void bits_unpack(const uint8_t *from, size_t groups, unsigned width, uint32_t *values);

#endif
