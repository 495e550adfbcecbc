/*
 * Inputs are read twice as carefully as a query would read them: the length and CRC-32 that their manifest promises,
 * the CRC of each page, the number of rows, the list of originals. What contradicts itself is left where it is.
 */
#include "pipe/merge.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "pipe/input.h"
#include "pipe/table.h"

enum {
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

/* ---- rows from here to there ---- */

static bool stopped(const struct work *w)
{
	return w->p->stop != NULL && w->p->stop(w->p->context);
}

struct copying { /* one file */
	struct work *work;
	struct input *in;
	const struct plan_file *file;
};

/* The rows of one original. */
static enum rc copy_source(
    void *context, const uint8_t original[SHA256_BYTES], uint64_t rows, const char *dissector, struct err *e)
{
	const struct copying *c = context;
	struct work *w = c->work;
	const struct table_source source = {.original = original, .dissector = dissector};
	while (rows > 0) {
		uint64_t outside = 0;
		if (stopped(w))
			return RC_END;
		enum rc rc = input_next(c->in, w->batch, rows, e);
		if (rc == RC_END)
			rc = err_set(RC_BAD, e, "fewer rows than its footer says");
		if (rc == RC_BAD)
			return err_wrap(rc, e, "%.200s", c->file->path);
		if (rc != RC_OK)
			return rc;
		digest_add(&w->in, w->batch);
		rc = table_append(w->table, c->file->hour, &source, w->batch, NULL, w->batch->rows, &outside, e);
		if (rc == RC_OK && outside > 0)
			rc = err_set(RC_BAD, e, "%.300s: values that its columns cannot hold", c->file->path);
		if (rc != RC_OK)
			return rc;
		rows -= w->batch->rows;
	}
	return RC_OK;
}

static enum rc open_file(struct work *w, const struct input_file *f, struct input **in, struct err *e)
{
	enum rc rc = input_open(w->p->store, w->schema, w->pack, &w->crc, f, in, e);
	return rc == RC_END ? err_set(RC_AGAIN, e, "%.300s: it changed while it was read", f->path) : rc;
}

static enum rc take_input(struct work *w, const struct plan_file *f, struct err *e)
{
	const struct input_file file = {.path = f->path, .size = f->size, .rows = f->rows, .crc32 = f->crc32};
	struct copying c = {.work = w, .file = f};
	enum rc rc = open_file(w, &file, &c.in, e);
	if (rc == RC_OK)
		rc = input_originals(c.in, copy_source, &c, e);
	input_close(&c.in);
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
	const struct input_file file = {.path = f->staged, .size = f->size, .rows = f->rows, .crc32 = f->crc32};
	struct input *in = NULL;
	enum rc rc = open_file(w, &file, &in, e);
	while (rc == RC_OK && !stopped(w)) {
		rc = input_next(in, w->batch, UINT64_MAX, e);
		if (rc == RC_OK)
			digest_add(&w->out, w->batch);
	}
	input_close(&in);
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
