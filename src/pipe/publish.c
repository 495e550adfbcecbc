/*
 * The order of effects: ledger (archived, with topic, partition, parts), durable; bus, acknowledged; ledger
 * (published); manifest seen; ledger (committed); `after:`. A crash between any two leaves the ledger at or behind the
 * truth, and every step can be done again.
 */
#include "pipe/publish.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "pipe/event.h"
#include "pipe/figures.h"
#include "pipe/follow.h"
#include "pipe/limits.h"
#include "pipe/record.h"
#include "pipe/settled.h"

enum { PART_ROOM = 6 << 10, FLUSH_MS = 500, NS_PER_MS = 1000000, IDLE_MS = 1000, SLICE_MS = 200 };

struct place { /* a partition we publish to */
	const char *topic;
	unsigned partition;
	uint64_t floor; /* the next event can't be acknowledged below: it would be where others were */
	uint64_t top;   /* behind the last one acknowledged in this flush */
	bool lost;
};

struct publish {
	struct publish_params params;
	struct bus *bus;
	struct store *store;
	struct ledger *ledger;
	struct follow *follow;
	struct record_params record;
	struct place *place;
	size_t places;
	bool too_large;
	struct err too_large_why;
	struct record_marks marks; /* acknowledged, not yet in the ledger */
	struct settled settled;
	struct mono quiet_until; /* a service failed: don't ask again before */
	int64_t backoff_ms;
	struct mono blocked; /* the bus takes nothing since then, 0: it does */
};

static const char *topic_of(const struct pipeline *p, bool rows)
{
	return rows ? p->topic_rows : p->topic_files;
}

static struct place *place_of(const struct publish *p, const char *topic, unsigned partition)
{
	for (size_t i = 0; i < p->places; i++)
		if (p->place[i].partition == partition && strcmp(p->place[i].topic, topic) == 0)
			return &p->place[i];
	return NULL;
}

enum rc publish_open(const struct publish_params *params, struct bus *bus, struct store *store, struct ledger *ledger,
    struct publish **out, struct err *e)
{
	struct publish *p = mem_zero(1, sizeof *p);
	p->params = *params;
	p->bus = bus;
	p->store = store;
	p->ledger = ledger;
	p->record = (struct record_params){.settings = params->settings,
	    .partitions = params->partitions,
	    .board = params->board,
	    .run = params->run,
	    .named_at_end = params->named_at_end};
	p->settled = (struct settled){
	    .settings = params->settings, .board = params->board, .store = store, .named_at_end = params->named_at_end};
	for (size_t i = 0; i < 2 * params->settings->pipelines; i++)
		p->places += params->partitions[i];
	p->place = mem_zero(p->places + 1, sizeof *p->place);
	size_t n = 0;
	for (size_t i = 0; i < 2 * params->settings->pipelines; i++)
		for (unsigned k = 0; k < params->partitions[i]; k++)
			p->place[n++] = (struct place){
			    .topic = topic_of(&params->settings->pipeline[i / 2], i % 2), .partition = k};
	enum rc rc = follow_open(params->settings, params->partitions, store, ledger, &p->follow, e);
	if (rc != RC_OK)
		publish_close(&p);
	else
		*out = p;
	return rc;
}

void publish_close(struct publish **p)
{
	struct item *it;
	if (*p == NULL)
		return;
	follow_close(&(*p)->follow);
	mem_free(&(*p)->marks.at);
	mem_free(&(*p)->place);
	while ((it = items_take(&(*p)->settled.gone)) != NULL)
		item_free(&it);
	mem_free(p);
}

static bool stopped(const struct publish *p)
{
	return board_stopped(p->params.board);
}

/* A service failed: say so, wait. RC_FAIL ends the run. */
static void trouble(struct publish *p, enum rc rc, const struct err *e)
{
	if (rc == RC_FAIL) {
		board_fail(p->params.board, e);
		return;
	}
	board_wait(p->params.board, p->params.waiter, e->text);
	p->backoff_ms = board_backoff(p->backoff_ms);
}

