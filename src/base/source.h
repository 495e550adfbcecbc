/*
 * source: a stream of input bytes: a descriptor, a pipe, memory, or a decoder over another source.
 *
 * Inputs are never mapped: a file that is cut under a map kills the process. peek shows up to SOURCE_PEEK_MAX bytes
 * without moving, take moves. The buffer grows to the largest peek asked for and no further.
 *
 * Thread  one owner
 * Owner   source_close frees; a filter closes what it reads from
 * Errors  a read error is sticky: what was buffered before it is still served, then peek returns it
 */
#ifndef BASE_SOURCE_H
#define BASE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum { SOURCE_PEEK_MAX = 8 << 20 };

struct source;

/* What a kind of source owes. */
struct source_ops {
	const char *name;
	/* Up to size > 0 bytes into to. RC_OK: *got >= 1. RC_END: no more, ever. RC_AGAIN, RC_BAD (a decoder's input is
	 * damaged), RC_FAIL: *e. */
	enum rc (*read)(struct source *s, void *to, size_t size, size_t *got, struct err *e);
	/* In place of read, for a kind whose bytes lie in memory of its own: set buffer, start and end so that at least
	 * one byte more is seen behind those seen now, and want in all if it can be. Returns as read does. Nothing is
	 * written to that memory here, and capacity stays 0. */
	enum rc (*extend)(struct source *s, size_t want, struct err *e);
	/* Free everything of its own, not the front's buffer. */
	void (*close)(struct source *s);
};

/* First member of every kind's own struct; zeroed but for ops by whoever opens it. */
struct source {
	const struct source_ops *ops;
	uint8_t *buffer;
	size_t capacity, start, end;
	uint64_t offset; /* of the byte at start, from the beginning of the stream */
	enum rc ended;   /* RC_OK while there may be more */
	struct err reason;
};

/*
 * Show the next want bytes. *have < want only at the end of the stream or at a read error.
 *
 * RC_OK with *have >= 1; RC_END with *have == 0 at the clean end; otherwise the read error, with *have == 0.
 * *bytes is valid until the next call on s.
 */
enum rc source_peek(struct source *s, size_t want, const uint8_t **bytes, size_t *have, struct err *e) MUST_USE;

/* Move past n bytes, n at most what the last peek gave. */
void source_take(struct source *s, size_t n);

/* Copy up to size bytes and move past them; RC_END when there are none. */
enum rc source_read(struct source *s, void *to, size_t size, size_t *got, struct err *e) MUST_USE;

static inline uint64_t source_offset(const struct source *s)
{
	return s->offset;
}

/* Why the stream stopped: RC_END is clean. Meaningful once peek gave less than was wanted. */
enum rc source_ended(const struct source *s, struct err *e);

void source_close(struct source **s);

/* From a descriptor, at its position; close_fd says whether source_close closes it; name, copied, is what an error
 * calls it. */
struct source *source_fd(int fd, bool close_fd, const char *name);

/* From memory, borrowed until close. */
struct source *source_memory(const void *bytes, size_t size);

/* Passes inner through and shows every byte once, in order, to see. Takes inner. */
struct source *source_tee(
    struct source *inner, void (*see)(void *context, const void *bytes, size_t size), void *context);

#endif
