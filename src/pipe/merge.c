/*
 * Inputs are read twice as carefully as a query would read them: the length and CRC-32 that their manifest promises,
 * the CRC of each page, the number of rows, the list of originals. What contradicts itself is left where it is.
 */
#include "pipe/merge.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "format/parquet/reader.h"
#include "pipe/table.h"

enum {
	WHOLE_BYTES = 8 << 20, /* up to that an input is read at once */
	CRC_CHUNK = 1 << 20,
	BATCH_ROWS_READ = 4096,
	BATCH_ARENA = 4 << 20,
};

/* FNV-1a, 64 bits: it tells what went wrong from what did not, not friend from foe. */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct digest { /* per column, whatever the batches */
	uint64_t *column;
	size_t columns;
	uint64_t rows;
};

struct input { /* the file being read */
	struct store *store;
	const char *path;
	uint64_t size;
	uint8_t *whole; /* or NULL */
};

struct work {
	const struct merge_params *p;
	const struct schema *schema;
	struct pack *pack;
	struct crc32_tables crc;
	struct batch *batch;
	struct table *table;
	struct digest in, out;
};

/* ---- digests ---- */

static void digest_init(struct digest *d, size_t columns)
{
	*d = (struct digest){.column = mem_alloc(columns * sizeof *d->column), .columns = columns};
	for (size_t i = 0; i < columns; i++)
		d->column[i] = FNV_BASIS;
}

static uint64_t fold(uint64_t h, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	for (size_t i = 0; i < size; i++)
		h = (h ^ at[i]) * FNV_PRIME;
	return h;
}

/* A number as its eight bytes, a text as its length and itself; null as a byte that begins neither. */
static void digest_add(struct digest *d, const struct batch *b)
{
	static const uint8_t null = 0xff, there = 1;
	for (unsigned c = 0; c < d->columns; c++) {
		uint64_t h = d->column[c];
		const uint8_t *values = batch_read(b, c);
		size_t size = type_size(b->column[c].type);
		for (uint32_t row = 0; row < b->rows; row++) {
			if (batch_is_null(b, c, row)) {
				h = fold(h, &null, 1);
				continue;
			}
			h = fold(h, &there, 1);
			if (b->column[c].type == TYPE_BYTES) {
				struct span s = ((const struct span *)(const void *)values)[row];
				h = fold(h, &s.length, sizeof s.length);
				h = fold(h, batch_span(b, s), s.length);
			} else {
				h = fold(h, values + row * size, size);
			}
		}
		d->column[c] = h;
	}
	d->rows += b->rows;
}

static bool digest_same(const struct digest *a, const struct digest *b)
{
	return a->rows == b->rows && memcmp(a->column, b->column, a->columns * sizeof *a->column) == 0;
}

/* ---- reading a file of the lake ---- */

static enum rc read_bytes(void *context, uint64_t offset, void *to, size_t size, struct err *e)
{
	struct input *in = context;
	size_t got = 0;
	if (offset > in->size || size > in->size - offset)
		return err_set(RC_BAD, e, "%.300s: it points beyond its end", in->path);
	if (in->whole != NULL) {
		memcpy(to, in->whole + offset, size);
		return RC_OK;
	}
	enum rc rc = store_get_range(in->store, in->path, offset, to, size, &got, e);
	if (rc == RC_END || (rc == RC_OK && got < size))
		return err_set(RC_AGAIN, e, "%.300s: it changed while it was read", in->path);
	return rc;
}

/* The CRC-32 of all of it; keeps the bytes when there are few. */
static enum rc load(struct work *w, struct input *in, uint32_t *crc, struct err *e)
{
	bool few = in->size <= WHOLE_BYTES;
	uint8_t *chunk = mem_alloc(few ? (size_t)in->size + 1 : CRC_CHUNK);
	enum rc rc = RC_OK;
	*crc = 0;
	for (uint64_t at = 0; at < in->size && rc == RC_OK;) {
		uint64_t left = in->size - at;
		size_t n = few ? (size_t)left : left < CRC_CHUNK ? (size_t)left : CRC_CHUNK;
		rc = read_bytes(in, at, chunk, n, e);
		if (rc == RC_OK)
			*crc = crc32_add(&w->crc, *crc, chunk, n);
		at += n;
	}
	if (few && rc == RC_OK)
		in->whole = chunk;
	else
		mem_free(&chunk);
	return rc;
}

