/*
 * Records by one scan over a window of the stream. A record that passes the window's end is scanned again in one twice
 * as large, so that no state has to survive a refill.
 */
#include "dissect/csv/lines.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { WINDOW = 64 << 10, BUDGET_LINES = 4 };

enum scan {
	SCAN_RECORD,
	SCAN_MORE,  /* the window ends before the record does */
	SCAN_OPEN,  /* the stream ends inside quotes */
	SCAN_STRAY, /* text behind a closing quote */
};

void csv_lines_init(struct csv_lines *l, struct source *src, int delimiter, int quote, uint32_t max_line)
{
	assert(max_line >= CSV_LINE_LEAST && max_line <= CSV_LINE_MOST);
	*l = (struct csv_lines){.src = src, .delimiter = delimiter, .quote = quote, .max_line = max_line, .line = 1};
	l->budget = (uint64_t)BUDGET_LINES * max_line;
	l->cell = mem_alloc(CSV_COLUMNS * sizeof *l->cell);
	l->special[delimiter] = l->special['\n'] = true;
}

void csv_lines_fini(struct csv_lines *l)
{
	source_close(&l->src);
	mem_free(&l->cell);
}

/* More of the stream behind what is left of the window, want bytes in all. */
static void refill(struct csv_lines *l, size_t want)
{
	size_t left = l->have - l->at;
	if (want < WINDOW)
		want = WINDOW;
	source_take(l->src, l->at);
	l->at = 0;
	enum rc rc = source_peek(l->src, want, &l->window, &l->have, &l->reason);
	if (rc != RC_OK)
		l->have = 0;
	l->last = l->have < want;
	assert(l->have >= left);
	if (!l->last)
		return;
	rc = source_ended(l->src, &l->reason);
	l->broken = rc == RC_END ? RC_OK : rc;
}

static uint64_t offset_at(const struct csv_lines *l)
{
	return source_offset(l->src) + l->at;
}

/* RC_OK: there is a byte at `at`. */
static enum rc fill(struct csv_lines *l, struct err *e)
{
	if (l->at == l->have && !l->last)
		refill(l, WINDOW);
	if (l->at < l->have)
		return RC_OK;
	if (l->broken == RC_OK)
		return RC_END;
	*e = l->reason;
	return l->broken;
}

static void add_cell(struct csv_lines *l, size_t *cells, size_t from, size_t to, bool quoted, bool doubled)
{
	if (*cells < CSV_COLUMNS)
		l->cell[*cells] = (struct cell){
		    .offset = (uint32_t)from, .length = (uint32_t)(to - from), .quoted = quoted, .doubled = doubled};
	(*cells)++;
}

/* A quoted cell from its opening quote at *p on, up to the closing one. */
static enum scan scan_quoted(struct csv_lines *l, const uint8_t *begin, const uint8_t **p, size_t *cells)
{
	const uint8_t *end = l->window + l->have, *from = *p + 1, *q = from;
	bool doubled = false;
	l->quoted = true;
	for (;; q += 2, doubled = true) {
		q = memchr(q, l->quote, (size_t)(end - q));
		if (q == NULL)
			return l->last ? SCAN_OPEN : SCAN_MORE;
		if (q + 1 == end && !l->last)
			return SCAN_MORE;
		if (q + 1 == end || q[1] != l->quote)
			break;
	}
	add_cell(l, cells, (size_t)(from - begin), (size_t)(q - begin), true, doubled);
	*p = q + 1;
	return SCAN_RECORD;
}

/* *end: behind the record's line end, or where the scan stopped. */
static enum scan scan(struct csv_lines *l, size_t *cells, size_t *stop)
{
	const uint8_t *begin = l->window + l->at, *end = l->window + l->have, *p = begin;
	*cells = 0;
	l->quoted = false;
	for (;;) {
		const uint8_t *from = p;
		if (p < end && *p == l->quote) {
			enum scan s = scan_quoted(l, begin, &p, cells);
			if (s != SCAN_RECORD) {
				*stop = l->have - l->at;
				return s;
			}
			if (p < end && *p == '\r' && (p + 1 == end || p[1] == '\n')) {
				if (p + 1 == end && !l->last)
					return SCAN_MORE;
				p++;
			}
		} else {
			while (p < end && !l->special[*p])
				p++;
			if (p == end && !l->last)
				return SCAN_MORE;
			bool cr = p > from && p[-1] == '\r' && (p == end || *p == '\n');
			add_cell(l, cells, (size_t)(from - begin), (size_t)(p - begin) - cr, false, false);
		}
		*stop = (size_t)(p - begin);
		if (p == end)
			return l->last ? SCAN_RECORD : SCAN_MORE;
		if (*p == '\n') {
			(*stop)++;
			return SCAN_RECORD;
		}
		if (*p != l->delimiter)
			return SCAN_STRAY;
		p++;
	}
}

