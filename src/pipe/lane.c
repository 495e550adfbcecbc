/*
 * What fails in a lane waits in that lane: other partitions go on. An event that can't be honoured is never stepped
 * over; what came before it is committed, and it is tried again until it works or a person looks.
 */
#include "pipe/lane.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/commit.h"
#include "pipe/figures.h"
#include "pipe/house.h"
#include "pipe/limits.h"
#include "pipe/parts.h"
#include "pipe/visible.h"

enum {
	TURN_EVENTS = 64, /* then other lanes have their turn */
	TURN_MS = 50,
	STANDBY_MS = 1000, /* another process has the partition: look again */
	DYING_MS = 2000,   /* so long it may be one that is about to leave: look often */
	DYING_LOOK_MS = 5,
	WAIT_LEAST_MS = 50, /* back-off of RC_AGAIN, doubling */
	WAIT_MOST_MS = 15000,
	WAIT_BROKEN_MS = 30000, /* of RC_BAD and RC_FAIL: a person has to do something */
	PARTS_GRACE_MS = 5000,  /* a due commit waits that long for the rest of an original */
	COMMIT_FILES = 512,     /* staged files of one commit: rows of very many hours */
	DRAIN_BYTES = 64 << 20, /* a draft beyond is not quick to commit */
	PRESSED_MS = 1000,      /* the bus is filling up: what is in hand is committed at that age */
};

#define NONE UINT64_MAX

enum lane_state { LANE_CLAIM, LANE_RECOVER, LANE_READ };

struct lane {
	const struct bench *bench;
	struct intake *intake;
	struct place place;
	enum lane_state state;

	/* standing by */
	bool stands_by;
	struct mono standing; /* since when */

	/* waiting */
	struct mono due; /* nothing before that */
	int64_t wait_ms; /* of the last back-off, 0 none */
	bool waiting;    /* as the figure says */
	char label[WAITS_WHAT];
	char said[ERR_TEXT];

	/* reading */
	uint64_t start; /* where the chain of commits ends */
	uint64_t next;  /* offset to fetch */
	uint64_t limit; /* the open commit must not pass it, NONE */
	struct draft *draft;
	struct parts *parts;
	uint64_t last; /* offset of the last original in the draft, NONE */
	bool flush;    /* somebody asked for a commit now */
	bool unsure;   /* the last commit failed on its way: it may be there, and not be published */
	uint64_t unsure_end;
	struct draft_totals unsure_totals; /* not counted yet */
	bool reads;                        /* it has asked the bus since it recovered, and the bus has answered */
	bool dry;                          /* there was no further event at the last look */
	bool told_parts;                   /* that it waits for the rest of an original */
	char *text;                        /* of the event read last */
	size_t text_size;

	struct house house;

	/* once */
	bool once, done, failed;
	uint64_t target;
	struct err reason;
};

struct lane *lane_new(const struct bench *bench, struct intake *intake, const struct pipeline *pipeline,
    const char *topic, unsigned partition)
{
	struct lane *l = mem_zero(1, sizeof *l);
	bool rows = strcmp(topic, pipeline->topic_rows) == 0;

	l->bench = bench;
	l->intake = intake;
	place_init(&l->place, topic, partition, pipeline, rows ? pipeline->rendered : pipeline->projection);
	snprintf(l->label, sizeof l->label, "%s/%u", topic, partition);
	l->parts = parts_new();
	l->limit = NONE;
	l->last = NONE;
	return l;
}

bool lane_is(const struct lane *l, const char *topic, unsigned partition)
{
	return l->place.partition == partition && strcmp(l->place.topic, topic) == 0;
}

enum rc lane_once(struct lane *l, struct err *e)
{
	uint64_t first = 0;
	enum rc rc = bus_range(l->bench->bus, l->place.topic, l->place.partition, &first, &l->target, e);

	l->once = rc == RC_OK;
	return rc;
}

/* A partition that was just found taken is most likely one of a process that has been killed: it is to be had in a
 * moment. */
