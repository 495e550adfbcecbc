/*
 * csv: from records to batches of rows.
 *
 * A record is a row when it has the cells that the header promises and a partition time. What else is wrong with a cell
 * costs that value only.
 */
#include "dissect/csv/csv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "dissect/csv/lines.h"
#include "dissect/csv/mapping.h"
#include "dissect/csv/options.h"
#include "dissect/csv/values.h"
#include "pack/unpack.h"

enum {
	ROWS = 4096,
	ROWS_LEAST = 64,
	ROW_BYTES = 16,  /* of a short line, for the guess how many rows an input has */
	ARENA = 1 << 20, /* when bytes are wanted: the longest row and many short ones */
	REASON = ERR_TEXT,
	BOM_BYTES = 3,
};

struct csv {
	struct dissector base;
	struct csv_options options;
	struct mapping mapping;
	struct batch *batch, **spare;
	struct source *src; /* until the first call of next */
	struct csv_lines lines;
	bool begun, ended, clean, any; /* any: something was given already */
	bool again;                    /* the record waits for the next batch */
	enum rc failed;                /* said again on every call, with why */
	struct err why;
	struct record record;
	char reason[REASON]; /* a reject of the record that is not the splitter's */
	uint8_t *scratch;    /* a cell without its doubled quotes */
	size_t scratch_size;
};

const char *const csv_counter_name[CSV_COUNTER_COUNT] = {
#define X(id, name) [CSV_##id] = name,
    CSV_COUNTERS(X)
#undef X
};

static void csv_close(struct dissector *d)
{
	struct csv *c = (struct csv *)d;
	source_close(&c->src);
	csv_lines_fini(&c->lines);
	csv_options_fini(&c->options);
	batch_keep(&c->batch, c->spare);
	mem_free(&c->scratch);
	mem_free(&c);
}

static struct batch *new_batch(const struct dissect_hints *hints, const struct dissect_params *params)
{
	enum type types[BATCH_COLUMNS];
	bool bytes = false;
	uint64_t rows = hints->size == DISSECT_SIZE_UNKNOWN ? ROWS : hints->size / ROW_BYTES + ROWS_LEAST;
	for (size_t i = 0; i < params->wants; i++) {
		types[i] = params->field[params->wanted[i]].type;
		bytes |= types[i] == TYPE_BYTES;
	}
	if (params->rows != 0)
		rows = params->rows;
	return batch_again(params->spare, types, params->wants, rows < ROWS ? (uint32_t)rows : ROWS, bytes ? ARENA : 0);
}

static enum rc csv_open(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	struct csv *c = mem_zero(1, sizeof *c);
	c->base.ops = &dissect_csv;
	c->src = src;
	c->clean = true;
	enum rc rc = csv_options_read(params, &c->options, e);
	if (rc == RC_OK)
		rc = mapping_init(&c->mapping, &c->options, params, e);
	if (rc == RC_OK && c->options.column != NULL)
		rc = mapping_bind(&c->mapping, &c->options, c->options.column, c->options.columns, e);
	if (rc != RC_OK) {
		csv_close(&c->base);
		return rc;
	}
	c->spare = params->spare;
	c->batch = new_batch(hints, params);
	*out = &c->base;
	return RC_OK;
}

/* ---- the beginning of the input ---- */

static enum rc skip_bom(struct csv *c, struct err *e)
{
	const uint8_t *bytes;
	size_t have;
	enum rc rc = csv_lines_peek(&c->lines, BOM_BYTES, &bytes, &have, e);
	if (rc != RC_OK)
		return rc;
	if (have >= 2 && ((bytes[0] == 0xFF && bytes[1] == 0xFE) || (bytes[0] == 0xFE && bytes[1] == 0xFF)))
		return err_set(RC_BAD, e, "UTF-16; only UTF-8 and single-byte texts are read");
	if (have >= BOM_BYTES && memcmp(bytes, "\xEF\xBB\xBF", BOM_BYTES) == 0)
		csv_lines_pass(&c->lines, BOM_BYTES);
	return RC_OK;
}

static const uint8_t *cell_bytes(struct csv *c, const struct cell *cell, size_t *len)
{
	const uint8_t *from = c->record.bytes + cell->offset;
	*len = cell->length;
	if (!cell->doubled)
		return from;
	if (c->scratch_size < cell->length) {
		c->scratch_size = mem_grow(c->scratch_size, cell->length);
		c->scratch = mem_resize(c->scratch, c->scratch_size);
	}
	size_t n = 0;
	for (size_t i = 0; i < cell->length; i++) {
		c->scratch[n++] = from[i];
		/* The splitter has made sure that quotes come in pairs. */
		i += from[i] == c->options.quote;
	}
	*len = n;
	return c->scratch;
}

