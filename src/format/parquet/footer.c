/*
 * parquet.thrift, field by field. Numbers are the ids and enums of that file.
 */
#include "format/parquet/footer.h"

#include <assert.h>

#include "format/parquet/physical.h"
#include "format/thrift.h"

enum {
	META_MOST = 64 << 20, /* of file metadata and of each index */
	REPETITION_OPTIONAL = 1,
	CONVERTED_UTF8 = 0,
	CONVERTED_INT_8 = 15,
	CONVERTED_INT_16 = 16,
	PAGE_DATA = 0,
	PAGE_DICTIONARY = 2,
	ENCODING_PLAIN = 0,
	ENCODING_PLAIN_DICTIONARY = 2,
	ENCODING_RLE = 3,
	ORDER_UNORDERED = 0,
	ORDER_ASCENDING = 1,
	ORDER_DESCENDING = 2,
};

#define CREATED_BY "sluice version " SLUICE_VERSION " (build " SLUICE_VERSION ")"

static const uint8_t codec_number[CODECS] = {
    [CODEC_NONE] = 0,
    [CODEC_SNAPPY] = 1,
    [CODEC_GZIP] = 2,
    [CODEC_ZSTD] = 6,
};

struct group {
	uint64_t position, rows, raw, stored;
};

/* Lengths; the parts of a chunk lie one after the other. */
struct extent {
	uint32_t meta, column_index, offset_index;
};

void footer_init(struct footer *f, size_t columns, bool page_index)
{
	*f = (struct footer){.columns = columns, .page_index = page_index};
	writer_init(&f->chunk_meta, META_MOST);
	writer_init(&f->column_index, META_MOST);
	writer_init(&f->offset_index, META_MOST);
}

void footer_fini(struct footer *f)
{
	buffer_fini(&f->group);
	buffer_fini(&f->extent);
	writer_fini(&f->chunk_meta);
	writer_fini(&f->column_index);
	writer_fini(&f->offset_index);
}

size_t footer_memory(const struct footer *f)
{
	return f->group.capacity + f->extent.capacity + f->chunk_meta.capacity + f->column_index.capacity +
	       f->offset_index.capacity;
}

void footer_page_header(const struct footer_page *p, struct writer *out)
{
	struct thrift t;
	int encoding = p->dictionary_page || p->dictionary ? ENCODING_PLAIN_DICTIONARY : ENCODING_PLAIN;
	thrift_begin(&t, out);
	thrift_i32(&t, 1, p->dictionary_page ? PAGE_DICTIONARY : PAGE_DATA);
	thrift_i32(&t, 2, (int32_t)p->raw);
	thrift_i32(&t, 3, (int32_t)p->stored);
	thrift_i32(&t, 4, (int32_t)p->crc);
	thrift_struct(&t, p->dictionary_page ? 7 : 5);
	thrift_i32(&t, 1, (int32_t)p->values);
	thrift_i32(&t, 2, encoding);
	if (!p->dictionary_page) {
		thrift_i32(&t, 3, ENCODING_RLE);
		thrift_i32(&t, 4, ENCODING_RLE);
	}
	thrift_end(&t);
	thrift_end(&t);
}

void footer_group(struct footer *f, uint64_t position, uint64_t rows)
{
	struct group g = {.position = position, .rows = rows};
	buffer_put(&f->group, &g, sizeof g);
	f->groups++;
	f->rows += rows;
}

/* Statistics of a chunk. The deprecated pair only where its order was never in doubt: signed numbers. */
static void put_statistics(struct thrift *t, int16_t id, const struct footer_chunk *m)
{
	const struct bounds *b = m->bounds;
	const uint8_t *least = b->least.number, *most = b->most.number;
	size_t least_len = b->least.len, most_len = b->most.len;
	uint8_t cut[BOUND_ROOM];
	bool text = m->physical == PHYSICAL_BYTES, least_exact = true, most_exact = true;
	if (text && b->any) {
		least_len = bound_least(b->least.text, b->least.len, &least, &least_exact);
		most_len = bound_most(b->most.text, b->most.len, cut, &most, &most_exact);
	}
	bool any = b->any && most_len != SIZE_MAX;
	thrift_struct(t, id);
	if (any && !text) {
		thrift_binary(t, 1, most, most_len);
		thrift_binary(t, 2, least, least_len);
	}
	thrift_i64(t, 3, (int64_t)m->nulls);
	if (any) {
		thrift_binary(t, 5, most, most_len);
		thrift_binary(t, 6, least, least_len);
		thrift_bool(t, 7, most_exact);
		thrift_bool(t, 8, least_exact);
	}
	thrift_end(t);
}