static bool hopes(const struct lane *l)
{
	return l->stands_by && !bus_shares(l->bench->bus) && mono_since(l->standing) < DYING_MS;
}

bool lane_busy(const struct lane *l)
{
	return l->draft != NULL || hopes(l);
}

enum lane_stand lane_stand(const struct lane *l)
{
	if (l->stands_by && !hopes(l))
		return LANE_STANDS_BY;
	return l->reads ? LANE_READS : LANE_STARTS;
}

bool lane_done(const struct lane *l, bool *failed, struct err *e)
{
	*failed = l->failed;
	if (l->failed)
		*e = l->reason;
	return l->done;
}

/* Back to where the chain ends: what was read since is read again. */
static void drop(struct lane *l)
{
	draft_free(&l->draft);
	parts_reset(l->parts);
	l->next = l->start;
	l->last = NONE;
	l->flush = false;
}

static void set_waiting(struct lane *l, bool waiting)
{
	if (l->waiting != waiting)
		metric_add(l->bench->figures, FIGURE_WAITING, waiting ? 1 : UINT64_MAX);
	l->waiting = waiting;
	if (!waiting)
		waits_end(l->bench->waits, l->label);
}

static void works(struct lane *l)
{
	if (l->waiting)
		log_info("goes on topic=%s partition=%u", l->place.topic, l->place.partition);
	set_waiting(l, false);
	l->wait_ms = 0;
	l->said[0] = '\0';
	l->told_parts = false;
}

/* Something is away or wrong: say it once, look again later. */
static void wait_for(struct lane *l, enum rc rc, const struct err *e)
{
	bool broken = rc == RC_BAD || rc == RC_FAIL;

	if (strcmp(l->said, e->text) != 0) {
		if (broken)
			log_error("partition stands still: %s topic=%s partition=%u", e->text, l->place.topic,
			    l->place.partition);
		else
			log_warn("waits: %s topic=%s partition=%u", e->text, l->place.topic, l->place.partition);
		(void)!str_copy(l->said, sizeof l->said, e->text);
	}
	l->wait_ms = l->wait_ms == 0 ? WAIT_LEAST_MS : l->wait_ms * 2;
	if (l->wait_ms > WAIT_MOST_MS)
		l->wait_ms = WAIT_MOST_MS;
	l->due = clock_mono();
	l->due.ms += broken ? WAIT_BROKEN_MS : l->wait_ms;
	set_waiting(l, true);
	waits_begin(l->bench->waits, l->label, e->text);
	if (broken && l->once) {
		l->done = l->failed = true;
		l->reason = *e;
	}
}

static void recover_later(struct lane *l, enum rc rc, const struct err *e)
{
	drop(l);
	l->state = LANE_RECOVER;
	wait_for(l, rc, e);
}

/* Claiming. */

/* Somebody else has the partition: with once we are done when he is. */
static void stand_by(struct lane *l)
{
	uint64_t end = 0;
	struct err e;

	l->due = clock_mono();
	if (!l->stands_by)
		l->standing = l->due;
	l->stands_by = true;
	l->due.ms += hopes(l) ? DYING_LOOK_MS : STANDBY_MS;
	if (l->once)
		l->done = l->target == 0 ||
		          (visible_end(l->bench->store, l->place.topic, l->place.partition, &end, &e) == RC_OK &&
		              end >= l->target);
}

/* The bus wants the partition for another: end what can be ended quickly, so that nothing is done twice. That the other
 * may have begun already does no harm: one of the two commits is refused. */
static bool asked_back(struct lane *l)
{
	struct err e;

	if (l->state == LANE_CLAIM || !bus_shares(l->bench->bus))
		return false;
	if (bus_claim(l->bench->bus, l->place.topic, l->place.partition, &e) != RC_END)
		return false;
	lane_drain(l);
	drop(l);
	set_waiting(l, false);
	l->said[0] = '\0';
	l->wait_ms = 0;
	l->state = LANE_CLAIM;
	l->due = clock_mono();
	l->reads = false;
	bus_release(l->bench->bus, l->place.topic, l->place.partition);
	log_info("gives the partition back to the group topic=%s partition=%u", l->place.topic, l->place.partition);
	return true;
}

