/*
 * A partition's manifests form a chain: each begins where the one before ended, and its name is where it begins. So the
 * next one is one look at one name, and only where that was folded into history meanwhile a listing helps.
 */
#include "pipe/follow.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "ext/json.h"
#include "pipe/history.h"
#include "pipe/manifest.h"
#include "pipe/visible.h"

enum {
	QUICK_MS = 20, /* while something was added or seen lately */
	QUICK_FOR_MS = 15000,
	SLOW_MS = 200,
	SLOW_FOR_MS = 120000,
	IDLE_MS = 1000,
	CATCH_UP_MS = 10000, /* between listings of a place where nothing comes */
	COST = 20,           /* a look that took long is not repeated before that many times as long */
};

struct place {
	const char *topic;
	unsigned partition;
	uint64_t next; /* start of the next manifest */
	size_t waits;
	struct mono active, due, caught_up;
	bool listed;
};

struct awaited {
	uint8_t sha256[SHA256_BYTES];
	const struct pipeline *pipeline; /* NULL: a free slot */
	uint32_t again;
	uint32_t place;
	uint64_t beside;
};

struct follow {
	const struct settings *settings;
	struct store *store;
	struct ledger *ledger;
	struct place *place;
	size_t places;
	struct awaited *slot; /* open addressing, a power of two, at most half full */
	size_t slots, used;
};

static size_t home(const struct follow *f, const uint8_t sha256[SHA256_BYTES])
{
	uint64_t h;
	memcpy(&h, sha256 + 8, sizeof h);
	return h & (f->slots - 1);
}

static size_t find(const struct follow *f, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES], uint32_t again)
{
	size_t i = home(f, sha256);
	while (f->slot[i].pipeline != NULL && !(f->slot[i].pipeline == p && f->slot[i].again == again &&
	                                          memcmp(f->slot[i].sha256, sha256, SHA256_BYTES) == 0))
		i = (i + 1) & (f->slots - 1);
	return i;
}

static void widen(struct follow *f)
{
	struct awaited *old = f->slot;
	size_t slots = f->slots;
	f->slots = slots * 2;
	f->slot = mem_zero(f->slots, sizeof *f->slot);
	for (size_t i = 0; i < slots; i++)
		if (old[i].pipeline != NULL)
			f->slot[find(f, old[i].pipeline, old[i].sha256, old[i].again)] = old[i];
	mem_free(&old);
}

/* Take a slot out and move up those that had to go past it. */
static void vacate(struct follow *f, size_t hole)
{
	size_t mask = f->slots - 1;
	f->used--;
	for (size_t i = (hole + 1) & mask; f->slot[i].pipeline != NULL; i = (i + 1) & mask) {
		size_t want = home(f, f->slot[i].sha256);
		if (((i - want) & mask) >= ((i - hole) & mask)) {
			f->slot[hole] = f->slot[i];
			hole = i;
		}
	}
	f->slot[hole] = (struct awaited){.pipeline = NULL};
}

enum rc follow_open(const struct settings *s, const unsigned *partitions, struct store *store, struct ledger *ledger,
    struct follow **out, struct err *e)
{
	struct follow *f = mem_zero(1, sizeof *f);
	enum rc rc = RC_OK;
	*f = (struct follow){.settings = s, .store = store, .ledger = ledger, .slots = 64};
	f->slot = mem_zero(f->slots, sizeof *f->slot);
	for (size_t i = 0; i < 2 * s->pipelines; i++)
		f->places += partitions[i];
	f->place = mem_zero(f->places + 1, sizeof *f->place);
	size_t n = 0;
	for (size_t i = 0; i < 2 * s->pipelines; i++)
		for (unsigned p = 0; p < partitions[i] && rc == RC_OK; p++) {
			struct place *at = &f->place[n++];
			at->topic = i % 2 ? s->pipeline[i / 2].topic_rows : s->pipeline[i / 2].topic_files;
			at->partition = p;
			rc = ledger_commit_position(ledger, at->topic, p, &at->next, e);
		}
	if (rc != RC_OK)
		follow_close(&f);
	else
		*out = f;
	return rc;
}

