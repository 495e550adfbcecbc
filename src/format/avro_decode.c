/* Rows events back into batches. The bytes come from a bus that others can write to: every length is checked before it
 * is used. */
#include "format/avro.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/reader.h"
#include "base/short.h"
#include "format/avro_schema.h"
#include "format/varint.h"

enum { BRANCH_NULL = 0, BRANCH_VALUE = 2 }; /* zig-zag of 0 and 1 */
enum { SKIP = -1, SHORT = 32, QUICK_ROOM = 2 + SHORT };

/* What to do with one of the writer's columns. */
struct step {
	enum sql_type type; /* the writer's */
	int target;         /* the reader's column, or SKIP */
	void *values;       /* of the batch at work */
	struct span last;   /* the last string of this column in this batch, or NONE */
};

struct avro_decoder {
	size_t columns; /* the reader's */
	struct step *step;
	size_t steps;
	unsigned *missing; /* the reader's columns that the writer lacks */
	size_t missings;
	struct reader in;
	uint64_t block; /* rows left in the open block */
	enum rc state;  /* RC_OK while there may be more */
};

/* No string is as long. */
#define NONE ((struct span){.length = UINT32_MAX})

enum outcome { ROW_DONE, ROW_FULL, ROW_BAD };

static int column_find(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->columns; i++)
		if (strcmp(s->column[i].name, name) == 0)
			return (int)i;
	return SKIP;
}

static const char *where(const struct schema *s)
{
	return s->file != NULL ? s->file : s->full_name;
}

static enum rc resolve(struct avro_decoder *a, const struct schema *writer, const struct schema *reader, struct err *e)
{
	if (strcmp(writer->full_name, reader->full_name) != 0)
		return err_set(RC_BAD, e, "rows of %s (%s) cannot be read as %s (%s)", writer->full_name, where(writer),
		    reader->full_name, where(reader));
	for (size_t i = 0; i < writer->columns; i++) {
		const struct schema_column *w = &writer->column[i];
		int target = column_find(reader, w->name);
		a->step[i] = (struct step){.type = w->type, .target = target};
		if (target == SKIP)
			continue;
		const struct schema_column *r = &reader->column[target];
		if (r->type != w->type && !(w->type == SQL_INT && r->type == SQL_BIGINT))
			return err_set(RC_BAD, e,
			    "column \"%s\": written as %s (%s:%u, fingerprint %016llx), wanted as %s (%s:%u, "
			    "fingerprint %016llx)",
			    w->name, avro_type_name(w->type), where(writer), w->line,
			    (unsigned long long)writer->fingerprint, avro_type_name(r->type), where(reader), r->line,
			    (unsigned long long)reader->fingerprint);
	}
	for (size_t i = 0; i < reader->columns; i++)
		if (column_find(writer, reader->column[i].name) == SKIP)
			a->missing[a->missings++] = (unsigned)i;
	return RC_OK;
}

enum rc avro_decoder_open(
    const struct schema *writer, const struct schema *reader, struct avro_decoder **out, struct err *e)
{
	struct avro_decoder *a = mem_zero(1, sizeof *a);
	a->columns = reader->columns;
	a->steps = writer->columns;
	a->step = mem_zero(writer->columns, sizeof *a->step);
	a->missing = mem_zero(reader->columns, sizeof *a->missing);
	a->state = RC_END;
	enum rc rc = resolve(a, writer, reader, e);
	if (rc == RC_OK)
		*out = a;
	else
		avro_decoder_free(&a);
	return rc;
}

void avro_decoder_free(struct avro_decoder **a)
{
	if (*a == NULL)
		return;
	mem_free(&(*a)->step);
	mem_free(&(*a)->missing);
	mem_free(a);
}

void avro_decode_begin(struct avro_decoder *a, const void *value, size_t size)
{
	a->in = reader_of(value, size);
	a->block = 0;
	a->state = RC_OK;
}

/* A string into the batch; one that equals the last of its column shares the span, as neighbours often do. */
static enum outcome take_string(struct reader *in, struct step *s, struct batch *b, uint32_t row, size_t *row_bytes)
{
	int64_t len = varint_get(in);
	if (len < 0 || (uint64_t)len > reader_left(in) || (*row_bytes += (size_t)len) > BATCH_ROW_BYTES)
		return ROW_BAD;
	const uint8_t *bytes = in->at;
	in->at += len;
	if (s->target == SKIP)
		return ROW_DONE;
	struct span span = s->last;
	if (span.length != (size_t)len || !short_same(batch_span(b, span), bytes, (size_t)len)) {
		if (!batch_put(b, bytes, (size_t)len, &span))
			return ROW_FULL;
		s->last = span;
	}
	((struct span *)s->values)[row] = span;
	return ROW_DONE;
}

static enum outcome take_value(struct reader *in, struct step *s, struct batch *b, uint32_t row, size_t *row_bytes)
{
	if (s->type == SQL_STRING)
		return take_string(in, s, b, row, row_bytes);
	if (s->type == SQL_FLOAT) {
		const uint8_t *bytes = reader_take(in, sizeof(float));
		if (bytes != NULL && s->target != SKIP)
			memcpy((float *)s->values + row, bytes, sizeof(float));
		return bytes != NULL ? ROW_DONE : ROW_BAD;
	}
	int64_t v = varint_get(in);
	if (s->type == SQL_INT && (v < INT32_MIN || v > INT32_MAX))
		return ROW_BAD;
	if (s->target != SKIP)
		((int64_t *)s->values)[row] = v;
	return in->failed ? ROW_BAD : ROW_DONE;
}