static bool claim(struct lane *l)
{
	struct err e;
	enum rc rc = bus_claim(l->bench->bus, l->place.topic, l->place.partition, &e);

	if (rc == RC_END) {
		set_waiting(l, false);
		stand_by(l);
		return false;
	}
	if (rc != RC_OK) {
		wait_for(l, rc, &e);
		return false;
	}
	l->stands_by = false;
	log_debug("has the partition topic=%s partition=%u", l->place.topic, l->place.partition);
	l->state = LANE_RECOVER;
	if ((rc = FAULT(WORKER_CLAIMED, &e)) == RC_OK)
		return true;
	wait_for(l, rc, &e);
	return false;
}

/* Recovering. */

/* The chain of commits and the bus must fit together; events that neither has are never stepped over. */
static enum rc check_bus(struct lane *l, bool chained, uint64_t *start, struct err *e)
{
	uint64_t first = 0, next = 0;
	enum rc rc = bus_range(l->bench->bus, l->place.topic, l->place.partition, &first, &next, e);

	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_AGAIN, e, "the topic is not there") : rc;
	if (!chained)
		*start = 0;
	if (first > *start)
		return err_set(RC_AGAIN, e,
		    "events %" PRIu64 " to %" PRIu64
		    " are gone from the bus and were not committed; the collector publishes them again",
		    *start, first - 1);
	if (next < *start)
		return err_set(RC_AGAIN, e,
		    "commits go to %" PRIu64 ", the bus ends at %" PRIu64
		    "; the collector fills it up and publishes again what is not committed",
		    *start, next);
	return RC_OK;
}

static bool recover(struct lane *l)
{
	struct err e;
	uint64_t start = 0;
	enum rc rc;

	drop(l);
	place_renew(&l->place);
	rc = commit_recover(l->bench, &l->place, &start, &e);
	if (rc == RC_OK && l->unsure && start == l->unsure_end) {
		commit_count(l->bench, &l->unsure_totals);
		l->unsure = false;
	}
	if (rc == RC_OK || rc == RC_END)
		rc = check_bus(l, rc == RC_OK, &start, &e);
	if (rc == RC_OK)
		rc = FAULT(WORKER_RECOVERED, &e);
	if (rc != RC_OK) {
		wait_for(l, rc, &e);
		return false;
	}
	l->start = l->next = start;
	if (l->limit <= start)
		l->limit = NONE;
	l->unsure = false;
	l->state = LANE_READ;
	/* What whoever had the partition before us committed, and did not get to tell: the bus, and the catalog. */
	if (start > 0 && bus_trim(l->bench->bus, l->place.topic, l->place.partition, start, &e) != RC_OK)
		log_debug("trim: %s topic=%s partition=%u", e.text, l->place.topic, l->place.partition);
	registrar_look(l->bench->registrar, l->place.pipeline->schema);
	/* Kept when there is nothing to read, or after a commit: nobody shall wait for it. */
	house_recovered(&l->house);
	l->reads = false;
	log_debug("reads from %" PRIu64 " topic=%s partition=%u", start, l->place.topic, l->place.partition);
	return true;
}

/* Committing. */

/*
 * Where the open commit can end: never between the parts of an original. NONE: nowhere now, because originals that lie
 * behind the first part of an incomplete one are in the draft already.
 */
static uint64_t commit_end(const struct lane *l)
{
	uint64_t first = parts_first(l->parts);

	if (first == NONE)
		return l->next;
	return first > l->start && (l->last == NONE || l->last < first) ? first : NONE;
}

