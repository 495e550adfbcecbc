/*
 * embed: the bus on one host, without a server: LMDB tables that several processes share (doc/formats/bus-embedded.md).
 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/bus.h"
#include "bus/embed/ahead.h"
#include "bus/embed/bell.h"
#include "bus/embed/claim.h"
#include "bus/embed/event.h"
#include "bus/embed/pending.h"
#include "bus/embed/tables.h"
#include "kv/kv.h"

enum {
	EVENT_MAX_DEFAULT = 16 << 20,
	LOOK_MS = 200,      /* a ring may be lost with the disk full: look by ourselves that often */
	TRIM_EVENTS = 4096, /* of one transaction: what it frees is one record of LMDB's, which must stay small */
	TRIM_BYTES = 64 << 20,
	PAGE = 4096,
	IN_PAGE_MAX = 2014, /* a larger value gets pages of its own */
};

static const uint64_t max_bytes_default = UINT64_C(1) << 30;
static const uint64_t max_bytes_least = UINT64_C(1) << 20;

struct topic {
	char name[BUS_TOPIC_MAX + 1];
	uint32_t id, partitions;
};

struct embed {
	struct bus bus;
	struct kv *kv;
	struct tables tables;
	uint64_t max_bytes;
	size_t event_max;
	struct topic *topic; /* those seen so far; what another process added since is looked up when it is missed */
	size_t topic_count, topic_capacity;
	struct pending pending;
	struct ahead *ahead;
	struct bell *news; /* rung after a flush */
	struct bell *room; /* rung after a trim */
	struct claims *claims;
};

static struct embed *of(struct bus *b)
{
	return (struct embed *)b;
}

/* ---- options ---- */

static enum rc take_options(struct embed *b, const struct bus_option *option, size_t options, struct err *e)
{
	static const char *const keys[] = {"max_bytes", "event_max_bytes"};
	uint64_t value[] = {max_bytes_default, EVENT_MAX_DEFAULT};
	enum { KEYS = sizeof keys / sizeof keys[0] };
	for (size_t i = 0; i < options; i++) {
		size_t k = 0, nearest = 0;
		while (k < KEYS && strcmp(option[i].key, keys[k]) != 0)
			k++;
		if (k == KEYS) {
			for (size_t n = 1; n < KEYS; n++)
				if (str_distance(option[i].key, keys[n]) < str_distance(option[i].key, keys[nearest]))
					nearest = n;
			return err_set(RC_BAD, e, "the embedded bus has no option \"%.100s\"; the nearest is %s",
			    option[i].key, keys[nearest]);
		}
		if (str_size(option[i].value, &value[k], e) != RC_OK)
			return err_wrap(RC_BAD, e, "option %s", keys[k]);
	}
	if (value[0] < max_bytes_least || value[0] > UINT64_C(1) << 44)
		return err_set(RC_BAD, e, "option max_bytes: must be 1 MiB to 16 TiB");
	if (value[1] == 0 || value[1] > EVENT_BYTES_MAX)
		return err_set(RC_BAD, e, "option event_max_bytes: must be 1 byte to 256 MiB");
	b->max_bytes = value[0];
	/* An event that hardly fits would wait until everything else is gone. */
	b->event_max = value[1] < value[0] / 4 ? value[1] : value[0] / 4;
	return RC_OK;
}

/* ---- topics ---- */

static struct topic *known(struct embed *b, const char *name)
{
	for (size_t i = 0; i < b->topic_count; i++)
		if (strcmp(b->topic[i].name, name) == 0)
			return &b->topic[i];
	return NULL;
}

static struct topic *remember(struct embed *b, const char *name, uint32_t id, uint32_t partitions)
{
	struct topic *t = known(b, name);
	if (t == NULL) {
		if (b->topic_count == b->topic_capacity) {
			b->topic_capacity = mem_grow(b->topic_capacity, b->topic_count + 1);
			b->topic = mem_resize(b->topic, b->topic_capacity * sizeof *b->topic);
		}
		t = &b->topic[b->topic_count++];
		str_copy(t->name, sizeof t->name, name);
	}
	t->id = id;
	t->partitions = partitions;
	return t;
}

