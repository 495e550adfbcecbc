/*
 * The writer of one file: batches to columns, row groups to the sink, the footer at the end.
 */
#include "format/parquet/parquet.h"

#include <assert.h>
#include <sys/random.h>

#include "base/mem.h"
#include "format/parquet/choice.h"
#include "format/parquet/column.h"
#include "format/parquet/footer.h"
#include "format/parquet/output.h"
#include "format/parquet/scratch.h"
#include "format/parquet/table.h"

enum { GROUP_ROWS = 1 << 20, PAGE_ROWS = 20480 };
#define MAGIC "PAR1"

struct parquet_habit {
	size_t columns;
	uint8_t files_plain[]; /* per column: choice.h */
};

struct parquet {
	const struct projection *projection;
	struct parquet_options options;
	struct pack *pack;
	struct output out;
	struct footer footer;
	uint64_t rows, group_rows;
	enum rc rc; /* the first failure; nothing works after it */
	struct err reason;
	size_t columns;
	struct column column[];
};

struct parquet_habit *parquet_habit_new(const struct projection *p)
{
	struct parquet_habit *h = mem_zero(1, sizeof *h + p->schema->columns);
	h->columns = p->schema->columns;
	return h;
}

void parquet_habit_free(struct parquet_habit **h)
{
	mem_free(h);
}

/* Whoever sends the rows must not know where a table puts them. What the file holds doesn't depend on it. */
static uint64_t draw_seed(void)
{
	uint64_t seed = 0;
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = (uint64_t)(uintptr_t)&seed;
	return seed;
}

static void bind(struct parquet *q, uint64_t seed)
{
	const struct projection *p = q->projection;
	struct parquet_habit *habit = q->options.habit;
	assert(habit == NULL || habit->columns == q->columns);
	for (size_t i = 0; i < q->columns; i++) {
		struct column *c = &q->column[i];
		column_init(c, &p->column[i], table_draw(&seed));
		choice_begin(c, habit != NULL ? &habit->files_plain[i] : NULL);
		for (size_t l = 0; l < i && c->leader == NULL; l++)
			if (q->column[l].leads && column_can_follow(c->from, q->column[l].from))
				c->leader = &q->column[l];
		c->leads = c->leader == NULL && column_can_lead(c->from);
	}
}

enum rc parquet_open(const struct projection *p, const struct parquet_options *options, struct pack *pack,
    struct parquet_sink sink, struct parquet **out, struct err *e)
{
	enum codec codec = options->codec;
	if (codec != CODEC_NONE && codec != CODEC_SNAPPY && codec != CODEC_ZSTD && codec != CODEC_GZIP)
		return err_set(RC_BAD, e, "parquet: codec %s is not one that every reader has", codec_name(codec));
	size_t columns = p->schema->columns;
	struct parquet *q = mem_zero(1, sizeof *q + columns * sizeof *q->column);
	q->projection = p;
	q->options = *options;
	q->pack = pack;
	q->columns = columns;
	if (q->options.level == 0)
		q->options.level = codec == CODEC_GZIP ? 6 : 1;
	if (q->options.row_group_rows == 0)
		q->options.row_group_rows = GROUP_ROWS;
	parquet_page_rows(q, q->options.page_rows);
	output_init(&q->out, sink);
	footer_init(&q->footer, columns, !options->no_page_index);
	bind(q, draw_seed());
	output_put(&q->out, MAGIC, strlen(MAGIC));
	enum rc rc = output_flush(&q->out, e);
	if (rc == RC_OK)
		*out = q;
	else
		parquet_free(&q);
	return rc;
}

static enum rc fail(struct parquet *q, enum rc rc, struct err *e)
{
	q->rc = rc;
	q->reason = *e;
	return rc;
}

static void begin(const struct parquet *q, struct scratch *s, size_t rows)
{
	scratch_init(s, q->pack, q->options.codec, q->options.level, q->options.page_rows, rows);
}

static bool crowded(struct parquet *q)
{
	bool any = false;
	for (size_t i = 0; i < q->columns; i++)
		any |= choice_crowded(&q->column[i], q->options.codec);
	return any;
}

