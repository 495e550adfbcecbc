/*
 * writer: bytes into memory that grows to a ceiling given at init; sticky failure, checked once at the end.
 *
 * Thread  one owner
 * Owner   writer_init / writer_fini: the storage is the writer's; writer_take hands the bytes over
 */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
	uint8_t *bytes;
	size_t len;
	size_t capacity;
	size_t ceiling;
	bool failed; /* the ceiling was passed: what was written since is missing */
};

void writer_init(struct writer *w, size_t ceiling);
void writer_fini(struct writer *w);

/* Empty it, keep the memory. */
void writer_reset(struct writer *w);

/* Capacity for so many bytes in all: exactly that many, where growing by itself would take the next power of two. */
void writer_reserve(struct writer *w, size_t capacity);

/* Room for n more bytes: where to put them, or NULL and failed. writer_advance says how many were put. */
uint8_t *writer_room(struct writer *w, size_t n);
static inline void writer_advance(struct writer *w, size_t n)
{
	w->len += n;
}

void writer_put(struct writer *w, const void *bytes, size_t n);
void writer_text(struct writer *w, const char *text); /* without its NUL */
void writer_format(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void writer_u8(struct writer *w, uint8_t v)
{
	writer_put(w, &v, 1);
}

static inline void writer_le32(struct writer *w, uint32_t v)
{
	writer_put(w, &v, sizeof v);
}

static inline void writer_le64(struct writer *w, uint64_t v)
{
	writer_put(w, &v, sizeof v);
}

/* The bytes become the caller's (mem_free), the writer is empty. */
uint8_t *writer_take(struct writer *w, size_t *len);

#endif
