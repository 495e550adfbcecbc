/*
 * A manifest says what every file's bytes were, so that an audit years later finds rot without a second copy. Slicing
 * by eight keeps that below a hundredth of what encoding the file costs. Tables are computed, not listed: eight lines
 * that can be checked against the polynomial.
 */
#include "pipe/crc32.h"

#include <string.h>

#define POLYNOMIAL UINT32_C(0xEDB88320)

void crc32_init(struct crc32_tables *t)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t c = n;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? POLYNOMIAL ^ c >> 1 : c >> 1;
		t->at[0][n] = c;
	}
	for (uint32_t n = 0; n < 256; n++)
		for (int k = 1; k < 8; k++)
			t->at[k][n] = t->at[k - 1][n] >> 8 ^ t->at[0][t->at[k - 1][n] & 0xff];
}

uint32_t crc32_add(const struct crc32_tables *t, uint32_t crc, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	crc = ~crc;
	for (; size >= 8; size -= 8, p += 8) {
		uint64_t v;
		memcpy(&v, p, sizeof v);
		v ^= crc;
		crc = t->at[7][v & 0xff] ^ t->at[6][v >> 8 & 0xff] ^ t->at[5][v >> 16 & 0xff] ^
		      t->at[4][v >> 24 & 0xff] ^ t->at[3][v >> 32 & 0xff] ^ t->at[2][v >> 40 & 0xff] ^
		      t->at[1][v >> 48 & 0xff] ^ t->at[0][v >> 56];
	}
	for (; size > 0; size--, p++)
		crc = t->at[0][(crc ^ *p) & 0xff] ^ crc >> 8;
	return ~crc;
}