static void put_encoding_stats(struct thrift *t, int page, int encoding, uint32_t count)
{
	thrift_item(t);
	thrift_i32(t, 1, page);
	thrift_i32(t, 2, encoding);
	thrift_i32(t, 3, (int32_t)count);
	thrift_end(t);
}

/*
 * parquet-java without encoding_stats takes a chunk whose encodings are but 2, 3 and 4 for wholly dictionary coded: so
 * PLAIN is listed only when there is a PLAIN page.
 */
static void put_encodings(struct thrift *t, const struct footer_chunk *m)
{
	bool dictionary = m->dictionary_at != 0, plain = m->plain_pages != 0;
	thrift_list(t, 2, THRIFT_I32, (size_t)dictionary + 1 + plain);
	if (dictionary)
		thrift_item_int(t, ENCODING_PLAIN_DICTIONARY);
	thrift_item_int(t, ENCODING_RLE);
	if (plain)
		thrift_item_int(t, ENCODING_PLAIN);
}

static void put_meta(struct writer *out, const char *column, const struct footer_chunk *m)
{
	struct thrift t;
	thrift_begin(&t, out);
	thrift_i32(&t, 1, (int32_t)m->physical);
	put_encodings(&t, m);
	thrift_list(&t, 3, THRIFT_BINARY, 1);
	thrift_item_binary(&t, column, strlen(column));
	thrift_i32(&t, 4, codec_number[m->codec]);
	thrift_i64(&t, 5, (int64_t)m->rows);
	thrift_i64(&t, 6, (int64_t)m->raw);
	thrift_i64(&t, 7, (int64_t)m->stored);
	thrift_i64(&t, 9, (int64_t)m->data_at);
	if (m->dictionary_at != 0)
		thrift_i64(&t, 11, (int64_t)m->dictionary_at);
	put_statistics(&t, 12, m);
	thrift_list(&t, 13, THRIFT_STRUCT,
	    (m->dictionary_at != 0 ? 1u : 0u) + (m->dictionary_pages != 0) + (m->plain_pages != 0));
	if (m->dictionary_at != 0)
		put_encoding_stats(&t, PAGE_DICTIONARY, ENCODING_PLAIN_DICTIONARY, 1);
	if (m->dictionary_pages != 0)
		put_encoding_stats(&t, PAGE_DATA, ENCODING_PLAIN_DICTIONARY, m->dictionary_pages);
	if (m->plain_pages != 0)
		put_encoding_stats(&t, PAGE_DATA, ENCODING_PLAIN, m->plain_pages);
	thrift_end(&t);
}

static void put_offset_index(struct writer *out, const struct chunk *c)
{
	struct thrift t;
	const struct chunk_page *page = chunk_pages(c);
	uint64_t row = 0;
	thrift_begin(&t, out);
	thrift_list(&t, 1, THRIFT_STRUCT, c->count);
	for (uint32_t i = 0; i < c->count; i++) {
		thrift_item(&t);
		thrift_i64(&t, 1, (int64_t)page[i].position);
		thrift_i32(&t, 2, (int32_t)page[i].written);
		thrift_i64(&t, 3, (int64_t)row);
		thrift_end(&t);
		row += page[i].rows;
	}
	thrift_end(&t);
}

/* A page with values but without bounds forbids the column index of its chunk. */
static bool indexable(const struct chunk *c)
{
	const struct chunk_page *page = chunk_pages(c);
	for (uint32_t i = 0; i < c->count; i++)
		if (page[i].values != 0 && !page[i].bounded)
			return false;
	return true;
}

/* Where the bounds of a page lie. */
struct place {
	const uint8_t *least, *most;
};

static struct place place_next(const struct chunk_page *page, const uint8_t **at)
{
	struct place p = {.least = *at, .most = *at + page->least};
	*at += page->least + page->most;
	return p;
}