void follow_close(struct follow **f)
{
	if (*f == NULL)
		return;
	mem_free(&(*f)->place);
	mem_free(&(*f)->slot);
	mem_free(f);
}

bool follow_add(struct follow *f, const struct pipeline *p, const char *topic, unsigned partition,
    const uint8_t sha256[SHA256_BYTES], uint32_t again, uint64_t beside)
{
	size_t n = 0;
	while (n < f->places && (f->place[n].partition != partition || strcmp(f->place[n].topic, topic) != 0))
		n++;
	if (n == f->places)
		return false;
	if (2 * (f->used + 1) > f->slots)
		widen(f);
	size_t i = find(f, p, sha256, again);
	f->place[n].active = f->place[n].due = clock_mono();
	if (f->slot[i].pipeline != NULL)
		return true;
	f->slot[i] = (struct awaited){.pipeline = p, .again = again, .place = (uint32_t)n, .beside = beside};
	memcpy(f->slot[i].sha256, sha256, SHA256_BYTES);
	f->used++;
	f->place[n].waits++;
	return true;
}

size_t follow_waits(const struct follow *f)
{
	return f->used;
}

/* One walk over manifests: the news wait for the ledger's commit, because only then they are true for good. */
struct walk {
	struct follow *f;
	struct place *place;
	uint64_t start, end; /* of the last one */
	uint64_t until;      /* those that begin there or later are left out */
	bool left_out;       /* the one that is walked */
	bool listing;        /* more than one may come */
	int64_t time_ms;
	struct visible files; /* of the last one */
	bool begun;           /* the ledger's transaction */
	struct settled {
		const struct pipeline *pipeline;
		uint8_t sha256[SHA256_BYTES];
		uint32_t again;
		uint64_t nulls;
	} * settled;
	size_t count, capacity;
};

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct walk *w = context;
	w->left_out = h->start >= w->until;
	if (w->left_out)
		return RC_OK;
	w->start = h->start;
	w->end = h->end;
	w->time_ms = h->time_ms;
	visible_begin(&w->files);
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *file, struct err *e)
{
	struct walk *w = context;
	if (!w->left_out)
		visible_add(&w->files, file);
	return RC_OK;
}

static const struct pipeline *pipeline_of(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->pipelines; i++)
		if (strcmp(s->pipeline[i].name, name) == 0)
			return &s->pipeline[i];
	return NULL;
}

/* Values that became null because nobody can read them. */
static uint64_t unread(const struct dissect_ops *d, const struct manifest_original *m)
{
	json_t *counters = NULL;
	struct err ignored;
	uint64_t sum = 0;
	if (m->counters == NULL || json_parse(m->counters, strlen(m->counters), &counters, &ignored) != RC_OK)
		return 0;
	for (size_t i = 0; i < d->counters; i++)
		if ((d->unread >> i & 1) != 0)
			sum += (uint64_t)json_integer_value(json_object_get(counters, d->counter[i]));
	json_decref(counters);
	return sum;
}

/* The only one is looked at before: others who write the ledger must not wait for a lake that is far away. */
static enum rc begin(struct walk *w, struct err *e)
{
	enum rc rc = w->listing ? RC_OK : visible_look(&w->files, w->f->store, e);
	if (rc == RC_OK)
		rc = ledger_begin(w->f->ledger, e);
	w->begun = rc == RC_OK;
	return rc;
}

