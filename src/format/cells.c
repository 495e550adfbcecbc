/* One loop over columns and one over rows for every row format, because they differ only in how a single value looks.
 */
#include "format/cells.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/short.h"

enum {
	CHUNK_ROWS = 64,
	FEW = 256, /* numbers whose text is kept */
	CHUNK_BYTES = 256 << 10,
	FRAME = 144, /* before and after a value: a column's name and its marks */
	SHORT = 32,  /* pieces up to this size are copied whole, whatever their length: no call, no loop */
	SCRATCH_MAX = 1 << 30,
	NO_COLUMN = BATCH_COLUMNS,
};

struct cell {
	uint32_t at; /* in the scratch */
	uint32_t len;
};

struct few {
	uint64_t seen[FEW / 64];
	struct cell cell[FEW];
};

struct frame {
	uint8_t bytes[FRAME];
	size_t len;
};

/* A piece that never changes. */
struct constant {
	uint8_t *bytes;
	size_t len;
};

struct cell_column {
	const struct projection_column *from;
	struct frame before, after;
	struct constant null;    /* a value its type cannot hold */
	struct constant missing; /* a field that the input did not carry */
};

/* A column's pieces, or the one that neighbouring columns have in every row of a chunk. */
struct part {
	const struct cell *cell;
	size_t step; /* to the next row's; 0: all rows have the same */
};

struct cells {
	const struct projection *projection;
	const struct cell_format *format;
	size_t columns;
	struct cell_column *column;
	unsigned *bytes; /* columns of KEY_BYTES */
	size_t bytes_count;
	struct cell *cell; /* row by row: CHUNK_ROWS * columns */
	struct cell *same; /* of all rows: columns */
	struct part *part; /* at most columns */
	size_t parts;
	struct writer scratch;
	uint8_t *repaired; /* text of bytes that were no UTF-8 */
	size_t repaired_size;
	union {
		uint64_t u64[CHUNK_ROWS];
		struct ip ip[CHUNK_ROWS];
		struct span span[CHUNK_ROWS];
	} key;
};

/* The rows at work. */
struct chunk {
	const struct batch *batch;
	const uint16_t *sel;
	size_t rows;
	bool dense;    /* they lie side by side */
	bool second;   /* the times of that column are all of one second */
	unsigned time; /* the column last asked for that, or NO_COLUMN */
	uint64_t outside;
	size_t total; /* bytes of all pieces */
};

/* Room for the pieces of so many values of at most len text bytes each; the scratch's ceiling is far above what a chunk
 * can need. */
static void reserve(struct cells *c, size_t values, size_t len)
{
	size_t piece = 2 * FRAME + CELL_VALUE + len * c->format->text_most;
	uint8_t *to = writer_room(&c->scratch, values * piece + SHORT);
	assert(to != NULL);
}

static uint8_t *place(const struct cells *c)
{
	return c->scratch.bytes + c->scratch.len;
}

static uint8_t *put_frame(uint8_t *to, const struct frame *f)
{
	if (f->len == 0)
		return to;
	memcpy(to, f->bytes, SHORT);
	if (f->len > SHORT)
		memcpy(to, f->bytes, f->len);
	return to + f->len;
}

static struct cell done(struct cells *c, const uint8_t *end)
{
	struct cell cell = {.at = (uint32_t)c->scratch.len, .len = (uint32_t)(end - place(c))};
	writer_advance(&c->scratch, cell.len);
	return cell;
}

static struct cell put_constant(struct cells *c, const struct constant *from)
{
	uint8_t *to = writer_room(&c->scratch, from->len + SHORT);
	assert(to != NULL);
	memcpy(to, from->bytes, from->len);
	return done(c, to + from->len);
}

/* The others need room reserved for them. */
static struct cell put_text(struct cells *c, const struct cell_column *k, const uint8_t *bytes, size_t len)
{
	uint8_t *to = put_frame(place(c), &k->before);
	to = c->format->text(to, bytes, len);
	return done(c, put_frame(to, &k->after));
}

