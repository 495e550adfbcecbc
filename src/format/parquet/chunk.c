/*
 * From an open page to the bytes that the file will hold: levels, ids or values, compression, bounds.
 *
 * A chunk has one codec. It is decided by trying: where a page gains too little, the next ones are not compressed, and
 * it is tried again at twice as many pages.
 */
#include "format/parquet/chunk.h"

#include "format/parquet/bits.h"
#include "format/parquet/hybrid.h"

enum {
	TRY_LEAST = 1 << 10, /* a body smaller than this says nothing about the next ones */
	MARKS_SPARSE = 4,    /* walking the dictionary pays up to this many entries per value */
};

void chunk_fini(struct chunk *c)
{
	buffer_fini(&c->bodies);
	buffer_fini(&c->pages);
	buffer_fini(&c->bounds);
	buffer_fini(&c->least);
	buffer_fini(&c->most);
	*c = (struct chunk){0};
}

size_t chunk_memory(const struct chunk *c)
{
	return c->bodies.capacity + c->pages.capacity + c->bounds.capacity + c->least.capacity + c->most.capacity;
}

bool chunk_pays(enum codec codec, size_t raw, size_t packed)
{
	unsigned least_percent = codec == CODEC_SNAPPY ? 1 : 2;
	return packed * 100 <= raw * (100 - least_percent);
}

enum rc chunk_pack(struct scratch *s, const void *raw, size_t size, struct err *e)
{
	s->packed.len = 0;
	uint8_t *to = buffer_room(&s->packed, pack_bound(s->codec, size));
	return pack_block(s->pack, s->codec, s->level, raw, size, to, s->packed.capacity, &s->packed.len, e);
}

enum rc chunk_add(struct chunk *c, struct chunk_page page, const struct buffer *raw, struct scratch *s, struct err *e)
{
	const struct buffer *store = raw;
	bool try = s->codec != CODEC_NONE && raw->len != 0 && (c->packing || c->count >= c->try_at);
	if (try) {
		enum rc rc = chunk_pack(s, raw->bytes, raw->len, e);
		if (rc != RC_OK)
			return rc;
		if (!c->packing && chunk_pays(s->codec, raw->len, s->packed.len))
			c->packing = true;
		else if (!c->packing)
			c->try_at = raw->len < TRY_LEAST ? c->count + 1 : 2 * (c->count + 1);
		if (c->packing)
			store = &s->packed;
	}
	page.packed = store != raw;
	page.raw = (uint32_t)raw->len;
	page.stored = (uint32_t)store->len;
	buffer_put(&c->bodies, store->bytes, store->len);
	buffer_put(&c->pages, &page, sizeof page);
	c->count++;
	return RC_OK;
}

void chunk_levels(const uint8_t *bitmap, uint32_t rows, uint32_t values, struct buffer *raw)
{
	uint8_t *to = buffer_room(raw, sizeof(uint32_t) + hybrid_bound(rows, 1));
	uint32_t len;
	if (values == rows || values == 0)
		len = (uint32_t)hybrid_run(values != 0, rows, 1, to + sizeof len);
	else
		len = (uint32_t)hybrid_levels(bitmap, rows, to + sizeof len);
	memcpy(to, &len, sizeof len);
	raw->len += sizeof len + len;
}

static uint8_t *clear_marks(struct scratch *s, uint32_t count)
{
	size_t size = ((size_t)count + 7) / 8 * 8;
	s->marks.len = 0;
	return memset(buffer_room(&s->marks, size), 0, size);
}

/* Which ids the page uses. */
static void mark(const struct page *p, uint8_t *marks)
{
	const uint8_t *body = p->body.bytes;
	if (p->item == 1) {
		_Pragma("GCC unroll 8") for (size_t i = 0; i < p->values; i++) marks[body[i]] = 1;
	} else if (p->item == 2) {
		_Pragma("GCC unroll 8") for (size_t i = 0; i < p->values; i++)
		    marks[((const uint16_t *)(const void *)body)[i]] = 1;
	} else {
		_Pragma("GCC unroll 8") for (size_t i = 0; i < p->values; i++)
		    marks[((const uint32_t *)(const void *)body)[i]] = 1;
	}
}

/*
 * Does a page use texts from all over a large dictionary? Then the dictionary's bounds are the page's, nearly; to find
 * its own would mean to walk all of its texts, for no page that a reader could skip. Looks at a few ids: almost no text
 * of the dictionary may lie outside of theirs.
 */
