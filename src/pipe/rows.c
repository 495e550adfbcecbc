/* Small originals are dissected where they are archived: their bytes are in memory already, and the worker is spared a
 * fetch per file. */
#include "pipe/rows.h"

#include <string.h>

#include "base/mem.h"
#include "format/avro.h"
#include "pipe/limits.h"
#include "pipe/report.h"
#include "pipe/route.h"
#include "pipe/settings.h"

enum {
	HEADERS_ROOM = 64 << 10, /* of an event, for everything but value and report */
	HEADERS_LEAST = 1 << 10,
	HEAD_ROOM = 16,        /* before the records, for the head of their array, which has their number */
	CHUNK_ROWS = 512,      /* encoded at once: what a cut at the limit may have to undo */
	KEEP_BYTES = 16 << 20, /* buffers beyond that are given back after an original */
	LIMIT_LEAST = 4096,
	PART_MOST = 2 << 20, /* of a value: larger buffers go back to the kernel, and pass by the processor's cache */
	BYTES_PER_ROW = 64,
	ROWS_LEAST = 64,
};

struct hour {
	int64_t hour;
	uint64_t rows;
	struct writer records;
};

struct rows_maker {
	const struct pipeline *pipeline;
	struct rows_limits limits;
	struct cell *cell;
	struct avro_encoder *encoder;
	struct route *route;
	struct batch *spare; /* the slab of the last input: most of what a small one would cost */
	struct report report;
	struct hour *hour; /* the first `hours` are of this original; those after keep their memory */
	size_t hours, hours_kept;
	size_t value_max; /* of one part's records */
	size_t usual;     /* room for a part to begin with */
	uint64_t bytes_max, encoded;
	bool cut; /* rows of too many hours */
	struct rows out;
	size_t parts_kept;
};

void rows_fini(struct rows *r)
{
	for (uint32_t i = 0; i < r->parts; i++)
		mem_free(&r->part[i].memory);
	mem_free(&r->part);
	mem_free(&r->report);
	*r = (struct rows){.parts = 0};
}

struct rows_maker *rows_maker_new(const struct pipeline *p, const struct rows_limits *limits, struct cell *cell)
{
	struct rows_maker *m = mem_zero(1, sizeof *m);
	m->pipeline = p;
	m->limits = *limits;
	m->cell = cell;
	m->encoder = avro_encoder_new(p->projection);
	m->route = route_new(limits->hours);
	report_init(&m->report, p->dissector);
	report_bound(&m->report, limits->rejects);
	return m;
}

static void drop_hours(struct rows_maker *m)
{
	for (size_t i = 0; i < m->hours_kept; i++)
		writer_fini(&m->hour[i].records);
	mem_free(&m->hour);
	m->hours = m->hours_kept = 0;
}

void rows_maker_free(struct rows_maker **m)
{
	if (*m == NULL)
		return;
	avro_encoder_free(&(*m)->encoder);
	route_free(&(*m)->route);
	batch_free(&(*m)->spare);
	report_fini(&(*m)->report);
	drop_hours(*m);
	rows_fini(&(*m)->out);
	mem_free(m);
}

static void begin_part(const struct rows_maker *m, struct hour *h)
{
	h->rows = 0;
	writer_reset(&h->records);
	writer_reserve(&h->records, HEAD_ROOM + m->usual);
	writer_advance(&h->records, HEAD_ROOM);
}

static struct hour *hour_at(struct rows_maker *m, int64_t hour)
{
	for (size_t i = m->hours; i > 0; i--)
		if (m->hour[i - 1].hour == hour)
			return &m->hour[i - 1];
	if (m->hours == m->hours_kept) {
		size_t more = mem_grow(m->hours_kept, m->hours + 1);
		m->hour = mem_resize(m->hour, more * sizeof *m->hour);
		for (size_t i = m->hours_kept; i < more; i++)
			writer_init(&m->hour[i].records, 2 * m->value_max + (1 << 20));
		m->hours_kept = more;
	}
	struct hour *h = &m->hour[m->hours++];
	h->hour = hour;
	begin_part(m, h);
	return h;
}

