/* A reader that believes nothing: each number in the file is checked against another one or against the data. */
#include "unit/format/parquet_reader.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Thrift */

static uint64_t varint(const uint8_t **at, const uint8_t *end)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		assert_true(*at < end);
		uint8_t b = *(*at)++;
		v |= (uint64_t)(b & 0x7F) << shift;
		if (b < 0x80)
			return v;
	}
	fail_msg("varint too long");
	return 0;
}

static int64_t zigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static struct node *add_child(struct node *n)
{
	n->child = mem_resize(n->child, (n->children + 1) * sizeof *n->child);
	n->child[n->children] = (struct node){0};
	return &n->child[n->children++];
}

static void read_fields(struct node *n, const uint8_t **at, const uint8_t *end);

static void read_value(struct node *n, const uint8_t **at, const uint8_t *end, bool element)
{
	switch (n->type) {
	case 1:
	case 2:
		n->number = n->type == 1;
		if (element)
			n->number = *(*at)++ == 1;
		break;
	case 3:
		n->number = (int8_t) * (*at)++;
		break;
	case 4:
	case 5:
	case 6:
		n->number = zigzag(varint(at, end));
		break;
	case 8:
		n->len = varint(at, end);
		assert_true(n->len <= (size_t)(end - *at));
		n->bytes = *at;
		*at += n->len;
		break;
	case 9: {
		uint8_t head = *(*at)++;
		size_t count = head >> 4 == 15 ? varint(at, end) : head >> 4;
		for (size_t i = 0; i < count; i++) {
			struct node *c = add_child(n);
			c->type = head & 15;
			read_value(c, at, end, true);
		}
		break;
	}
	case 12:
		read_fields(n, at, end);
		break;
	default:
		fail_msg("thrift type %d", n->type);
	}
	assert_true(*at <= end);
}

static void read_fields(struct node *n, const uint8_t **at, const uint8_t *end)
{
	int id = 0;
	for (;;) {
		assert_true(*at < end);
		uint8_t head = *(*at)++;
		if (head == 0)
			return;
		id = head >> 4 != 0 ? id + (head >> 4) : (int)zigzag(varint(at, end));
		struct node *c = add_child(n);
		c->id = id;
		c->type = head & 15;
		read_value(c, at, end, false);
	}
}

struct node *node_read(const uint8_t **at, const uint8_t *end)
{
	struct node *n = mem_zero(1, sizeof *n);
	n->type = 12;
	read_fields(n, at, end);
	return n;
}

static void free_children(struct node *n)
{
	for (size_t i = 0; i < n->children; i++)
		free_children(&n->child[i]);
	mem_free(&n->child);
}

void node_free(struct node **n)
{
	if (*n != NULL)
		free_children(*n);
	mem_free(n);
}

const struct node *node_find(const struct node *n, int id)
{
	for (size_t i = 0; i < n->children; i++)
		if (n->child[i].id == id)
			return &n->child[i];
	return NULL;
}

const struct node *node_get(const struct node *n, int id)
{
	const struct node *c = node_find(n, id);
	if (c == NULL)
		fail_msg("no field %d", id);
	return c;
}

int64_t node_number(const struct node *n, int id)
{
	return node_get(n, id)->number;
}

/* Pages */

size_t read_hybrid(const uint8_t *from, size_t size, unsigned width, size_t n, uint32_t *out)
{
	const uint8_t *at = from, *end = from + size;
	for (size_t have = 0; have < n;) {
		uint64_t head = varint(&at, end);
		uint64_t count = head & 1 ? (head >> 1) * 8 : head >> 1;
		uint32_t same = 0;
		assert_true(count > 0);
		if ((head & 1) == 0) {
			assert_true(have + count <= n);
			memcpy(&same, at, (width + 7) / 8);
			at += (width + 7) / 8;
		} else {
			assert_true((head >> 1) * width <= (uint64_t)(end - at));
			assert_true(have + count < n + 8);
		}
		for (uint64_t i = 0; i < count; i++) {
			uint32_t v = same;
			for (unsigned bit = 0; (head & 1) != 0 && bit < width; bit++) {
				uint64_t place = i * width + bit;
				v |= (uint32_t)(at[place / 8] >> (place % 8) & 1) << bit;
			}
			if (have + i < n)
				out[have + i] = v;
			else
				assert_int_equal(v, 0); /* padding */
		}
		if ((head & 1) != 0)
			at += (head >> 1) * width;
		have += count;
	}
	return (size_t)(at - from);
}

