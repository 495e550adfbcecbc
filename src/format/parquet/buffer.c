/*
 * Growth that wastes little: doubling while small, a quarter more once big. Remapping moves no bytes, so small steps
 * cost little.
 */
#include "format/parquet/buffer.h"

#include <sys/mman.h>

#include "base/mem.h"

enum { PAGE = 4096, SMALLEST = 64, DOUBLED = 1 << 20 };

static bool mapped(const struct buffer *b, size_t capacity)
{
	return capacity >= BUFFER_MAPPED && !b->brief;
}

void buffer_fini(struct buffer *b)
{
	if (mapped(b, b->capacity))
		mem_unmap(b->bytes, b->capacity);
	else
		mem_release(b->bytes);
	*b = (struct buffer){.brief = b->brief};
}

static size_t next_capacity(size_t capacity, size_t need)
{
	size_t next = capacity < SMALLEST ? SMALLEST : capacity < DOUBLED ? capacity * 2 : capacity + capacity / 4;
	if (next < need)
		next = need;
	return next < BUFFER_MAPPED ? next : (next + PAGE - 1) / PAGE * PAGE;
}

/*
 * Pages from..to of a mapped block, all at once: taking a fault for each as it is first written to cost a tenth of a
 * writer's time. Old kernels don't know the advice, and take the faults.
 */
static void bring_in(const struct buffer *b, size_t from, size_t to)
{
#ifdef MADV_POPULATE_WRITE
	if (madvise(b->bytes + from, to - from, MADV_POPULATE_WRITE) != 0)
		return;
#endif
}

void buffer_grow(struct buffer *b, size_t n)
{
	size_t next = next_capacity(b->capacity, b->len + n);
	if (mapped(b, b->capacity)) {
		b->bytes = mem_remap(b->bytes, b->capacity, next);
		bring_in(b, b->capacity, next);
	} else if (!mapped(b, next) && b->len == 0) {
		mem_release(b->bytes); /* resizing would move bytes that nobody wants */
		b->bytes = mem_alloc(next);
	} else if (!mapped(b, next)) {
		b->bytes = mem_resize(b->bytes, next);
	} else {
		uint8_t *bytes = mem_map(next), *old = b->bytes;
		b->bytes = bytes;
		bring_in(b, 0, next);
		if (b->len != 0)
			memcpy(bytes, old, b->len);
		mem_release(old);
	}
	b->capacity = next;
}

void buffer_zero(struct buffer *b, size_t size)
{
	buffer_grow(b, size);
	/* Pages fresh from the kernel are zero. */
	if (!mapped(b, b->capacity))
		memset(b->bytes, 0, size);
	b->len = size;
}