static void fine(struct publish *p)
{
	board_go(p->params.board, p->params.waiter);
	p->backoff_ms = 0;
}

static void note_ledger(struct publish *p, enum rc rc, const struct err *e)
{
	if (rc == RC_OK || e->sys == LEDGER_FULL)
		limit_full(board_figures(p->params.board), LIMIT_LEDGER, rc != RC_OK);
}

static void follow_commits(struct publish *p)
{
	struct err e;
	if (mono_since(p->quiet_until) < 0)
		return;
	enum rc rc = follow_poll(p->follow, settled_hear, &p->settled, &e);
	if (rc == RC_OK) {
		if (p->quiet_until.ms != 0)
			fine(p);
		p->quiet_until.ms = 0;
		return;
	}
	note_ledger(p, rc, &e);
	/* A manifest that can't be read holds up the marks, not the data: say so, look again later. */
	board_wait(p->params.board, p->params.waiter, e.text);
	p->quiet_until.ms = clock_mono().ms + IDLE_MS;
}

static bool record(struct publish *p, struct item_list *items)
{
	struct err e;
	bool troubled = false;
	/* At least once, so that what is archived is written down although somebody says stop. */
	do {
		bool marks = p->marks.count > 0;
		enum rc rc = record_items(&p->record, p->ledger, &p->marks, items, &e);
		if (rc == RC_OK && items->count > 0)
			rc = FAULT(COLLECTOR_RECORDED, &e);
		if (rc == RC_OK && marks)
			rc = FAULT(COLLECTOR_MARKED, &e);
		note_ledger(p, rc, &e);
		if (rc == RC_OK) {
			if (troubled)
				fine(p);
			return true;
		}
		troubled = true;
		trouble(p, rc, &e);
		board_sleep(p->params.board, p->backoff_ms);
	} while (!stopped(p));
	return false;
}

static enum rc produce_part(struct publish *p, struct item *it, uint32_t part, const char *dissector, struct err *e)
{
	struct event ev = {.kind = EVENT_FILE,
	    .name = it->name,
	    .path = it->path,
	    .size = it->looks.size,
	    .part = part,
	    .parts = it->parts,
	    .again = it->again,
	    .dissector = dissector,
	    .slot_s = it->slot_s,
	    .archived_s = it->archived_s};
	memcpy(ev.original, it->sha256, SHA256_BYTES);
	ev.has_mac = it->has_mac;
	ev.mac = it->mac;
	if (it->rows.parts != 0) {
		const struct rows_part *r = &it->rows.part[part];
		ev.kind = EVENT_ROWS;
		ev.schema = it->pipeline->schema->fingerprint;
		ev.hour = r->hour;
		ev.rows = r->rows;
		ev.report = part == 0 ? it->rows.report : NULL;
		ev.value = (struct bus_bytes){r->value != NULL ? r->value : (const uint8_t *)"", r->size};
	}
	return event_produce(p->bus, it->topic, it->partition, &ev, it, e);
}

static void acknowledged(void *user, void *context, enum rc rc, uint64_t offset)
{
	struct publish *p = user;
	struct item *it = context;
	if (it == NULL) /* a flush event */
		return;
	it->unacknowledged--;
	if (rc != RC_OK) {
		it->refused = true;
		return;
	}
	struct place *at = place_of(p, it->topic, it->partition);
	if (at == NULL)
		return;
	at->lost |= offset < at->floor;
	if (offset >= at->top)
		at->top = offset + 1;
}

/* Wait for acknowledgements; the bus may be away, then the commits go on meanwhile. */
static enum rc flush(struct publish *p, struct err *e)
{
	enum rc rc = bus_flush(p->bus, FLUSH_MS, acknowledged, p, e);
	/* Within a flush they may come in any order. */
	for (size_t i = 0; i < p->places; i++) {
		struct place *at = &p->place[i];
		at->floor = at->top > at->floor ? at->top : at->floor;
	}
	return rc;
}

