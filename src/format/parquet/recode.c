/*
 * A dictionary that turned out to be dear is undone: the ids lead back to the values. So the choice can be made late,
 * when the cost is known, and no early guess has to be right.
 */
#include "format/parquet/recode.h"

#include <assert.h>

#include "format/parquet/hybrid.h"

enum { SAMPLE = 4096 /* values */ };

enum rc recode_measure(
    struct recode_sample *m, const struct page *p, const struct dictionary *d, struct scratch *s, struct err *e)
{
	size_t n = p->values < SAMPLE ? p->values : SAMPLE;
	if (n == 0)
		return RC_OK;
	const uint32_t *ids = page_wide_ids(p, (p->values - n) / 2, n, &s->wide);
	s->raw.len = 0;
	dictionary_plain(d, ids, n, &s->raw);
	size_t size = s->raw.len;
	if (s->codec != CODEC_NONE) {
		enum rc rc = chunk_pack(s, s->raw.bytes, s->raw.len, e);
		if (rc != RC_OK)
			return rc;
		if (chunk_pays(s->codec, size, s->packed.len))
			size = s->packed.len;
	}
	m->values += n;
	m->bytes += size;
	return RC_OK;
}

uint64_t recode_dictionary_cost(const struct chunk *c, const struct dictionary *d, enum codec codec)
{
	uint64_t cost = 0;
	const struct chunk_page *page = chunk_pages(c);
	for (uint32_t i = 0; i < c->count; i++)
		if (page[i].dictionary)
			cost += page[i].stored;
	/* Codecs take about a third off distinct texts, a quarter off distinct numbers. */
	if (codec == CODEC_NONE)
		return cost + d->values.len;
	return cost + (d->physical == PHYSICAL_BYTES ? d->values.len * 2 / 3 : d->values.len * 3 / 4);
}

uint64_t recode_plain_cost(const struct recode_sample *m, const struct chunk *c)
{
	uint64_t values = 0;
	const struct chunk_page *page = chunk_pages(c);
	for (uint32_t i = 0; i < c->count; i++)
		if (page[i].dictionary)
			values += page[i].values;
	return m->values == 0 ? 0 : (uint64_t)((unsigned __int128)values * m->bytes / m->values);
}

/* Body of a page as PLAIN into s->raw: the levels stay. */
static enum rc plain_body(
    const struct chunk_page *page, const uint8_t *body, const struct dictionary *d, struct scratch *s, struct err *e)
{
	size_t size = page->stored;
	s->raw.len = 0;
	if (page->packed) {
		s->packed.len = 0;
		uint8_t *to = buffer_room(&s->packed, page->raw);
		enum rc rc = unpack_block(s->pack, s->codec, body, size, to, page->raw, &size, e);
		if (rc != RC_OK)
			return rc;
		body = to;
	}
	if (!page->dictionary) {
		buffer_put(&s->raw, body, size);
		return RC_OK;
	}
	uint32_t levels;
	memcpy(&levels, body, sizeof levels);
	levels += sizeof levels;
	buffer_put(&s->raw, body, levels);
	s->wide.len = 0;
	uint32_t *ids = (uint32_t *)(void *)buffer_room(&s->wide, (page->values + 7) * sizeof *ids);
	bool sound = hybrid_decode(body + levels + 1, size - levels - 1, body[levels], page->values, ids);
	assert(sound); /* we wrote it */
	dictionary_plain(d, ids, page->values, &s->raw);
	return RC_OK;
}

enum rc recode_plain(struct chunk *c, const struct dictionary *d, struct scratch *s, struct err *e)
{
	struct buffer bodies = c->bodies, pages = c->pages;
	uint32_t count = c->count;
	enum rc rc = RC_OK;
	size_t at = 0;
	c->bodies = c->pages = (struct buffer){0};
	c->count = c->try_at = 0;
	c->packing = false;
	for (uint32_t i = 0; i < count && rc == RC_OK; i++) {
		struct chunk_page page = ((const struct chunk_page *)(const void *)pages.bytes)[i];
		const uint8_t *body = bodies.bytes + at;
		at += page.stored;
		s->raw.len = 0;
		if (page.values != 0)
			rc = plain_body(&page, body, d, s, e);
		page.dictionary = false;
		if (rc == RC_OK)
			rc = chunk_add(c, page, &s->raw, s, e);
	}
	buffer_fini(&bodies);
	buffer_fini(&pages);
	return rc;
}
