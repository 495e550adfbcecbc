/*
 * Columns have page borders of their own, so a batch takes as many rows as every column has decoded; its arena decides
 * as well.
 */
#include "format/parquet/reader.h"

#include <string.h>

#include "base/mem.h"
#include "format/parquet/cursor.h"

enum { TAIL = 8, FOOTER_MOST = 128 << 20, NO_COLUMN = -1 };

struct parquet_reader {
	const struct schema *schema;
	struct parquet_bytes bytes;
	struct pack *pack;
	struct meta meta;
	struct cursor *cursor; /* per column of the file */
	int *source;           /* per column of the schema: the file's, or NO_COLUMN */
	size_t group;          /* next */
	uint64_t left;         /* rows of the open one */
};

/* May values of that physical type stand in a column of that SQL type? */
static bool fits(enum physical p, enum sql_type t)
{
	return p == physical_of(t) || (p == PHYSICAL_INT32 && t == SQL_BIGINT);
}

static enum rc bind(struct parquet_reader *r, struct err *e)
{
	const struct schema *s = r->schema;
	r->source = mem_alloc((s->columns + 1) * sizeof *r->source);
	for (size_t i = 0; i < s->columns; i++)
		r->source[i] = NO_COLUMN;
	for (size_t n = 0; n < r->meta.columns; n++) {
		const struct meta_column *c = &r->meta.column[n];
		size_t i = 0;
		while (i < s->columns && strcmp(s->column[i].name, c->name) != 0)
			i++;
		if (i == s->columns || r->source[i] != NO_COLUMN)
			return err_set(RC_BAD, e, "its column %.100s is not one of %s", c->name, s->name);
		if (!fits(c->physical, s->column[i].type))
			return err_set(RC_BAD, e, "its column %.100s is not of the type that %s has", c->name, s->name);
		r->source[i] = (int)n;
	}
	return RC_OK;
}

static enum rc read_footer(struct parquet_reader *r, struct err *e)
{
	uint8_t tail[TAIL];
	uint32_t size;
	uint64_t file = r->bytes.size;
	if (file < TAIL + 4)
		return err_set(RC_BAD, e, "parquet: too short to be a file");
	enum rc rc = r->bytes.read(r->bytes.context, file - TAIL, tail, TAIL, e);
	if (rc != RC_OK)
		return rc;
	memcpy(&size, tail, sizeof size);
	if (memcmp(tail + 4, "PAR1", 4) != 0 || size > file - TAIL - 4 || size > FOOTER_MOST)
		return err_set(RC_BAD, e, "parquet: no footer at its end");
	uint8_t *text = mem_alloc(size + 1);
	rc = r->bytes.read(r->bytes.context, file - TAIL - size, text, size, e);
	if (rc == RC_OK)
		rc = meta_read(&r->meta, text, size, file - TAIL - size, e);
	mem_free(&text);
	return rc;
}

enum rc parquet_reader_open(const struct schema *schema, const struct parquet_bytes *bytes, struct pack *pack,
    struct parquet_reader **out, struct err *e)
{
	struct parquet_reader *r = mem_zero(1, sizeof *r);
	r->schema = schema;
	r->bytes = *bytes;
	r->pack = pack;
	enum rc rc = read_footer(r, e);
	if (rc == RC_OK)
		rc = bind(r, e);
	if (rc != RC_OK) {
		parquet_reader_free(&r);
		return rc;
	}
	r->cursor = mem_zero(r->meta.columns, sizeof *r->cursor);
	*out = r;
	return RC_OK;
}

void parquet_reader_free(struct parquet_reader **r)
{
	if (*r == NULL)
		return;
	for (size_t i = 0; (*r)->cursor != NULL && i < (*r)->meta.columns; i++)
		cursor_fini(&(*r)->cursor[i]);
	mem_free(&(*r)->cursor);
	mem_free(&(*r)->source);
	meta_fini(&(*r)->meta);
	mem_free(r);
}

uint64_t parquet_reader_rows(const struct parquet_reader *r)
{
	return r->meta.rows;
}

const char *parquet_reader_key(const struct parquet_reader *r, const char *key)
{
	for (size_t i = 0; i < r->meta.keys; i++)
		if (strcmp(r->meta.key[i].key, key) == 0)
			return r->meta.key[i].value;
	return NULL;
}

