/*
 * short: bytes that are mostly few, where a call would cost more than the work.
 *
 * Thread  no state
 */
#ifndef BASE_SHORT_H
#define BASE_SHORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* n bytes, at most 8, as a number; what is missing is 0. */
static inline uint64_t short_load(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	memcpy(&v, p, n);
	return v;
}

/* Are n bytes the same? None beside them is touched. */
static inline bool short_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	if (n > 32)
		return memcmp(a, b, n) == 0;
	if (n < 4)
		return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
	if (n < 8)
		return short_load(a, 4) == short_load(b, 4) && short_load(a + n - 4, 4) == short_load(b + n - 4, 4);
	for (size_t i = 0; i + 8 < n; i += 8)
		if (short_load(a + i, 8) != short_load(b + i, 8))
			return false;
	return short_load(a + n - 8, 8) == short_load(b + n - 8, 8);
}

#endif