static enum rc open_input(
    struct work *w, struct input *in, uint32_t promised, struct parquet_reader **out, struct err *e)
{
	uint32_t crc = 0;
	enum rc rc = load(w, in, &crc, e);
	if (rc == RC_OK && crc != promised)
		rc = err_set(RC_BAD, e, "%.300s: it holds other bytes than its manifest says", in->path);
	const struct parquet_bytes bytes = {.context = in, .read = read_bytes, .size = in->size};
	if (rc == RC_OK) {
		rc = parquet_reader_open(w->schema, &bytes, w->pack, out, e);
		if (rc == RC_BAD)
			rc = err_wrap(rc, e, "%.200s", in->path);
	}
	return rc;
}

/* ---- rows from here to there ---- */

static bool stopped(const struct work *w)
{
	return w->p->stop != NULL && w->p->stop(w->p->context);
}

/* The rows of one original. */
static enum rc copy_source(struct work *w, struct parquet_reader *r, const struct plan_file *f,
    const struct table_source *source, uint64_t rows, struct err *e)
{
	while (rows > 0) {
		uint64_t outside = 0;
		if (stopped(w))
			return RC_END;
		enum rc rc = parquet_reader_next(r, w->batch, rows, e);
		if (rc == RC_END)
			rc = err_set(RC_BAD, e, "fewer rows than its footer says");
		if (rc == RC_BAD)
			return err_wrap(rc, e, "%.200s", f->path);
		if (rc != RC_OK)
			return rc;
		digest_add(&w->in, w->batch);
		rc = table_append(w->table, f->hour, source, w->batch, NULL, w->batch->rows, &outside, e);
		if (rc == RC_OK && outside > 0)
			rc = err_set(RC_BAD, e, "%.300s: values that its columns cannot hold", f->path);
		if (rc != RC_OK)
			return rc;
		rows -= w->batch->rows;
	}
	return RC_OK;
}

/* One entry of sluice.sources: [sha256, first row, rows]. */
static bool read_source(const json_t *entry, uint64_t first, uint8_t original[SHA256_BYTES], uint64_t *rows)
{
	const char *hex = json_string_value(json_array_get(entry, 0));
	const json_t *at = json_array_get(entry, 1), *n = json_array_get(entry, 2);
	if (hex == NULL || !str_unhex(hex, original, SHA256_BYTES) || !json_is_integer(at) || !json_is_integer(n) ||
	    json_integer_value(at) != (json_int_t)first || json_integer_value(n) < 0)
		return false;
	*rows = (uint64_t)json_integer_value(n);
	return true;
}

static enum rc copy_rows(struct work *w, struct parquet_reader *r, const struct plan_file *f, struct err *e)
{
	const char *text = parquet_reader_key(r, "sluice.sources"),
	           *dissector = parquet_reader_key(r, "sluice.dissector");
	json_t *list = NULL;
	uint64_t first = 0;
	if (parquet_reader_rows(r) != f->rows)
		return err_set(RC_BAD, e, "%.300s: %" PRIu64 " rows, its manifest says %" PRIu64, f->path,
		    parquet_reader_rows(r), f->rows);
	if (text == NULL || dissector == NULL || json_parse(text, strlen(text), &list, e) != RC_OK ||
	    !json_is_array(list)) {
		json_decref(list);
		return err_set(RC_BAD, e, "%.300s: its footer does not say where its rows came from", f->path);
	}
	enum rc rc = RC_OK;
	for (size_t i = 0; i < json_array_size(list) && rc == RC_OK; i++) {
		uint8_t original[SHA256_BYTES];
		uint64_t rows = 0;
		const struct table_source source = {.original = original, .dissector = dissector};
		if (read_source(json_array_get(list, i), first, original, &rows) && rows <= f->rows - first)
			rc = copy_source(w, r, f, &source, rows, e);
		else
			rc = err_set(RC_BAD, e, "%.300s: its list of originals is damaged", f->path);
		first += rows;
	}
	json_decref(list);
	if (rc == RC_OK && first != f->rows)
		rc = err_set(RC_BAD, e, "%.300s: its list of originals does not name all rows", f->path);
	return rc;
}

