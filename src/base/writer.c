/*
 * writer: memory that grows to a ceiling; past it every put is dropped and the writer stays failed.
 */
#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

void writer_init(struct writer *w, size_t ceiling)
{
	*w = (struct writer){.ceiling = ceiling};
}

void writer_fini(struct writer *w)
{
	mem_free(&w->bytes);
	*w = (struct writer){.ceiling = w->ceiling};
}

void writer_reset(struct writer *w)
{
	w->len = 0;
	w->failed = false;
}

void writer_reserve(struct writer *w, size_t capacity)
{
	capacity = capacity < w->ceiling ? capacity : w->ceiling;
	if (capacity <= w->capacity)
		return;
	w->bytes = mem_resize(w->bytes, capacity);
	w->capacity = capacity;
}

uint8_t *writer_room(struct writer *w, size_t n)
{
	if (w->failed || n > w->ceiling - w->len) {
		w->failed = true;
		return NULL;
	}
	if (n > w->capacity - w->len || w->bytes == NULL) {
		size_t grown = mem_grow(w->capacity, w->len + n);
		w->capacity = grown < w->ceiling ? grown : w->ceiling;
		w->bytes = mem_resize(w->bytes, w->capacity);
	}
	return w->bytes + w->len;
}

void writer_put(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *to = writer_room(w, n);
	if (to == NULL || n == 0)
		return;
	memcpy(to, bytes, n);
	w->len += n;
}

void writer_text(struct writer *w, const char *text)
{
	writer_put(w, text, strlen(text));
}

void writer_format(struct writer *w, const char *format, ...)
{
	char small[256];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(small, sizeof small, format, args);
	va_end(args);
	if (len < (int)sizeof small) {
		writer_put(w, small, len > 0 ? (size_t)len : 0);
		return;
	}
	/* Rare and long: not printed in place, because the NUL of vsnprintf could pass the ceiling. */
	char *text = mem_alloc((size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	writer_put(w, text, (size_t)len);
	mem_free(&text);
}

uint8_t *writer_take(struct writer *w, size_t *len)
{
	uint8_t *bytes = w->bytes;
	*len = w->len;
	*w = (struct writer){.ceiling = w->ceiling};
	return bytes;
}
