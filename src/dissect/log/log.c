/*
 * From lines to batches. Before a line is read the batch has room for whatever it may become, so that a line is read
 * once and what it changes (the day, the map of columns) changes once.
 */
#include "dissect/log/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "dissect/log/clf.h"
#include "dissect/log/counters.h"
#include "dissect/log/detect.h"
#include "dissect/log/elff.h"
#include "dissect/log/lines.h"
#include "dissect/log/options.h"
#include "dissect/log/row.h"
#include "dissect/log/squid.h"
#include "pack/unpack.h"

enum {
	ROWS = 2048, /* with their bytes they fit the nearest large cache */
	ARENA = 1 << 20,
	ROOM = BATCH_ROW_BYTES + 2 * BATCH_RAW, /* a row, or a reject with its reason */
};

struct log {
	struct dissector base;
	struct log_options options;
	struct source *src; /* until begin gives it to lines */
	unsigned *wanted;
	bool extras; /* FIELD_EXTRA is wanted */
	struct batch *batch, **spare;
	struct lines lines;
	enum log_format format;
	struct elff elff;
	struct when_day days; /* of the other dialects */
	struct record record;
	struct row row;
	bool begun, ended, clean;
	enum rc failed; /* of begin: every later call says the same */
	struct err why;
};

static const char *const counter_name[LOG_COUNTER_COUNT] = {
#define X(id, name) [COUNT_##id] = name,
    LOG_COUNTERS(X)
#undef X
};

static void log_close(struct dissector *d)
{
	struct log *l = (struct log *)d;
	if (l->begun)
		lines_fini(&l->lines);
	else
		source_close(&l->src);
	elff_fini(&l->elff);
	batch_keep(&l->batch, l->spare);
	options_fini(&l->options);
	mem_free(&l->wanted);
	mem_free(&l);
}

static void make_batch(struct log *l, const struct dissect_params *params)
{
	enum type types[BATCH_COLUMNS];
	for (size_t i = 0; i < params->wants; i++) {
		types[i] = log_field[params->wanted[i]].type;
		l->extras |= params->wanted[i] == FIELD_EXTRA;
	}
	l->spare = params->spare;
	l->batch = batch_again(l->spare, types, params->wants, params->rows != 0 ? params->rows : ROWS, ARENA);
	l->wanted = mem_copy(params->wanted, params->wants * sizeof *l->wanted);
	l->row = (struct row){.batch = l->batch, .wanted = l->wanted, .wants = params->wants, .options = &l->options};
}

static enum rc log_open(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	(void)hints;
	struct log *l = mem_zero(1, sizeof *l);
	l->base.ops = &dissect_elff;
	l->src = src;
	enum rc rc = options_read(params, &l->options, e);
	if (rc != RC_OK) {
		log_close(&l->base);
		return rc;
	}
	make_batch(l, params);
	elff_init(&l->elff, &l->options);
	record_clear(&l->record);
	*out = &l->base;
	return RC_OK;
}

static enum rc begin(struct log *l, struct err *e)
{
	const uint8_t *bytes;
	size_t have;
	struct source *plain = NULL, *inner = l->src;
	l->src = NULL;
	enum rc rc = unpack_open(inner, &plain, e);
	if (rc != RC_OK)
		return rc;
	lines_init(&l->lines, plain, l->options.max_line);
	l->begun = true;
	rc = lines_begin(&l->lines, &bytes, &have, e);
	if (rc == RC_OK && l->options.format == LOG_AUTO && !l->options.spot)
		return detect_format(bytes, have, &l->format, e);
	l->format = l->options.format == LOG_AUTO ? LOG_ELFF : l->options.format;
	return rc == RC_END ? RC_OK : rc;
}

static void reject(struct log *l, const struct line *line, const char *why)
{
	char reason[256];
	snprintf(reason, sizeof reason, "line %" PRIu64 ": %s", line->number, why);
	batch_reject(
	    l->batch, line->offset, line->length, 1, reason, line->at, line->size < BATCH_RAW ? line->size : BATCH_RAW);
}