static enum rc see_original(void *context, const struct manifest_original *m, struct err *e)
{
	struct walk *w = context;
	struct ledger *l = w->f->ledger;
	struct ledger_original o;
	if (w->left_out)
		return RC_OK;
	enum rc rc = w->begun ? RC_OK : begin(w, e);
	if (rc != RC_OK)
		return rc;
	rc = ledger_original(l, m->pipeline, m->original, m->again, &o, e);
	if (rc != RC_OK)
		return rc == RC_END ? RC_OK : rc; /* another instance's, or from before the ledger was lost */
	if (o.state != LEDGER_COMMITTED && o.state != LEDGER_REFUSED) {
		o.state = m->reason != NULL ? LEDGER_REFUSED : LEDGER_COMMITTED;
		o.note = m->reason != NULL ? m->reason : m->note != NULL ? m->note : "";
		o.rows = m->rows;
		o.rejects = m->rejects;
		o.lost = m->lost;
		o.committed_ms = w->time_ms;
		ledger_put_original(l, &o);
	}
	if (w->count == w->capacity) {
		w->capacity = mem_grow(w->capacity, w->count + 1);
		w->settled = mem_resize(w->settled, w->capacity * sizeof *w->settled);
	}
	const struct pipeline *pipeline = pipeline_of(w->f->settings, m->pipeline);
	struct settled *s = &w->settled[w->count++];
	*s = (struct settled){.pipeline = pipeline, .again = m->again, .nulls = m->outside};
	s->nulls += pipeline != NULL ? unread(pipeline->dissector, m) : 0;
	memcpy(s->sha256, m->original, SHA256_BYTES);
	return RC_OK;
}

static void tell(struct walk *w, void (*news)(void *, const struct follow_news *), void *context)
{
	struct follow *f = w->f;
	for (size_t n = 0; n < w->count; n++) {
		const struct settled *s = &w->settled[n];
		struct ledger_original o;
		struct err ignored;
		if (s->pipeline == NULL ||
		    ledger_original(f->ledger, s->pipeline->name, s->sha256, s->again, &o, &ignored) != RC_OK)
			continue;
		size_t i = find(f, s->pipeline, s->sha256, s->again);
		struct follow_news item = {
		    .pipeline = s->pipeline, .original = &o, .awaited = f->slot[i].pipeline != NULL, .nulls = s->nulls};
		if (item.awaited) {
			item.beside = f->slot[i].beside;
			f->place[f->slot[i].place].waits--;
			vacate(f, i);
		}
		news(context, &item);
	}
}

/* RC_END: nothing new, or files of the last one wait for their names. */
static enum rc read_chain(struct walk *w, struct err *e)
{
	const struct manifest_visitor visitor = {
	    .context = w, .head = see_head, .file = see_file, .original = see_original};
	const struct place *at = w->place;
	struct store *store = w->f->store;
	uint64_t next;
	enum rc rc;
	w->start = w->end = at->next;
	w->count = 0;
	visible_begin(&w->files);
	if (w->listing)
		rc = history_each(store, at->topic, at->partition, at->next, 0, &visitor, &next, e);
	else
		rc = history_next(store, at->topic, at->partition, at->next, &visitor, e);
	if (rc == RC_OK && w->end <= at->next)
		rc = w->listing ? RC_END : err_set(RC_BAD, e, "it ends where it begins");
	return rc == RC_OK && w->listing ? visible_look(&w->files, store, e) : rc;
}

static void undo(struct walk *w)
{
	ledger_abort(w->f->ledger);
	w->begun = false;
}

/* Into the ledger, for good. */
static enum rc keep(struct walk *w, struct err *e)
{
	struct follow *f = w->f;
	const struct place *at = w->place;
	enum rc rc = w->begun ? RC_OK : begin(w, e);
	if (rc != RC_OK)
		return rc;
	ledger_put_commit_position(f->ledger, at->topic, at->partition, w->end);
	rc = FAULT(COLLECTOR_SEEN, e);
	/* A worker puts a manifest, and then makes its name durable: between these it can be seen, and sources go by
	 * what is seen. */
	if (rc == RC_OK)
		rc = manifest_settle(f->store, at->topic, at->partition, e);
	if (rc != RC_OK)
		return rc;
	w->begun = false;
	return ledger_commit(f->ledger, e);
}

