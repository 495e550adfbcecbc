/*
 * One original at a time: its rows go to the draft's table files, what became of it to the manifest's line. An event
 * that can't be honoured stops its partition: skipping it would lose an original without anybody noticing.
 */
#include "pipe/intake.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "confine/confine.h"
#include "format/avro.h"
#include "format/avsc.h"
#include "pipe/limits.h"
#include "pipe/original.h"
#include "pipe/route.h"

enum {
	DECODE_ROWS = 4096,
	DECODE_ARENA = 1 << 20, /* room for the longest row and many short ones */
	SCHEMA_MAX = 1 << 20,
	COUNTERS_MAX = 16 << 10,
	CHUNK_ROWS = 512, /* encoded at once */
	CHUNK_MAX = 1 << 30,
	VERSION_TEXT = 128,
	PATH_BYTES = 512,
};

struct intake {
	const struct bench *bench;
	const struct pipeline *pipeline;
	char dissector[VERSION_TEXT]; /* ours: "nfcapd/1" */
	struct route *route;
	struct report report;
	struct writer counters;
	uint64_t stored; /* rows of the original so far */
	uint64_t outside;
	const struct intake_sieve *sieve; /* of intake_sift, else NULL */
	uint16_t kept[BATCH_ROWS];
	bool cut; /* rows of too many hours */

	struct avro_decoder *decoder;
	struct schema *foreign; /* the decoder's writer, when it is not the pipeline's own */
	uint64_t fingerprint;   /* of the decoder's writer */
	struct batch *batch;
	struct avro_encoder *encoder; /* of an original that came as a file on a topic of rows */
	struct writer chunk;
};

struct intake *intake_new(const struct bench *bench, const struct pipeline *pipeline)
{
	struct intake *in = mem_zero(1, sizeof *in);

	in->bench = bench;
	in->pipeline = pipeline;
	snprintf(in->dissector, sizeof in->dissector, "%s/%s", pipeline->dissector->name, pipeline->dissector->version);
	in->route = route_new(bench->settings->partitions_max);
	report_init(&in->report, pipeline->dissector);
	report_bound(&in->report, bench->settings->rejects_max);
	writer_init(&in->counters, COUNTERS_MAX);
	writer_init(&in->chunk, CHUNK_MAX);
	return in;
}

static void drop_decoder(struct intake *in)
{
	avro_decoder_free(&in->decoder);
	schema_free(&in->foreign);
}

void intake_free(struct intake **in)
{
	if (*in == NULL)
		return;
	drop_decoder(*in);
	avro_encoder_free(&(*in)->encoder);
	writer_fini(&(*in)->chunk);
	if ((*in)->batch != NULL)
		batch_free(&(*in)->batch);
	route_free(&(*in)->route);
	report_fini(&(*in)->report);
	writer_fini(&(*in)->counters);
	mem_free(in);
}

/* The counters that are not zero, as a JSON object. */
static const char *counters_text(struct intake *in)
{
	const struct report *r = &in->report;
	const char *comma = "";

	writer_reset(&in->counters);
	writer_text(&in->counters, "{");
	for (size_t i = 0; i < r->dissector->counters && i < BATCH_COUNTERS; i++) {
		if (r->counter[i] == 0)
			continue;
		writer_format(&in->counters, "%s\"%s\":%" PRIu64, comma, r->dissector->counter[i], r->counter[i]);
		comma = ",";
	}
	writer_put(&in->counters, "}", 2);
	assert(!in->counters.failed);
	return comma[0] != '\0' ? (const char *)in->counters.bytes : NULL;
}

static enum rc add_original(struct intake *in, struct draft *d, const struct event *ev, const char *dissector,
    const char *settled, struct err *e)
{
	const struct report *r = &in->report;
	struct manifest_original o = {.again = ev->again,
	    .name = ev->name,
	    .path = ev->path,
	    .pipeline = in->pipeline->name,
	    .dissector = dissector,
	    .size = ev->size,
	    .parts = ev->parts,
	    .rows = in->stored,
	    .rejects = r->rejects,
	    .lost = r->lost,
	    .outside = r->outside,
	    .ahead = r->ahead,
	    .behind = r->behind,
	    .clean = r->clean,
	    .counters = counters_text(in),
	    .reason = r->reason[0] != '\0' ? r->reason : NULL,
	    .settled = settled,
	    .note = r->note[0] != '\0' ? r->note : NULL};

	memcpy(o.original, ev->original, SHA256_BYTES);
	return draft_original(d, &o, r, e);
}

