/*
 * mem: allocation that aborts when memory is gone, like a bug: the supervisor restarts us, and nothing is lost.
 *
 * Sizes taken from input have a stated ceiling and are checked before they get here.
 * mem_map blocks are whole pages from the kernel, given back at once: for the big, long-lived buffers whose size is
 * accounted.
 *
 * Thread  any
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);              /* not cleared */
void *mem_zero(size_t count, size_t size); /* cleared, overflow of the product aborts */
void *mem_resize(void *old, size_t size);
char *mem_text(const char *text);               /* copy of a C string; NULL gives NULL */
char *mem_text_n(const char *text, size_t len); /* copy of len bytes and a NUL */
void *mem_copy(const void *bytes, size_t size);
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Free *p and clear it. */
#define mem_free(p) (mem_release(*(p)), (void)(*(p) = NULL))
void mem_release(void *p);

/* Whole pages, zeroed; size is rounded up inside, pass the same size to unmap. */
void *mem_map(size_t size);
void mem_unmap(void *p, size_t size);
/* Move a mapped block to a new size; the old content stays up to the smaller size. */
void *mem_remap(void *p, size_t old_size, size_t size);

/* Next capacity for a growing array of at least need: doubles, starts at 16. */
size_t mem_grow(size_t capacity, size_t need);

#endif