static bool scattered(const struct page *p, const struct dictionary *d, struct scratch *s)
{
	enum { LARGE = 4 << 10, SOME = 64, PROBES = 256, OUTSIDE = PROBES / 8 };
	if (d->physical != PHYSICAL_BYTES || d->count < LARGE || p->values < LARGE)
		return false;
	size_t step = p->values / SOME;
	uint32_t least = *page_wide_ids(p, 0, 1, &s->wide), most = least, outside = 0;
	for (size_t i = 1; i < SOME; i++) {
		uint32_t id = *page_wide_ids(p, i * step, 1, &s->wide);
		least = dictionary_compare(d, id, least) < 0 ? id : least;
		most = dictionary_compare(d, id, most) > 0 ? id : most;
	}
	for (uint32_t i = 0; i < PROBES; i++) {
		uint32_t id = (uint32_t)((uint64_t)i * d->count / PROBES);
		outside += dictionary_compare(d, id, least) < 0 || dictionary_compare(d, id, most) > 0;
	}
	return outside <= OUTSIDE;
}

/* The page's bounds. */
static struct bounds look_at_ids(const struct page *p, const struct dictionary *d, struct scratch *s)
{
	if (p->by_keys)
		return p->bounds;
	if (p->single)
		return bounds_ids(d, &p->only, 1);
	if (scattered(p, d, s)) {
		uint32_t both[] = {d->least, d->most};
		return bounds_ids(d, both, 2);
	}
	if (d->count / MARKS_SPARSE > p->values)
		return bounds_ids(d, page_wide_ids(p, 0, p->values, &s->wide), p->values);
	uint8_t *marks = clear_marks(s, d->count);
	mark(p, marks);
	return bounds_marked(d, marks);
}

/* All ids ORed: as wide as the widest. */
static uint32_t any_bits(const struct page *p)
{
	const uint8_t *body = p->body.bytes;
	uint32_t any = 0;
	if (p->single)
		return p->only;
	if (p->item == 1) {
		for (size_t i = 0; i < p->values; i++)
			any |= body[i];
	} else if (p->item == 2) {
		for (size_t i = 0; i < p->values; i++)
			any |= ((const uint16_t *)(const void *)body)[i];
	} else {
		for (size_t i = 0; i < p->values; i++)
			any |= ((const uint32_t *)(const void *)body)[i];
	}
	return any;
}

static void put_ids(struct page *p, bool compressed, struct buffer *raw)
{
	unsigned bits = bits_width(any_bits(p)), width = bits > 0 ? bits : 1;
	uint8_t *to = buffer_room(raw, 1 + hybrid_bound(p->values, width));
	size_t len = 1;
	to[0] = (uint8_t)width;
	if (p->single) {
		len += hybrid_run(p->only, p->values, width, to + 1);
	} else {
		buffer_room(&p->body, 7 * p->item); /* the last group is filled up in place */
		len += hybrid_encode(p->body.bytes, p->item, p->values, width, compressed, to + 1);
	}
	raw->len += len;
}

/* Keep a text that only lives as long as its page or dictionary. */
static void keep(struct bound *b, struct buffer *own)
{
	if (b->text == own->bytes)
		return;
	own->len = 0;
	buffer_put(own, b->text, b->len);
	buffer_room(own, 1);
	b->text = own->bytes;
}

static void fold(struct chunk *c, enum physical physical, const struct bounds *b)
{
	bounds_fold(physical, &c->all, b);
	if (physical == PHYSICAL_BYTES && c->all.any) {
		keep(&c->all.least, &c->least);
		keep(&c->all.most, &c->most);
	}
}

/* The page's bounds as the column index will have them. */
static void put_bounds(struct chunk *c, enum physical physical, const struct bounds *b, struct chunk_page *page)
{
	if (!b->any)
		return;
	const uint8_t *least = b->least.number, *most = b->most.number;
	size_t least_len = b->least.len, most_len = b->most.len;
	uint8_t cut[BOUND_ROOM];
	bool exact;
	if (physical == PHYSICAL_BYTES) {
		least_len = bound_least(b->least.text, b->least.len, &least, &exact);
		most_len = bound_most(b->most.text, b->most.len, cut, &most, &exact);
		if (most_len == SIZE_MAX)
			return;
	}
	buffer_put(&c->bounds, least, least_len);
	buffer_put(&c->bounds, most, most_len);
	page->least = (uint16_t)least_len;
	page->most = (uint16_t)most_len;
	page->bounded = true;
}

enum rc chunk_close_page(
    struct chunk *c, struct page *p, const struct dictionary *d, bool plain, struct scratch *s, struct err *e)
{
	struct chunk_page page = {.rows = p->rows, .values = p->values, .dictionary = !plain};
	struct bounds b = {0};
	s->raw.len = 0;
	if (p->values != 0) {
		chunk_levels(p->levels.bytes, p->rows, p->values, &s->raw);
		if (plain) {
			b = bounds_plain(d->physical, p->body.bytes, p->body.len, p->values);
			buffer_put(&s->raw, p->body.bytes, p->body.len);
		} else {
			b = look_at_ids(p, d, s);
			put_ids(p, s->codec != CODEC_NONE, &s->raw);
		}
	}
	fold(c, d->physical, &b);
	put_bounds(c, d->physical, &b, &page);
	c->rows += p->rows;
	c->values += p->values;
	page_reset(p);
	return chunk_add(c, page, &s->raw, s, e);
}