static enum rc look_up(struct embed *b, const char *name, struct topic **out, struct err *e)
{
	uint32_t id, partitions;
	enum rc rc = tables_topic(&b->tables, name, &id, &partitions, e);
	if (rc == RC_OK)
		*out = remember(b, name, id, partitions);
	return rc;
}

static enum rc find_partition(struct embed *b, const char *name, unsigned partition, struct topic **out, struct err *e)
{
	struct topic *t = known(b, name);
	enum rc rc = t == NULL || partition >= t->partitions ? look_up(b, name, &t, e) : RC_OK;
	*out = t;
	return bus_has_partition(rc, name, partition, rc == RC_OK ? t->partitions : 0, e);
}

static enum rc topic_partitions(struct bus *bus, const char *name, unsigned *have, struct err *e)
{
	struct topic *t = NULL;
	enum rc rc = look_up(of(bus), name, &t, e);
	if (rc == RC_OK)
		*have = t->partitions;
	return rc;
}

static enum rc topic_ensure(struct bus *bus, const char *name, unsigned partitions, unsigned *have, struct err *e)
{
	struct embed *b = of(bus);
	struct topic *t = NULL;
	enum rc rc = look_up(b, name, &t, e);
	if (rc == RC_END || (rc == RC_OK && t->partitions < partitions)) {
		uint32_t id, now;
		rc = tables_grow_topic(&b->tables, name, partitions, &id, &now, e);
		if (rc == RC_OK)
			t = remember(b, name, id, now);
	}
	if (rc == RC_OK && have != NULL)
		*have = t->partitions;
	return rc;
}

static enum rc limits(struct bus *bus, const char *topic, struct bus_limits *out, struct err *e)
{
	out->event_bytes = of(bus)->event_max;
	return RC_OK;
}

/* ---- producing ---- */

static enum rc produce(struct bus *bus, const char *topic, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e)
{
	struct embed *b = of(bus);
	struct topic *t = NULL;
	enum rc rc = find_partition(b, topic, partition, &t, e);
	if (rc != RC_OK)
		return rc;
	size_t bytes = event_bytes(header, headers, key, value);
	if (bytes > b->event_max)
		return err_set(RC_BAD, e, "an event of %zu bytes, at most %zu are taken", bytes, b->event_max);
	int64_t now_ms = clock_wall().ns / 1000000;
	if (!pending_add(&b->pending, t->id, partition, now_ms, header, headers, key, value, context))
		return err_set(RC_AGAIN, e, "%zu events wait to be flushed", b->pending.count);
	return RC_OK;
}

/* What the partitions of one flush come to; a flush touches few. */
struct touched {
	uint8_t key[PARTITION_KEY];
	struct extent extent;
};

struct writing {
	struct touched *touched;
	size_t count, capacity;
};

static struct touched *touch(
    struct writing *w, struct kv_txn *txn, const struct embed *b, const struct pending_event *ev)
{
	uint8_t key[PARTITION_KEY];
	key_partition(ev->topic, ev->partition, key);
	for (size_t i = w->count; i-- > 0;)
		if (memcmp(w->touched[i].key, key, sizeof key) == 0)
			return &w->touched[i];
	struct touched made;
	memcpy(made.key, key, sizeof key);
	if (!tables_extent(txn, &b->tables, key, &made.extent))
		return NULL;
	if (w->count == w->capacity) {
		w->capacity = mem_grow(w->capacity, w->count + 1);
		w->touched = mem_resize(w->touched, w->capacity * sizeof *w->touched);
	}
	w->touched[w->count] = made;
	return &w->touched[w->count++];
}

/* What an event takes of the bound, as LMDB lays it out; pages of the tree that are not full are counted once they are
 * there. */
static uint64_t cost(size_t len)
{
	return len <= IN_PAGE_MAX ? len + EVENT_KEY + 12
	                          : ((uint64_t)len + 16 + PAGE - 1) / PAGE * PAGE + EVENT_KEY + 24;
}