static struct cell put_bytes(struct cells *c, const struct cell_column *k, const struct batch *b, struct span s)
{
	const uint8_t *text;
	size_t len = k->from->render->text(batch_span(b, s), s.length, &text, &c->repaired, &c->repaired_size);
	reserve(c, 1, len);
	return put_text(c, k, text, len);
}

static struct cell put_key(struct cells *c, const struct cell_column *k, const union key_value *key)
{
	const struct render *r = k->from->render;
	uint8_t *to = put_frame(place(c), &k->before);
	if (r->print != NULL) {
		char text[RENDER_TEXT];
		size_t len = r->print(key, text);
		to = c->format->word != NULL ? c->format->word(to, text, len)
		                             : c->format->text(to, (const uint8_t *)text, len);
		return done(c, put_frame(to, &k->after));
	}
	if (r->key == KEY_F32) {
		uint32_t bits = (uint32_t)key->u64;
		float v;
		memcpy(&v, &bits, sizeof v);
		to = c->format->real(to, v);
	} else {
		to = c->format->number(to, (int64_t)key->u64);
	}
	return done(c, put_frame(to, &k->after));
}

static bool same_bytes(const struct batch *b, struct span x, struct span y)
{
	return x.length == y.length &&
	       (x.offset == y.offset || memcmp(batch_span(b, x), batch_span(b, y), x.length) == 0);
}

/* The pieces of rows whose field is null; true: row j is done. */
static bool missing(
    struct cells *c, const struct cell_column *k, const struct chunk *h, size_t j, struct cell *none, struct cell *to)
{
	if (!batch_is_null(h->batch, k->from->source, h->sel[j]))
		return false;
	if (none->len == 0)
		*none = put_constant(c, &k->missing);
	*to = *none;
	return true;
}

/* Texts of small numbers, as protocols and flags are: each is made once a chunk. */
static struct cell put_few(struct cells *c, const struct cell_column *k, struct few *f, uint64_t key)
{
	uint64_t *seen = &f->seen[key / 64], bit = UINT64_C(1) << key % 64;
	if ((*seen & bit) == 0) {
		*seen |= bit;
		f->cell[key] = put_key(c, k, &(union key_value){.u64 = key});
	}
	return f->cell[key];
}

/* In these loops what the compiler must reload after every store, because it may alias, is held in locals. */
static void fill_u64(struct cells *c, const struct cell_column *k, struct chunk *h, struct cell *cell)
{
	const struct render *r = k->from->render;
	const uint64_t *key = c->key.u64;
	const size_t rows = h->rows, step = c->columns;
	bool nullable = h->batch->column[k->from->source].null_count != 0, fits = true;
	bool few = r->print != NULL && !r->bounded;
	struct few known;
	struct cell none = {0}, last = {0};
	union key_value value;
	size_t total = 0, outside = 0;
	memset(known.seen, 0, sizeof known.seen);
	for (size_t j = 0; j < rows; j++, cell += step) {
		if (nullable && missing(c, k, h, j, &none, cell)) {
			last.len = 0;
			total += cell->len;
			continue;
		}
		if (few && key[j] < FEW) {
			last = put_few(c, k, &known, key[j]);
		} else if (last.len == 0 || key[j] != key[j - 1]) {
			value.u64 = key[j];
			fits = !r->bounded || render_fits(r, key[j]);
			last = fits ? put_key(c, k, &value) : put_constant(c, &k->null);
		}
		outside += !fits;
		*cell = last;
		total += last.len;
	}
	h->total += total;
	h->outside += outside;
}

