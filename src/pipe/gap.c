/*
 * Nothing here is remembered: every step can be done again from the start, by several processes at once. A commit of
 * nothing is put if absent like any other, so of it and a worker's one wins, and both are right.
 */
#include "pipe/gap.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/str.h"
#include "pipe/event.h"
#include "pipe/history.h"
#include "pipe/lines.h"
#include "pipe/settings.h"

enum { PATH_BYTES = 1024, FLUSH_MS = 500, FILL_AT_ONCE = 4096, EPOCH_BYTES = 16, NS_PER_MS = 1000000 };

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct gap *g = context;

	(void)e;
	g->end = h->end;
	return RC_OK;
}

/* 0: nothing was ever committed. */
static enum rc find_end(struct store *store, const char *topic, unsigned partition, struct gap *g, struct err *e)
{
	const struct manifest_visitor v = {.context = g, .head = see_head};
	uint64_t newest = 0;
	enum rc rc = manifest_newest(store, topic, partition, &newest, e);

	g->end = 0;
	if (rc == RC_OK) {
		rc = history_next(store, topic, partition, newest, &v, e);
		return rc == RC_END ? err_set(RC_AGAIN, e, "the newest manifest was folded meanwhile") : rc;
	}
	if (rc == RC_END)
		rc = history_end(store, topic, partition, &g->end, e);
	return rc == RC_END ? RC_OK : rc;
}

/* The bus first: a bus that is trimmed behind commits is trimmed after the manifest is there. */
enum rc gap_look(
    struct bus *bus, struct store *store, const char *topic, unsigned partition, struct gap *out, struct err *e)
{
	struct gap g = {.end = 0};
	unsigned have = 0;
	enum rc rc = bus_topic_partitions(bus, topic, &have, e);

	if (rc == RC_OK)
		rc = bus_range(bus, topic, partition, &g.first, &g.next, e);
	if (rc == RC_OK)
		rc = find_end(store, topic, partition, &g, e);
	if (rc == RC_OK)
		*out = g;
	return rc;
}

static void filled(void *user, void *context, enum rc rc, uint64_t offset)
{
	(void)user;
	(void)context;
	(void)rc;
	(void)offset;
}

enum rc gap_fill(struct bus *bus, const char *topic, unsigned partition, const struct gap *g,
    bool (*stop)(void *context), void *context, struct err *e)
{
	const struct event nothing = {.kind = EVENT_FLUSH};
	uint64_t first = g->first, next = g->next;
	enum rc rc = RC_OK;

	/* How many are missing is asked each time: one that was refused may be there all the same. */
	while (rc == RC_OK && next < g->end) {
		uint64_t missing = g->end - next;
		for (uint64_t i = 0; i < missing && i < FILL_AT_ONCE && rc == RC_OK; i++)
			rc = event_produce(bus, topic, partition, &nothing, NULL, e);
		enum rc sent = bus_flush(bus, FLUSH_MS, filled, NULL, e);
		if (rc == RC_AGAIN && sent == RC_OK) /* more was handed over than the bus takes at once */
			rc = RC_OK;
		if (rc == RC_OK && sent != RC_OK)
			rc = sent;
		if (rc == RC_OK)
			rc = bus_range(bus, topic, partition, &first, &next, e);
		if (rc == RC_OK && next < g->end && stop(context))
			rc = err_set(RC_AGAIN, e, "stopped");
	}
	return rc;
}

static enum rc put(struct store *store, const struct manifest_head *head, struct err *e)
{
	struct writer text;
	char path[PATH_BYTES];

	writer_init(&text, MANIFEST_MAX);
	manifest_begin(&text, head);
	lines_end(&text);
	lake_commit(path, sizeof path, head->topic, head->partition, head->start);
	enum rc rc = store_put_if_absent(store, path, text.bytes, text.len, e);
	writer_fini(&text);
	return rc;
}

enum rc gap_close(struct store *store, const char *topic, unsigned partition, const struct gap *g, struct err *e)
{
	struct manifest_head head = {.partition = partition, .start = g->end, .end = g->first};
	uint8_t random[EPOCH_BYTES];
	char path[PATH_BYTES];
	const char *one = path;
	bool newest = false, link = false;
	ssize_t n = getrandom(random, sizeof random, 0);

	assert(n == (ssize_t)sizeof random);
	head.time_ms = clock_wall().ns / NS_PER_MS;
	str_hex(random, sizeof random, head.epoch);
	(void)!str_copy(head.topic, sizeof head.topic, topic);
	enum rc rc = put(store, &head, e);
	if (rc == RC_END)
		return RC_OK;
	/* Did we sleep between the look and the put? Then it may lie in a slot that was folded long ago. */
	if (rc == RC_OK)
		rc = history_place(store, &head, &newest, &link, e);
	if (rc != RC_OK || newest || link)
		return rc;
	lake_commit(path, sizeof path, topic, partition, g->end);
	return store_remove(store, &one, 1, e);
}
