/* Rows ahead never cross a page, so that texts may point into its body until they are passed. */
#include "format/parquet/cursor.h"

#include <string.h>

#include "base/mem.h"
#include "format/parquet/crc.h"
#include "format/thrift_in.h"

enum {
	PAGE_DATA = 0,
	PAGE_INDEX = 1,
	PAGE_DICTIONARY = 2,
	ENCODING_PLAIN = 0,
	ENCODING_PLAIN_DICTIONARY = 2,
	ENCODING_RLE = 3,
	ENCODING_RLE_DICTIONARY = 8,
	BODY_MOST = 256 << 20,
	BODY_SLACK = 8, /* a NUL page body is still a body */
};

struct page_says {
	int64_t type, raw, stored, values, encoding, levels;
	bool has_crc;
	uint32_t crc;
};

void cursor_begin(struct cursor *c, const struct meta_column *column, const struct meta_chunk *chunk, uint8_t *stored)
{
	mem_free(&c->stored);
	mem_free(&c->dictionary_body);
	mem_free(&c->dictionary);
	c->dictionary_count = 0;
	c->column = column;
	c->codec = chunk->codec;
	c->stored = stored;
	c->size = chunk->stored;
	c->at = 0;
	c->left = chunk->values;
	c->page_left = 0;
	c->first = c->count = 0;
	if (c->value == NULL)
		c->value = mem_alloc(CURSOR_ROWS * sizeof *c->value);
}

static enum rc bad(const struct cursor *c, struct err *e, const char *what)
{
	return err_set(RC_BAD, e, "parquet: column %.100s: %s", c->column->name, what);
}

/* DataPageHeader or DictionaryPageHeader. */
static void read_kind(struct thrift_in *t, struct page_says *p)
{
	int16_t id;
	unsigned type;
	thrift_in_struct(t);
	while (thrift_in_field(t, &id, &type)) {
		int64_t *to = id == 1 ? &p->values : id == 2 ? &p->encoding : id == 3 ? &p->levels : NULL;
		if (to != NULL && type == THRIFT_I32)
			*to = thrift_in_int(t);
		else
			thrift_in_skip(t, type);
	}
}

static enum rc read_header(struct cursor *c, struct page_says *p, struct err *e)
{
	struct thrift_in t;
	int16_t id;
	unsigned type;
	*p = (struct page_says){
	    .type = -1, .raw = -1, .stored = -1, .values = -1, .encoding = -1, .levels = ENCODING_RLE};
	thrift_in_begin(&t, c->stored + c->at, c->size - c->at);
	while (thrift_in_field(&t, &id, &type)) {
		int64_t *to = id == 1 ? &p->type : id == 2 ? &p->raw : id == 3 ? &p->stored : NULL;
		if (to != NULL && type == THRIFT_I32) {
			*to = thrift_in_int(&t);
		} else if (id == 4 && type == THRIFT_I32) {
			p->has_crc = true;
			p->crc = (uint32_t)thrift_in_int(&t);
		} else if ((id == 5 || id == 7) && type == THRIFT_STRUCT) {
			read_kind(&t, p);
		} else {
			thrift_in_skip(&t, type);
		}
	}
	if (!thrift_in_ok(&t) || p->stored < 0 || p->raw < 0 || p->raw > BODY_MOST ||
	    (uint64_t)p->stored > reader_left(&t.in))
		return bad(c, e, "a page header is damaged");
	c->at = (size_t)(t.in.at - c->stored);
	return RC_OK;
}

/* The page's body into to, which has room for it. */
static enum rc unpack(struct cursor *c, const struct page_says *p, struct pack *pack, uint8_t *to, struct err *e)
{
	const uint8_t *from = c->stored + c->at;
	size_t got = 0;
	if (p->has_crc && crc_of(from, (size_t)p->stored) != p->crc)
		return bad(c, e, "a page has another CRC than its header says");
	c->at += (size_t)p->stored;
	enum rc rc = unpack_block(pack, c->codec, from, (size_t)p->stored, to, (size_t)p->raw, &got, e);
	if (rc != RC_OK)
		return err_wrap(rc, e, "parquet: column %.100s", c->column->name);
	return got == (size_t)p->raw ? RC_OK : bad(c, e, "a page has another size than its header says");
}

/* One PLAIN value; false: there is none. */
static bool plain_value(struct cursor *c, struct cursor_value *out)
{
	size_t left = (size_t)(c->plain_end - c->plain), need = physical_size(c->column->physical);
	uint32_t narrow = 0;
	if (left < need)
		return false;
	memcpy(&narrow, c->plain, sizeof narrow);
	switch (c->column->physical) {
	case PHYSICAL_INT32:
		*out = (struct cursor_value){.bytes = c->plain, .number = (int32_t)narrow};
		break;
	case PHYSICAL_INT64:
		out->bytes = c->plain;
		memcpy(&out->number, c->plain, sizeof out->number);
		break;
	case PHYSICAL_FLOAT:
		out->bytes = c->plain;
		memcpy(&out->real, c->plain, sizeof out->real);
		break;
	case PHYSICAL_BYTES:
		if (narrow > left - need)
			return false;
		*out = (struct cursor_value){.bytes = c->plain + need, .len = narrow};
		need += narrow;
		break;
	}
	c->plain += need;
	return true;
}

