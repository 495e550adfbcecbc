/*
 * hybrid: the RLE / bit-packing stream of dictionary ids and definition levels (parquet-format, Encodings.md, "RLE =
 * 3").
 *
 * Thread  any; no state
 */
#ifndef FORMAT_PARQUET_HYBRID_H
#define FORMAT_PARQUET_HYBRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most bytes that n values of that width can take. */
size_t hybrid_bound(size_t n, unsigned width);

/*
 * Encode n values of item bytes (1, 2 or 4), none wider than width (1..32). Up to 7 values behind the n-th are written
 * to: the last group is padded. A run becomes RLE where that is shorter; where the bytes are compressed afterwards only
 * long ones do, because a codec sees through packed runs, and a change of phase hides from it that the same values come
 * again. Returns the bytes put.
 */
size_t hybrid_encode(void *values, unsigned item, size_t n, unsigned width, bool compressed, uint8_t *to);

/* n times the same value: one run. */
size_t hybrid_run(uint32_t value, size_t n, unsigned width, uint8_t *to);

/* Levels of width 1 from a bitmap, LSB first, whose bits past n are zero. */
size_t hybrid_levels(const uint8_t *bitmap, size_t n, uint8_t *to);

/* n values back; false if the stream is damaged. values holds n + 7. */
bool hybrid_decode(const uint8_t *from, size_t size, unsigned width, size_t n, uint32_t *values);

#endif