static enum rc open_group(struct parquet_reader *r, struct err *e)
{
	const struct meta *m = &r->meta;
	for (size_t i = 0; i < m->columns; i++) {
		const struct meta_chunk *chunk = &m->chunk[r->group * m->columns + i];
		uint8_t *stored = mem_alloc(chunk->stored + 1);
		enum rc rc = r->bytes.read(r->bytes.context, chunk->at, stored, chunk->stored, e);
		if (rc != RC_OK) {
			mem_free(&stored);
			return rc;
		}
		cursor_begin(&r->cursor[i], &m->column[i], chunk, stored);
	}
	r->left = m->group[r->group++];
	return RC_OK;
}

/* Rows that all columns have decoded. */
static enum rc rows_ahead(struct parquet_reader *r, size_t *out, struct err *e)
{
	size_t n = SIZE_MAX;
	for (size_t i = 0; i < r->meta.columns; i++) {
		enum rc rc = cursor_ahead(&r->cursor[i], r->pack, e);
		if (rc == RC_END)
			return err_set(
			    RC_BAD, e, "parquet: column %.100s ends before its row group", r->meta.column[i].name);
		if (rc != RC_OK)
			return rc;
		n = r->cursor[i].count < n ? r->cursor[i].count : n;
	}
	*out = n;
	return RC_OK;
}

/* As many of n rows as the arena has room for. */
static size_t rows_that_fit(const struct parquet_reader *r, const struct batch *b, size_t n)
{
	size_t room = b->size - b->arena_at, rows = 0;
	for (size_t used = 0; rows < n; rows++) {
		for (size_t i = 0; i < r->meta.columns; i++) {
			const struct cursor_value *v = &cursor_rows(&r->cursor[i])[rows];
			if (r->meta.column[i].physical == PHYSICAL_BYTES && v->bytes != NULL)
				used += v->len;
		}
		if (used > room)
			break;
	}
	return rows;
}

static void fill_bytes(struct batch *b, unsigned column, const struct cursor_value *v, size_t n)
{
	struct span *to = batch_values(b, column);
	const uint8_t *last = NULL;
	for (uint32_t i = 0; i < n; i++) {
		if (v[i].bytes == NULL)
			batch_set_null(b, column, i);
		else if (v[i].bytes == last) /* the same dictionary value again */
			to[i] = to[i - 1];
		else
			(void)batch_put(b, v[i].bytes, v[i].len, &to[i]);
		last = v[i].bytes;
	}
}

static void fill_numbers(struct batch *b, unsigned column, const struct cursor_value *v, size_t n, bool real)
{
	int64_t *wide = batch_values(b, column);
	float *narrow = batch_values(b, column);
	for (uint32_t i = 0; i < n; i++) {
		if (v[i].bytes == NULL)
			batch_set_null(b, column, i);
		else if (real)
			narrow[i] = v[i].real;
		else
			wide[i] = v[i].number;
	}
}

static void fill(struct parquet_reader *r, struct batch *b, size_t n)
{
	for (unsigned i = 0; i < r->schema->columns; i++) {
		enum sql_type type = r->schema->column[i].type;
		if (r->source[i] == NO_COLUMN) {
			for (uint32_t row = 0; row < n; row++)
				batch_set_null(b, i, row);
			continue;
		}
		const struct cursor_value *v = cursor_rows(&r->cursor[r->source[i]]);
		if (type == SQL_STRING)
			fill_bytes(b, i, v, n);
		else
			fill_numbers(b, i, v, n, type == SQL_FLOAT);
	}
	for (size_t i = 0; i < r->meta.columns; i++)
		cursor_pass(&r->cursor[i], n);
	b->rows = (uint32_t)n;
	r->left -= n;
}

enum rc parquet_reader_next(struct parquet_reader *r, struct batch *b, uint64_t most, struct err *e)
{
	size_t n = 0;
	enum rc rc = RC_OK;
	batch_reset(b);
	while (r->left == 0) {
		if (r->group == r->meta.groups)
			return RC_END;
		if ((rc = open_group(r, e)) != RC_OK)
			return rc;
	}
	if ((rc = rows_ahead(r, &n, e)) != RC_OK)
		return rc;
	n = n < most ? n : (size_t)most;
	n = n < b->row_capacity ? n : b->row_capacity;
	n = rows_that_fit(r, b, n);
	if (n == 0)
		return err_set(RC_BAD, e, "parquet: a row of more than %u bytes of text", b->size - b->arena_at);
	fill(r, b, n);
	return RC_OK;
}