/* A line that is not part of the table. *trailer: nor is anything after it. */
static enum rc passes(struct csv *c, bool *comment, bool *trailer, struct err *e)
{
	const uint8_t *bytes;
	size_t have;
	*comment = *trailer = false;
	if (c->options.comment < 0 && c->options.trailers.count == 0)
		return RC_OK;
	enum rc rc = csv_lines_peek(&c->lines, 1, &bytes, &have, e);
	if (rc != RC_OK)
		return rc;
	*comment = bytes[0] == c->options.comment;
	for (size_t i = 0; i < c->options.trailers.count && !*trailer; i++) {
		const char *text = c->options.trailers.text[i];
		size_t len = strlen(text);
		if (bytes[0] != (uint8_t)text[0])
			continue;
		rc = csv_lines_peek(&c->lines, len, &bytes, &have, e);
		if (rc != RC_OK)
			return rc;
		*trailer = have >= len && memcmp(bytes, text, len) == 0;
	}
	return RC_OK;
}

/* The next record that is part of the table: no comment, no blank line. */
static enum rc next_record(struct csv *c, struct err *e)
{
	for (;;) {
		bool comment, trailer;
		enum rc rc = passes(c, &comment, &trailer, e);
		if (rc == RC_OK && trailer)
			return RC_END;
		if (rc == RC_OK)
			rc = comment ? csv_lines_skip(&c->lines, e) : csv_lines_next(&c->lines, &c->record, e);
		if (rc != RC_OK)
			return rc;
		if (!comment && (c->record.cells > 0 || c->record.reason != NULL))
			return RC_OK;
	}
}

static enum rc bind_header(struct csv *c, struct err *e)
{
	const struct record *r = &c->record;
	if (r->reason != NULL)
		return err_set(RC_BAD, e, "line %" PRIu64 ": header: %s", r->line, r->reason);
	if (r->cells > CSV_COLUMNS)
		return err_set(RC_BAD, e, "line %" PRIu64 ": %zu columns, at most %d", r->line, r->cells, CSV_COLUMNS);
	if (c->options.column != NULL)
		return RC_OK;
	char **name = mem_zero(r->cells, sizeof *name);
	for (size_t i = 0; i < r->cells; i++) {
		size_t len;
		const char *text = (const char *)cell_bytes(c, &c->lines.cell[i], &len);
		value_trim(&text, &len);
		name[i] = mem_text_n(text, len);
	}
	enum rc rc = mapping_bind(&c->mapping, &c->options, name, r->cells, e);
	if (rc != RC_OK)
		err_wrap(rc, e, "line %" PRIu64 ": header", r->line);
	for (size_t i = 0; i < r->cells; i++)
		mem_free(&name[i]);
	mem_free(&name);
	return rc;
}

/* Up to the first record of data. An empty input is a table without rows. */
static enum rc begin(struct csv *c, struct err *e)
{
	struct source *plain = NULL, *src = c->src;
	c->begun = true;
	c->src = NULL;
	enum rc rc = unpack_open(src, &plain, e);
	if (rc != RC_OK)
		return rc;
	csv_lines_init(&c->lines, plain, c->options.delimiter, c->options.quote, c->options.max_line);
	rc = skip_bom(c, e);
	for (uint32_t i = 0; i < c->options.skip && rc == RC_OK; i++)
		rc = csv_lines_skip(&c->lines, e);
	if (rc == RC_OK && c->options.header && (rc = next_record(c, e)) == RC_OK)
		rc = bind_header(c, e);
	return rc;
}

/* ---- values ---- */

static bool is_null(const struct csv *c, const struct cell *cell, const uint8_t *bytes, size_t len)
{
	const struct csv_list *nulls = &c->options.nulls;
	if (cell->quoted)
		return false;
	if (nulls->count == 0)
		return len == 0;
	for (size_t i = 0; i < nulls->count; i++)
		if (strlen(nulls->text[i]) == len && memcmp(nulls->text[i], bytes, len) == 0)
			return true;
	return false;
}

/* Room for a text: a row's share of the arena is bounded, what passes it is cut at a character. false: the batch is
 * full. */
static bool put_text(struct csv *c, uint32_t row_begin, const uint8_t *bytes, size_t len, struct span *out)
{
	struct batch *b = c->batch;
	size_t left = BATCH_ROW_BYTES - (b->arena_used - row_begin);
	bool cut = len > left;
	if (cut) {
		len = left;
		while (len > 0 && (bytes[len] & 0xC0) == 0x80)
			len--;
	}
	if (!batch_put(b, bytes, len, out))
		return false;
	b->counter[CSV_TEXTS_CUT] += cut;
	return true;
}

