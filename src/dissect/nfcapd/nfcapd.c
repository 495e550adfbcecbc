/*
 * nfcapd: from blocks of records to batches of rows.
 *
 * Records are gathered in chunks that fit the first-level cache, sorted by plan, and filled in column by column. What
 * changes the meaning of later records (a map, an exporter) ends a chunk, so that every record is read with what stood
 * before it.
 */
#include "dissect/nfcapd/nfcapd.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dissect/nfcapd/blocks.h"
#include "dissect/nfcapd/columns.h"
#include "dissect/nfcapd/counters.h"
#include "dissect/nfcapd/exporters.h"
#include "dissect/nfcapd/maps.h"
#include "dissect/nfcapd/plan.h"
#include "dissect/nfcapd/slot.h"
#include "dissect/nfcapd/wire.h"

enum {
	ROWS = 4096, /* in a batch: a Spot row is 150 bytes */
	ROWS_LEAST = 256,
	FLOW_BYTES = 80,           /* of a short record, for the guess how many rows an input has */
	FLOW_PACKED = 20,          /* and compressed */
	CHUNK = 256,               /* records at a time: 32 KiB of a v5 file */
	ARENA = 256 << 10,         /* when bytes are wanted; a record has less than 64 KiB of them */
	VERSION_MASK = 0x0FFFFFFF, /* the top nibble says how the writer was built */
	VERSION_173 = 0x01070300,
};

/* Flows that were skipped within one block, as one reject. */
struct skipped {
	uint64_t rows;
	uint64_t from, to; /* bytes in the file */
	char reason[96];
};

struct nfcapd {
	struct dissector base;
	unsigned *wanted;
	uint32_t rows;       /* of a batch, as asked for; 0 our choice */
	uint64_t size;       /* of the input, as hinted */
	struct batch *batch; /* made when the header has told what is coming */
	struct batch **spare;
	struct blocks blocks;
	struct maps maps;
	struct plans plans;
	struct exporters exporters;
	struct sums sums;
	int64_t slot_ns;
	bool begun, ended, clean;

	struct block block;
	size_t at; /* next record in the block */
	struct skipped skipped;

	/* the chunk */
	uint32_t chunk;
	uint32_t record[CHUNK], sorted[CHUNK];
	uint16_t row[CHUNK];
	const struct plan *plan[CHUNK];
};

static const char *const counter_name[NFCAPD_COUNTER_COUNT] = {
#define X(id, name) [COUNT_##id] = name,
    NFCAPD_COUNTERS(X)
#undef X
};

static void nfcapd_close(struct dissector *d)
{
	struct nfcapd *n = (struct nfcapd *)d;
	plans_fini(&n->plans);
	maps_fini(&n->maps);
	exporters_fini(&n->exporters);
	blocks_fini(&n->blocks);
	batch_keep(&n->batch, n->spare);
	mem_free(&n->wanted);
	mem_free(&n);
}

/* As many rows as the input may have: the columns of a small file share pages, which is most of what it costs. */
static uint32_t rows_for(const struct nfcapd *n)
{
	uint64_t rows = n->size == DISSECT_SIZE_UNKNOWN
	                    ? ROWS
	                    : n->size / (n->blocks.codec == CODEC_NONE ? FLOW_BYTES : FLOW_PACKED);
	if (n->rows != 0)
		return n->rows;
	return rows >= ROWS ? ROWS : rows <= ROWS_LEAST ? ROWS_LEAST : (uint32_t)rows;
}

static struct batch *new_batch(const struct nfcapd *n)
{
	enum type types[BATCH_COLUMNS];
	bool bytes = false;
	for (size_t i = 0; i < n->plans.wants; i++) {
		types[i] = nfcapd_field[n->wanted[i]].type;
		bytes |= types[i] == TYPE_BYTES;
	}
	return batch_again(n->spare, types, n->plans.wants, rows_for(n), bytes ? ARENA : 0);
}

static enum rc nfcapd_open(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	if (params->options > 0) {
		source_close(&src);
		return err_set(RC_BAD, e, "nfcapd has no option \"%.100s\", nor any other", params->option[0].key);
	}
	struct nfcapd *n = mem_zero(1, sizeof *n);
	n->base.ops = &dissect_nfcapd;
	n->wanted = mem_copy(params->wanted, params->wants * sizeof *n->wanted);
	n->rows = params->rows;
	n->spare = params->spare;
	n->size = hints->size;
	n->slot_ns = hints->slot_s > 0 ? hints->slot_s * NS_PER_S : 0;
	blocks_init(&n->blocks, src);
	plans_init(&n->plans, n->wanted, params->wants, &n->maps);
	*out = &n->base;
	return RC_OK;
}

