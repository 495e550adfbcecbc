/*
 * stream: the window of a capture's bytes that records are read from in place. Numbers are in the byte order that the
 * file says.
 *
 * Thread  one owner
 * Memory  STREAM_WINDOW, in the source
 */
#ifndef DISSECT_PCAP_STREAM_H
#define DISSECT_PCAP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"
#include "base/source.h"

/* A record of the largest size with room for the options of its block. */
enum { STREAM_WINDOW = 320 << 10 };

struct stream {
	struct source *source;
	const uint8_t *begin, *at, *end; /* begin: where source stands */
	bool swap;                       /* the file's byte order is not ours */
};

/* Move the window so that n bytes (at most STREAM_WINDOW) stand at s->at. As stream_want. */
enum rc stream_fill(struct stream *s, size_t n, struct err *e) MUST_USE;

static inline size_t stream_left(const struct stream *s)
{
	return (size_t)(s->end - s->at);
}

/* Are there n bytes more? Anything but RC_OK: no, stream_left says how many, and why there are not: RC_END the input
 * ends, else *e. */
static inline enum rc stream_want(struct stream *s, size_t n, struct err *e)
{
	return n <= stream_left(s) ? RC_OK : stream_fill(s, n, e);
}

static inline uint64_t stream_offset(const struct stream *s)
{
	return source_offset(s->source) + (uint64_t)(s->at - s->begin);
}

/* Of bytes that stream_want has shown. */
static inline uint16_t stream_u16(const struct stream *s, const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return s->swap ? __builtin_bswap16(v) : v;
}

static inline uint32_t stream_u32(const struct stream *s, const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return s->swap ? __builtin_bswap32(v) : v;
}

static inline uint64_t stream_u64(const struct stream *s, const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return s->swap ? __builtin_bswap64(v) : v;
}

#endif
