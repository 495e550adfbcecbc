/*
 * chunk: the closed pages of one column since its row group began. They wait here, compressed where that pays, because
 * their dictionary is written before them.
 *
 * Thread  one owner
 * Owner   zeroed is empty; chunk_fini frees and leaves it empty
 */
#ifndef FORMAT_PARQUET_CHUNK_H
#define FORMAT_PARQUET_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "format/parquet/buffer.h"
#include "format/parquet/dictionary.h"
#include "format/parquet/output.h"
#include "format/parquet/page.h"
#include "format/parquet/scratch.h"
#include "format/parquet/statistics.h"

struct chunk_page {
	uint32_t rows, values;
	uint32_t raw;         /* bytes before compression */
	uint32_t stored;      /* bytes in bodies; 0: no values, made when it is written */
	uint32_t written;     /* bytes in the file, header included; once it is written */
	uint64_t position;    /* in the file; once it is written */
	uint16_t least, most; /* lengths in bounds */
	bool dictionary, packed, bounded;
};

struct chunk {
	struct buffer bodies; /* of all pages, one after the other */
	struct buffer pages;  /* struct chunk_page */
	struct buffer bounds; /* per bounded page its least, then its most, as the column index has them */
	uint32_t count;       /* pages */
	uint64_t rows, values;
	bool packing;      /* compression paid */
	uint32_t try_at;   /* page on which to try it next */
	struct bounds all; /* of all pages; its texts lie in the two buffers */
	struct buffer least, most;
};

static inline struct chunk_page *chunk_pages(const struct chunk *c)
{
	return (struct chunk_page *)(void *)c->pages.bytes;
}

void chunk_fini(struct chunk *c);
size_t chunk_memory(const struct chunk *c);

/* Close the open page: encode it, compress it where that pays. plain: its body holds PLAIN values, else ids of d. The
 * page is empty afterwards. */
enum rc chunk_close_page(
    struct chunk *c, struct page *p, const struct dictionary *d, bool plain, struct scratch *s, struct err *e) MUST_USE;

/* Add the body of a page whose other members are set, and compress it where that pays. */
enum rc chunk_add(
    struct chunk *c, struct chunk_page page, const struct buffer *raw, struct scratch *s, struct err *e) MUST_USE;

/* Does a body of raw bytes gain enough from being packed? */
bool chunk_pays(enum codec codec, size_t raw, size_t packed);

/* Put definition levels of the page into raw: a length and the levels; bitmap NULL: all present, or with no values all
 * null. */
void chunk_levels(const uint8_t *bitmap, uint32_t rows, uint32_t values, struct buffer *raw);

/* Compress raw into s->packed. */
enum rc chunk_pack(struct scratch *s, const void *raw, size_t size, struct err *e) MUST_USE;

#endif