static void fill(struct nfcapd *n, struct run *r)
{
	columns_fill(r);
	columns_sum(r, &n->sums);
}

/* Records of one plan together, each with the row it has in the file. */
static void fill_sorted(struct nfcapd *n, struct run *r)
{
	uint32_t begin[PLANS + 1] = {0};
	for (uint32_t i = 0; i < n->chunk; i++)
		begin[n->plan[i]->number + 1]++;
	for (unsigned p = 0; p < PLANS; p++)
		begin[p + 1] += begin[p];
	for (uint32_t i = 0; i < n->chunk; i++) {
		uint32_t to = begin[n->plan[i]->number]++;
		n->sorted[to] = n->record[i];
		n->row[to] = (uint16_t)(n->batch->rows + i);
	}
	/* begin[p] has moved to the end of p. */
	for (unsigned p = 0, from = 0; p < n->plans.count; from = begin[p++]) {
		r->plan = n->plans.plan[p];
		r->at = n->sorted + from;
		r->row = n->row + from;
		r->count = begin[p] - from;
		if (r->count > 0)
			fill(n, r);
	}
}

static void fill_chunk(struct nfcapd *n)
{
	struct run r = {.batch = n->batch,
	    .base = n->block.bytes,
	    .first_row = n->batch->rows,
	    .exporters = &n->exporters,
	    .slot_ns = n->slot_ns};
	bool one = true;
	for (uint32_t i = 1; i < n->chunk; i++)
		one &= n->plan[i] == n->plan[0];
	if (n->chunk > 0 && one) {
		r.plan = n->plan[0];
		r.at = n->record;
		r.count = n->chunk;
		fill(n, &r);
	} else if (n->chunk > 0) {
		fill_sorted(n, &r);
	}
	n->batch->rows += n->chunk;
	n->chunk = 0;
}

static void skip_flow(struct nfcapd *n, const uint8_t *record, enum plan_found why)
{
	struct skipped *s = &n->skipped;
	uint64_t begin = n->block.offset, end = begin + n->block.length;
	if (n->block.in_place) {
		begin += BLOCK_HEADER + (uint64_t)(record - n->block.bytes);
		end = begin + load16(record + 2);
	}
	if (s->rows++ == 0) {
		s->from = begin;
		snprintf(s->reason, sizeof s->reason,
		    why == PLAN_NO_MAP ? "flows name extension map %u, which is missing"
		                       : "flows are shorter than their extension map %u",
		    (unsigned)load16(record + 6));
	}
	s->to = end;
	n->batch->counter[COUNT_MAPS_MISSING] += why == PLAN_NO_MAP;
}

/* Statistics of an older development version are shorter: as good as none. */
static void keep_statistics(struct nfcapd *n, const uint8_t *record)
{
	const uint8_t *p = record + RECORD_HEADER;
	if (load16(record + 2) >= RECORD_HEADER + STATISTICS_BYTES)
		n->blocks.statistics = (struct statistics){.known = true,
		    .flows = load64(p),
		    .bytes = load64(p + 8),
		    .packets = load64(p + 16),
		    .sequence_failures = load64(p + 136)};
}

/* A record that is no flow. */
static void other_record(struct nfcapd *n, const uint8_t *record)
{
	switch (load16(record)) {
	case RECORD_MAP:
		if (maps_put(&n->maps, record, load16(record + 2)))
			plans_clear(&n->plans);
		break;
	case RECORD_EXPORTER:
		exporters_put(&n->exporters, record);
		break;
	case RECORD_STATISTICS:
		keep_statistics(n, record);
		break;
	case RECORD_IDENT:
	case RECORD_SLACK:
		break;
	default:
		n->batch->counter[COUNT_UNKNOWN_RECORDS] += load16(record) > RECORD_KNOWN || load16(record) == 0;
		break;
	}
}

static bool is_flow(const uint8_t *record)
{
	unsigned type = load16(record);
	return type == RECORD_V3 || type == RECORD_COMMON || type == RECORD_COMMON_0;
}

/* Does one more row of this plan fit the arena, beside those of the chunk? */
static bool arena_fits(const struct nfcapd *n, const struct plan *plan, size_t promised)
{
	const struct batch *b = n->batch;
	return plan->arena == 0 || promised + plan->arena <= b->size - b->arena_at - b->arena_used;
}