static int boundary_order(enum physical physical, const struct chunk *c)
{
	const struct chunk_page *page = chunk_pages(c), *before = NULL;
	const uint8_t *at = c->bounds.bytes;
	struct place last = {0};
	bool up = true, down = true;
	for (uint32_t i = 0; i < c->count; i++) {
		if (!page[i].bounded)
			continue;
		struct place p = place_next(&page[i], &at);
		if (before != NULL) {
			int least = bound_compare(physical, last.least, before->least, p.least, page[i].least);
			int most = bound_compare(physical, last.most, before->most, p.most, page[i].most);
			up = up && least <= 0 && most <= 0;
			down = down && least >= 0 && most >= 0;
		}
		before = &page[i];
		last = p;
	}
	return up ? ORDER_ASCENDING : down ? ORDER_DESCENDING : ORDER_UNORDERED;
}

static void put_column_index(struct writer *out, enum physical physical, const struct chunk *c)
{
	struct thrift t;
	const struct chunk_page *page = chunk_pages(c);
	thrift_begin(&t, out);
	thrift_list(&t, 1, THRIFT_TRUE, c->count);
	for (uint32_t i = 0; i < c->count; i++)
		thrift_item_bool(&t, page[i].values == 0);
	for (int16_t id = 2; id <= 3; id++) {
		const uint8_t *at = c->bounds.bytes;
		thrift_list(&t, id, THRIFT_BINARY, c->count);
		for (uint32_t i = 0; i < c->count; i++) {
			struct place p = place_next(&page[i], &at);
			thrift_item_binary(&t, id == 2 ? p.least : p.most, id == 2 ? page[i].least : page[i].most);
		}
	}
	thrift_i32(&t, 4, boundary_order(physical, c));
	thrift_list(&t, 5, THRIFT_I64, c->count);
	for (uint32_t i = 0; i < c->count; i++)
		thrift_item_int(&t, (int64_t)(page[i].rows - page[i].values));
	thrift_end(&t);
}

void footer_add(struct footer *f, const char *column, const struct footer_chunk *m, const struct chunk *c)
{
	struct group *g = (struct group *)(void *)f->group.bytes + (f->groups - 1);
	size_t meta = f->chunk_meta.len, column_index = f->column_index.len, offset_index = f->offset_index.len;
	put_meta(&f->chunk_meta, column, m);
	if (f->page_index) {
		put_offset_index(&f->offset_index, c);
		if (indexable(c))
			put_column_index(&f->column_index, m->physical, c);
	}
	struct extent extent = {
	    .meta = (uint32_t)(f->chunk_meta.len - meta),
	    .column_index = (uint32_t)(f->column_index.len - column_index),
	    .offset_index = (uint32_t)(f->offset_index.len - offset_index),
	};
	buffer_put(&f->extent, &extent, sizeof extent);
	g->raw += m->raw;
	g->stored += m->stored;
}

static void put_schema_column(struct thrift *t, const struct schema_column *c)
{
	thrift_item(t);
	thrift_i32(t, 1, (int32_t)physical_of(c->type));
	thrift_i32(t, 3, REPETITION_OPTIONAL);
	thrift_text(t, 4, c->name);
	if (c->type == SQL_STRING) {
		thrift_i32(t, 6, CONVERTED_UTF8);
		thrift_struct(t, 10);
		thrift_struct(t, 1); /* STRING */
		thrift_end(t);
		thrift_end(t);
	} else if (c->type == SQL_SMALLINT || c->type == SQL_TINYINT) {
		bool small = c->type == SQL_SMALLINT;
		thrift_i32(t, 6, small ? CONVERTED_INT_16 : CONVERTED_INT_8);
		thrift_struct(t, 10);
		thrift_struct(t, 10); /* INTEGER */
		thrift_i8(t, 1, small ? 16 : 8);
		thrift_bool(t, 2, true);
		thrift_end(t);
		thrift_end(t);
	}
	thrift_end(t);
}

static void put_schema(struct thrift *t, const struct schema *s)
{
	thrift_list(t, 2, THRIFT_STRUCT, s->columns + 1);
	thrift_item(t);
	thrift_text(t, 4, s->full_name);
	thrift_i32(t, 5, (int32_t)s->columns);
	thrift_end(t);
	for (size_t i = 0; i < s->columns; i++)
		put_schema_column(t, &s->column[i]);
}

