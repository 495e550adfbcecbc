/*
 * Runs are looked for in groups of eight, the unit of packing: a group is uniform or it is not, and one compare says
 * so.
 */
#include "format/parquet/hybrid.h"

#include <assert.h>
#include <string.h>

#include "format/parquet/bits.h"
#include "format/thrift.h"

enum { COMPRESSED_LEAST = 16 /* groups */ };

/* Smallest number of uniform groups that is worth a run: its header, its value, and a header to go on packing. */
static size_t run_least(unsigned width)
{
	size_t overhead = 4 + (width + 7) / 8;
	return overhead / width + 1;
}

size_t hybrid_bound(size_t n, unsigned width)
{
	size_t groups = (n + 7) / 8;
	return groups * width + (groups / run_least(width) + 2) * (2 * 5 + 4);
}

size_t hybrid_run(uint32_t value, size_t n, unsigned width, uint8_t *to)
{
	size_t at = thrift_varint((uint64_t)n << 1, to);
	size_t bytes = (width + 7) / 8;
	memcpy(to + at, &value, bytes);
	return at + bytes;
}

static size_t put_packed(const uint8_t *values, unsigned item, size_t groups, unsigned width, uint8_t *to)
{
	size_t at = thrift_varint((uint64_t)groups << 1 | 1, to);
	bits_pack(values, item, groups, width, to + at);
	return at + groups * width;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Is the group at p eight times the same value? */
static inline bool uniform(const uint8_t *p, unsigned item)
{
	uint64_t a = load64(p);
	if (item == 1)
		return a == (a & 0xFF) * UINT64_C(0x0101010101010101);
	uint64_t b = load64(p + 8);
	if (item == 2)
		return a == b && a == (a & 0xFFFF) * UINT64_C(0x0001000100010001);
	return a == b && a == load64(p + 16) && a == load64(p + 24) && (uint32_t)a == a >> 32;
}

static uint32_t value_at(const uint8_t *p, unsigned item)
{
	uint32_t v = 0;
	memcpy(&v, p, item);
	return v;
}

static inline size_t encode(uint8_t *values, const unsigned item, size_t n, unsigned width, size_t least, uint8_t *to)
{
	size_t groups = (n + 7) / 8, at = 0;
	size_t stride = 8 * item;
	size_t packed_from = 0;
	/* The last group is filled with its last value while runs are looked for, and with zeros once it is packed. */
	for (size_t i = n; i < groups * 8; i++)
		memcpy(values + i * item, values + (n - 1) * item, item);
	for (size_t g = 0; g < groups;) {
		uint8_t *p = values + g * stride;
		if (!uniform(p, item)) {
			g++;
			continue;
		}
		size_t end = g + 1;
		while (end < groups && memcmp(p, values + end * stride, stride) == 0)
			end++;
		if (end - g >= least) {
			size_t last = end * 8 < n ? end * 8 : n;
			if (packed_from < g)
				at += put_packed(values + packed_from * stride, item, g - packed_from, width, to + at);
			at += hybrid_run(value_at(p, item), last - g * 8, width, to + at);
			packed_from = end;
		}
		g = end;
	}
	memset(values + n * item, 0, (groups * 8 - n) * item);
	if (packed_from < groups)
		at += put_packed(values + packed_from * stride, item, groups - packed_from, width, to + at);
	return at;
}

size_t hybrid_encode(void *values, unsigned item, size_t n, unsigned width, bool compressed, uint8_t *to)
{
	size_t least = compressed ? COMPRESSED_LEAST : run_least(width);
	assert(width >= 1 && width <= 8 * item);
	/* One body, three constants: the compiler drops the other item sizes from each. */
	if (item == 1)
		return encode(values, 1, n, width, least, to);
	if (item == 2)
		return encode(values, 2, n, width, least, to);
	return encode(values, 4, n, width, least, to);
}

size_t hybrid_levels(const uint8_t *bitmap, size_t n, uint8_t *to)
{
	size_t groups = (n + 7) / 8, least = run_least(1), at = 0, packed_from = 0;
	for (size_t g = 0; g < groups;) {
		uint8_t byte = bitmap[g];
		size_t end = g + 1;
		while (end < groups && bitmap[end] == byte)
			end++;
		if ((byte == 0 || byte == 0xFF) && end - g >= least) {
			size_t last = end * 8 < n ? end * 8 : n;
			if (packed_from < g) {
				at += thrift_varint((uint64_t)(g - packed_from) << 1 | 1, to + at);
				memcpy(to + at, bitmap + packed_from, g - packed_from);
				at += g - packed_from;
			}
			at += hybrid_run(byte & 1, last - g * 8, 1, to + at);
			packed_from = end;
		}
		g = end;
	}
	if (packed_from < groups) {
		at += thrift_varint((uint64_t)(groups - packed_from) << 1 | 1, to + at);
		memcpy(to + at, bitmap + packed_from, groups - packed_from);
		at += groups - packed_from;
	}
	return at;
}

static bool get_varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;
	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t b = *(*p)++;
		v |= (uint64_t)(b & 0x7F) << shift;
		if (b < 0x80) {
			*out = v;
			return true;
		}
	}
	return false;
}

bool hybrid_decode(const uint8_t *from, size_t size, unsigned width, size_t n, uint32_t *values)
{
	const uint8_t *p = from, *end = from + size;
	size_t bytes = (width + 7) / 8;
	for (size_t have = 0; have < n;) {
		uint64_t head;
		if (!get_varint(&p, end, &head))
			return false;
		size_t left = n - have;
		if (head & 1) {
			uint64_t groups = head >> 1;
			if (groups == 0 || groups > (uint64_t)(end - p) / width)
				return false;
			size_t use = groups < (left + 7) / 8 ? (size_t)groups : (left + 7) / 8;
			bits_unpack(p, use, width, values + have);
			have += use * 8;
			p += groups * width;
		} else {
			uint32_t v = 0;
			uint64_t count = head >> 1;
			if (count == 0 || (size_t)(end - p) < bytes)
				return false;
			memcpy(&v, p, bytes);
			p += bytes;
			size_t use = count < left ? (size_t)count : left;
			for (size_t i = 0; i < use; i++)
				values[have + i] = v;
			have += use;
		}
	}
	return true;
}