static struct rows_part *part_new(struct rows_maker *m, int64_t hour, uint64_t rows)
{
	struct rows *out = &m->out;
	if (out->parts == m->parts_kept) {
		m->parts_kept = mem_grow(m->parts_kept, out->parts + 1);
		out->part = mem_resize(out->part, m->parts_kept * sizeof *out->part);
	}
	struct rows_part *part = &out->part[out->parts++];
	*part = (struct rows_part){.hour = hour, .rows = rows};
	return part;
}

/*
 * Parts to come have room for what one of this size needs, and for the rows that will not fit it any more: growing
 * means copying, into new pages. The last part of an original is small, which says nothing of the next one's first: so
 * less comes to be expected slowly.
 */
static void expect(struct rows_maker *m, size_t len)
{
	size_t wanted = len + len / 8;
	m->usual = wanted > m->usual ? wanted : m->usual - (m->usual - wanted) / 8;
}

/* The hour's records become a part as they lie there, between head and tail of an array. */
static void part_cut(struct rows_maker *m, struct hour *h)
{
	if (h->rows == 0)
		return;
	struct rows_part *part = part_new(m, h->hour, h->rows);
	struct writer head;
	writer_init(&head, HEAD_ROOM);
	avro_array_head(&head, h->rows);
	avro_array_tail(&h->records);
	size_t len, slack = h->records.capacity - h->records.len, unused = HEAD_ROOM - head.len;
	part->memory = writer_take(&h->records, &len);
	if (slack > len / 4)
		part->memory = mem_resize(part->memory, len);
	part->value = part->memory + unused;
	part->size = len - unused;
	memcpy(part->value, head.bytes, head.len);
	writer_fini(&head);
	m->out.bytes += part->size;
	expect(m, len);
	h->rows = 0;
}

/*
 * Encode n rows into the hour's open part. Where they don't fit any more the part is cut and they start the next one;
 * what does not even fit an empty part goes in halves.
 */
static bool encode(struct rows_maker *m, struct hour *h, const struct batch *b, const uint16_t *sel, size_t n)
{
	uint64_t outside = 0;
	size_t before = h->records.len;
	avro_encode(m->encoder, b, sel, n, &h->records, &outside);
	if (!h->records.failed && h->records.len - HEAD_ROOM <= m->value_max) {
		h->rows += n;
		m->report.outside += outside;
		m->encoded += h->records.len - before;
		return m->encoded <= m->bytes_max;
	}
	h->records.len = before;
	h->records.failed = false;
	if (h->rows > 0) {
		part_cut(m, h);
		begin_part(m, h);
		return encode(m, h, b, sel, n);
	}
	return n > 1 && encode(m, h, b, sel, n / 2) && encode(m, h, b, sel + n / 2, n - n / 2);
}

static bool take_group(struct rows_maker *m, const struct batch *b, const struct route_group *g)
{
	uint16_t all[CHUNK_ROWS];
	struct hour *h = hour_at(m, g->hour);
	report_hour(&m->report, g->hour, g->count);
	for (size_t at = 0; at < g->count; at += CHUNK_ROWS) {
		size_t n = g->count - at < CHUNK_ROWS ? g->count - at : CHUNK_ROWS;
		const uint16_t *sel = g->rows != NULL ? g->rows + at : all;
		for (size_t i = 0; g->rows == NULL && i < n; i++)
			all[i] = (uint16_t)(at + i);
		if (!encode(m, h, b, sel, n))
			return false;
	}
	return true;
}

static bool take_batch(struct rows_maker *m, const struct batch *b)
{
	const struct route_group *group = NULL;
	size_t groups = 0, left_out = 0;
	report_batch(&m->report, b);
	route_split(m->route, b, m->pipeline->projection->time, &group, &groups, &left_out);
	for (size_t i = 0; i < groups; i++)
		if (!take_group(m, b, &group[i]))
			return false;
	m->cut |= left_out > 0;
	if (left_out > 0)
		report_reject(&m->report, 0, 0, left_out, "too_many_hours");
	return true;
}