/* Cut the line by the dialect; NULL, or why it is no record. */
static const char *read_record(struct log *l, const uint8_t *at, const uint8_t *end)
{
	const char *reason = NULL;
	bool good;
	if (l->format == LOG_ELFF) {
		good = elff_record(&l->elff, at, end, l->extras, &l->record, l->batch->counter);
		reason = l->elff.reason;
	} else if (l->format == LOG_SQUID) {
		good = squid_record(at, end, &l->record, &reason);
	} else {
		good = clf_record(at, end, l->format == LOG_COMBINED, &l->days, &l->record, &reason);
	}
	return good ? NULL : reason;
}

static void take_line(struct log *l, const struct line *line)
{
	uint64_t *counter = l->batch->counter;
	const uint8_t *at = line->at, *end = at + line->size;
	counter[COUNT_NUL_BYTES] += line->padding;
	if (line->cut || line->too_long) {
		counter[COUNT_LINES_TOO_LONG] += line->too_long;
		reject(l, line, line->cut ? "cut: the input is damaged behind it" : "longer than max_line");
		return;
	}
	if (line->number == 1 && line->size >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
		at += 3;
	if (l->format == LOG_ELFF) {
		const uint8_t *record = elff_unprefixed(at, end);
		counter[COUNT_SYSLOG_PREFIXES] += record != at;
		at = record;
	}
	while (at < end && is_blank(*at))
		at++;
	if (at == end)
		return;
	if (*at == '#') {
		if (l->format == LOG_ELFF)
			elff_directive(&l->elff, at, end, counter);
		return;
	}
	const char *reason = read_record(l, at, end);
	if (reason != NULL) {
		reject(l, line, reason);
		return;
	}
	l->row.line = *line;
	row_put(&l->row, &l->record);
}

static bool has_room(const struct batch *b)
{
	return b->rows < b->row_capacity && b->rejects < BATCH_REJECTS && b->size - b->arena_at - b->arena_used >= ROOM;
}

/* What was compressed is damaged: the rest is one reject. */
static void end_damaged(struct log *l, const struct err *e)
{
	batch_reject(l->batch, source_offset(l->lines.src), 0, REJECT_ROWS_UNKNOWN, e->text, NULL, 0);
	l->clean = false;
}

static enum rc fill_batch(struct log *l, struct err *e)
{
	struct line line;
	while (!l->ended && has_room(l->batch)) {
		enum rc rc = lines_next(&l->lines, &line, e);
		if (rc == RC_OK) {
			take_line(l, &line);
			continue;
		}
		l->batch->counter[COUNT_NUL_BYTES] += line.padding;
		if (rc != RC_END && rc != RC_BAD)
			return rc;
		l->ended = true;
		l->clean = rc == RC_END;
		if (rc == RC_BAD)
			end_damaged(l, e);
	}
	return RC_OK;
}

static enum rc log_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	struct log *l = (struct log *)d;
	enum rc rc;
	if (!l->begun && l->failed == RC_OK)
		l->failed = begin(l, &l->why);
	if (l->failed != RC_OK) {
		*e = l->why;
		return l->failed;
	}
	for (;;) {
		batch_reset(l->batch);
		rc = fill_batch(l, e);
		if (batch_holds(l->batch)) {
			*out = l->batch;
			return RC_OK;
		}
		if (rc != RC_OK)
			return rc;
		if (l->ended) {
			*clean = l->clean;
			return RC_END;
		}
	}
}

const struct dissect_ops dissect_elff = {
    .name = "elff",
    .version = "1",
    .dataset = "proxy",
    .field = log_field,
    .fields = LOG_FIELD_COUNT,
    .counter = counter_name,
    .counters = LOG_COUNTER_COUNT,
    .unread = 1u << COUNT_NUMBERS_OUT_OF_RANGE | 1u << COUNT_NUMBERS_MALFORMED,
    .open = log_open,
    .next = log_next,
    .close = log_close,
};