/* Put events from..., as many as fit, into the transaction; *end is the first that was left out. */
static enum rc put_events(
    struct embed *b, struct kv_txn *txn, struct writing *w, size_t from, size_t *end, struct err *e)
{
	uint64_t used = kv_used(b->kv);
	size_t i = from;
	for (; i < b->pending.count && !kv_failed(txn); i++) {
		struct pending_event *ev = &b->pending.event[i];
		used += cost(ev->len);
		if (used > b->max_bytes)
			break;
		struct touched *t = touch(w, txn, b, ev);
		if (t == NULL)
			return tables_damaged(e, "a partition's record");
		uint8_t key[EVENT_KEY];
		ev->offset = t->extent.next++;
		key_event(ev->topic, ev->partition, ev->offset, key);
		if (!kv_put_new(txn, b->tables.events, KV_OF(key),
		        (struct kv_bytes){b->pending.bytes.bytes + ev->at, ev->len}) &&
		    !kv_failed(txn))
			return tables_damaged(e, "an offset is taken");
	}
	for (size_t k = 0; k < w->count; k++)
		tables_put_extent(txn, &b->tables, w->touched[k].key, &w->touched[k].extent);
	*end = i;
	return RC_OK;
}

/* One durable transaction with the events from *done on, as many as fit; *done moves past them. RC_AGAIN: not all. */
static enum rc write_events(struct embed *b, size_t *done, struct err *e)
{
	struct kv_txn *txn;
	enum rc rc = kv_begin(b->kv, true, &txn, e);
	if (rc != RC_OK)
		return rc;
	struct writing w = {.count = 0};
	size_t end = *done;
	rc = put_events(b, txn, &w, *done, &end, e);
	mem_free(&w.touched);
	if (rc == RC_OK)
		rc = FAULT(BUS_PUT, e);
	if (rc != RC_OK) {
		kv_abort(&txn);
		return rc;
	}
	rc = kv_commit(&txn, e);
	if (rc == RC_OK)
		rc = FAULT(BUS_DURABLE, e);
	if (rc != RC_OK)
		return rc;
	*done = end;
	if (end == b->pending.count)
		return RC_OK;
	return err_set(RC_AGAIN, e, "the bus is full: at most %llu bytes are kept", (unsigned long long)b->max_bytes);
}

static int64_t left_ms(struct mono start, int64_t wait_ms)
{
	int64_t left = wait_ms - mono_since(start);
	return left > 0 ? left : 0;
}

static enum rc flush(struct bus *bus, int64_t wait_ms,
    void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset), void *user, struct err *e)
{
	struct embed *b = of(bus);
	struct mono start = clock_mono();
	size_t done = 0;
	enum rc rc = RC_OK;
	while (done < b->pending.count) {
		size_t before = done;
		bell_hush(b->room);
		rc = write_events(b, &done, e);
		if (done > before)
			bell_ring(b->news);
		for (; before < done; before++)
			acknowledged(user, b->pending.event[before].context, RC_OK, b->pending.event[before].offset);
		int64_t left = left_ms(start, wait_ms);
		if (rc != RC_OK && (rc != RC_AGAIN || left == 0))
			break;
		if (rc == RC_AGAIN)
			(void)bell_wait(b->room, left < LOOK_MS ? left : LOOK_MS);
	}
	/* What has no place now is the caller's again: kept here it would be written when nobody counts on it any more.
	 */
	for (; done < b->pending.count; done++)
		acknowledged(user, b->pending.event[done].context, rc, 0);
	pending_reset(&b->pending);
	return rc;
}

/* ---- reading ---- */

static enum rc outside(const char *topic, unsigned partition, uint64_t offset, const struct extent *x, struct err *e)
{
	return err_set(RC_BAD, e, "%s/%u: offset %llu is %s: %llu is the first kept, %llu the next to come", topic,
	    partition, (unsigned long long)offset, offset < x->first ? "gone" : "not of this bus",
	    (unsigned long long)x->first, (unsigned long long)x->next);
}