static enum rc take_all(struct rows_maker *m, struct dissector *d, const void *bytes, size_t size, struct err *e)
{
	for (;;) {
		const struct batch *b = NULL;
		bool clean = true;
		enum rc rc = dissect_next(d, &b, &clean, e);
		if (rc == RC_END) {
			m->report.clean = clean;
			return RC_OK;
		}
		if (rc == RC_BAD) {
			report_refuse(&m->report, size, e->text, bytes, size);
			return RC_OK;
		}
		/* Memory can always be read: what else fails is the dissector's own, and the worker will say what it
		 * is. */
		if (rc != RC_OK || !take_batch(m, b))
			return RC_END;
	}
}

static void report_text(struct rows_maker *m)
{
	struct writer w;
	size_t len;
	writer_init(&w, 4 * REPORT_ENTRIES_MAX);
	report_write(&m->report, &w);
	writer_u8(&w, 0);
	m->out.report = (char *)writer_take(&w, &len);
	m->out.bytes += len;
}

/* The room for headers and report was a guess, and so was that a bus takes events worth cutting for. */
static bool fits(const struct rows_maker *m, const char *name)
{
	/* The name stands in two headers, escaped. */
	size_t report = strlen(m->out.report), headers = HEADERS_LEAST + 8 * strlen(name);
	for (uint32_t i = 0; i < m->out.parts; i++)
		if (m->out.part[i].size + headers + (i == 0 ? report : 0) > m->limits.event_bytes)
			return false;
	return true;
}

/* What the original took of its budgets. */
static void meter(const struct rows_maker *m, bool unfit)
{
	struct metric_slot *figures = m->limits.figures;
	limit_most(figures, LIMIT_ROWS, m->encoded);
	if (unfit)
		limit_reached(figures, LIMIT_ROWS);
	else
		limits_original(figures, route_hours(m->route), m->cut, m->report.entries.len, m->report.silent > 0);
}

enum rc rows_make(struct rows_maker *m, const void *bytes, size_t size, const struct dissect_hints *hints,
    uint64_t bytes_max, struct rows *out, struct err *e)
{
	const struct pipeline *p = m->pipeline;
	/* A small file fills few rows: a batch for as many touches few pages. Where it is wrong there are more batches.
	 */
	size_t rows = size / BYTES_PER_ROW + ROWS_LEAST;
	struct dissect_params params = dissect_params_of(p->projection, p->option, p->options);
	params.rows = rows < BATCH_ROWS ? (uint32_t)rows : 0;
	params.spare = &m->spare;
	struct dissector *d = NULL;
	size_t taken = HEADERS_ROOM + 2 * REPORT_ENTRIES_MAX;
	m->value_max = m->limits.event_bytes > taken + LIMIT_LEAST ? m->limits.event_bytes - taken : LIMIT_LEAST;
	m->value_max = m->value_max < PART_MOST ? m->value_max : PART_MOST;
	m->bytes_max = bytes_max;
	m->encoded = 0;
	m->cut = false;
	m->hours = 0;
	m->parts_kept = 0;
	rows_fini(&m->out);
	report_reset(&m->report, p->dissector);
	report_expect(&m->report, hints->archived_s, m->limits.behind_ms, m->limits.ahead_ms);
	route_begin(m->route);

	enum rc rc = cell_open(m->cell, p->dissector, source_memory(bytes, size), hints, &params, &d, e);
	if (rc != RC_OK)
		return err_wrap(rc == RC_AGAIN ? RC_AGAIN : RC_FAIL, e, "%s", p->name);
	rc = take_all(m, d, bytes, size, e);
	report_note(&m->report, d);
	dissect_close(&d);
	for (size_t i = 0; i < m->hours && rc == RC_OK; i++)
		part_cut(m, &m->hour[i]);
	if (rc == RC_OK && m->out.parts == 0)
		(void)part_new(m, INT64_MIN, 0);
	if (rc == RC_OK) {
		report_text(m);
		rc = fits(m, hints->name) ? RC_OK : RC_END;
	}
	if (rc == RC_OK) {
		*out = m->out;
		m->out = (struct rows){.parts = 0};
	}
	meter(m, rc == RC_END);
	if (m->encoded > KEEP_BYTES)
		drop_hours(m);
	return rc;
}