static enum rc decoder_for(struct intake *in, uint64_t fingerprint, struct err *e);

/* File events. */

/* Selected rows of a batch, the way that rows events take: encoded, and decoded into rendered rows. */
static enum rc store_rendered(struct intake *in, struct draft *d, int64_t hour, const struct table_source *source,
    const struct batch *b, const uint16_t *sel, size_t n, struct err *e)
{
	uint64_t none = 0;

	writer_reset(&in->chunk);
	avro_array_head(&in->chunk, n);
	avro_encode(in->encoder, b, sel, n, &in->chunk, &in->outside);
	avro_array_tail(&in->chunk);
	avro_decode_begin(in->decoder, in->chunk.bytes, in->chunk.len);
	for (;;) {
		batch_reset(in->batch);
		enum rc rc = avro_decode_next(in->decoder, in->batch, e);
		if (rc == RC_OK)
			rc = draft_rows(d, hour, source, in->batch, NULL, in->batch->rows, &none, e);
		if (rc != RC_OK)
			return rc == RC_END ? RC_OK : rc;
	}
}

/* An original that fits no event comes as a file on a topic of rows, whose table files take rendered rows only. */
static enum rc store_group(struct intake *in, struct draft *d, const struct table_source *source, const struct batch *b,
    const struct route_group *g, struct err *e)
{
	uint16_t all[CHUNK_ROWS];
	enum rc rc = RC_OK;

	if (!draft_renders(d))
		return draft_rows(d, g->hour, source, b, g->rows, g->count, &in->outside, e);
	if (in->encoder == NULL)
		in->encoder = avro_encoder_new(in->pipeline->projection);
	rc = decoder_for(in, in->pipeline->schema->fingerprint, e);
	for (size_t at = 0; at < g->count && rc == RC_OK; at += CHUNK_ROWS) {
		size_t n = g->count - at < CHUNK_ROWS ? g->count - at : CHUNK_ROWS;
		for (size_t i = 0; g->rows == NULL && i < n; i++)
			all[i] = (uint16_t)(at + i);
		rc = store_rendered(in, d, g->hour, source, b, g->rows != NULL ? g->rows + at : all, n, e);
	}
	return rc;
}

/* The rows of a group that the sieve lets pass, all where there is none. */
static struct route_group sift(struct intake *in, const struct batch *b, const struct route_group *g)
{
	struct route_group out = {.hour = g->hour, .rows = in->kept};
	if (in->sieve == NULL)
		return *g;
	for (size_t i = 0; i < g->count; i++) {
		uint16_t row = g->rows != NULL ? g->rows[i] : (uint16_t)i;
		if (in->sieve->keep(in->sieve->context, b, row))
			in->kept[out.count++] = row;
	}
	return out;
}

/* The rows of a batch, each to its hour. */
static enum rc take_batch(
    struct intake *in, struct draft *d, const struct event *ev, const struct batch *b, struct err *e)
{
	const struct table_source source = {.original = ev->original, .dissector = in->dissector};
	const struct route_group *group = NULL;
	size_t groups = 0, left_out = 0;
	enum rc rc = RC_OK;

	report_batch(&in->report, b);
	route_split(in->route, b, in->pipeline->projection->time, &group, &groups, &left_out);
	for (size_t i = 0; i < groups && rc == RC_OK; i++) {
		const struct route_group g = sift(in, b, &group[i]);
		if (d != NULL)
			rc = store_group(in, d, &source, b, &g, e);
		in->stored += g.count;
		report_hour(&in->report, g.hour, g.count);
	}
	in->cut |= left_out > 0;
	if (rc == RC_OK && left_out > 0)
		report_reject(&in->report, 0, 0, left_out, "too_many_hours");
	return rc;
}