static void meter(const struct lane *l)
{
	const struct settings *s = l->bench->settings;
	struct metric_slot *figures = l->bench->figures;
	uint64_t bytes = draft_bytes(l->draft), events = draft_totals(l->draft)->events;

	limit_most(figures, LIMIT_COMMIT_EVENTS, events);
	if (bytes >= s->commit_bytes)
		limit_reached(figures, LIMIT_COMMIT_BYTES);
	if (events >= s->commit_events)
		limit_reached(figures, LIMIT_COMMIT_EVENTS);
}

static bool commit(struct lane *l, uint64_t end)
{
	struct err e = {.text = ""};
	meter(l);
	enum rc rc = commit_run(l->bench, &l->place, l->draft, end, &e);

	if (rc == RC_OK) {
		/* Files are whole only now: before, what is not yet flushed is not counted. */
		limit_most(l->bench->figures, LIMIT_COMMIT_BYTES, draft_totals(l->draft)->bytes);
		commit_count(l->bench, draft_totals(l->draft));
		draft_free(&l->draft);
		l->start = end;
		l->last = NONE;
		l->flush = false;
		if (l->limit <= end)
			l->limit = NONE;
		works(l);
		house_committed(&l->house);
		house_keep(&l->house, l->bench, &l->place, l->start);
		return true;
	}
	if (rc == RC_END) {
		log_warn("another writer has the partition: looks again topic=%s partition=%u", l->place.topic,
		    l->place.partition);
		drop(l);
		l->state = LANE_RECOVER;
		l->due = clock_mono();
		l->due.ms += WAIT_LEAST_MS;
		return true;
	}
	l->unsure = true;
	l->unsure_end = end;
	l->unsure_totals = *draft_totals(l->draft);
	recover_later(l, rc, &e);
	return false;
}

/* The rest of an original may lie behind the target: read on while one is open and there is more. */
static bool at_target(const struct lane *l)
{
	return l->once && l->next >= l->target && (l->dry || parts_open(l->parts) == 0);
}

static bool is_due(const struct lane *l)
{
	const struct settings *s = l->bench->settings;

	return l->flush || at_target(l) || l->next >= l->limit ||
	       mono_since(draft_since(l->draft)) >= s->commit_age_ms ||
	       draft_totals(l->draft)->events >= s->commit_events || draft_bytes(l->draft) >= s->commit_bytes ||
	       draft_files_count(l->draft) >= COMMIT_FILES ||
	       (l->bench->pressed && mono_since(draft_since(l->draft)) >= PRESSED_MS);
}

/* A due commit that can't end anywhere: start again and end it before the incomplete original. False: wait for its
 * rest. */
static bool back_out(struct lane *l)
{
	uint64_t first = parts_first(l->parts);
	bool late = mono_since(draft_since(l->draft)) >= l->bench->settings->commit_age_ms + PARTS_GRACE_MS;

	if (!late && !at_target(l))
		return false;
	if (first <= l->start) {
		/* Nothing can be committed before it, so nothing is lost by reading on. */
		if (late && !l->told_parts)
			log_warn("waits for the rest of an original's parts offset=%" PRIu64 " topic=%s partition=%u",
			    first, l->place.topic, l->place.partition);
		l->told_parts |= late;
		return false;
	}
	drop(l);
	l->limit = first;
	return true;
}

/* Commit if it is due. *acted says that the lane did something. */
static bool commit_if_due(struct lane *l, bool *acted)
{
	uint64_t end;

	if (l->draft == NULL || !is_due(l))
		return false;
	end = commit_end(l);
	if (end != NONE) {
		*acted = commit(l, end);
		return true;
	}
	if (l->next >= l->limit)
		l->limit = NONE;
	*acted = back_out(l);
	return *acted;
}

/* Reading. */

/*
 * The event at offset failed. Its draft is dropped; what came before it in the draft is committed first, then it is
 * tried again.
 */