enum rc publish_make_anew(struct publish *p, const char *topic, unsigned partitions, struct err *e)
{
	unsigned have = 0;
	log_warn("there is no topic \"%s\" any more: it is made anew", topic);
	for (size_t i = 0; i < p->places; i++)
		p->place[i].lost |= strcmp(p->place[i].topic, topic) == 0;
	return bus_topic_ensure(p->bus, topic, partitions, &have, e);
}

/* Somebody deleted the topic: it is made anew, and what was in it is looked into (publish_suspect). */
static enum rc topic_missing(struct publish *p, const struct item *it, struct err *e)
{
	size_t i = 2 * (size_t)(it->pipeline - p->params.settings->pipeline) + (it->rows_event ? 1 : 0);
	unsigned have = 0;
	enum rc rc = bus_topic_partitions(p->bus, it->topic, &have, e);
	if (rc != RC_END)
		return RC_OK;
	rc = publish_make_anew(p, it->topic, p->params.partitions[i], e);
	return rc == RC_OK ? err_set(RC_AGAIN, e, "there was no topic \"%s\"", it->topic) : rc;
}

static void pause_for(struct publish *p, enum rc rc, const struct err *e)
{
	trouble(p, rc, e);
	follow_commits(p);
	struct mono begun = clock_mono();
	if (p->blocked.ms == 0)
		p->blocked = begun;
	do {
		if (p->params.meanwhile != NULL && !stopped(p))
			p->params.meanwhile(p->params.context, mono_since(p->blocked));
		int64_t left = p->backoff_ms - mono_since(begun);
		if (left > 0)
			board_sleep(p->params.board, left < SLICE_MS ? left : SLICE_MS);
	} while (!stopped(p) && mono_since(begun) < p->backoff_ms);
}

/* Hand over all parts of an item, one after the other. One that stops in the middle counts as refused: it goes again,
 * whole. */
static enum rc produce_item(struct publish *p, struct item *it, struct err *e)
{
	char dissector[128];
	snprintf(dissector, sizeof dissector, "%s/%s", it->pipeline->dissector->name, it->pipeline->dissector->version);
	it->refused = false;
	it->handed = true;
	for (uint32_t part = 0; part < it->parts; part++) {
		enum rc rc = produce_part(p, it, part, dissector, e);
		if (rc == RC_AGAIN && flush(p, e) == RC_OK) /* much is handed over already */
			rc = produce_part(p, it, part, dissector, e);
		if (rc == RC_OK) {
			it->unacknowledged++;
			rc = FAULT(COLLECTOR_PRODUCED, e);
		}
		if (rc == RC_OK)
			continue;
		it->refused = true;
		struct err why = *e;
		if (rc == RC_BAD && (rc = topic_missing(p, it, e)) == RC_OK) {
			/* Larger than the bus takes now, although it was cut by what the bus said then. */
			it->undeliverable = p->too_large = true;
			p->too_large_why = why;
		}
		return rc;
	}
	return RC_OK;
}

static bool to_publish(const struct item *it)
{
	return it->outcome == ITEM_TAKEN && (it->task == ITEM_TAKE || it->task == ITEM_REPUBLISH) && !it->published &&
	       !it->undeliverable;
}

/* Bytes that a bounded bus has left, UINT64_MAX when nobody knows. A bus that holds next to nothing takes anything it
 * can ever take. */
static uint64_t room_on_bus(struct publish *p)
{
	uint64_t used = 0, bound = 0;
	struct err e;
	if (bus_usage(p->bus, &used, &bound, &e) != RC_OK || bound == 0 || used < bound / 16)
		return UINT64_MAX;
	uint64_t slack = bound / 32;
	return used + slack < bound ? bound - used - slack : 0;
}