/* Numbers that are all there, without a call for each. */
static bool fill_numbers(struct cells *c, const struct cell_column *k, struct chunk *h, struct cell *cell)
{
	const struct render *r = k->from->render;
	uint8_t len[CHUNK_ROWS];
	if (c->format->numbers == NULL || r->key != KEY_U64 || r->print != NULL ||
	    h->batch->column[k->from->source].null_count != 0 || !render_all_fit(r, c->key.u64, h->rows))
		return false;
	const size_t rows = h->rows, step = c->columns;
	size_t at = c->scratch.len, begin = at;
	writer_advance(&c->scratch, (size_t)(c->format->numbers(place(c), c->key.u64, rows, len) - place(c)));
	for (size_t j = 0; j < rows; j++, cell += step) {
		*cell = (struct cell){.at = (uint32_t)at, .len = len[j]};
		at += len[j];
	}
	h->total += at - begin;
	return true;
}

static bool same_ip(const struct ip *a, const struct ip *b)
{
	uint64_t first = short_load(a->octet, 8) ^ short_load(b->octet, 8);
	return (first | (short_load(a->octet + 8, 8) ^ short_load(b->octet + 8, 8))) == 0 && a->family == b->family;
}

static void fill_ip(struct cells *c, const struct cell_column *k, struct chunk *h, struct cell *cell)
{
	const size_t rows = h->rows, step = c->columns;
	bool nullable = h->batch->column[k->from->source].null_count != 0;
	struct cell none = {0}, last = {0};
	union key_value value;
	size_t total = 0;
	for (size_t j = 0; j < rows; j++, cell += step) {
		const struct ip *ip = &c->key.ip[j];
		if (nullable && missing(c, k, h, j, &none, cell)) {
			last.len = 0;
		} else {
			if (last.len == 0 || !same_ip(ip, ip - 1)) {
				value.ip = *ip;
				last = put_key(c, k, &value);
			}
			*cell = last;
		}
		total += cell->len;
	}
	h->total += total;
}

static void fill_bytes(struct cells *c, const struct cell_column *k, struct chunk *h, struct cell *cell)
{
	const size_t rows = h->rows, step = c->columns;
	bool nullable = h->batch->column[k->from->source].null_count != 0;
	struct cell none = {0}, last = {0};
	size_t total = 0;
	for (size_t j = 0; j < rows; j++, cell += step) {
		const struct span *s = &c->key.span[j];
		if (nullable && missing(c, k, h, j, &none, cell)) {
			last.len = 0;
		} else {
			if (last.len == 0 || !same_bytes(h->batch, *s, s[-1]))
				last = put_bytes(c, k, h->batch, *s);
			*cell = last;
		}
		total += cell->len;
	}
	h->total += total;
}

static bool all_missing(const struct cell_column *k, const struct chunk *h)
{
	return h->batch->column[k->from->source].null_count == h->batch->rows;
}

/* The keys of the chunk's first n rows. */
static void make_keys(struct cells *c, const struct cell_column *k, const struct chunk *h, size_t n)
{
	k->from->render->normalise(h->batch, k->from->source, h->sel[0], h->dense ? NULL : h->sel, n, &c->key);
}

/* Are the times of that column all there, and of one second? Many columns show parts of the same time. */
static bool one_second(struct chunk *h, unsigned column)
{
	if (h->time == column)
		return h->second;
	const int64_t *time = batch_read(h->batch, column);
	int64_t first = time[h->sel[0]], since = first % NS_PER_S;
	uint64_t start = (uint64_t)first - (uint64_t)(since < 0 ? since + NS_PER_S : since);
	bool same = h->batch->column[column].null_count == 0;
	for (size_t j = 0; j < h->rows; j++)
		same &= (uint64_t)time[h->sel[j]] - start < NS_PER_S && (time[h->sel[j]] ^ first) >= 0;
	h->time = column;
	h->second = same;
	return same;
}

/* Is each key its neighbour's? */
static bool all_same(const struct cells *c, const struct cell_column *k, const struct chunk *h)
{
	const uint8_t *key = (const uint8_t *)&c->key;
	size_t size = render_key_size(k->from->render->key);
	return h->batch->column[k->from->source].null_count == 0 && memcmp(key, key + size, (h->rows - 1) * size) == 0;
}