static enum outcome take_step(struct reader *in, struct step *s, struct batch *b, uint32_t row, size_t *row_bytes)
{
	uint8_t branch = reader_u8(in);
	if (in->failed || (branch != BRANCH_NULL && branch != BRANCH_VALUE))
		return ROW_BAD;
	if (branch == BRANCH_VALUE)
		return take_value(in, s, b, row, row_bytes);
	if (s->target != SKIP)
		batch_set_null(b, (unsigned)s->target, row);
	return ROW_DONE;
}

/*
 * Nearly every value is a number of up to four bytes, a float, or a short string. at has QUICK_ROOM bytes; where the
 * value's end is returned it is in its place, and NULL says that nothing was done.
 */
static inline const uint8_t *take_quickly(
    const uint8_t *at, struct step *s, struct batch *b, uint32_t row, size_t *row_bytes)
{
	uint64_t z = at[1];
	if (at[0] != BRANCH_VALUE || s->target == SKIP)
		return NULL;
	if (s->type == SQL_FLOAT) {
		memcpy((float *)s->values + row, at + 1, sizeof(float));
		return at + 1 + sizeof(float);
	}
	if (s->type == SQL_STRING) {
		uint32_t len = (uint32_t)z >> 1;
		struct span span = s->last;
		if ((z & 1) != 0 || len > SHORT || b->size - b->arena_at - b->arena_used < SHORT)
			return NULL;
		*row_bytes += len;
		if (span.length != len || !short_same(batch_span(b, span), at + 2, len)) {
			span = (struct span){.offset = b->arena_at + b->arena_used, .length = len};
			b->arena_used += len;
			memcpy((uint8_t *)b + span.offset, at + 2, SHORT);
			s->last = span;
		}
		((struct span *)s->values)[row] = span;
		return at + 2 + len;
	}
	at += 2;
	if (z > 0x7f) {
		memcpy(&z, at - 1, sizeof z);
		uint64_t ends = ~z & UINT64_C(0x8080808080808080);
		z &= ends ^ (ends - 1);
		if (z >> 32 != 0 || ends == 0)
			return NULL;
		at += (unsigned)__builtin_ctzll(ends) / 8;
		z = (z & 0x007f007f) | (z & 0x7f007f00) >> 1;
		z = (z & 0x00003fff) | (z & 0x3fff0000) >> 2;
	}
	((int64_t *)s->values)[row] = (int64_t)(z >> 1 ^ (0 - (z & 1)));
	return at;
}

static enum outcome take_row(struct avro_decoder *a, struct batch *b, uint32_t row)
{
	struct reader in = a->in;
	size_t row_bytes = 0;
	for (struct step *s = a->step, *end = s + a->steps; s < end; s++) {
		const uint8_t *next =
		    reader_left(&in) >= QUICK_ROOM ? take_quickly(in.at, s, b, row, &row_bytes) : NULL;
		if (next != NULL) {
			in.at = next;
			continue;
		}
		enum outcome o = take_step(&in, s, b, row, &row_bytes);
		if (o != ROW_DONE)
			return o;
	}
	a->in = in;
	return row_bytes <= BATCH_ROW_BYTES ? ROW_DONE : ROW_BAD;
}

/* The next block's count. A negative one comes with the block's size, which nobody needs. Each row is a byte a column
 * at least. */
static enum rc open_block(struct avro_decoder *a, struct err *e)
{
	int64_t count = varint_get(&a->in);
	if (count < 0) {
		int64_t size = varint_get(&a->in);
		if (size < 0 || (uint64_t)size > reader_left(&a->in))
			return err_set(RC_BAD, e, "avro: a block longer than its event");
		count = count == INT64_MIN ? INT64_MAX : -count;
	}
	if (a->in.failed || (uint64_t)count > reader_left(&a->in) / a->steps)
		return err_set(RC_BAD, e, "avro: more rows than bytes");
	if (count == 0 && reader_left(&a->in) > 0)
		return err_set(RC_BAD, e, "avro: %zu bytes after the end", reader_left(&a->in));
	a->block = (uint64_t)count;
	return count > 0 ? RC_OK : RC_END;
}

/* Rows until the batch is full or the value ends (RC_END). */
static enum rc fill(struct avro_decoder *a, struct batch *b, struct err *e)
{
	while (b->rows < b->row_capacity) {
		if (a->block == 0) {
			enum rc rc = open_block(a, e);
			if (rc != RC_OK)
				return rc;
		}
		uint32_t used = b->arena_used;
		enum outcome o = take_row(a, b, b->rows);
		if (o == ROW_BAD || (o == ROW_FULL && b->rows == 0))
			return err_set(RC_BAD, e, "avro: row %u of a batch is damaged or too long", b->rows);
		if (o == ROW_FULL) {
			batch_unwind(b, b->rows, used);
			return RC_OK;
		}
		b->rows++;
		a->block--;
	}
	return RC_OK;
}

enum rc avro_decode_next(struct avro_decoder *a, struct batch *b, struct err *e)
{
	assert(b->columns == a->columns);
	batch_reset(b);
	for (struct step *s = a->step; s < a->step + a->steps; s++) {
		s->last = NONE;
		s->values = s->target != SKIP ? batch_values(b, (unsigned)s->target) : NULL;
	}
	if (a->state != RC_OK)
		return a->state == RC_END ? RC_END : err_set(RC_BAD, e, "avro: damaged");
	a->state = fill(a, b, e);
	if (a->state == RC_BAD) {
		batch_reset(b);
		return RC_BAD;
	}
	for (size_t i = 0; i < a->missings; i++)
		for (uint32_t row = 0; row < b->rows; row++)
			batch_set_null(b, a->missing[i], row);
	return b->rows > 0 ? RC_OK : RC_END;
}