/* What an item takes there: its parts, and for each its headers and the pages that it does not fill. */
static uint64_t room_for(const struct item *it)
{
	return it->rows.bytes + it->rows.bytes / 8 + (uint64_t)it->parts * PART_ROOM;
}

/*
 * Hand over what fits. A set of parts that was cut by a full bus would stand in the way of all that lies behind it
 * until its rest comes, and the rest could not come: so an item goes whole or not yet.
 */
static enum rc produce_some(struct publish *p, struct item_list *items, struct err *e)
{
	uint64_t room = room_on_bus(p), handed = 0;
	struct metric_slot *figures = board_figures(p->params.board);
	for (struct item *it = items->first; it != NULL; it = it->next) {
		if (!to_publish(it) || it->unacknowledged != 0)
			continue;
		bool fits = room_for(it) <= room - handed;
		if (fits || handed == 0)
			limit_full(figures, LIMIT_BUS, !fits);
		if (!fits)
			return handed > 0 ? RC_OK : err_set(RC_AGAIN, e, "the bus is full");
		if (room != UINT64_MAX)
			handed += room_for(it);
		enum rc rc = produce_item(p, it, e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static void was_published(struct publish *p, struct item *it)
{
	it->published = true;
	record_mark_add(&p->marks, it, clock_wall().ns / NS_PER_MS);
	metric_add(board_figures(p->params.board), FIGURE_FILES_PUBLISHED, 1);
	if (!follow_add(p->follow, it->pipeline, it->topic, it->partition, it->sha256, it->again, it->beside))
		log_warn("commits of topic=%s partition=%u are not followed", it->topic, it->partition);
	item_drop_rows(it);
}

/* Those that are acknowledged whole; how many are not. */
static size_t settle(struct publish *p, struct item_list *items)
{
	size_t left = 0;
	for (struct item *it = items->first; it != NULL; it = it->next) {
		if (!to_publish(it))
			continue;
		if (it->unacknowledged == 0 && !it->refused && it->handed)
			was_published(p, it);
		else
			left++;
	}
	return left;
}

/* Publish until all are acknowledged, in this order. What was refused goes again, all parts of it: the worker takes the
 * first whole set. */
static void produce_all(struct publish *p, struct item_list *items)
{
	struct item_list none = {.count = 0};
	struct err e, flushed;
	size_t left = SIZE_MAX;
	p->blocked.ms = 0;
	while (left > 0 && !stopped(p)) {
		enum rc rc = produce_some(p, items, &e);
		enum rc sent = flush(p, &flushed);
		if (sent == RC_OK)
			sent = FAULT(COLLECTOR_ACKNOWLEDGED, &flushed);
		size_t before = left;
		left = settle(p, items);
		if (left < before) {
			fine(p);
			p->blocked.ms = 0;
		}
		if (left == 0 || (rc == RC_OK && sent == RC_OK))
			continue;
		/* Before it waits: a crash must not make it publish again what is out. */
		(void)record(p, &none);
		pause_for(p, rc != RC_OK ? rc : sent, rc != RC_OK ? &e : &flushed);
	}
}

static void finish(struct publish *p, struct item *it)
{
	if (it->published)
		return;
	if (it->outcome == ITEM_DOUBLE && it->open) {
		const struct pipeline *k = it->pipeline;
		follow_add(p->follow, k, it->rows_event ? k->topic_rows : k->topic_files, it->partition, it->sha256,
		    it->again, 0);
	}
	if (it->outcome == ITEM_DOUBLE && it->committed && !it->leave_source)
		settled_source(&p->settled, it->pipeline, it->source, &it->looks);
	bool counted = it->task == ITEM_TAKE || it->task == ITEM_NOTE;
	if (counted && it->outcome != ITEM_LATER && it->outcome != ITEM_TAKEN && !it->unsettled) {
		board_add(p->params.board, BOARD_FILES_DONE, 1);
		board_add(p->params.board, BOARD_BYTES_DONE, it->looks.size);
	}
}

/* Into the ledger: from then on it knows their content. */
static bool write_down(struct publish *p, struct item_list *items)
{
	bool recorded = record(p, items);
	for (struct item *it = items->first; it != NULL; it = it->next) {
		if (it->claimed)
			inflight_release(p->params.inflight, it->pipeline, it->sha256);
		it->claimed = false;
	}
	return recorded;
}

void publish_mark(struct publish *p)
{
	struct item_list none = {.count = 0};
	if (p->marks.count > 0)
		(void)record(p, &none);
}

bool publish_spool(struct publish *p, struct item_list *items)
{
	bool recorded = write_down(p, items);
	for (struct item *it = items->first; it != NULL; it = it->next) {
		item_drop_rows(it);
		if (recorded)
			finish(p, it);
	}
	return recorded;
}

void publish_items(struct publish *p, struct item_list *items, bool more)
{
	if (!write_down(p, items))
		return;
	produce_all(p, items);
	for (struct item *it = items->first; it != NULL; it = it->next)
		finish(p, it);
	if (!more)
		publish_mark(p);
	follow_commits(p);
}

int64_t publish_idle(struct publish *p)
{
	follow_commits(p);
	if (p->marks.count > 0 || p->settled.gone.count > 0) {
		struct item *it;
		if (record(p, &p->settled.gone))
			while ((it = items_take(&p->settled.gone)) != NULL)
				item_free(&it);
	}
	int64_t due = follow_due_ms(p->follow), quiet = -mono_since(p->quiet_until);
	if (due >= 0 && quiet > due)
		due = quiet;
	return due < 0 || due > IDLE_MS ? IDLE_MS : due;
}

void publish_await(struct publish *p, const struct pipeline *pipeline, const struct ledger_original *o)
{
	if (!follow_add(p->follow, pipeline, o->topic, o->partition, o->sha256, o->again, 0))
		log_warn("an open original's topic is not configured any more topic=%s partition=%u", o->topic,
		    o->partition);
}

static void flush_event(void *context, const char *topic, unsigned partition)
{
	struct publish *p = context;
	const struct event ev = {.kind = EVENT_FLUSH};
	struct err e;
	/* Only a hint: without it the workers commit by age. */
	if (event_produce(p->bus, topic, partition, &ev, NULL, &e) != RC_OK)
		log_debug("no flush event: %s", e.text);
}

void publish_flush_events(struct publish *p)
{
	struct err e;
	follow_each_place(p->follow, flush_event, p);
	if (flush(p, &e) != RC_OK)
		log_debug("flush events: %s", e.text);
}

bool publish_suspect(const struct publish *p, const char *topic, unsigned partition, int64_t quiet_ms, bool *lost)
{
	const struct place *at = place_of(p, topic, partition);
	*lost = at != NULL && at->lost;
	return *lost || follow_is_quiet(p->follow, topic, partition, quiet_ms);
}

bool publish_misses(const struct publish *p, const char *topic, unsigned partition, uint64_t end)
{
	return follow_misses(p->follow, topic, partition, end);
}

bool publish_lost(const struct publish *p)
{
	for (size_t i = 0; i < p->places; i++)
		if (p->place[i].lost)
			return true;
	return false;
}

void publish_intact(struct publish *p, const char *topic, unsigned partition, uint64_t next)
{
	struct place *at = place_of(p, topic, partition);
	if (at == NULL)
		return;
	at->lost = false;
	at->floor = at->top = next;
}

bool publish_too_large(struct publish *p, struct err *why)
{
	bool was = p->too_large;
	p->too_large = false;
	if (was)
		*why = p->too_large_why;
	return was;
}

size_t publish_waits(const struct publish *p)
{
	return follow_waits(p->follow);
}
