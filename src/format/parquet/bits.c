/*
 * Bit packing. The kernels are one inline body, compiled once per item size and width, so that every shift is a
 * constant.
 */
#include "format/parquet/bits.h"

#include <assert.h>
#include <string.h>

#define PACK_BODY(type, width)                                                                                         \
	static void pack_##type##_##width(const type *v, size_t groups, uint8_t *to)                                   \
	{                                                                                                              \
		for (size_t g = 0; g < groups; g++, v += 8, to += width) {                                             \
			uint64_t word[((width) + 7) / 8 + 1] = {0};                                                    \
			_Pragma("GCC unroll 8") for (unsigned i = 0; i < 8; i++)                                       \
			{                                                                                              \
				unsigned bit = i * (width), at = bit / 64, shift = bit % 64;                           \
				word[at] |= (uint64_t)v[i] << shift;                                                   \
				if (shift + (width) > 64)                                                              \
					word[at + 1] |= (uint64_t)v[i] >> (64 - shift);                                \
			}                                                                                              \
			memcpy(to, word, width);                                                                       \
		}                                                                                                      \
	}

#define WIDTHS_8(X, type) X(type, 1) X(type, 2) X(type, 3) X(type, 4) X(type, 5) X(type, 6) X(type, 7) X(type, 8)
#define WIDTHS_16(X, type)                                                                                             \
	WIDTHS_8(X, type) X(type, 9) X(type, 10) X(type, 11) X(type, 12) X(type, 13) X(type, 14) X(type, 15) X(type, 16)
#define WIDTHS_32(X, type)                                                                                             \
	WIDTHS_16(X, type)                                                                                             \
	X(type, 17) X(type, 18) X(type, 19) X(type, 20) X(type, 21) X(type, 22) X(type, 23) X(type, 24) X(type, 25)    \
	    X(type, 26) X(type, 27) X(type, 28) X(type, 29) X(type, 30) X(type, 31) X(type, 32)

WIDTHS_8(PACK_BODY, uint8_t)
WIDTHS_16(PACK_BODY, uint16_t)
WIDTHS_32(PACK_BODY, uint32_t)

#define PACK_ENTRY(type, width) [width] = pack_##type##_##width,

static void (*const pack_8[])(const uint8_t *, size_t, uint8_t *) = {WIDTHS_8(PACK_ENTRY, uint8_t)};
static void (*const pack_16[])(const uint16_t *, size_t, uint8_t *) = {WIDTHS_16(PACK_ENTRY, uint16_t)};
static void (*const pack_32[])(const uint32_t *, size_t, uint8_t *) = {WIDTHS_32(PACK_ENTRY, uint32_t)};

void bits_pack(const void *values, unsigned item, size_t groups, unsigned width, uint8_t *to)
{
	assert(width >= 1 && width <= 8 * item);
	if (item == 1)
		pack_8[width](values, groups, to);
	else if (item == 2)
		pack_16[width](values, groups, to);
	else
		pack_32[width](values, groups, to);
}

void bits_unpack(const uint8_t *from, size_t groups, unsigned width, uint32_t *values)
{
	assert(width >= 1 && width <= 32);
	uint64_t mask = (UINT64_C(1) << width) - 1;
	for (size_t g = 0; g < groups; g++, from += width, values += 8) {
		uint64_t have = 0;
		unsigned count = 0, at = 0;
		for (unsigned i = 0; i < 8; i++) {
			for (; count < width; count += 8)
				have |= (uint64_t)from[at++] << count;
			values[i] = (uint32_t)(have & mask);
			have >>= width;
			count -= width;
		}
	}
}