/* Where the next part of each kind lies, in memory and in the file. */
struct cursor {
	const struct extent *extent;
	const uint8_t *meta;
	uint64_t column_index, offset_index;
};

static void put_chunk(struct thrift *t, struct cursor *at)
{
	const struct extent *x = at->extent++;
	thrift_item(t);
	thrift_i64(t, 2, 0); /* deprecated, but required */
	thrift_made(t, 3, at->meta, x->meta);
	if (x->offset_index != 0) {
		thrift_i64(t, 4, (int64_t)at->offset_index);
		thrift_i32(t, 5, (int32_t)x->offset_index);
	}
	if (x->column_index != 0) {
		thrift_i64(t, 6, (int64_t)at->column_index);
		thrift_i32(t, 7, (int32_t)x->column_index);
	}
	thrift_end(t);
	at->meta += x->meta;
	at->column_index += x->column_index;
	at->offset_index += x->offset_index;
}

static void put_groups(struct thrift *t, const struct footer *f, struct cursor *at)
{
	const struct group *g = (const struct group *)(const void *)f->group.bytes;
	thrift_list(t, 4, THRIFT_STRUCT, f->groups);
	for (uint32_t i = 0; i < f->groups; i++) {
		thrift_item(t);
		thrift_list(t, 1, THRIFT_STRUCT, f->columns);
		for (size_t column = 0; column < f->columns; column++)
			put_chunk(t, at);
		thrift_i64(t, 2, (int64_t)g[i].raw);
		thrift_i64(t, 3, (int64_t)g[i].rows);
		thrift_i64(t, 5, (int64_t)g[i].position);
		thrift_i64(t, 6, (int64_t)g[i].stored);
		if (i <= INT16_MAX)
			thrift_i16(t, 7, (int16_t)i);
		thrift_end(t);
	}
}

static void put_key(struct thrift *t, const char *key, const char *value, size_t len)
{
	thrift_item(t);
	thrift_text(t, 1, key);
	thrift_binary(t, 2, value, len);
	thrift_end(t);
}

static void put_file(struct writer *out, const struct footer *f, const struct schema *s, const struct parquet_key *key,
    size_t keys, struct cursor *at)
{
	struct thrift t;
	thrift_begin(&t, out);
	thrift_i32(&t, 1, 1);
	put_schema(&t, s);
	thrift_i64(&t, 3, (int64_t)f->rows);
	put_groups(&t, f, at);
	thrift_list(&t, 5, THRIFT_STRUCT, keys + 2);
	put_key(&t, "parquet.avro.schema", s->avro, strlen(s->avro));
	put_key(&t, "writer.model.name", "avro", strlen("avro"));
	for (size_t i = 0; i < keys; i++)
		put_key(&t, key[i].key, key[i].value, key[i].len);
	thrift_text(&t, 6, CREATED_BY);
	thrift_list(&t, 7, THRIFT_STRUCT, s->columns);
	for (size_t i = 0; i < s->columns; i++) {
		thrift_item(&t);
		thrift_struct(&t, 1); /* TYPE_ORDER */
		thrift_end(&t);
		thrift_end(&t);
	}
	thrift_end(&t);
}

enum rc footer_write(struct footer *f, const struct schema *s, const struct parquet_key *key, size_t keys,
    struct output *o, struct err *e)
{
	struct cursor at = {
	    .extent = (const struct extent *)(const void *)f->extent.bytes,
	    .meta = f->chunk_meta.bytes,
	    .column_index = o->position,
	    .offset_index = o->position + f->column_index.len,
	};
	struct writer out;
	writer_init(&out, 2 * META_MOST);
	put_file(&out, f, s, key, keys, &at);
	bool failed = out.failed || f->chunk_meta.failed || f->column_index.failed || f->offset_index.failed;
	if (!failed) {
		output_put(o, f->column_index.bytes, f->column_index.len);
		output_put(o, f->offset_index.bytes, f->offset_index.len);
		writer_le32(&out, (uint32_t)out.len);
		writer_put(&out, "PAR1", 4);
		output_put(o, out.bytes, out.len);
	}
	writer_fini(&out);
	return failed ? err_set(RC_BAD, e, "parquet: the footer would be larger than %d MiB", META_MOST >> 20) : RC_OK;
}