static uint64_t csv_lines_in(const uint8_t *bytes, size_t len)
{
	uint64_t n = 0;
	const uint8_t *end = bytes + len;
	while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
		n++;
		bytes++;
	}
	return n;
}

static void advance(struct csv_lines *l, size_t n, uint64_t lines)
{
	l->at += n;
	l->line += lines;
	l->budget += n;
}

/* Past the first line end at or behind `from`; how many bytes that was. */
static uint64_t drop_line(struct csv_lines *l, size_t from)
{
	uint64_t dropped = 0;
	for (;; from = 0) {
		const uint8_t *begin = l->window + l->at;
		size_t left = l->have - l->at;
		const uint8_t *end = left > from ? memchr(begin + from, '\n', left - from) : NULL;
		size_t n = end != NULL ? (size_t)(end + 1 - begin) : left;
		uint64_t lines = from > 0 ? csv_lines_in(begin, n) : end != NULL;
		advance(l, n, lines);
		dropped += n;
		if (end != NULL || l->last)
			return dropped;
		refill(l, WINDOW);
	}
}

/* No record here: its first physical line, or all that was looked at once the budget for looking again is gone. */
static void refuse(struct csv_lines *l, struct record *out, size_t looked, const char *reason)
{
	const uint8_t *begin = l->window + l->at;
	size_t left = l->have - l->at, from = 0;
	out->kept = left < sizeof l->raw ? left : sizeof l->raw;
	memcpy(l->raw, begin, out->kept);
	if (memchr(begin, '\n', looked) != NULL) {
		if (l->budget >= looked)
			l->budget -= looked;
		else
			from = looked - 1;
	}
	out->length = drop_line(l, from);
	if (out->kept > out->length)
		out->kept = (size_t)out->length;
	out->bytes = l->raw;
	out->cells = 0;
	out->reason = reason;
}

static void refuse_long(struct csv_lines *l, struct record *out, size_t looked)
{
	snprintf(l->text, sizeof l->text, "longer than %u bytes (max_line)%s", l->max_line,
	    l->quoted ? ", in a quoted field" : "");
	refuse(l, out, looked, l->text);
}

/* The end of the stream is not the end of the file: what stands before it may be half a value. */
static const char *cut_reason(struct csv_lines *l)
{
	snprintf(l->text, sizeof l->text, "cut: %.400s", l->reason.text);
	return l->text;
}

enum rc csv_lines_next(struct csv_lines *l, struct record *out, struct err *e)
{
	enum rc rc = fill(l, e);
	size_t cells = 0, stop = 0;
	enum scan s;
	if (rc != RC_OK)
		return rc;
	*out = (struct record){.offset = offset_at(l), .line = l->line};
	while ((s = scan(l, &cells, &stop)) == SCAN_MORE && l->have - l->at <= l->max_line)
		refill(l, 2 * (l->have - l->at) < l->max_line ? 2 * (l->have - l->at) : l->max_line + 1);
	if (s == SCAN_MORE || (s == SCAN_RECORD && stop > l->max_line)) {
		refuse_long(l, out, s == SCAN_MORE ? l->have - l->at : stop);
		return RC_OK;
	}
	bool ended = s == SCAN_RECORD && l->window[l->at + stop - 1] == '\n';
	if (s == SCAN_OPEN) {
		refuse(l, out, stop, l->broken != RC_OK ? cut_reason(l) : "a quote that is not closed");
	} else if (s == SCAN_STRAY) {
		refuse(l, out, stop, "text behind a closing quote");
	} else if (!ended && l->broken != RC_OK) {
		refuse(l, out, stop, cut_reason(l));
	} else {
		out->bytes = l->window + l->at;
		out->kept = out->length = stop;
		out->cells = cells == 1 && !l->cell[0].quoted && l->cell[0].length == 0 ? 0 : cells;
		out->unterminated = !ended;
		advance(l, stop, l->quoted ? csv_lines_in(out->bytes, stop) : ended);
	}
	return RC_OK;
}

enum rc csv_lines_peek(struct csv_lines *l, size_t want, const uint8_t **bytes, size_t *have, struct err *e)
{
	assert(want <= WINDOW);
	enum rc rc = fill(l, e);
	if (rc == RC_OK && l->have - l->at < want && !l->last)
		refill(l, WINDOW);
	*have = 0;
	if (rc != RC_OK)
		return rc;
	*bytes = l->window + l->at;
	*have = l->have - l->at;
	return RC_OK;
}

enum rc csv_lines_skip(struct csv_lines *l, struct err *e)
{
	enum rc rc = fill(l, e);
	if (rc == RC_OK)
		drop_line(l, 0);
	return rc;
}

void csv_lines_pass(struct csv_lines *l, size_t n)
{
	assert(n <= l->have - l->at);
	l->at += n;
}