/* Every batch of an original. A refusal (RC_BAD of the dissector) is an outcome, not a failure: *refused, reason in e.
 */
static enum rc take_batches(struct intake *in, struct draft *d, const struct event *ev, struct dissector *from,
    const struct intake_halt *halt, bool *refused, struct err *e)
{
	for (;;) {
		const struct batch *b = NULL;
		bool clean = true;
		enum rc rc = dissect_next(from, &b, &clean, e);
		if (rc == RC_END) {
			in->report.clean = clean;
			return RC_OK;
		}
		if (rc == RC_BAD) {
			*refused = true;
			return RC_OK;
		}
		if (rc == RC_OK)
			rc = take_batch(in, d, ev, b, e);
		if (rc != RC_OK)
			return rc;
		if (halt->asked != NULL && halt->asked(halt->context))
			return err_set(RC_AGAIN, e, "asked to stop");
	}
}

static enum rc dissect_original(struct intake *in, struct draft *d, const struct event *ev, struct original *original,
    const struct intake_halt *halt, bool *refused, struct err *e)
{
	const struct pipeline *p = in->pipeline;
	const struct dissect_hints hints = {
	    .name = ev->name, .size = ev->size, .slot_s = ev->slot_s, .archived_s = ev->archived_s};
	const struct dissect_params params = dissect_params_of(p->projection, p->option, p->options);
	struct dissector *from = NULL;
	enum rc rc = cell_open(in->bench->cell, p->dissector, original_source(original), &hints, &params, &from, e);

	if (rc != RC_OK)
		return rc;
	rc = take_batches(in, d, ev, from, halt, refused, e);
	report_note(&in->report, from);
	dissect_close(&from);
	return rc;
}

/* The dissector has said why, in e. */
static enum rc refuse(struct intake *in, const struct event *ev, struct err *e)
{
	uint8_t raw[REPORT_RAW];
	size_t got = 0;
	struct err why = *e;
	enum rc rc = ev->size > 0 ? store_get_range(in->bench->store, ev->path, 0, raw, sizeof raw, &got, e) : RC_OK;

	if (rc == RC_END)
		rc = err_set(RC_AGAIN, e, "%s vanished", ev->path);
	if (rc == RC_OK)
		report_refuse(&in->report, ev->size, why.text, raw, got);
	return rc;
}

enum rc intake_file(
    struct intake *in, struct draft *d, const struct event *ev, const struct intake_halt *halt, struct err *e)
{
	struct original *original = NULL;
	struct err check;
	bool refused = false;
	enum rc rc = original_open(in->bench->store, ev, &original, e);

	if (rc == RC_END)
		return err_set(RC_BAD, e, "the original %s is not in the lake", ev->path);
	if (rc != RC_OK)
		return rc;
	report_reset(&in->report, in->pipeline->dissector);
	report_expect(&in->report, ev->archived_s, in->bench->settings->behind_ms, in->bench->settings->ahead_ms);
	route_begin(in->route);
	if (in->sieve == NULL || in->sieve->first)
		in->stored = in->outside = 0;
	in->cut = false;
	rc = dissect_original(in, d, ev, original, halt, &refused, e);
	if (rc == RC_OK)
		rc = FAULT(WORKER_DISSECTED, e);
	/* Also a refusal is believed only if these are the bytes that were archived. */
	if (rc == RC_OK && (rc = original_check(original, &check)) != RC_OK) {
		*e = check;
		err_wrap(rc, e, "%s", ev->path);
	}
	original_close(&original);
	if (rc != RC_OK)
		return rc;
	if (refused && (rc = refuse(in, ev, e)) != RC_OK)
		return rc;
	in->report.outside += in->outside;
	if (d == NULL || (in->sieve != NULL && !in->sieve->last))
		return RC_OK;
	limits_original(
	    in->bench->figures, route_hours(in->route), in->cut, in->report.entries.len, in->report.silent > 0);
	return add_original(in, d, ev, in->dissector, NULL, e);
}

enum rc intake_sift(struct intake *in, struct draft *d, const struct event *ev, const struct intake_sieve *sieve,
    const struct intake_halt *halt, struct err *e)
{
	in->sieve = sieve;
	enum rc rc = intake_file(in, d, ev, halt, e);
	in->sieve = NULL;
	return rc;
}