/* Gather and fill until the block is used up or the batch is full; true: full. */
static bool take_records(struct nfcapd *n)
{
	size_t promised = 0;
	while (n->at < n->block.size) {
		const uint8_t *record = n->block.bytes + n->at;
		if (!is_flow(record)) {
			fill_chunk(n);
			promised = 0;
			other_record(n, record);
			n->at += load16(record + 2);
			continue;
		}
		if (n->batch->rows + n->chunk == n->batch->row_capacity)
			break;
		const struct plan *plan;
		enum plan_found found = plans_find(&n->plans, record, &plan);
		if (found == PLAN_FULL || n->chunk == CHUNK) {
			fill_chunk(n);
			promised = 0;
			if (found == PLAN_FULL)
				plans_clear(&n->plans);
			continue;
		}
		if (found == PLAN_FOUND) {
			if (!arena_fits(n, plan, promised))
				break;
			promised += plan->arena;
			n->record[n->chunk] = (uint32_t)n->at;
			n->plan[n->chunk++] = plan;
		} else {
			skip_flow(n, record, found);
		}
		n->at += load16(record + 2);
	}
	fill_chunk(n);
	return n->at < n->block.size;
}

/* Rejects that wait, the earlier first. false: the batch has no room for them. */
static bool hand_over_rejects(struct nfcapd *n)
{
	struct skipped *s = &n->skipped;
	if (s->rows > 0 && n->at >= n->block.size) {
		if (!batch_reject(n->batch, s->from, s->to - s->from, s->rows, s->reason, NULL, 0))
			return false;
		s->rows = 0;
	}
	struct damage *d = &n->blocks.damage;
	if (d->set) {
		if (!batch_reject(n->batch, d->offset, d->length, d->rows, d->reason, d->raw, d->raw_length))
			return false;
		d->set = false;
		n->batch->counter[COUNT_BLOCKS_DAMAGED]++;
	}
	return true;
}

/* nfdump counts what went both ways in its statistics, older writers what came in. */
static bool statistics_agree(const struct statistics *s, const struct sums *sums)
{
	return (s->flows == sums->flows || s->flows == sums->rows) &&
	       (s->bytes == sums->in_bytes || s->bytes == sums->in_bytes + sums->out_bytes) &&
	       (s->packets == sums->in_packets || s->packets == sums->in_packets + sums->out_packets);
}

static void finish(struct nfcapd *n)
{
	const struct statistics *s = &n->blocks.statistics;
	uint64_t *counter = n->batch->counter;
	bool unfinished = blocks_unfinished(&n->blocks);
	blocks_missing(&n->blocks);
	counter[COUNT_UNFINISHED] += unfinished;
	n->clean = n->blocks.damages == 0 && !unfinished;
	n->ended = true;
	/* A killed writer of layout 1 has left zeros there. */
	if (!s->known || (unfinished && s->flows == 0))
		return;
	counter[COUNT_SEQUENCE_FAILURES] += s->sequence_failures;
	counter[COUNT_STAT_MISMATCH] += !statistics_agree(s, &n->sums);
}

static enum rc begin(struct nfcapd *n, struct err *e)
{
	enum rc rc = blocks_header(&n->blocks, e);
	if (rc == RC_OK) {
		n->begun = true;
		n->batch = new_batch(n);
		n->plans.since_173 = (n->blocks.writer & VERSION_MASK) >= VERSION_173;
	}
	return rc;
}

/* Fill the batch. RC_END: nothing more will come. */
static enum rc fill_batch(struct nfcapd *n, struct err *e)
{
	for (;;) {
		if (take_records(n) || !hand_over_rejects(n))
			return RC_OK;
		if (n->ended)
			return RC_END;
		enum rc rc = blocks_next(&n->blocks, &n->block, e);
		n->at = 0;
		if (rc == RC_END)
			finish(n);
		else if (rc != RC_OK)
			return rc;
	}
}

static enum rc nfcapd_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	struct nfcapd *n = (struct nfcapd *)d;
	enum rc rc = n->begun ? RC_OK : begin(n, e);
	if (rc != RC_OK)
		return rc;
	batch_reset(n->batch);
	rc = fill_batch(n, e);
	/* Rows that came before the end or an error go first; the same will be said again. */
	if (batch_holds(n->batch) && rc != RC_OK)
		rc = RC_OK;
	if (rc == RC_OK)
		*out = n->batch;
	else if (rc == RC_END)
		*clean = n->clean;
	return rc;
}

const struct dissect_ops dissect_nfcapd = {
    .name = "nfcapd",
    .version = "1",
    .dataset = "flow",
    .field = nfcapd_field,
    .fields = NFCAPD_FIELD_COUNT,
    .counter = counter_name,
    .counters = NFCAPD_COUNTER_COUNT,
    .slot = nfcapd_slot,
    .open = nfcapd_open,
    .next = nfcapd_next,
    .close = nfcapd_close,
};