static enum rc read_dictionary(struct cursor *c, const struct page_says *p, struct pack *pack, struct err *e)
{
	if (c->dictionary != NULL || (p->encoding != ENCODING_PLAIN && p->encoding != ENCODING_PLAIN_DICTIONARY) ||
	    p->values < 0 || p->values > p->raw)
		return bad(c, e, "its dictionary is not read");
	c->dictionary_body = mem_alloc((size_t)p->raw + BODY_SLACK);
	enum rc rc = unpack(c, p, pack, c->dictionary_body, e);
	if (rc != RC_OK)
		return rc;
	c->dictionary_count = (size_t)p->values;
	c->dictionary = mem_alloc((c->dictionary_count + 1) * sizeof *c->dictionary);
	c->plain = c->dictionary_body;
	c->plain_end = c->plain + p->raw;
	for (size_t i = 0; i < c->dictionary_count; i++)
		if (!plain_value(c, &c->dictionary[i]))
			return bad(c, e, "its dictionary is damaged");
	return RC_OK;
}

static enum rc open_data(struct cursor *c, const struct page_says *p, struct pack *pack, struct err *e)
{
	uint32_t levels = 0;
	size_t raw = (size_t)p->raw;
	c->coded = p->encoding == ENCODING_PLAIN_DICTIONARY || p->encoding == ENCODING_RLE_DICTIONARY;
	if ((!c->coded && p->encoding != ENCODING_PLAIN) || p->levels != ENCODING_RLE)
		return bad(c, e, "an encoding that is not read");
	if (p->values < 0 || (uint64_t)p->values > c->left)
		return bad(c, e, "a page has more rows than its row group");
	if (c->body_capacity < raw + BODY_SLACK) {
		mem_free(&c->body);
		c->body_capacity = raw + BODY_SLACK;
		c->body = mem_alloc(c->body_capacity);
	}
	enum rc rc = unpack(c, p, pack, c->body, e);
	if (rc != RC_OK)
		return rc;
	const uint8_t *at = c->body, *end = at + raw;
	if (c->column->optional) {
		if (raw < sizeof levels)
			return bad(c, e, "a page is too short");
		memcpy(&levels, at, sizeof levels);
		at += sizeof levels;
		if (levels > (size_t)(end - at))
			return bad(c, e, "a page is too short");
		runs_begin(&c->levels, at, levels, 1);
		at += levels;
	}
	if (c->coded) {
		unsigned width = at < end ? *at++ : 0;
		if (width > 32)
			return bad(c, e, "ids of more than 32 bits");
		runs_begin(&c->ids, at, (size_t)(end - at), width);
	}
	c->plain = at;
	c->plain_end = end;
	c->page_left = (uint64_t)p->values;
	c->left -= c->page_left;
	return RC_OK;
}

static enum rc next_page(struct cursor *c, struct pack *pack, struct err *e)
{
	struct page_says p;
	enum rc rc = read_header(c, &p, e);
	if (rc != RC_OK)
		return rc;
	switch (p.type) {
	case PAGE_DATA:
		return open_data(c, &p, pack, e);
	case PAGE_DICTIONARY:
		return read_dictionary(c, &p, pack, e);
	case PAGE_INDEX:
		c->at += (size_t)p.stored;
		return RC_OK;
	default:
		return bad(c, e, "a kind of page that is not read");
	}
}

/* n rows of the open page. */
static enum rc decode(struct cursor *c, size_t n, struct err *e)
{
	uint32_t level[CURSOR_ROWS], id[CURSOR_ROWS];
	size_t present = n, next = 0;
	if (c->column->optional) {
		present = 0;
		if (!runs_take(&c->levels, n, level))
			return bad(c, e, "levels are damaged");
		for (size_t i = 0; i < n; i++)
			present += level[i];
	}
	if (c->coded && !runs_take(&c->ids, present, id))
		return bad(c, e, "ids are damaged");
	for (size_t i = 0; i < n; i++) {
		struct cursor_value *v = &c->value[i];
		if (c->column->optional && level[i] == 0) {
			*v = (struct cursor_value){.bytes = NULL};
		} else if (!c->coded) {
			if (!plain_value(c, v))
				return bad(c, e, "a page is too short");
		} else if (id[next] < c->dictionary_count) {
			*v = c->dictionary[id[next++]];
		} else {
			return bad(c, e, "an id beyond its dictionary");
		}
	}
	c->first = 0;
	c->count = n;
	c->page_left -= n;
	return RC_OK;
}

enum rc cursor_ahead(struct cursor *c, struct pack *pack, struct err *e)
{
	enum rc rc = RC_OK;
	if (c->count > 0)
		return RC_OK;
	while (rc == RC_OK && c->page_left == 0) {
		if (c->left == 0)
			return RC_END;
		if (c->at >= c->size)
			return bad(c, e, "its pages end before its rows");
		rc = next_page(c, pack, e);
	}
	return rc == RC_OK ? decode(c, c->page_left < CURSOR_ROWS ? (size_t)c->page_left : CURSOR_ROWS, e) : rc;
}

size_t cursor_memory(const struct cursor *c)
{
	return c->size + c->body_capacity + c->dictionary_count * sizeof *c->dictionary +
	       (c->value != NULL ? CURSOR_ROWS * sizeof *c->value : 0);
}

void cursor_fini(struct cursor *c)
{
	mem_free(&c->stored);
	mem_free(&c->dictionary_body);
	mem_free(&c->dictionary);
	mem_free(&c->body);
	mem_free(&c->value);
	*c = (struct cursor){0};
}
