/*
 * buffer: bytes that grow, with an exact account of what they hold. Big ones are whole pages from the kernel, so that
 * freeing gives them back.
 *
 * Thread  one owner
 * Owner   zeroed is empty; buffer_fini frees
 */
#ifndef FORMAT_PARQUET_BUFFER_H
#define FORMAT_PARQUET_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BUFFER_MAPPED = 32 << 10 /* from this capacity on */ };

struct buffer {
	uint8_t *bytes;
	size_t len, capacity;
	bool brief; /* lives for one call only: stays on the heap, where the next call finds it warm */
};

void buffer_fini(struct buffer *b);

/* Make the capacity at least len + n; slow path of buffer_room. */
void buffer_grow(struct buffer *b, size_t n);

/* Where n more bytes go; add to len what was put. */
static inline uint8_t *buffer_room(struct buffer *b, size_t n)
{
	if (b->capacity - b->len < n || b->bytes == NULL)
		buffer_grow(b, n);
	return b->bytes + b->len;
}

/* An empty one becomes size zeros. */
void buffer_zero(struct buffer *b, size_t size);

static inline void buffer_put(struct buffer *b, const void *bytes, size_t n)
{
	if (n != 0)
		memcpy(buffer_room(b, n), bytes, n);
	b->len += n;
}

static inline void buffer_u32(struct buffer *b, uint32_t v)
{
	buffer_put(b, &v, sizeof v);
}

#endif