int read_compare(int physical, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (physical == 1 || physical == 2) {
		int64_t x = 0, y = 0;
		memcpy(&x, a, a_len);
		memcpy(&y, b, b_len);
		x = physical == 1 ? (int32_t)x : x;
		y = physical == 1 ? (int32_t)y : y;
		return (x > y) - (x < y);
	}
	if (physical == 4) {
		float x, y;
		memcpy(&x, a, 4);
		memcpy(&y, b, 4);
		return (x > y) - (x < y);
	}
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static bool is_nan(int physical, const uint8_t *p)
{
	float v;
	memcpy(&v, p, sizeof v);
	return physical == 4 && isnan(v);
}

struct reading {
	const uint8_t *bytes;
	size_t size;
	struct pack *pack;
	struct read_column *column;
	enum codec codec;
	/* dictionary of the chunk */
	struct cell *value;
	size_t values;
};

static void *own(struct read_column *c, size_t size)
{
	c->owned = mem_resize(c->owned, (c->owns + 1) * sizeof *c->owned);
	return c->owned[c->owns++] = mem_alloc(size);
}

static const uint8_t *plain_value(int physical, const uint8_t *at, const uint8_t *end, struct cell *out)
{
	out->null = false;
	out->len = physical == 2 ? 8 : 4;
	if (physical == 6) {
		assert_true(end - at >= 4);
		memcpy(&out->len, at, 4);
		at += 4;
	}
	assert_true(out->len <= (size_t)(end - at));
	out->bytes = at;
	return at + out->len;
}

/* The body of the page whose header ends at `at`, CRC checked, unpacked. */
static const uint8_t *page_body(struct reading *r, const struct node *head, const uint8_t *at)
{
	size_t raw = (size_t)node_number(head, 2), stored = (size_t)node_number(head, 3), got;
	assert_true(stored <= (size_t)(r->bytes + r->size - at));
	assert_int_equal((uint32_t)node_number(head, 4), crc32(0, at, (unsigned)stored));
	uint8_t *body = own(r->column, raw + 1);
	struct err e;
	if (r->codec == CODEC_NONE) {
		assert_int_equal(raw, stored);
		memcpy(body, at, raw);
	} else {
		assert_int_equal(unpack_block(r->pack, r->codec, at, stored, body, raw, &got, &e), RC_OK);
		assert_int_equal(got, raw);
	}
	return body;
}

static void read_dictionary(struct reading *r, const struct node *head, const uint8_t *at)
{
	const struct node *h = node_get(head, 7);
	const uint8_t *body = page_body(r, head, at), *end = body + node_number(head, 2);
	assert_int_equal(node_number(h, 2), 2);
	r->values = (size_t)node_number(h, 1);
	r->value = own(r->column, (r->values + 1) * sizeof *r->value);
	for (size_t i = 0; i < r->values; i++)
		body = plain_value(r->column->physical, body, end, &r->value[i]);
	assert_ptr_equal(body, end);
}

static void read_data(struct reading *r, const struct node *head, const uint8_t *at, struct read_page *page)
{
	const struct node *h = node_get(head, 5);
	struct read_column *c = r->column;
	const uint8_t *body = page_body(r, head, at), *end = body + node_number(head, 2);
	size_t rows = (size_t)node_number(h, 1), values = 0;
	uint32_t levels_len;
	uint32_t *level = mem_alloc((rows + 1) * sizeof *level), *id = mem_alloc((rows + 1) * sizeof *id);
	assert_int_equal(node_number(h, 3), 3);
	assert_int_equal(node_number(h, 4), 3);
	assert_null(node_find(h, 5));
	page->dictionary = node_number(h, 2) == 2;
	assert_true(page->dictionary || node_number(h, 2) == 0);
	memcpy(&levels_len, body, sizeof levels_len);
	body += sizeof levels_len;
	assert_int_equal(read_hybrid(body, levels_len, 1, rows, level), levels_len);
	body += levels_len;
	for (size_t i = 0; i < rows; i++)
		values += level[i];
	page->rows = (uint32_t)rows;
	page->nulls = (uint32_t)(rows - values);
	if (page->dictionary) {
		unsigned width = *body++;
		assert_true(width >= 1 && width <= 32);
		body += read_hybrid(body, (size_t)(end - body), width, values, id);
	}
	c->cell = mem_resize(c->cell, (c->cells + rows) * sizeof *c->cell);
	for (size_t i = 0, v = 0; i < rows; i++) {
		struct cell *to = &c->cell[c->cells++];
		*to = (struct cell){.null = level[i] == 0};
		if (to->null)
			continue;
		if (page->dictionary) {
			assert_true(id[v] < r->values);
			*to = r->value[id[v++]];
		} else {
			body = plain_value(c->physical, body, end, to);
		}
	}
	assert_ptr_equal(body, end);
	mem_free(&level);
	mem_free(&id);
}

/* Bounds must hold for all values; both or none; exact ones must be values. */
static void check_bounds(
    int physical, const struct node *least, const struct node *most, const struct cell *cell, size_t cells, bool exact)
{
	bool least_met = false, most_met = false;
	for (size_t i = 0; i < cells; i++) {
		if (cell[i].null || is_nan(physical, cell[i].bytes))
			continue;
		int below = read_compare(physical, least->bytes, least->len, cell[i].bytes, cell[i].len);
		int above = read_compare(physical, most->bytes, most->len, cell[i].bytes, cell[i].len);
		assert_true(below <= 0);
		assert_true(above >= 0);
		least_met = least_met || below == 0;
		most_met = most_met || above == 0;
	}
	if (exact) {
		assert_true(least_met);
		assert_true(most_met);
	}
}

static void check_statistics(const struct node *s, int physical, const struct cell *cell, size_t cells)
{
	int64_t nulls = 0;
	bool any = false;
	for (size_t i = 0; i < cells; i++) {
		nulls += cell[i].null;
		any = any || (!cell[i].null && !is_nan(physical, cell[i].bytes));
	}
	assert_int_equal(node_number(s, 3), nulls);
	assert_int_equal(node_find(s, 5) != NULL, any);
	assert_int_equal(node_find(s, 6) != NULL, any);
	assert_int_equal(node_find(s, 1) != NULL, any && physical != 6);
	if (!any)
		return;
	check_bounds(physical, node_get(s, 6), node_get(s, 5), cell, cells, node_number(s, 7) && node_number(s, 8));
	if (physical != 6) {
		assert_memory_equal(node_get(s, 1)->bytes, node_get(s, 5)->bytes, node_get(s, 5)->len);
		assert_memory_equal(node_get(s, 2)->bytes, node_get(s, 6)->bytes, node_get(s, 6)->len);
	}
}

static void check_index(
    struct reading *r, const struct node *chunk, const struct read_page *page, size_t pages, const struct cell *cell)
{
	struct read_column *c = r->column;
	const struct node *at = node_find(chunk, 4);
	if (at == NULL)
		return;
	const uint8_t *p = r->bytes + at->number;
	struct node *offsets = node_read(&p, r->bytes + r->size);
	assert_int_equal(p - (r->bytes + at->number), node_number(chunk, 5));
	const struct node *places = node_get(offsets, 1);
	assert_int_equal(places->children, pages);
	uint64_t row = 0;
	for (size_t i = 0; i < pages; i++) {
		assert_int_equal(node_number(&places->child[i], 1), page[i].at);
		assert_int_equal(node_number(&places->child[i], 2), page[i].size);
		assert_int_equal(node_number(&places->child[i], 3), row);
		row += page[i].rows;
	}
	node_free(&offsets);
	at = node_find(chunk, 6);
	if (at == NULL)
		return;
	p = r->bytes + at->number;
	struct node *index = node_read(&p, r->bytes + r->size);
	assert_int_equal(p - (r->bytes + at->number), node_number(chunk, 7));
	const struct node *least = node_get(index, 2), *most = node_get(index, 3), *before = NULL;
	assert_int_equal(node_get(index, 1)->children, pages);
	for (size_t i = 0; i < pages; cell += page[i].rows, i++) {
		bool null = page[i].rows == page[i].nulls;
		assert_int_equal(node_get(index, 1)->child[i].number, null);
		assert_int_equal(node_get(index, 5)->child[i].number, page[i].nulls);
		assert_int_equal(
		    least->child[i].len == 0 && most->child[i].len == 0 && c->physical != 6, null && c->physical != 6);
		if (null)
			continue;
		check_bounds(c->physical, &least->child[i], &most->child[i], cell, page[i].rows, false);
		if (before != NULL && node_number(index, 4) != 0) {
			const struct node *b = &least->child[before - least->child];
			int order =
			    read_compare(c->physical, b->bytes, b->len, least->child[i].bytes, least->child[i].len);
			assert_true(node_number(index, 4) == 1 ? order <= 0 : order >= 0);
		}
		before = &least->child[i];
	}
	node_free(&index);
}

static void check_encodings(const struct node *meta, const struct read_page *page, size_t pages)
{
	bool listed[16] = {0};
	int64_t dictionary = 0, plain = 0, counted = 0;
	const struct node *list = node_get(meta, 2), *stats = node_get(meta, 13);
	for (size_t i = 0; i < list->children; i++) {
		assert_in_range(list->child[i].number, 0, 3);
		listed[list->child[i].number] = true;
	}
	for (size_t i = 0; i < pages; i++)
		*(page[i].dictionary ? &dictionary : &plain) += 1;
	assert_int_equal(listed[0], plain > 0);
	assert_int_equal(listed[2], dictionary > 0);
	assert_true(listed[3]);
	assert_false(listed[1]);
	for (size_t i = 0; i < stats->children; i++) {
		const struct node *s = &stats->child[i];
		int64_t expected = node_number(s, 1) == 2 ? 1 : node_number(s, 2) == 2 ? dictionary : plain;
		assert_int_equal(node_number(s, 3), expected);
		assert_true(node_number(s, 1) != 2 || i == 0);
		counted += node_number(s, 1) == 2 ? 0 : expected;
	}
	assert_int_equal(counted, (int64_t)pages);
}

/* One chunk that begins at *at in the file; moves *at past it. */
static void read_chunk(struct reading *r, const struct node *chunk, uint64_t rows, uint64_t *at)
{
	static const int codec[] = {CODEC_NONE, CODEC_SNAPPY, CODEC_GZIP, -1, -1, -1, CODEC_ZSTD};
	const struct node *meta = node_get(chunk, 3);
	struct read_column *c = r->column;
	const uint8_t *p = r->bytes + *at, *end = r->bytes + r->size;
	size_t first_cell = c->cells, first_page = c->pages;
	uint64_t raw = 0, start = *at;
	assert_in_range(node_number(meta, 4), 0, 6);
	r->codec = (enum codec)codec[node_number(meta, 4)];
	r->values = 0;
	c->physical = (int)node_number(meta, 1);
	assert_int_equal(node_number(chunk, 2), 0);
	assert_int_equal(node_number(meta, 5), rows);
	while (c->cells - first_cell < rows || p == r->bytes + start) {
		const uint8_t *from = p;
		struct node *head = node_read(&p, end);
		size_t header = (size_t)(p - from);
		if (node_number(head, 1) == 2) {
			assert_int_equal(node_number(meta, 11), from - r->bytes);
			assert_true(from == r->bytes + start);
			read_dictionary(r, head, p);
		} else {
			assert_int_equal(node_number(head, 1), 0);
			if (c->pages == first_page)
				assert_int_equal(node_number(meta, 9), from - r->bytes);
			c->page = mem_resize(c->page, (c->pages + 1) * sizeof *c->page);
			struct read_page *page = &c->page[c->pages++];
			*page = (struct read_page){
			    .at = (uint64_t)(from - r->bytes), .size = header + (size_t)node_number(head, 3)};
			read_data(r, head, p, page);
		}
		raw += header + (uint64_t)node_number(head, 2);
		p += node_number(head, 3);
		node_free(&head);
	}
	*at = (uint64_t)(p - r->bytes);
	assert_int_equal(c->cells - first_cell, rows);
	assert_int_equal(node_number(meta, 6), raw);
	assert_int_equal(node_number(meta, 7), *at - start);
	assert_int_equal(node_find(meta, 11) != NULL, r->values != 0);
	check_encodings(meta, c->page + first_page, c->pages - first_page);
	check_statistics(node_get(meta, 12), c->physical, c->cell + first_cell, rows);
	check_index(r, chunk, c->page + first_page, c->pages - first_page, c->cell + first_cell);
}

void read_file(const uint8_t *bytes, size_t size, struct read_file *f)
{
	uint32_t footer;
	struct reading r = {.bytes = bytes, .size = size, .pack = pack_new()};
	assert_true(size >= 12);
	assert_memory_equal(bytes, "PAR1", 4);
	assert_memory_equal(bytes + size - 4, "PAR1", 4);
	memcpy(&footer, bytes + size - 8, sizeof footer);
	assert_true(footer <= size - 12);
	const uint8_t *p = bytes + size - 8 - footer;
	*f = (struct read_file){.meta = node_read(&p, bytes + size - 8)};
	assert_ptr_equal(p, bytes + size - 8);
	assert_int_equal(node_number(f->meta, 1), 1);
	const struct node *schema = node_get(f->meta, 2), *groups = node_get(f->meta, 4);
	f->columns = schema->children - 1;
	assert_int_equal(node_number(&schema->child[0], 5), f->columns);
	assert_int_equal(node_get(f->meta, 7)->children, f->columns);
	f->column = mem_zero(f->columns, sizeof *f->column);
	uint64_t at = 4;
	for (size_t g = 0; g < groups->children; g++) {
		const struct node *group = &groups->child[g], *chunks = node_get(group, 1);
		uint64_t rows = (uint64_t)node_number(group, 3), start = at;
		assert_int_equal(node_number(group, 5), at);
		assert_int_equal(node_number(group, 7), g);
		assert_int_equal(chunks->children, f->columns);
		for (size_t i = 0; i < f->columns; i++) {
			r.column = &f->column[i];
			assert_int_equal(node_number(&schema->child[i + 1], 3), 1);
			read_chunk(&r, &chunks->child[i], rows, &at);
			assert_int_equal(r.column->physical, node_number(&schema->child[i + 1], 1));
		}
		assert_int_equal(node_number(group, 6), at - start);
		f->rows += rows;
	}
	assert_int_equal(node_number(f->meta, 3), f->rows);
	pack_free(&r.pack);
}

void read_file_free(struct read_file *f)
{
	for (size_t i = 0; i < f->columns; i++) {
		struct read_column *c = &f->column[i];
		for (size_t o = 0; o < c->owns; o++)
			mem_release(c->owned[o]);
		mem_free(&c->owned);
		mem_free(&c->cell);
		mem_free(&c->page);
	}
	mem_free(&f->column);
	node_free(&f->meta);
}

const struct node *read_key(const struct read_file *f, const char *key)
{
	const struct node *list = node_get(f->meta, 5);
	for (size_t i = 0; i < list->children; i++) {
		const struct node *k = node_get(&list->child[i], 1);
		if (k->len == strlen(key) && memcmp(k->bytes, key, k->len) == 0)
			return node_get(&list->child[i], 2);
	}
	return NULL;
}