enum put { PUT_VALUE, PUT_BAD, PUT_FULL };

static enum put put_integer(const struct mapped *m, const char *text, size_t len, void *to)
{
	uint64_t v;
	if (!value_named(m->form, text, len, &v))
		return PUT_BAD;
	if (m->field->type == TYPE_U64) {
		memcpy(to, &v, sizeof v);
		return PUT_VALUE;
	}
	uint32_t narrow = (uint32_t)v;
	if (v > UINT32_MAX)
		return PUT_BAD;
	memcpy(to, &narrow, sizeof narrow);
	return PUT_VALUE;
}

static enum put put_time(struct csv *c, const struct mapped *m, const char *text, size_t len, int64_t *to)
{
	value_trim(&text, &len);
	return time_read(m->format, c->options.zone_s, text, len, to) ? PUT_VALUE : PUT_BAD;
}

static enum put put_value(struct csv *c, unsigned column, const uint8_t *bytes, size_t len, uint32_t row_begin)
{
	const struct mapped *m = &c->mapping.column[column];
	struct batch *b = c->batch;
	uint8_t *to = (uint8_t *)batch_values(b, column) + b->rows * type_size(m->field->type);
	const char *text = (const char *)bytes;
	bool good;
	switch (m->field->type) {
	case TYPE_I64:
		good = value_i64(text, len, (int64_t *)to);
		break;
	case TYPE_F32:
		good = value_f32(text, len, (float *)to);
		break;
	case TYPE_IP:
		good = value_ip(text, len, (struct ip *)to);
		break;
	case TYPE_TIME:
		return put_time(c, m, text, len, (int64_t *)to);
	case TYPE_BYTES:
		return put_text(c, row_begin, bytes, len, (struct span *)to) ? PUT_VALUE : PUT_FULL;
	default:
		return put_integer(m, text, len, to);
	}
	return good ? PUT_VALUE : PUT_BAD;
}

static void count_bad(struct csv *c, enum type type)
{
	c->batch->counter[type == TYPE_TIME ? CSV_BAD_TIMES : type == TYPE_IP ? CSV_BAD_ADDRESSES : CSV_BAD_NUMBERS]++;
}

/* The first of the field's cells that holds something. *bad: none, but one of them holds what cannot be read. */
static enum put put_field(struct csv *c, unsigned column, uint32_t row_begin, bool *bad)
{
	const struct mapped *m = &c->mapping.column[column];
	*bad = false;
	for (unsigned i = 0; i < m->cells; i++) {
		const struct cell *cell = &c->lines.cell[m->cell[i]];
		size_t len;
		const uint8_t *bytes = cell_bytes(c, cell, &len);
		if (is_null(c, cell, bytes, len))
			continue;
		/* An empty text is a value of text only. */
		if (len == 0 && m->field->type != TYPE_BYTES)
			continue;
		enum put put = put_value(c, column, bytes, len, row_begin);
		if (put != PUT_BAD)
			return put;
		*bad = true;
	}
	return PUT_BAD;
}

static void no_time(struct csv *c, const struct mapped *m, bool bad)
{
	const char *name = m->field->name;
	size_t len = 0;
	const char *text = "";
	if (bad) {
		text = (const char *)cell_bytes(c, &c->lines.cell[m->cell[0]], &len);
		snprintf(c->reason, sizeof c->reason, "line %" PRIu64 ": \"%.*s\" is no time for field \"%.60s\"",
		    c->record.line, (int)(len < 60 ? len : 60), text, name);
		/* Reasons are one line of text whatever the input holds. */
		for (char *p = c->reason; *p != '\0'; p++)
			*p = (uint8_t)*p < ' ' || (uint8_t)*p > '~' ? '?' : *p;
		return;
	}
	snprintf(c->reason, sizeof c->reason, "line %" PRIu64 ": no time for field \"%.60s\"", c->record.line, name);
}

enum row { ROW_DONE, ROW_FULL, ROW_REFUSED };

static enum row fill_row(struct csv *c)
{
	struct batch *b = c->batch;
	uint32_t row_begin = b->arena_used;
	uint64_t before[CSV_COUNTER_COUNT];
	memcpy(before, b->counter, sizeof before);
	enum row row = ROW_DONE;
	for (unsigned i = 0; i < c->mapping.columns && row == ROW_DONE; i++) {
		bool bad;
		enum put put = put_field(c, i, row_begin, &bad);
		if (put == PUT_FULL) {
			row = ROW_FULL;
		} else if (put == PUT_BAD && c->mapping.column[i].field->must) {
			no_time(c, &c->mapping.column[i], bad);
			row = ROW_REFUSED;
		} else if (put == PUT_BAD) {
			batch_set_null(b, i, b->rows);
			if (bad)
				count_bad(c, c->mapping.column[i].field->type);
		}
	}
	if (row == ROW_DONE) {
		b->rows++;
		b->counter[CSV_UNTERMINATED] += c->record.unterminated;
		return row;
	}
	batch_unwind(b, b->rows, row_begin);
	memcpy(b->counter, before, sizeof before);
	return row;
}

