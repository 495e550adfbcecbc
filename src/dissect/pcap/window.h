/*
 * window: the part of a capture's bytes in memory, where records are read in place. Numbers are in the byte order that
 * the file says.
 *
 * Thread  one owner
 * Memory  WINDOW_SIZE, in the source
 */
#ifndef DISSECT_PCAP_WINDOW_H
#define DISSECT_PCAP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"
#include "base/source.h"

/* A record of the largest size with room for the options of its block. */
enum { WINDOW_SIZE = 320 << 10 };

struct window {
	struct source *source;
	const uint8_t *begin, *at, *end; /* begin: where source stands */
	bool swap;                       /* the file's byte order is not ours */
};

/* Move the window so that n bytes (at most WINDOW_SIZE) stand at s->at. As window_want. */
enum rc window_fill(struct window *s, size_t n, struct err *e) MUST_USE;

static inline size_t window_left(const struct window *s)
{
	return (size_t)(s->end - s->at);
}

/* Are there n bytes more? Anything but RC_OK: no, window_left says how many, and why there are not: RC_END the input
 * ends, else *e. */
static inline enum rc window_want(struct window *s, size_t n, struct err *e)
{
	return n <= window_left(s) ? RC_OK : window_fill(s, n, e);
}

static inline uint64_t window_offset(const struct window *s)
{
	return source_offset(s->source) + (uint64_t)(s->at - s->begin);
}

/* Of bytes that window_want has shown. */
static inline uint16_t window_u16(const struct window *s, const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return s->swap ? __builtin_bswap16(v) : v;
}

static inline uint32_t window_u32(const struct window *s, const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return s->swap ? __builtin_bswap32(v) : v;
}

static inline uint64_t window_u64(const struct window *s, const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return s->swap ? __builtin_bswap64(v) : v;
}

#endif