enum rc intake_settle(struct intake *in, struct draft *d, const struct event *ev, const char *why, struct err *e)
{
	report_reset(&in->report, in->pipeline->dissector);
	in->stored = 0;
	return add_original(in, d, ev, in->dissector, why, e);
}

const struct report *intake_report(const struct intake *in)
{
	return &in->report;
}

/* Rows events. */

static enum rc load_schema(struct intake *in, uint64_t fingerprint, struct schema **out, struct err *e)
{
	char path[PATH_BYTES];
	char *text = NULL;
	size_t size = 0;
	enum rc rc;

	lake_schema(path, sizeof path, fingerprint);
	rc = store_get(in->bench->store, path, SCHEMA_MAX, &text, &size, e);
	if (rc == RC_END)
		return err_set(RC_BAD, e, "the schema %s of an event is not in the lake", path);
	if (rc == RC_OK)
		rc = avsc_read(path, text, size, out, e);
	mem_free(&text);
	return rc;
}

/* A decoder for rows of that schema into the pipeline's table. */
static enum rc decoder_for(struct intake *in, uint64_t fingerprint, struct err *e)
{
	const struct pipeline *p = in->pipeline;
	enum rc rc = RC_OK;

	if (in->decoder != NULL && in->fingerprint == fingerprint)
		return RC_OK;
	drop_decoder(in);
	if (fingerprint != p->schema->fingerprint)
		rc = load_schema(in, fingerprint, &in->foreign, e);
	if (rc == RC_OK)
		rc = avro_decoder_open(in->foreign != NULL ? in->foreign : p->schema, p->schema, &in->decoder, e);
	if (rc != RC_OK) {
		drop_decoder(in);
		return err_wrap(rc, e, "rows of schema %016" PRIx64, fingerprint);
	}
	in->fingerprint = fingerprint;
	if (in->batch == NULL)
		in->batch = batch_new(p->rendered->types, p->rendered->wants, DECODE_ROWS, DECODE_ARENA);
	return RC_OK;
}

enum rc intake_rows_begin(struct intake *in, const struct event *ev, struct err *e)
{
	report_reset(&in->report, in->pipeline->dissector);
	in->stored = 0;
	if (ev->report == NULL)
		return err_set(RC_BAD, e, "part 0 has no report");
	return report_read(&in->report, ev->report, strlen(ev->report), e);
}

enum rc intake_rows_part(struct intake *in, struct draft *d, const struct event *ev, struct err *e)
{
	const struct table_source source = {.original = ev->original, .dissector = ev->dissector};
	uint64_t rows = 0, outside = 0;
	enum rc rc;

	if (ev->rows == 0)
		return RC_OK;
	if ((rc = decoder_for(in, ev->schema, e)) != RC_OK)
		return rc;
	avro_decode_begin(in->decoder, ev->value.at, ev->value.len);
	for (;;) {
		batch_reset(in->batch);
		rc = avro_decode_next(in->decoder, in->batch, e);
		if (rc == RC_END)
			break;
		if (rc == RC_OK)
			rc = draft_rows(d, ev->hour, &source, in->batch, NULL, in->batch->rows, &outside, e);
		if (rc != RC_OK)
			return rc;
		rows += in->batch->rows;
	}
	in->stored += rows;
	if (rows != ev->rows)
		return err_set(RC_BAD, e, "an event of %" PRIu64 " rows holds %" PRIu64, ev->rows, rows);
	return RC_OK;
}

enum rc intake_rows_end(struct intake *in, struct draft *d, const struct event *ev, struct err *e)
{
	const struct report *r = &in->report;

	/* What the dissector gave is stored or counted as lost: parts that were cut differently would show here. */
	if (in->stored > r->rows || r->rows - in->stored > r->lost)
		return err_set(
		    RC_BAD, e, "parts hold %" PRIu64 " rows, their report says %" PRIu64, in->stored, r->rows);
	enum rc rc = FAULT(WORKER_TAKEN, e);
	return rc == RC_OK ? add_original(in, d, ev, ev->dissector, NULL, e) : rc;
}
