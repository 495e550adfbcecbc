/*
 * zlib's CRC runs at 2.5 GB/s, which is a tenth of what a flow row may cost; carry-less multiplication runs at 12 or
 * more. The folding is that of Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction"
 * (Intel, 2009), with its bit-reflected constants.
 */
#include "format/parquet/crc.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLDING __attribute__((target("pclmul,sse4.1")))

FOLDING static inline __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* x moved forward by the distance that k stands for, plus the bytes that lie there. */
FOLDING static inline __m128i fold(__m128i x, __m128i k, __m128i next)
{
	__m128i low = _mm_clmulepi64_si128(x, k, 0x00), high = _mm_clmulepi64_si128(x, k, 0x11);
	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* State after size bytes, a multiple of 16 and at least 64. crc is the inverted state, as inside the algorithm. */
FOLDING static uint32_t folded(uint32_t crc, const uint8_t *p, size_t size)
{
	const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
	const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
	const __m128i last = _mm_set_epi64x(0, 0x0163cd6124);
	const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
	const __m128i low32 = _mm_setr_epi32(-1, 0, -1, 0);
	__m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)crc));
	__m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);
	for (p += 64, size -= 64; size >= 64; p += 64, size -= 64) {
		a = fold(a, by_64, load(p));
		b = fold(b, by_64, load(p + 16));
		c = fold(c, by_64, load(p + 32));
		d = fold(d, by_64, load(p + 48));
	}
	a = fold(a, by_16, b);
	a = fold(a, by_16, c);
	a = fold(a, by_16, d);
	for (; size >= 16; p += 16, size -= 16)
		a = fold(a, by_16, load(p));
	/* 128 bits to 64, to 32 (Barrett). */
	__m128i t = _mm_clmulepi64_si128(a, by_16, 0x10);
	a = _mm_xor_si128(_mm_srli_si128(a, 8), t);
	t = _mm_srli_si128(a, 4);
	a = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(a, low32), last, 0x00), t);
	t = _mm_clmulepi64_si128(_mm_and_si128(a, low32), barrett, 0x10);
	t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), barrett, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(a, t), 1);
}

uint32_t crc_of(const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	uint32_t crc = 0;
	if (size >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
		size_t whole = size / 16 * 16;
		crc = ~folded(~crc, p, whole);
		p += whole;
		size -= whole;
	}
	return (uint32_t)crc32_z(crc, p, size);
}

#else

uint32_t crc_of(const void *bytes, size_t size)
{
	return (uint32_t)crc32_z(0, bytes, size);
}

#endif
