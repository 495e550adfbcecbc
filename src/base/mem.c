/*
 * mem: the one place where memory runs out. It says so and aborts: half-done work is repeated after the restart.
 */
#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Noreturn void out_of_memory(size_t size)
{
	char line[96];
	int len = snprintf(line, sizeof line, "sluice: out of memory, %zu bytes wanted\n", size);
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		abort();
	abort();
}

/* malloc(0) may be NULL, and a NULL block would look like a failure. */
static size_t at_least_one(size_t size)
{
	return size == 0 ? 1 : size;
}

void *mem_alloc(size_t size)
{
	void *p = malloc(at_least_one(size));
	if (p == NULL)
		out_of_memory(size);
	return p;
}

void *mem_zero(size_t count, size_t size)
{
	size_t all;
	if (__builtin_mul_overflow(count, size, &all))
		out_of_memory(SIZE_MAX);
	void *p = calloc(1, at_least_one(all));
	if (p == NULL)
		out_of_memory(all);
	return p;
}

void *mem_resize(void *old, size_t size)
{
	void *p = realloc(old, at_least_one(size));
	if (p == NULL)
		out_of_memory(size);
	return p;
}

void *mem_copy(const void *bytes, size_t size)
{
	void *p = mem_alloc(size);
	if (size > 0)
		memcpy(p, bytes, size);
	return p;
}

char *mem_text_n(const char *text, size_t len)
{
	char *p = mem_alloc(len + 1);
	if (len > 0)
		memcpy(p, text, len);
	p[len] = '\0';
	return p;
}

char *mem_text(const char *text)
{
	return text == NULL ? NULL : mem_text_n(text, strlen(text));
}

char *mem_format(const char *format, ...)
{
	char *out;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&out, format, args);
	va_end(args);
	if (len < 0)
		out_of_memory(0);
	return out;
}

void mem_release(void *p)
{
	free(p);
}

static size_t whole_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), rounded;
	if (__builtin_add_overflow(at_least_one(size), page - 1, &rounded))
		out_of_memory(size);
	return rounded / page * page;
}

void *mem_map(size_t size)
{
	void *p = mmap(NULL, whole_pages(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		out_of_memory(size);
	return p;
}

void mem_unmap(void *p, size_t size)
{
	if (p == NULL)
		return;
	int rc = munmap(p, whole_pages(size));
	assert(rc == 0);
	(void)rc;
}

void *mem_remap(void *p, size_t old_size, size_t size)
{
	if (p == NULL)
		return mem_map(size);
	void *moved = mremap(p, whole_pages(old_size), whole_pages(size), MREMAP_MAYMOVE);
	if (moved == MAP_FAILED)
		out_of_memory(size);
	return moved;
}

size_t mem_grow(size_t capacity, size_t need)
{
	size_t grown = capacity < 16 ? 16 : capacity;
	while (grown < need)
		if (__builtin_mul_overflow(grown, 2, &grown))
			return need;
	return grown;
}