/* ---- the walk ---- */

static bool cells_right(struct csv *c)
{
	const struct record *r = &c->record;
	const struct mapping *m = &c->mapping;
	if (m->exact > 0 ? r->cells == m->exact : r->cells >= m->least && r->cells <= CSV_COLUMNS)
		return true;
	if (m->exact > 0)
		snprintf(c->reason, sizeof c->reason, "line %" PRIu64 ": %zu field%s, the %s %zu", r->line, r->cells,
		    r->cells == 1 ? "" : "s", c->options.column != NULL ? "columns are" : "header has", m->exact);
	else
		snprintf(c->reason, sizeof c->reason, "line %" PRIu64 ": %zu field%s, the mapping wants %zu to %d",
		    r->line, r->cells, r->cells == 1 ? "" : "s", m->least, CSV_COLUMNS);
	return false;
}

/* The record as a reject; false: the batch has no room for one more. */
static bool reject_record(struct csv *c)
{
	const struct record *r = &c->record;
	return batch_reject(c->batch, r->offset, r->length, r->reason != NULL ? REJECT_ROWS_UNKNOWN : 1, c->reason,
	    r->bytes, r->kept < BATCH_RAW ? r->kept : BATCH_RAW);
}

/* The record into the batch; false: it has to wait for the next one. */
static bool take_record(struct csv *c)
{
	struct batch *b = c->batch;
	if (b->rows == b->row_capacity || b->rejects == BATCH_REJECTS)
		return false;
	enum row row = ROW_REFUSED;
	if (c->record.reason != NULL)
		snprintf(c->reason, sizeof c->reason, "line %" PRIu64 ": %s", c->record.line, c->record.reason);
	else if (cells_right(c))
		row = fill_row(c);
	if (row != ROW_REFUSED)
		return row == ROW_DONE;
	if (!reject_record(c))
		return false;
	c->clean &= c->record.reason == NULL;
	return true;
}

/* Reading broke: rows that came before stay, so that what is missing is a reject and not the file. */
static enum rc broken(struct csv *c, enum rc rc, const struct err *e)
{
	if (rc != RC_BAD || !c->any) {
		c->failed = rc;
		c->why = *e;
		return rc;
	}
	uint64_t at = source_offset(c->lines.src) + c->lines.at;
	if (!batch_reject(c->batch, at, 0, REJECT_ROWS_UNKNOWN, e->text, NULL, 0))
		return RC_OK;
	c->clean = false;
	return RC_END;
}

static enum rc fill_batch(struct csv *c, struct err *e)
{
	for (;;) {
		if (!c->again) {
			enum rc rc = next_record(c, e);
			if (rc != RC_OK)
				return rc;
			c->again = true;
		}
		if (!take_record(c)) {
			assert(c->batch->rows > 0 || c->batch->rejects > 0);
			return RC_OK;
		}
		c->again = false;
		c->any = true;
	}
}

static bool has_something(const struct batch *b)
{
	return b->rows > 0 || b->rejects > 0;
}

static enum rc csv_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	struct csv *c = (struct csv *)d;
	if (c->failed != RC_OK) {
		*e = c->why;
		return c->failed;
	}
	enum rc rc = c->ended ? RC_END : c->begun ? RC_OK : begin(c, e);
	batch_reset(c->batch);
	if (rc == RC_OK)
		rc = fill_batch(c, e);
	if (rc != RC_OK && rc != RC_END)
		rc = broken(c, rc, e);
	c->ended |= rc == RC_END;
	/* Before the end or an error goes what came; both are said again. */
	if (has_something(c->batch))
		rc = RC_OK;
	if (rc == RC_OK)
		*out = c->batch;
	else if (rc == RC_END)
		*clean = c->clean;
	return rc;
}

const struct dissect_ops dissect_csv = {
    .name = "csv",
    .version = "1",
    .dataset = NULL,
    .catalogue = csv_catalogue,
    .counter = csv_counter_name,
    .counters = CSV_COUNTER_COUNT,
    .unread = CSV_UNREAD,
    .open = csv_open,
    .next = csv_next,
    .close = csv_close,
};