/* Read a batch from offset on. RC_END: none yet. */
static enum rc fill(
    struct embed *b, const struct topic *t, unsigned partition, uint64_t offset, struct extent *x, struct err *e)
{
	struct kv_txn *txn;
	uint8_t key[PARTITION_KEY];
	key_partition(t->id, partition, key);
	enum rc rc = kv_begin(b->kv, false, &txn, e), got = RC_END;
	if (rc != RC_OK)
		return rc;
	bool whole = tables_extent(txn, &b->tables, key, x);
	bool inside = offset >= x->first && offset <= x->next;
	if (whole && inside && offset < x->next)
		got = ahead_fill(b->ahead, txn, b->tables.events, t->id, partition, offset, e);
	uint64_t snapshot = kv_snapshot(txn);
	rc = kv_commit(&txn, e);
	if (rc != RC_OK)
		return rc;
	if (!whole)
		return tables_damaged(e, "a partition's record");
	if (!inside)
		return outside(t->name, partition, offset, x, e);
	if (got == RC_END && offset < x->next)
		return tables_damaged(e, "an event is missing");
	/* Nobody may act on an event that a power cut could still take back: its offset would be given again, to
	 * another. */
	return got == RC_OK ? kv_settle(b->kv, snapshot, e) : got;
}

static enum rc fetch(struct bus *bus, const char *topic, unsigned partition, uint64_t offset, int64_t wait_ms,
    struct bus_event *out, struct err *e)
{
	struct embed *b = of(bus);
	struct topic *t = NULL;
	enum rc rc = find_partition(b, topic, partition, &t, e);
	if (rc != RC_OK)
		return rc;
	rc = ahead_get(b->ahead, t->id, partition, offset, out, e);
	if (rc != RC_END)
		return rc;
	struct mono start = clock_mono();
	for (bool rung = false;;) {
		struct extent x;
		if (wait_ms > 0)
			bell_hush(b->news);
		rc = fill(b, t, partition, offset, &x, e);
		if (rc == RC_OK)
			return ahead_get(b->ahead, t->id, partition, offset, out, e);
		if (rc == RC_BAD)
			out->offset = x.first;
		out->next = offset;
		int64_t left = left_ms(start, wait_ms);
		if (rc != RC_END || rung || left == 0)
			return rc;
		rung = bell_wait(b->news, left < LOOK_MS ? left : LOOK_MS);
	}
}

static enum rc range(
    struct bus *bus, const char *topic, unsigned partition, uint64_t *first, uint64_t *next, struct err *e)
{
	struct embed *b = of(bus);
	struct topic *t = NULL;
	struct kv_txn *txn;
	struct extent x;
	uint8_t key[PARTITION_KEY];
	enum rc rc = find_partition(b, topic, partition, &t, e);
	if (rc == RC_OK)
		rc = kv_begin(b->kv, false, &txn, e);
	if (rc != RC_OK)
		return rc;
	key_partition(t->id, partition, key);
	bool whole = tables_extent(txn, &b->tables, key, &x);
	rc = kv_commit(&txn, e);
	if (rc != RC_OK)
		return rc;
	if (!whole)
		return tables_damaged(e, "a partition's record");
	*first = x.first;
	*next = x.next;
	return RC_OK;
}

/* ---- trimming ---- */

struct measure {
	const uint8_t *prefix;
	uint64_t bytes, before; /* first offset that stays */
	unsigned events;
};

static bool measure_event(void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct measure *m = context;
	if (key.len != EVENT_KEY || memcmp(key.at, m->prefix, PARTITION_KEY) != 0)
		return false;
	if (m->events == TRIM_EVENTS || m->bytes > TRIM_BYTES)
		return false;
	m->events++;
	m->bytes += cost(value.len);
	m->before = kv_key_read((const uint8_t *)key.at + PARTITION_KEY) + 1;
	return true;
}