static enum rc take_input(struct work *w, const struct plan_file *f, struct err *e)
{
	struct input in = {.store = w->p->store, .path = f->path, .size = f->size};
	struct parquet_reader *r = NULL;
	enum rc rc = open_input(w, &in, f->crc32, &r, e);
	if (rc == RC_OK)
		rc = copy_rows(w, r, f, e);
	parquet_reader_free(&r);
	mem_free(&in.whole);
	return rc;
}

/* ---- the outputs ---- */

/* Names, lengths, sums; made durable with one sync. */
static enum rc finish(struct work *w, struct merge *m, struct err *e)
{
	size_t count = 0;
	enum rc rc = table_finish(w->table, e);
	struct table_file *t = table_files(w->table, &count);
	if (rc != RC_OK)
		return rc;
	struct store_file **handle = mem_zero(count + 1, sizeof *handle);
	m->file = mem_zero(count + 1, sizeof *m->file);
	m->files = count;
	for (size_t i = 0; i < count; i++) {
		m->file[i] = (struct merge_file){.staged = mem_text(t[i].staged->path),
		    .size = t[i].staged->size,
		    .rows = t[i].rows,
		    .crc32 = t[i].staged->crc32};
		m->rows += t[i].rows;
		m->bytes += t[i].staged->size;
		handle[i] = staged_take(t[i].staged);
	}
	rc = store_sync(w->p->store, handle, count, e);
	mem_free(&handle);
	return rc;
}

static enum rc read_back(struct work *w, const struct merge_file *f, struct err *e)
{
	struct input in = {.store = w->p->store, .path = f->staged, .size = f->size};
	struct parquet_reader *r = NULL;
	enum rc rc = open_input(w, &in, f->crc32, &r, e);
	while (rc == RC_OK && !stopped(w)) {
		rc = parquet_reader_next(r, w->batch, UINT64_MAX, e);
		if (rc == RC_OK)
			digest_add(&w->out, w->batch);
	}
	parquet_reader_free(&r);
	mem_free(&in.whole);
	return rc == RC_END ? RC_OK : rc == RC_OK ? RC_END : rc;
}

static enum rc check(struct work *w, const struct merge *m, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < m->files && rc == RC_OK; i++)
		rc = read_back(w, &m->file[i], e);
	if (rc == RC_OK && !digest_same(&w->in, &w->out))
		return err_set(RC_FAIL, e,
		    "what was written of %s is not what was read: %" PRIu64 " and %" PRIu64 " rows", w->schema->name,
		    w->out.rows, w->in.rows);
	return rc;
}

enum rc merge_files(
    const struct merge_params *p, const struct plan_file *input, size_t inputs, struct merge *out, struct err *e)
{
	const struct projection *rendered = p->pipeline->rendered;
	struct work w = {.p = p, .schema = p->pipeline->schema};
	crc32_init(&w.crc);
	const struct budget_limits limits = {.memory = p->settings->worker_memory,
	    .open_files = 1,
	    .file_bytes = p->target_bytes,
	    .parquet = p->settings->parquet};
	struct budget *budget = budget_new(&limits, p->store, &w.crc, NULL);
	w.pack = pack_new();
	w.batch = batch_new(rendered->types, rendered->wants, BATCH_ROWS_READ, BATCH_ARENA);
	w.table = table_new(budget, rendered, p->prefix);
	digest_init(&w.in, w.schema->columns);
	digest_init(&w.out, w.schema->columns);
	*out = (struct merge){.store = p->store};
	enum rc rc = RC_OK;
	for (size_t i = 0; i < inputs && rc == RC_OK; i++)
		rc = take_input(&w, &input[i], e);
	if (rc == RC_OK)
		rc = finish(&w, out, e);
	if (rc == RC_OK)
		rc = check(&w, out, e);
	table_drop(&w.table);
	budget_free(&budget);
	batch_free(&w.batch);
	pack_free(&w.pack);
	mem_free(&w.in.column);
	mem_free(&w.out.column);
	if (rc != RC_OK)
		merge_fini(out);
	return rc;
}

void merge_keep(struct merge *m)
{
	m->keep = true;
}

void merge_fini(struct merge *m)
{
	struct err ignored;
	for (size_t i = 0; i < m->files; i++) {
		const char *path = m->file[i].staged;
		if (!m->keep)
			(void)!store_remove(m->store, &path, 1, &ignored);
		mem_free(&m->file[i].staged);
	}
	mem_free(&m->file);
	*m = (struct merge){0};
}
