/*
 * What waits to become a page is kept small, because every open file has one such page per column.
 */
#include "format/parquet/page.h"

void page_fini(struct page *p)
{
	buffer_fini(&p->body);
	buffer_fini(&p->levels);
	*p = (struct page){0};
}

void page_reset(struct page *p)
{
	p->rows = p->values = 0;
	p->single = p->by_keys = false;
	p->bounds = (struct bounds){0};
	p->item = 0;
	p->body.len = p->levels.len = 0;
}

static inline void store(uint8_t *to, const uint32_t *ids, size_t n, unsigned item)
{
	if (item == 1) {
		for (size_t i = 0; i < n; i++)
			to[i] = (uint8_t)ids[i];
	} else if (item == 2) {
		for (size_t i = 0; i < n; i++)
			((uint16_t *)(void *)to)[i] = (uint16_t)ids[i];
	} else {
		memcpy(to, ids, n * sizeof *ids);
	}
}

static void fill(uint8_t *to, uint32_t id, size_t n, unsigned item)
{
	if (item == 1) {
		memset(to, (int)id, n);
	} else if (item == 2) {
		for (size_t i = 0; i < n; i++)
			((uint16_t *)(void *)to)[i] = (uint16_t)id;
	} else {
		for (size_t i = 0; i < n; i++)
			((uint32_t *)(void *)to)[i] = id;
	}
}

/* From the back, so that no id is overwritten before it moved. */
static void widen(struct page *p, unsigned item)
{
	size_t n = p->body.len / p->item;
	buffer_room(&p->body, n * item - p->body.len);
	uint8_t *bytes = p->body.bytes;
	for (size_t i = n; i-- > 0;) {
		uint32_t id = 0;
		memcpy(&id, bytes + i * p->item, p->item);
		memcpy(bytes + i * item, &id, item);
	}
	p->body.len = n * item;
}

/* Bring what is stored to that item size. */
static void unify(struct page *p, unsigned item)
{
	if (p->single) {
		fill(buffer_room(&p->body, (size_t)p->values * item), p->only, p->values, item);
		p->body.len = (size_t)p->values * item;
		p->single = false;
	} else if (p->item != 0 && p->item < item) {
		widen(p, item);
	}
	if (p->item < item)
		p->item = item;
}

void page_ids(struct page *p, const uint32_t *ids, size_t n, unsigned item)
{
	if (n == 0)
		return;
	unify(p, item);
	store(buffer_room(&p->body, n * p->item), ids, n, p->item);
	p->body.len += n * p->item;
	p->values += (uint32_t)n;
}

void page_run(struct page *p, uint32_t id, size_t n, unsigned item)
{
	if (n == 0)
		return;
	if (p->values == 0 || (p->single && p->only == id)) {
		p->single = true;
		p->only = id;
		p->item = item;
	} else {
		unify(p, item);
		fill(buffer_room(&p->body, n * p->item), id, n, p->item);
		p->body.len += n * p->item;
	}
	p->values += (uint32_t)n;
}

const uint32_t *page_wide_ids(const struct page *p, size_t first, size_t n, struct buffer *wide)
{
	const uint8_t *from = p->body.bytes + first * p->item;
	if (p->item == 4 && !p->single)
		return (const uint32_t *)(const void *)from;
	wide->len = 0;
	uint32_t *to = (uint32_t *)(void *)buffer_room(wide, n * sizeof *to);
	if (p->single) {
		for (size_t i = 0; i < n; i++)
			to[i] = p->only;
	} else if (p->item == 1) {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = ((const uint16_t *)(const void *)from)[i];
	}
	return to;
}

static void put_bits(uint8_t *bitmap, uint32_t at, const uint8_t *present, size_t n)
{
	for (size_t i = 0; i < n; i++, at++)
		if (present == NULL || present[i] != 0)
			bitmap[at / 8] |= (uint8_t)(1u << (at % 8));
}

void page_rows(struct page *p, const uint8_t *present, size_t rows)
{
	if (present != NULL && memchr(present, 0, rows) == NULL)
		present = NULL;
	if (present == NULL && p->levels.len == 0) {
		p->rows += (uint32_t)rows;
		return;
	}
	bool first = p->levels.len == 0;
	size_t bytes = (p->rows + rows + 7) / 8, more = bytes - p->levels.len;
	memset(buffer_room(&p->levels, more), 0, more);
	p->levels.len = bytes;
	if (first)
		put_bits(p->levels.bytes, 0, NULL, p->rows);
	put_bits(p->levels.bytes, p->rows, present, rows);
	p->rows += (uint32_t)rows;
}