/* Remove a part of what lies before offset. RC_END: nothing more does. */
static enum rc trim_some(struct embed *b, uint32_t topic, unsigned partition, uint64_t offset, struct err *e)
{
	struct kv_txn *txn;
	struct extent x;
	uint8_t from[EVENT_KEY], before[EVENT_KEY];
	enum rc rc = kv_begin(b->kv, true, &txn, e);
	if (rc != RC_OK)
		return rc;
	key_partition(topic, partition, from);
	if (!tables_extent(txn, &b->tables, from, &x)) {
		kv_abort(&txn);
		return tables_damaged(e, "a partition's record");
	}
	if (offset > x.next)
		offset = x.next;
	if (x.first >= offset) {
		rc = kv_commit(&txn, e);
		return rc == RC_OK ? RC_END : rc;
	}
	key_event(topic, partition, x.first, from);
	struct measure m = {.prefix = from, .before = offset};
	kv_each(txn, b->tables.events, KV_OF(from), measure_event, &m);
	x.first = m.before < offset ? m.before : offset;
	key_event(topic, partition, x.first, before);
	kv_delete_range(txn, b->tables.events, KV_OF(from), KV_OF(before));
	tables_put_extent(txn, &b->tables, from, &x);
	rc = FAULT(BUS_TRIMMING, e);
	if (rc == RC_OK)
		return kv_commit(&txn, e);
	kv_abort(&txn);
	return rc;
}

static enum rc trim(struct bus *bus, const char *topic, unsigned partition, uint64_t offset, struct err *e)
{
	struct embed *b = of(bus);
	struct topic *t = NULL;
	uint64_t first, next;
	enum rc rc = range(bus, topic, partition, &first, &next, e);
	if (rc != RC_OK || first >= offset || first == next)
		return rc;
	rc = find_partition(b, topic, partition, &t, e);
	while (rc == RC_OK) {
		rc = trim_some(b, t->id, partition, offset, e);
		if (rc == RC_OK)
			bell_ring(b->room);
	}
	return rc == RC_END ? RC_OK : rc;
}

/* ---- the rest ---- */

static enum rc claim(struct bus *bus, const char *topic, unsigned partition, struct err *e)
{
	return claims_take(of(bus)->claims, topic, partition, e);
}

static void release(struct bus *bus, const char *topic, unsigned partition)
{
	claims_drop(of(bus)->claims, topic, partition);
}

static enum rc usage(struct bus *bus, uint64_t *used, uint64_t *bound, struct err *e)
{
	*used = kv_used(of(bus)->kv);
	*bound = of(bus)->max_bytes;
	return RC_OK;
}

static void close_bus(struct bus *bus)
{
	struct embed *b = of(bus);
	claims_close(&b->claims);
	bell_close(&b->room);
	bell_close(&b->news);
	ahead_free(&b->ahead);
	pending_fini(&b->pending);
	kv_close(&b->kv);
	mem_free(&b->topic);
	mem_release(b);
}

static enum rc open_bus(
    const char *place, const struct bus_option *option, size_t options, struct bus **out, struct err *e)
{
	if (*place == '\0')
		return err_set(RC_BAD, e, "the embedded bus needs a folder: embedded:///folder");
	struct embed *b = mem_zero(1, sizeof *b);
	b->bus.ops = &bus_embed;
	pending_init(&b->pending);
	b->ahead = ahead_new();
	enum rc rc = take_options(b, option, options, e);
	if (rc != RC_OK)
		goto out;
	/* Twice the bound, and some: pages that are free but not in one piece, or still seen by a reader, must never
	 * keep trim from working. */
	struct kv_options kv = {.ceiling_bytes = 2 * b->max_bytes + (64 << 20), .tables = TABLES, .durable = true};
	rc = kv_open(place, &kv, &b->kv, e);
	if (rc == RC_OK)
		rc = tables_open(&b->tables, b->kv, e);
	if (rc == RC_OK)
		rc = bell_open(place, "bell.news", &b->news, e);
	if (rc == RC_OK)
		rc = bell_open(place, "bell.room", &b->room, e);
	if (rc == RC_OK)
		rc = claims_open(place, &b->claims, e);
out:
	if (rc != RC_OK) {
		close_bus(&b->bus);
		return err_wrap(rc, e, "%s", place);
	}
	*out = &b->bus;
	return RC_OK;
}

const struct bus_ops bus_embed = {
    .scheme = "embedded",
    .open = open_bus,
    .topic_ensure = topic_ensure,
    .topic_partitions = topic_partitions,
    .limits = limits,
    .produce = produce,
    .flush = flush,
    .fetch = fetch,
    .range = range,
    .trim = trim,
    .claim = claim,
    .release = release,
    .usage = usage,
    .close = close_bus,
};