/* The piece of a key that all rows of the chunk have. */
static struct cell put_same(struct cells *c, const struct cell_column *k, struct chunk *h)
{
	const struct render *r = k->from->render;
	union key_value value;
	switch (r->key) {
	case KEY_BYTES:
		return put_bytes(c, k, h->batch, c->key.span[0]);
	case KEY_IP:
		value.ip = c->key.ip[0];
		break;
	case KEY_U64:
	case KEY_F32:
		value.u64 = c->key.u64[0];
		if (r->bounded && !render_fits(r, value.u64)) {
			h->outside += h->rows;
			return put_constant(c, &k->null);
		}
		break;
	}
	return put_key(c, k, &value);
}

/* Neighbours lie side by side in the scratch too. */
static void add_same(struct cells *c, struct cell cell, struct chunk *h)
{
	struct cell *last = c->parts > 0 && c->part[c->parts - 1].step == 0 ? &c->same[c->parts - 1] : NULL;
	h->total += cell.len * h->rows;
	if (last != NULL && last->at + last->len == cell.at) {
		last->len += cell.len;
		return;
	}
	c->same[c->parts] = cell;
	c->part[c->parts] = (struct part){.cell = &c->same[c->parts]};
	c->parts++;
}

static void fill_rows(struct cells *c, size_t i, struct chunk *h)
{
	const struct cell_column *k = &c->column[i];
	switch (k->from->render->key) {
	case KEY_U64:
	case KEY_F32:
		if (!fill_numbers(c, k, h, c->cell + i))
			fill_u64(c, k, h, c->cell + i);
		break;
	case KEY_IP:
		fill_ip(c, k, h, c->cell + i);
		break;
	case KEY_BYTES:
		fill_bytes(c, k, h, c->cell + i);
		break;
	}
	c->part[c->parts++] = (struct part){.cell = c->cell + i, .step = c->columns};
}

static void fill_column(struct cells *c, size_t i, struct chunk *h)
{
	const struct cell_column *k = &c->column[i];
	if (all_missing(k, h)) {
		add_same(c, put_constant(c, &k->missing), h);
		return;
	}
	/* Each row may need a piece, and one stands for all that are missing. */
	reserve(c, k->from->render->key == KEY_BYTES ? 0 : h->rows + 1, RENDER_TEXT);
	bool second = render_by_second(k->from->render) && one_second(h, k->from->source);
	make_keys(c, k, h, second ? 1 : h->rows);
	if (second || all_same(c, k, h))
		add_same(c, put_same(c, k, h), h);
	else
		fill_rows(c, i, h);
}

/* Append the pieces in order. Both sides have SHORT bytes to spare. */
static void join(const struct cells *c, const struct chunk *h, struct writer *out)
{
	uint8_t *to = writer_room(out, h->total + SHORT);
	const uint8_t *scratch = c->scratch.bytes;
	const struct part *end = c->part + c->parts;
	if (to == NULL)
		return;
	for (size_t j = 0; j < h->rows; j++) {
		for (const struct part *part = c->part; part < end; part++) {
			const struct cell cell = part->cell[j * part->step];
			const uint8_t *from = scratch + cell.at;
			memcpy(to, from, SHORT / 2);
			if (cell.len > SHORT / 2) {
				memcpy(to + SHORT / 2, from + SHORT / 2, SHORT / 2);
				if (cell.len > SHORT)
					memcpy(to + SHORT, from + SHORT, cell.len - SHORT);
			}
			to += cell.len;
		}
	}
	writer_advance(out, h->total);
}

/* How many of these rows make a chunk: at least one. */
static size_t chunk_rows(const struct cells *c, const struct batch *b, const uint16_t *sel, size_t n)
{
	size_t total = 0;
	for (size_t j = 0; c->bytes_count > 0 && j < n; j++) {
		for (size_t i = 0; i < c->bytes_count; i++) {
			const struct span *s = batch_read(b, c->bytes[i]);
			if (!batch_is_null(b, c->bytes[i], sel[j]))
				total += s[sel[j]].length;
		}
		if (total > CHUNK_BYTES)
			return j > 0 ? j : 1;
	}
	return n;
}