/* The manifest at the place's position, or, listing, all from there on. RC_OK: the place moved. RC_END: nothing new. */
static enum rc look(struct follow *f, struct place *at, bool listing, void (*news)(void *, const struct follow_news *),
    void *context, struct err *e)
{
	struct walk w = {.f = f, .place = at, .until = UINT64_MAX, .listing = listing};
	enum rc rc = read_chain(&w, e);
	if (rc == RC_END && w.start > at->next) {
		/* What came before the last one has its names. */
		undo(&w);
		w.until = w.start;
		rc = read_chain(&w, e);
	}
	if (rc == RC_OK)
		rc = keep(&w, e);
	undo(&w);
	if (rc == RC_OK) {
		at->next = w.end;
		tell(&w, news, context);
	}
	visible_fini(&w.files);
	mem_free(&w.settled);
	return rc;
}

static enum rc poll_place(
    struct follow *f, struct place *at, void (*news)(void *, const struct follow_news *), void *context, struct err *e)
{
	struct mono began = clock_mono();
	enum rc rc;
	do {
		rc = look(f, at, false, news, context, e);
		if (rc == RC_OK)
			at->active = clock_mono();
	} while (rc == RC_OK);
	if (rc == RC_END && (!at->listed || mono_since(at->caught_up) > CATCH_UP_MS)) {
		rc = look(f, at, true, news, context, e);
		at->listed = true;
		at->caught_up = clock_mono();
	}
	/* In a lake far away every look is work for a server that others need as well. */
	int64_t quiet = mono_since(at->active), costs = COST * mono_since(began);
	int64_t wait_ms = quiet < QUICK_FOR_MS ? QUICK_MS : quiet < SLOW_FOR_MS ? SLOW_MS : IDLE_MS;
	at->due.ms = clock_mono().ms + (wait_ms > costs ? wait_ms : costs < IDLE_MS ? costs : IDLE_MS);
	if (rc != RC_OK && rc != RC_END)
		return err_wrap(
		    rc, e, "commits of %s/%u from %llu", at->topic, at->partition, (unsigned long long)at->next);
	return RC_OK;
}

enum rc follow_poll(
    struct follow *f, void (*news)(void *context, const struct follow_news *n), void *context, struct err *e)
{
	enum rc first = RC_OK;
	for (size_t i = 0; i < f->places; i++) {
		struct err reason;
		if (f->place[i].waits == 0 || f->place[i].due.ms > clock_mono().ms)
			continue;
		enum rc rc = poll_place(f, &f->place[i], news, context, &reason);
		if (rc != RC_OK && first == RC_OK) {
			*e = reason;
			first = rc;
		}
	}
	return first;
}

int64_t follow_due_ms(const struct follow *f)
{
	int64_t now = clock_mono().ms, least = -1;
	for (size_t i = 0; i < f->places; i++) {
		if (f->place[i].waits == 0)
			continue;
		int64_t left = f->place[i].due.ms > now ? f->place[i].due.ms - now : 0;
		least = least < 0 || left < least ? left : least;
	}
	return least;
}

static const struct place *place_of(const struct follow *f, const char *topic, unsigned partition)
{
	for (size_t i = 0; i < f->places; i++)
		if (f->place[i].partition == partition && strcmp(f->place[i].topic, topic) == 0)
			return &f->place[i];
	return NULL;
}

bool follow_is_quiet(const struct follow *f, const char *topic, unsigned partition, int64_t ms)
{
	const struct place *at = place_of(f, topic, partition);
	return at != NULL && at->waits > 0 && mono_since(at->active) >= ms;
}

bool follow_misses(const struct follow *f, const char *topic, unsigned partition, uint64_t end)
{
	const struct place *at = place_of(f, topic, partition);
	return at != NULL && at->waits > 0 && at->next >= end;
}

void follow_each_place(
    const struct follow *f, void (*visit)(void *context, const char *topic, unsigned partition), void *context)
{
	for (size_t i = 0; i < f->places; i++)
		if (f->place[i].waits > 0)
			visit(context, f->place[i].topic, f->place[i].partition);
}