static bool blocked(struct lane *l, uint64_t offset, enum rc rc, struct err *e, const struct intake_halt *halt)
{
	if (halt->asked != NULL && halt->asked(halt->context)) {
		drop(l);
		return false;
	}
	err_wrap(rc, e, "event %" PRIu64, offset);
	/* Of a set, the first part is where the commit before it has to end. */
	if (parts_first(l->parts) < offset)
		offset = parts_first(l->parts);
	drop(l);
	if (offset > l->start && l->limit > offset) {
		l->limit = offset;
		log_warn("%s: commits what came before it topic=%s partition=%u", e->text, l->place.topic,
		    l->place.partition);
		return true;
	}
	wait_for(l, rc, e);
	return false;
}

/* The events of a complete set, read again in the order of their parts. */
static enum rc take_set(struct lane *l, const uint64_t *offset, uint32_t parts, struct err *e)
{
	const struct place *p = &l->place;
	struct event ev;
	enum rc rc = RC_OK;

	for (uint32_t i = 0; i < parts && rc == RC_OK; i++) {
		struct bus_event raw;
		rc = bus_fetch(l->bench->bus, p->topic, p->partition, offset[i], 0, &raw, e);
		if (rc == RC_OK)
			rc = event_read(&raw, &ev, &l->text, &l->text_size, e);
		if (rc == RC_END || (rc == RC_OK && (raw.offset != offset[i] || ev.part != i)))
			rc = err_set(RC_AGAIN, e, "part %u can't be read again", i);
		if (rc == RC_OK && i == 0)
			rc = intake_rows_begin(l->intake, &ev, e);
		if (rc == RC_OK)
			rc = intake_rows_part(l->intake, l->draft, &ev, e);
	}
	return rc == RC_OK ? intake_rows_end(l->intake, l->draft, &ev, e) : rc;
}

static enum rc take_rows(struct lane *l, const struct event *ev, uint64_t offset, struct err *e)
{
	const uint64_t *offsets = NULL;
	struct seen_key key = {.again = ev->again};
	enum rc rc;

	if (ev->parts == 1) {
		if ((rc = intake_rows_begin(l->intake, ev, e)) != RC_OK ||
		    (rc = intake_rows_part(l->intake, l->draft, ev, e)) != RC_OK)
			return rc;
		return intake_rows_end(l->intake, l->draft, ev, e);
	}
	rc = parts_add(l->parts, ev, offset, &offsets, e);
	if (rc != RC_OK)
		return rc;
	memcpy(key.original, ev->original, SHA256_BYTES);
	rc = take_set(l, offsets, ev->parts, e);
	if (rc == RC_OK)
		parts_done(l->parts, &key);
	return rc;
}

/* RC_END: a part of an original that is not whole yet, or nothing to do for it. */
static enum rc take_event(
    struct lane *l, const struct event *ev, uint64_t offset, const struct intake_halt *halt, struct err *e)
{
	struct seen_key key = {.again = ev->again};
	bool seen = false;
	enum rc rc;

	if (ev->kind == EVENT_FLUSH) {
		l->flush = true;
		return RC_END;
	}
	memcpy(key.original, ev->original, SHA256_BYTES);
	if (!draft_has(l->draft, &key)) {
		rc = seen_has(l->bench->seen, &l->place.seen, &key, clock_wall().ns / 1000000, &seen, e);
		if (rc != RC_OK)
			return rc;
	} else {
		seen = true;
	}
	if (seen) {
		draft_totals(l->draft)->duplicates++;
		return RC_END;
	}
	rc = ev->kind == EVENT_FILE ? intake_file(l->intake, l->draft, ev, halt, e) : take_rows(l, ev, offset, e);
	if (rc == RC_OK)
		l->last = offset;
	return rc;
}