void cells_encode(
    struct cells *c, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside)
{
	uint16_t all[CHUNK_ROWS];
	for (size_t row = 0; row < n && !out->failed;) {
		size_t rows = n - row < CHUNK_ROWS ? n - row : CHUNK_ROWS;
		for (size_t j = 0; sel == NULL && j < rows; j++)
			all[j] = (uint16_t)(row + j);
		struct chunk h = {.batch = b, .sel = sel == NULL ? all : sel + row, .time = NO_COLUMN};
		h.rows = chunk_rows(c, b, h.sel, rows);
		h.dense = sel == NULL || batch_side_by_side(h.sel, h.rows);
		writer_reset(&c->scratch);
		c->parts = 0;
		for (size_t i = 0; i < c->columns; i++)
			fill_column(c, i, &h);
		join(c, &h, out);
		*outside += h.outside;
		row += h.rows;
	}
}

static void constant_of(struct cells *c, struct cell cell, struct constant *to)
{
	mem_free(&to->bytes);
	to->bytes = mem_copy(c->scratch.bytes + cell.at, cell.len);
	to->len = cell.len;
}

/* The pieces that need no batch. */
static void make_constants(struct cells *c, struct cell_column *k)
{
	const struct projection_column *from = k->from;
	writer_reset(&c->scratch);
	reserve(c, 2, from->has_absent && from->render->key == KEY_BYTES ? from->absent.bytes.length : RENDER_TEXT);
	uint8_t *to = put_frame(place(c), &k->before);
	struct cell cell = done(c, put_frame(c->format->null(to), &k->after));
	constant_of(c, cell, &k->null);
	if (from->has_absent && from->render->key == KEY_BYTES)
		cell = put_text(c, k, (const uint8_t *)from->column->absent, from->absent.bytes.length);
	else if (from->has_absent)
		cell = put_key(c, k, &from->absent);
	constant_of(c, cell, &k->missing);
}

static struct frame frame_of(const char *text)
{
	struct frame f = {.len = strlen(text)};
	assert(f.len <= FRAME);
	memcpy(f.bytes, text, f.len);
	return f;
}

void cells_frame(struct cells *c, size_t column, const char *before, const char *after)
{
	struct cell_column *k = &c->column[column];
	k->before = frame_of(before);
	k->after = frame_of(after);
	make_constants(c, k);
}

struct cells *cells_new(const struct projection *p, const struct cell_format *format)
{
	struct cells *c = mem_zero(1, sizeof *c);
	c->projection = p;
	c->format = format;
	c->columns = p->schema->columns;
	c->column = mem_zero(c->columns, sizeof *c->column);
	c->bytes = mem_zero(c->columns, sizeof *c->bytes);
	c->cell = mem_zero(c->columns * CHUNK_ROWS, sizeof *c->cell);
	c->same = mem_zero(c->columns, sizeof *c->same);
	c->part = mem_zero(c->columns, sizeof *c->part);
	writer_init(&c->scratch, SCRATCH_MAX);
	for (size_t i = 0; i < c->columns; i++) {
		c->column[i].from = &p->column[i];
		if (p->column[i].render->key == KEY_BYTES)
			c->bytes[c->bytes_count++] = p->column[i].source;
		make_constants(c, &c->column[i]);
	}
	return c;
}

void cells_free(struct cells **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < (*c)->columns; i++) {
		mem_free(&(*c)->column[i].null.bytes);
		mem_free(&(*c)->column[i].missing.bytes);
	}
	mem_free(&(*c)->column);
	mem_free(&(*c)->bytes);
	mem_free(&(*c)->cell);
	mem_free(&(*c)->same);
	mem_free(&(*c)->part);
	mem_free(&(*c)->repaired);
	writer_fini(&(*c)->scratch);
	mem_free(c);
}