/* The selection lies in one row group. */
static enum rc append(struct parquet *q, const struct rows *r, struct err *e)
{
	struct scratch s;
	enum rc rc = RC_OK;
	if (crowded(q))
		rc = parquet_flush(q, e);
	if (rc != RC_OK)
		return rc;
	begin(q, &s, r->n);
	for (size_t i = 0; i < q->columns && rc == RC_OK; i++)
		rc = column_append(&q->column[i], r, &s, e);
	scratch_fini(&s);
	if (rc != RC_OK)
		return fail(q, rc, e);
	q->rows += r->n;
	q->group_rows += r->n;
	return q->group_rows == q->options.row_group_rows ? parquet_flush(q, e) : RC_OK;
}

enum rc parquet_append(struct parquet *q, const struct batch *b, const uint16_t *sel, size_t n, struct err *e)
{
	uint16_t *own = NULL;
	enum rc rc = q->rc;
	if (rc != RC_OK)
		*e = q->reason;
	assert(n <= UINT16_MAX + 1);
	for (size_t done = 0; done < n && rc == RC_OK;) {
		size_t left = (size_t)(q->options.row_group_rows - q->group_rows),
		       take = n - done < left ? n - done : left;
		struct rows r = {.batch = b, .n = take, .sel = sel != NULL ? sel + done : NULL};
		if (sel == NULL && done > 0) {
			/* All of the batch, but from its middle on. */
			own = mem_resize(own, take * sizeof *own);
			for (size_t i = 0; i < take; i++)
				own[i] = (uint16_t)(done + i);
			r.sel = own;
		}
		r.dense = r.sel == NULL || batch_side_by_side(r.sel, take);
		r.first = r.sel == NULL ? 0 : r.sel[0];
		rc = append(q, &r, e);
		done += take;
	}
	mem_free(&own);
	return rc;
}

static enum rc flush_group(struct parquet *q, struct err *e)
{
	struct scratch s;
	enum rc rc = RC_OK;
	begin(q, &s, 0);
	footer_group(&q->footer, q->out.position, q->group_rows);
	for (size_t i = 0; i < q->columns && rc == RC_OK && q->out.rc == RC_OK; i++)
		rc = column_flush(&q->column[i], &s, &q->out, &q->footer, e);
	scratch_fini(&s);
	if (rc == RC_OK)
		rc = output_flush(&q->out, e);
	q->group_rows = 0;
	return rc;
}

enum rc parquet_flush(struct parquet *q, struct err *e)
{
	if (q->rc != RC_OK)
		*e = q->reason;
	if (q->rc != RC_OK || q->group_rows == 0)
		return q->rc;
	enum rc rc = flush_group(q, e);
	return rc == RC_OK ? RC_OK : fail(q, rc, e);
}

size_t parquet_group_memory(const struct parquet *q)
{
	size_t size = 0;
	for (size_t i = 0; i < q->columns; i++)
		size += column_memory(&q->column[i]);
	return size;
}

size_t parquet_memory(const struct parquet *q)
{
	return sizeof *q + q->columns * sizeof *q->column + q->out.gathered.capacity + footer_memory(&q->footer) +
	       parquet_group_memory(q);
}

uint64_t parquet_written(const struct parquet *q)
{
	return q->out.position;
}

uint64_t parquet_rows(const struct parquet *q)
{
	return q->rows;
}

uint64_t parquet_outside(const struct parquet *q)
{
	uint64_t outside = 0;
	for (size_t i = 0; i < q->columns; i++)
		outside += q->column[i].outside;
	return outside;
}

void parquet_page_rows(struct parquet *q, uint32_t rows)
{
	q->options.page_rows = rows == 0 ? PAGE_ROWS : rows;
}

enum rc parquet_close(struct parquet *q, const struct parquet_key *key, size_t keys, struct err *e)
{
	enum rc rc = parquet_flush(q, e);
	if (rc != RC_OK)
		return rc;
	rc = footer_write(&q->footer, q->projection->schema, key, keys, &q->out, e);
	if (rc == RC_OK)
		rc = output_flush(&q->out, e);
	return rc == RC_OK ? RC_OK : fail(q, rc, e);
}

void parquet_free(struct parquet **q)
{
	if (*q == NULL)
		return;
	for (size_t i = 0; i < (*q)->columns; i++)
		column_fini(&(*q)->column[i]);
	footer_fini(&(*q)->footer);
	output_fini(&(*q)->out);
	mem_free(q);
}