/* Consume the event that was fetched. False: the lane has to wait. */
static bool consume(struct lane *l, const struct bus_event *raw, const struct intake_halt *halt)
{
	uint64_t offset = raw->offset, next = raw->next;
	struct event ev;
	struct err e;
	enum rc rc = event_read(raw, &ev, &l->text, &l->text_size, &e);

	if (l->draft == NULL)
		l->draft = draft_new(l->bench, &l->place, l->start);
	if (rc != RC_OK) {
		/* It names no original, so none is lost; whose it is can't be found out. */
		log_error("an event that is not ours is left out: %s offset=%" PRIu64 " topic=%s partition=%u", e.text,
		    offset, l->place.topic, l->place.partition);
	} else {
		rc = take_event(l, &ev, offset, halt, &e);
		if (rc != RC_OK && rc != RC_END)
			return blocked(l, offset, rc, &e, halt);
	}
	draft_totals(l->draft)->events++;
	l->next = next;
	return true;
}

/* Nothing to read, nothing to commit: whatever was in the way is gone; and with once, this is the end. */
static void rest(struct lane *l)
{
	bool stuck = parts_open(l->parts) > 0 && parts_first(l->parts) <= l->start;

	if (l->dry && l->draft == NULL)
		works(l);
	if (l->draft == NULL && (l->dry || at_target(l)))
		house_keep(&l->house, l->bench, &l->place, l->start);
	if (!at_target(l) || (l->draft != NULL && !stuck))
		return;
	l->done = true;
	if (parts_open(l->parts) > 0)
		log_warn("%zu originals whose parts are not all there are left on the bus topic=%s partition=%u",
		    parts_open(l->parts), l->place.topic, l->place.partition);
}

static bool read_events(struct lane *l, const struct intake_halt *halt)
{
	const struct place *p = &l->place;
	struct mono began = clock_mono();
	bool acted = false;

	for (int n = 0; n < TURN_EVENTS && mono_since(began) < TURN_MS; n++) {
		struct bus_event raw;
		struct err e;
		if (commit_if_due(l, &acted))
			return acted;
		if (at_target(l))
			break;
		enum rc rc = bus_fetch(l->bench->bus, p->topic, p->partition, l->next, 0, &raw, &e);
		l->dry = rc == RC_END;
		l->reads |= rc == RC_OK || rc == RC_END;
		if (rc == RC_END) {
			l->next = raw.next; /* behind a hole at the end, if there is one */
			break;
		}
		if (rc == RC_OK)
			rc = FAULT(WORKER_FETCHED, &e);
		if (rc != RC_OK) {
			/* An offset that the bus does not have: recovering says what that means. */
			recover_later(l, rc == RC_BAD ? RC_AGAIN : rc, &e);
			return false;
		}
		if (raw.offset >= l->limit) {
			/* A hole before the limit: the commit ends there all the same. */
			l->next = l->limit;
			if (l->draft == NULL)
				l->limit = NONE;
			continue;
		}
		if (!consume(l, &raw, halt))
			return false;
		acted = true;
	}
	if (commit_if_due(l, &acted))
		return acted;
	rest(l);
	return acted;
}

bool lane_step(struct lane *l, const struct intake_halt *halt)
{
	if (l->done)
		return false;
	if (asked_back(l))
		return true;
	if (clock_mono().ms < l->due.ms)
		return false;
	switch (l->state) {
	case LANE_CLAIM:
		return claim(l);
	case LANE_RECOVER:
		return recover(l);
	case LANE_READ:
		return read_events(l, halt);
	}
	return false;
}

/* What others may have seen committed should be published by whoever committed it, not by the next start. */
void lane_drain(struct lane *l)
{
	if (l->unsure)
		(void)recover(l);
	if (l->draft != NULL && commit_end(l) != NONE && draft_bytes(l->draft) <= DRAIN_BYTES)
		commit(l, commit_end(l));
}

void lane_free(struct lane **l)
{
	if (*l == NULL)
		return;
	drop(*l);
	set_waiting(*l, false);
	if ((*l)->state != LANE_CLAIM)
		bus_release((*l)->bench->bus, (*l)->place.topic, (*l)->place.partition);
	parts_free(&(*l)->parts);
	mem_free(&(*l)->text);
	mem_free(l);
}
