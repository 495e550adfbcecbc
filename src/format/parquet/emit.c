/*
 * The codec of a chunk is settled here: its pages may say no while its dictionary says yes.
 */
#include "format/parquet/emit.h"

#include "format/parquet/crc.h"
#include "format/parquet/stored.h"

enum { HEADER_MOST = 128 };

struct emit {
	struct chunk *chunk;
	const struct dictionary *dictionary;
	struct scratch *scratch;
	struct output *out;
	struct footer_chunk *meta;
	struct writer header;
	bool pack;
};

static uint32_t put_page(struct emit *m, struct footer_page *head, const uint8_t *body)
{
	head->crc = crc_of(body, head->stored);
	writer_reset(&m->header);
	footer_page_header(head, &m->header);
	output_put(m->out, m->header.bytes, m->header.len);
	output_put(m->out, body, head->stored);
	m->meta->raw += m->header.len + head->raw;
	m->meta->stored += m->header.len + head->stored;
	return (uint32_t)m->header.len + head->stored;
}

/*
 * Put a body that was not compressed into the form that its chunk's codec has. Snappy's literals do for what was tried
 * and gained nothing; other codecs are slow anyway, and whoever chose them wants the last byte.
 */
static enum rc pack(struct emit *m, const uint8_t **body, uint32_t *stored, struct err *e)
{
	enum rc rc = RC_OK;
	if (!m->pack)
		return RC_OK;
	if (m->scratch->codec == CODEC_SNAPPY)
		stored_snappy(*body, *stored, &m->scratch->packed);
	else
		rc = chunk_pack(m->scratch, *body, *stored, e);
	*body = m->scratch->packed.bytes;
	*stored = (uint32_t)m->scratch->packed.len;
	return rc;
}

/* The dictionary's own gain may pay for a chunk whose pages gain nothing. */
static bool dictionary_pays(const struct emit *m, size_t packed)
{
	size_t raw = m->dictionary->values.len, pages = m->chunk->bodies.len;
	return chunk_pays(m->scratch->codec, raw + pages, packed + pages);
}

static enum rc put_dictionary(struct emit *m, struct err *e)
{
	const struct dictionary *d = m->dictionary;
	struct footer_page head = {.dictionary_page = true, .raw = (uint32_t)d->values.len, .values = d->count};
	const uint8_t *body = d->values.bytes;
	head.stored = head.raw;
	if (m->scratch->codec != CODEC_NONE) {
		enum rc rc = chunk_pack(m->scratch, body, head.raw, e);
		if (rc != RC_OK)
			return rc;
		m->pack = m->pack || dictionary_pays(m, m->scratch->packed.len);
		if (m->pack) {
			body = m->scratch->packed.bytes;
			head.stored = (uint32_t)m->scratch->packed.len;
		}
	}
	m->meta->dictionary_at = m->out->position;
	put_page(m, &head, body);
	return RC_OK;
}

/* A page of nulls holds levels, and of a dictionary the width, which some readers insist on. */
static void null_body(const struct chunk_page *page, bool dictionary, struct buffer *raw)
{
	raw->len = 0;
	chunk_levels(NULL, page->rows, 0, raw);
	if (dictionary)
		buffer_put(raw, "\1", 1);
}

static enum rc put_data(struct emit *m, struct chunk_page *page, const uint8_t *body, bool dictionary, struct err *e)
{
	struct footer_page head = {.raw = page->raw, .stored = page->stored, .values = page->rows};
	bool packed = page->packed;
	head.dictionary = page->dictionary && dictionary;
	if (page->values == 0) {
		null_body(page, head.dictionary, &m->scratch->raw);
		body = m->scratch->raw.bytes;
		head.raw = head.stored = (uint32_t)m->scratch->raw.len;
		packed = false;
	}
	if (!packed) {
		enum rc rc = pack(m, &body, &head.stored, e);
		if (rc != RC_OK)
			return rc;
	}
	*(head.dictionary ? &m->meta->dictionary_pages : &m->meta->plain_pages) += 1;
	page->position = m->out->position;
	page->written = put_page(m, &head, body);
	return RC_OK;
}

static bool uses_dictionary(const struct chunk *c)
{
	const struct chunk_page *page = chunk_pages(c);
	for (uint32_t i = 0; i < c->count; i++)
		if (page[i].dictionary && page[i].values != 0)
			return true;
	return false;
}

enum rc emit_chunk(struct chunk *c, const struct dictionary *d, struct scratch *s, struct output *o,
    struct footer_chunk *meta, struct err *e)
{
	struct emit m = {.chunk = c, .dictionary = d, .scratch = s, .out = o, .meta = meta, .pack = c->packing};
	struct chunk_page *page = chunk_pages(c);
	bool dictionary = uses_dictionary(c);
	enum rc rc = RC_OK;
	size_t at = 0;
	*meta = (struct footer_chunk){
	    .physical = d->physical,
	    .rows = c->rows,
	    .nulls = c->rows - c->values,
	    .bounds = &c->all,
	};
	writer_init(&m.header, HEADER_MOST);
	if (dictionary)
		rc = put_dictionary(&m, e);
	meta->data_at = o->position;
	for (uint32_t i = 0; i < c->count && rc == RC_OK; i++) {
		rc = put_data(&m, &page[i], c->bodies.bytes + at, dictionary, e);
		at += page[i].stored;
	}
	meta->codec = m.pack ? s->codec : CODEC_NONE;
	writer_fini(&m.header);
	return rc;
}
